"""A clock that stands still until a test moves it; both of its hands can be moved on their own."""

from __future__ import annotations

import asyncio
import heapq
import math
import types
from collections.abc import Generator
from itertools import count

from edge_bridge.domain.instant import Milliseconds, Stamp

DEFAULT_START: Milliseconds = 1_777_600_800_000  # 2026-05-01T02:00:00.000Z, 10:00 in Shanghai


@types.coroutine
def _one_turn() -> Generator[None, None, None]:
    yield


async def settle(turns: int = 25) -> None:
    """Let every task that can go on do so: that many turns of the event loop."""
    for _ in range(turns):
        await _one_turn()


class ManualClock:
    """ports.Clock for tests.

    utc: wall clock, ms since 1970. boottime: ms since boot. boot: boot id. synced: whether the wall clock is synchronised.
    Sleepers wait for boottime and wake only when `advance` gets there.
    """

    def __init__(
        self,
        utc: Milliseconds = DEFAULT_START,
        *,
        boottime: Milliseconds = 60_000,
        boot: str = "boot-1",
        synced: bool = True,
    ) -> None:
        self.utc = utc
        self.boottime = boottime
        self.boot = boot
        self.synced = synced
        self._boots = count(2)
        self._order = count()
        self._sleepers: list[tuple[Milliseconds, int, asyncio.Future[None]]] = []

    def now(self) -> Stamp:
        """Return this moment on both clocks."""
        return Stamp(self.utc, self.boottime, self.boot, self.synced)

    async def sleep(self, seconds: float) -> None:
        """Return when the test has moved the clock by this much."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self.boottime + max(0, math.ceil(seconds * 1000))
        if due == self.boottime:
            await _one_turn()
            return
        heapq.heappush(self._sleepers, (due, next(self._order), woken))
        await woken

    @property
    def next_due(self) -> Milliseconds | None:
        """Return the boottime at which the first sleeper wakes, None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def advance(self, seconds: float, *, turns: int = 25) -> None:
        """Move both hands on; whoever sleeps wakes at its own moment, in order, and gets `turns` of the loop to act."""
        await settle(turns)
        end = self.boottime + round(seconds * 1000)
        while (due := self.next_due) is not None and due <= end:
            self.move(due - self.boottime)
            await settle(turns)
        self.move(end - self.boottime)
        await settle(turns)

    def move(self, milliseconds: Milliseconds) -> None:
        """Move both hands and wake whoever is due, without letting anybody run."""
        self.boottime += milliseconds
        self.utc += milliseconds
        while (due := self.next_due) is not None and due <= self.boottime:
            heapq.heappop(self._sleepers)[2].set_result(None)

    def step_wall(self, milliseconds: Milliseconds) -> None:
        """Set the wall clock forward or back; boottime goes on as if nothing had happened."""
        self.utc += milliseconds

    def reboot(self, *, off: Milliseconds = 30_000, boot: str | None = None) -> None:
        """Start a new boot after `off` ms without power. Sleepers of the old boot never wake."""
        self.utc += off
        self.boottime = 10_000
        self.boot = boot or f"boot-{next(self._boots)}"
        for _, _, sleeper in self._sleepers:
            sleeper.cancel()
        self._sleepers.clear()
