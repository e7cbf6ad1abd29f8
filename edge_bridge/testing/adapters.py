"""An adapter that does what it is told: every way in which a real one can fail, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from edge_bridge.options import AdapterOptions
from edge_bridge.ports import Delivers, Report


class ScriptedAdapter:
    """ports.Adapter over a script, one step for each connection; after the last it stays connected and says nothing.

    A step is an exception (connecting fails) or reports, which may end in an exception (the connection is lost).
    farewell: raised when the session is closed. deaf: how many cancellations it swallows while it waits.
    """

    def __init__(
        self,
        *script: Iterable[Report | BaseException] | BaseException,
        delivers: Delivers = "readings",
        farewell: Exception | None = None,
        deaf: int = 0,
    ) -> None:
        self.delivers: Delivers = delivers
        self.options = AdapterOptions(adapter="scripted")
        self.connections = 0
        self.open = 0
        self._script = list(script)
        self._farewell = farewell
        self._deaf = deaf

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[Report]]:
        """Take the next step of the script."""
        self.connections += 1
        step = self._script.pop(0) if self._script else None
        if isinstance(step, BaseException):
            raise step
        self.open += 1
        try:
            yield self._reports(step)
        finally:
            self.open -= 1
            if self._farewell is not None:
                raise self._farewell

    async def _reports(self, step: Iterable[Report | BaseException] | None) -> AsyncIterator[Report]:
        for report in step or ():
            if isinstance(report, BaseException):
                raise report
            yield report
        while step is None or self._deaf:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not self._deaf:
                    raise
                self._deaf -= 1  # as asyncio.wait_for does now and then in Python 3.11
