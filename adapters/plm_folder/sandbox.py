"""Where files are parsed: in a process of its own with limits, and a second one for what takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.plm_folder.lane import Drafts, Lane, Order, Overdue
from adapters.plm_folder.unreadable import Unreadable

READER = "adapters.plm_folder.reading:read_file"
LARGE = 1_000_000  # bytes: what takes a while to read without being hostile
STUCK = 10  # times its patience by the clock, and a process that computes nothing has hung


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take. patience: seconds of computing after which the files behind it go on without it.

    processor, wall: seconds altogether, of computing and by the clock. memory: MB above what an idle process has.
    """

    patience: float = 0.25
    processor: int = 60
    wall: float = 180.0
    memory: int = 300
    idle: float = 60.0


class Sandbox:
    """Parses the files of one source. Files come out in the order they went in, except those that take long."""

    def __init__(self, source: str, options: Mapping[str, Any], root: str, limits: Limits, entry: str = READER) -> None:
        order = Order(source, entry, options, root, limits.memory, limits.processor)
        self._limits = limits
        self._quick = Lane(order, wall=STUCK * limits.patience, processor=limits.patience)
        self._slow = Lane(order, wall=limits.wall, idle=limits.idle)

    @property
    def pids(self) -> tuple[int, ...]:
        """The parser processes that run now."""
        return tuple(pid for lane in (self._quick, self._slow) if (pid := lane.pid) is not None)

    def warm(self) -> None:
        """Have the first process started, so that the next file does not wait for it."""
        self._quick.warm()

    async def parse(self, data: bytes, *, settled: bool, overtaken: Callable[[], None]) -> Drafts:
        """Return the ECNs of a file. overtaken: called when it takes long. Raises Unreadable, AdapterError."""
        if len(data) > LARGE:
            timer = asyncio.get_running_loop().call_later(self._limits.patience, overtaken)
            try:
                return await self._slowly(data, settled=settled)
            finally:
                timer.cancel()
        try:
            return await self._quick.parse(data, settled=settled)
        except Overdue:
            overtaken()
            return await self._slowly(data, settled=settled)

    async def _slowly(self, data: bytes, *, settled: bool) -> Drafts:
        try:
            return await self._slow.parse(data, settled=settled)
        except Overdue:
            raise Unreadable("too_slow", limit=f"{self._limits.wall:g}") from None

    async def close(self) -> None:
        """End both processes."""
        await self._quick.close()
        await self._slow.close()
