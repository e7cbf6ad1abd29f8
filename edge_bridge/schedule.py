"""The local timer: every recurring job in one table, run by APScheduler.

Deadlines do not hang on it: they are on the pipeline's own next-due index. The tick is the second way in, for the time
after a suspend or a clock step, when a sleeping loop may have overslept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from edge_bridge.domain.instant import SECOND, Milliseconds
from edge_bridge.ports import Clock

STEP_TOLERANCE: Milliseconds = 2 * SECOND

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table: name, what it does, every how many seconds."""

    name: str
    work: Callable[[], Awaitable[None]]
    every_s: float


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler is not typed
    """Every so many seconds, and never again what was missed.

    APScheduler's own interval trigger counts every missed run one by one: when a computer without a clock battery gets
    its time, those from 1970 until today.
    """

    __slots__ = ("every",)

    def __init__(self, seconds: float) -> None:
        self.every = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return when to run next: on the interval's marks while these lie ahead, else one interval from now."""
        planned = (previous_fire_time or now) + self.every
        return planned if planned > now else now + self.every


class Schedule:
    """The running table of jobs."""

    def __init__(self, jobs: tuple[Job, ...]) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._scheduler.add_listener(self._failed, EVENT_JOB_ERROR)
        for job in jobs:
            self._scheduler.add_job(
                job.work,
                Every(job.every_s),
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

    async def keep_time(self, clock: Clock) -> None:
        """Watch the wall clock until cancelled: every second it is compared with boottime, which nobody can set."""
        before = clock.now()
        while True:
            await clock.sleep(1)
            now = clock.now()
            if abs((now.utc - before.utc) - (now.boottime - before.boottime)) > STEP_TOLERANCE:
                self.clock_stepped()
            before = now

    def clock_stepped(self) -> None:
        """Plan every job anew: APScheduler counts on the wall clock, and would sleep until that catches up."""
        if not self._scheduler.running:
            return
        for job in self._scheduler.get_jobs():
            job.reschedule(job.trigger)
        self._scheduler.wakeup()

    @staticmethod
    def _failed(event: JobExecutionEvent) -> None:
        trace = " | ".join(str(event.traceback).splitlines()[-6:])
        log.error(
            "job failed", job=event.job_id, error=f"{type(event.exception).__name__}: {event.exception}", at=trace
        )
