"""The timer on a wall clock that jumps: nothing stops for an hour, and nothing is made up for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from edge_bridge.schedule import Every, Job, Schedule
from edge_bridge.testing import ManualClock
from edge_bridge.testing.clock import settle
from tests.waiting import until

START = datetime(2026, 5, 1, tzinfo=UTC)


def test_the_interval_keeps_its_marks() -> None:
    """A run that began late does not move the ones after it."""
    every = Every(10)
    assert every.get_next_fire_time(None, START) == START + timedelta(seconds=10)
    assert every.get_next_fire_time(START, START + timedelta(seconds=3)) == START + timedelta(seconds=10)


def test_what_was_missed_is_not_counted() -> None:
    """From 1970 to today is one step: a computer without a clock battery must not count 1.7 billion missed seconds."""
    every = Every(1)
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    assert every.get_next_fire_time(beginning, START) == START + timedelta(seconds=1)


async def test_a_stepped_clock_plans_the_jobs_anew() -> None:
    """APScheduler plans on the wall clock; `keep_time` sees the step by comparing it with boottime."""
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1

    planned: list[datetime] = []
    schedule = Schedule((Job("tick", work, 3600),))
    clock = ManualClock()
    schedule.start()
    watching = asyncio.create_task(schedule.keep_time(clock))

    def next_run() -> datetime:
        (job,) = schedule._scheduler.get_jobs()
        return job.next_run_time  # type: ignore[no-any-return]

    try:
        planned.append(next_run())
        await clock.advance(5)
        assert next_run() == planned[0]  # time that simply goes on plans nothing anew
        for step in (-3_600_000, 86_400_000, -clock.utc):
            clock.step_wall(step)
            await clock.advance(1)
            await until(lambda: next_run() > planned[-1], what="the job to be planned anew")
            planned.append(next_run())
        assert runs == 0
    finally:
        watching.cancel()
        schedule.stop()
        await settle()


async def test_a_job_that_fails_runs_again() -> None:
    """A defect in one job costs that run, not the timer."""
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        raise ZeroDivisionError

    schedule = Schedule((Job("broken", work, 0.05),))
    schedule.start()
    try:
        await until(lambda: runs >= 3)
    finally:
        schedule.stop()
        await settle()
    schedule.stop()  # again does nothing
    schedule.clock_stepped()  # nor this
