"""Pauses in long work: everybody else gets a turn, being cancelled waits for the end, and no collection of garbage."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from edge_bridge.domain.instant import Milliseconds
from edge_bridge.ports import Clock

Result = TypeVar("Result")
AT_A_TIME: Milliseconds = 10  # of work between two pauses
_LONG = 10  # pauses; work with more of them has made so many objects that looking through them takes seconds


class Patience:
    """Goes through long work with pauses. A ledger makes sense only as a whole: what was begun is always finished.

    Work offers many places to pause in; one is taken when some time has passed since the last, or since `begin`: thousands
    of small pieces in a row would else pay a round of the loop for each. beat: called at each pause, as a sign of life.
    """

    def __init__(self, clock: Clock, beat: Callable[[], None]) -> None:
        self.busy = False
        self._clock = clock
        self._beat = beat
        self._cancelled = False
        self._rested = clock.now()

    def begin(self) -> None:
        """Count time from here on: everybody else has just had a turn."""
        self._rested = self._clock.now()

    async def through(self, work: Generator[None, None, Result]) -> Result:
        """Do all the work, with a pause now and then where it has a place for one; return what it returns."""
        with _without_collection() as pauses:
            self.busy = True
            try:
                while True:
                    next(work)
                    if self._clock.now().since(self._rested) >= AT_A_TIME:
                        pauses.append(None)
                        await self._pause()
                        self.begin()
            except StopIteration as end:
                result: Result = end.value
                return result
            finally:
                self.busy = False

    def end_if_asked(self) -> None:
        """Be cancelled now, if that was wanted during a pause. Raises CancelledError."""
        if self._cancelled:
            self._cancelled = False
            raise asyncio.CancelledError

    async def _pause(self) -> None:
        """Let everybody else go on for a moment; who was cancelled goes straight to the end of the work."""
        self._beat()
        if self._cancelled:
            return
        try:
            await self._clock.sleep(0)
        except asyncio.CancelledError:
            self._cancelled = True


@contextmanager
def _without_collection() -> Iterator[list[None]]:
    """Look for no garbage meanwhile: nothing that a ledger makes is any, and looking through millions of objects takes
    seconds. What long work has made stays for weeks, and is never looked through."""
    collecting = gc.isenabled()
    pauses: list[None] = []
    gc.disable()
    try:
        yield pauses
    finally:
        if len(pauses) > _LONG:
            gc.freeze()
        if collecting:
            gc.enable()
