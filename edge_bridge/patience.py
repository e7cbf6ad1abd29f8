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

    Work offers many places to pause in; one is taken when some time has passed since the last: thousands of small pieces in
    a row would else pay a round of the loop for each. Meanwhile nobody looks for garbage: nothing that a ledger makes is
    any, and looking through millions of objects takes seconds. What long work has made stays for weeks, and is never
    looked through. beat: called at each pause, as a sign of life.
    """

    def __init__(self, clock: Clock, beat: Callable[[], None]) -> None:
        self.busy = False
        self._clock = clock
        self._beat = beat
        self._cancelled = False
        self._rested, self._pauses = clock.now(), 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Do work inside, piece after piece. Everybody else has just had a turn."""
        self._rested, self._pauses = self._clock.now(), 0
        collecting = gc.isenabled()
        gc.disable()
        self.busy = True
        try:
            yield
        finally:
            self.busy = False
            if self._pauses > _LONG:
                gc.freeze()
            if collecting:
                gc.enable()

    async def through(self, work: Generator[None, None, Result]) -> Result:
        """Do a piece of work, with a pause now and then where it has a place for one; return what it returns."""
        try:
            while True:
                next(work)
                if self._clock.now().since(self._rested) >= AT_A_TIME:
                    await self._pause()
        except StopIteration as end:
            result: Result = end.value
            return result

    def end_if_asked(self) -> None:
        """Be cancelled now, if that was wanted during a pause. Raises CancelledError."""
        if self._cancelled:
            self._cancelled = False
            raise asyncio.CancelledError

    async def _pause(self) -> None:
        """Let everybody else go on for a moment; who was cancelled goes straight to the end of the work."""
        self._beat()
        self._pauses += 1
        if not self._cancelled:
            try:
                await self._clock.sleep(0)
            except asyncio.CancelledError:
                self._cancelled = True
        self._rested = self._clock.now()
