"""Pauses in long work: everybody else gets a turn, being cancelled waits for the end, and no collection of garbage."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_LONG = 10  # pauses; work with more of them has made so many objects that looking through them takes seconds


class Patience:
    """The pauses of one worker. What is half done must not be left half done: a ledger makes sense only as a whole."""

    def __init__(self) -> None:
        self.busy = False
        self._cancelled = False
        self._pauses = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Do one piece of work inside. Nothing that it makes is garbage, and there may be millions of objects."""
        collecting, self._pauses = gc.isenabled(), 0
        self.busy = True
        gc.disable()
        try:
            yield
        finally:
            self.busy = False
            if self._pauses > _LONG:
                gc.freeze()  # what was made stays for weeks: never to be looked through
            if collecting:
                gc.enable()

    async def pause(self) -> None:
        """Let everybody else go on for a moment; one who was cancelled goes straight to the end of the work."""
        if self._cancelled:
            return
        self._pauses += 1
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._cancelled = True

    def end_if_asked(self) -> None:
        """Be cancelled now, if that was wanted during a pause. Raises CancelledError."""
        if self._cancelled:
            self._cancelled = False
            raise asyncio.CancelledError
