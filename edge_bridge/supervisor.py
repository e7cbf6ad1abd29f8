"""Runs every adapter on its own: enter, read, lost, back off. The only place with a broad `except`.

One machine that is dead, slow or broken never touches another. A loss is told twice: when it is lost, when it is back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog

from edge_bridge.domain.signal import AdapterBack, AdapterLost, Signal
from edge_bridge.errors import ConfigError, EdgeBridgeError, RefusedError
from edge_bridge.ports import Adapter, Clock

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEADY_S = 30.0  # a connection that lasted this long makes the next pause short again

log = structlog.get_logger(__name__)


class Supervisor:
    """The running adapters by id."""

    def __init__(self, clock: Clock, offer: Callable[[Signal], Awaitable[None]]) -> None:
        self._clock = clock
        self._offer = offer
        self._running: dict[str, asyncio.Task[None]] = {}
        self.stopped: dict[str, str] = {}  # adapters that only a person can get going again, and why

    async def start(self, adapters: Mapping[str, Adapter]) -> None:
        """Run these adapters, in place of running ones with the same id."""
        await self.stop(adapters)
        for name, adapter in adapters.items():
            self._running[name] = asyncio.create_task(self._run(name, adapter), name=f"adapter {name}")

    async def stop(self, names: Collection[str] | None = None) -> None:
        """End these adapters, or all; return when their sessions are closed."""
        ending = [self._running.pop(name) for name in list(self._running) if names is None or name in names]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for name in list(self.stopped):
            if names is None or name in names:
                del self.stopped[name]

    async def _run(self, name: str, adapter: Adapter) -> None:
        """Keep one adapter connected for as long as it may be."""
        pause, lost = FIRST_PAUSE_S, False
        while True:
            began = self._clock.now()
            try:
                await self._read(name, adapter, lost)
                error = "the connection ended"
            except (RefusedError, ConfigError) as refusal:
                await self._give_up(name, refusal)
                return
            except Exception as failure:  # noqa: BLE001 - whatever a protocol library raises concerns this adapter alone
                error = _in_words(failure)
            if not lost or self._clock.now().since(began) > STEADY_S * 1000:
                pause = FIRST_PAUSE_S
                log.warning("lost", adapter=name, error=error)
            lost = True
            await self._offer(AdapterLost(name, self._clock.now(), error))
            await self._clock.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _read(self, name: str, adapter: Adapter, lost: bool) -> None:
        async with adapter.connect() as reports:
            if adapter.delivers == "ecns":
                await self._offer(AdapterBack(name, self._clock.now()))
            first = True
            async for report in reports:
                if first and lost:
                    log.info("back", adapter=name)
                first = False
                await self._offer(report)

    async def _give_up(self, name: str, refusal: EdgeBridgeError) -> None:
        """Stop one adapter for which trying again is of no use, and say what a person has to do."""
        log.error("stopped", adapter=name, error=refusal.what, hint=refusal.hint or "mend it, then reload")
        self.stopped[name] = str(refusal)
        await self._offer(AdapterLost(name, self._clock.now(), str(refusal)))


def _in_words(failure: Exception) -> str:
    """Return one line that a technician can read; a library's own error is named by its type."""
    if isinstance(failure, EdgeBridgeError):
        return str(failure)
    text = " ".join(str(failure).split())
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__
