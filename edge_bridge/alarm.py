"""Rings when the next deadline falls due. The tick job is a second way in, should this one oversleep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge_bridge.domain.instant import Milliseconds
from edge_bridge.ports import Clock


class Alarm:
    """One alarm at a time."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._set: tuple[Milliseconds, asyncio.Task[None]] | None = None

    def set(self, due: Milliseconds | None) -> None:
        """Ring at this boottime, and at none that was set before; None: not at all."""
        if self._set is not None:
            if self._set[0] == due and not self._set[1].done():
                return
            self.cancel()
        if due is not None:
            self._set = (due, asyncio.create_task(self._wait(due), name="next deadline"))

    def cancel(self) -> None:
        """Do not ring."""
        if self._set is not None:
            self._set[1].cancel()
            self._set = None

    async def _wait(self, due: Milliseconds) -> None:
        await self._clock.sleep(max(0, due - self._clock.now().boottime) / 1000)
        self._ring()
