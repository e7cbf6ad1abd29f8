"""When machines are polled."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_bridge.pacing import Pace, next_slot
from edge_bridge.testing import ManualClock


@given(first=st.integers(0, 10**9), every=st.integers(100, 100_000), late=st.integers(0, 10**6))
def test_the_next_poll_is_in_a_slot_and_never_piles_up(first: int, every: int, late: int) -> None:
    """The next wake-up is a whole slot in the future, at most one period and one slot away, however late it is."""
    now = first + late
    due = next_slot(first, every, now)
    assert due % 50 == 0
    assert now < due < now + every + 50


@pytest.mark.parametrize(
    ("first", "now", "expected"),
    [(1000, 1003, 2000), (1010, 1013, 2050), (1000, 2000, 3000), (1000, 5120, 6000), (1000, 1000, 2000)],
)
def test_polls_start_on_slots_and_missed_ones_are_not_made_up_for(first: int, now: int, expected: int) -> None:
    """50 ms slots of boottime; after a slow answer the next turn."""
    assert next_slot(first, 1000, now) == expected


async def test_the_period_is_kept_on_average() -> None:
    """Slots move single polls, not the period: ten polls each 130 ms take 1.3 s and not 1.5 s."""
    clock = ManualClock(boottime=60_000)
    pace = Pace(clock, 130)
    polls = []

    async def poll() -> None:
        for _ in range(11):
            await pace.next_poll()
            polls.append(clock.boottime)

    task = asyncio.create_task(poll())
    await clock.advance(2)
    await task
    assert polls[:4] == [60_000, 60_150, 60_300, 60_400]
    assert polls[-1] == 61_300


async def test_machines_connected_together_are_polled_apart() -> None:
    """The first poll comes at once for all; from the second on each has its own place in the second."""
    clock = ManualClock(boottime=60_000)
    polls: dict[int, list[int]] = {}

    async def poll(phase: int) -> None:
        pace = Pace(clock, 1_000, phase)
        for _ in range(3):
            await pace.next_poll()
            polls.setdefault(phase, []).append(clock.boottime)

    tasks = [asyncio.create_task(poll(phase)) for phase in (0, 250, 7_500)]
    await clock.advance(3)
    await asyncio.gather(*tasks)
    assert polls == {
        0: [60_000, 61_000, 62_000],
        250: [60_000, 60_250, 61_250],
        7_500: [60_000, 60_500, 61_500],
    }


async def test_a_long_pause_is_broken_to_be_heard() -> None:
    """Between two slow polls the other side hears from us as often as it must."""
    clock = ManualClock(boottime=60_000)
    pace = Pace(clock, 10_000)
    heard = []

    async def say() -> None:
        heard.append(clock.boottime)

    async def poll() -> int:
        await pace.next_poll(say, 3_000)
        await pace.next_poll(say, 3_000)
        return clock.boottime

    task = asyncio.create_task(poll())
    await clock.advance(10)
    assert await task == 70_000
    assert heard == [63_000, 66_000, 69_000]


async def test_a_poll_that_takes_long_puts_the_next_one_off() -> None:
    """Four times as long as it took, at most as long as a machine may go unread, and never less than `every` afterwards."""
    clock = ManualClock(boottime=60_000)
    pace = Pace(clock, 1_000)
    polls = []

    async def poll() -> None:
        for seconds in (0.1, 0.6, 5, 0.1, 0.1):
            await pace.next_poll()
            polls.append(clock.boottime)
            await clock.sleep(seconds)
            pace.polled()

    task = asyncio.create_task(poll())
    await clock.advance(20)
    await task
    assert polls == [60_000, 61_000, 63_400, 69_400, 70_400]


async def test_a_machine_that_is_read_seldom_is_not_read_even_less() -> None:
    """`every` is more than four times the poll anyway, or as long as it may be."""
    clock = ManualClock(boottime=60_000)
    pace = Pace(clock, 60_000)
    await pace.next_poll()
    clock.move(20_000)
    pace.polled()
    assert pace.due(clock.boottime) == 120_000
