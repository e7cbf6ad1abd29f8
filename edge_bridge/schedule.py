"""The local timer: every recurring job in one table, run by APScheduler.

Deadlines do not hang on it: they are on the pipeline's own next-due index. The tick is the second way in, for the time
after a suspend or a clock step, when a sleeping loop may have overslept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table: name, what it does, every how many seconds."""

    name: str
    work: Callable[[], Awaitable[None]]
    every_s: float


class Schedule:
    """The running table of jobs."""

    def __init__(self, jobs: tuple[Job, ...]) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._scheduler.add_listener(self._failed, EVENT_JOB_ERROR)
        for job in jobs:
            self._scheduler.add_job(
                job.work,
                IntervalTrigger(seconds=job.every_s, timezone="UTC"),
                id=job.name,
                name=job.name,
                coalesce=True,  # after a suspend, once is enough
                max_instances=1,
                misfire_grace_time=None,  # its default drops whatever is a second late
            )

    def start(self) -> None:
        """Start the jobs on the running loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stop the jobs; one that is at work is not waited for."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def clock_stepped(self) -> None:
        """Plan every job anew: APScheduler counts on the wall clock, and would sleep until that catches up."""
        for job in self._scheduler.get_jobs():
            job.reschedule(job.trigger)
        self._scheduler.wakeup()

    @staticmethod
    def _failed(event: JobExecutionEvent) -> None:
        log.error("job failed", job=event.job_id, error=f"{type(event.exception).__name__}: {event.exception}")
