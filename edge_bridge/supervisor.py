"""Runs every adapter on its own: enter, read, lost, back off. The only place that expects anything of an adapter.

One machine that is dead, slow or broken never touches another. A loss is told twice: when it is lost, when it is back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog

from edge_bridge.domain.card import Kind
from edge_bridge.domain.signal import AdapterBack, AdapterLost, Incident, Signal
from edge_bridge.errors import CertificateError, ConfigError, EdgeBridgeError, RefusedError, UntrustedError
from edge_bridge.ports import Adapter, Clock, Scans

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEADY_S = 30.0  # a connection that lasted this long makes the next pause short again
LOOK_S, MEET_AGAIN_S = 1.0, 60.0  # for a certificate: whether a person has accepted it; whether it is still the same
PATIENCE_S = 6.0  # for an adapter to close its session
ASK_AGAIN_S = 1.5  # asyncio.wait_for can lose a cancellation (Python 3.11): it is asked again

log = structlog.get_logger(__name__)


class Supervisor:
    """The running adapters by id. remind: gives an adapter what it may want to know before it is started."""

    def __init__(
        self,
        clock: Clock,
        offer: Callable[[Signal], Awaitable[None]],
        remind: Callable[[str, Adapter], None] = lambda _name, _adapter: None,
    ) -> None:
        self._clock = clock
        self._offer = offer
        self._remind = remind
        self._adapters: dict[str, Adapter] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._closed = False
        self.stopped: dict[str, str] = {}  # adapters that only a person can get going again, and why

    @property
    def scans(self) -> dict[str, tuple[int, int]]:
        """How far the first scans are that run now, by source: files dealt with, of so many."""
        asked = {name: adapter.scan for name, adapter in self._adapters.items() if isinstance(adapter, Scans)}
        return {name: scan for name, scan in asked.items() if scan is not None and name in self._running}

    async def start(self, adapters: Mapping[str, Adapter]) -> None:
        """Run these adapters, in place of running ones with the same id. After `close` nothing is started."""
        await self.stop(adapters)
        for name, adapter in adapters.items():
            if not self._closed:
                self._remind(name, adapter)
                self._adapters[name] = adapter
                self._running[name] = asyncio.create_task(self._run(name, adapter), name=f"adapter {name}")

    async def stop(self, names: Collection[str] | None = None, *, within: float = PATIENCE_S) -> None:
        """End these adapters, or all; return when their sessions are closed, or after `within` seconds.

        One that does not end is left alone: whatever it still reports is not taken in.
        """
        ending = {self._running.pop(name) for name in list(self._running) if names is None or name in names}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while ending and (left := deadline - loop.time()) > 0:
            for task in ending:
                task.cancel()
            _, ending = await asyncio.wait(ending, timeout=min(left, ASK_AGAIN_S))
        for task in ending:
            log.error("does not end, and is left alone", task=task.get_name())
        for name in list(self.stopped):
            if names is None or name in names:
                del self.stopped[name]

    async def close(self, *, within: float = PATIENCE_S) -> None:
        """End all adapters for good."""
        self._closed = True
        await self.stop(within=within)

    async def _run(self, name: str, adapter: Adapter) -> None:
        """Keep one adapter connected for as long as it may be."""
        pause, attempt = FIRST_PAUSE_S, _Attempt(self._clock.now().boottime)
        while not _ending():
            attempt = _Attempt(self._clock.now().boottime, away=attempt.away, untrusted=attempt.untrusted)
            try:
                await self._read(name, adapter, attempt)
                error = "the connection ended"
            except UntrustedError as refusal:
                await self._wait_for_trust(name, refusal, attempt)
                continue
            except (RefusedError, ConfigError) as refusal:
                await self._give_up(name, refusal)
                return
            except asyncio.CancelledError:
                if _ending():
                    raise
                error = "the adapter cancelled itself"  # a library let its own cancellation out: a loss like any other
            except Exception as failure:  # noqa: BLE001 - whatever a protocol library raises concerns this adapter alone
                error = _in_words(failure)
            if _ending():
                return  # its farewell failed: no loss
            if not attempt.away:
                log.warning("lost", adapter=name, error=error)
            attempt.away = True
            self._goes_on(name, attempt)
            if self._clock.now().boottime - attempt.began > STEADY_S * 1000:
                pause = FIRST_PAUSE_S
            await self._say(name, AdapterLost(name, self._clock.now(), error))
            await self._clock.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _read(self, name: str, adapter: Adapter, attempt: _Attempt) -> None:
        async with adapter.connect() as reports:
            self._goes_on(name, attempt)
            if adapter.delivers != "readings":
                await self._say(name, AdapterBack(name, self._clock.now()))
            async for report in reports:
                if _ending():
                    raise asyncio.CancelledError
                if attempt.away:
                    log.info("back", adapter=name)
                    attempt.away = False
                await self._say(name, report)

    async def _say(self, name: str, signal: Signal) -> None:
        """Bring a signal, unless this adapter was told to end: another one may run in its place."""
        if self._running.get(name) is asyncio.current_task():
            await self._offer(signal)

    async def _wait_for_trust(self, name: str, refusal: UntrustedError, attempt: _Attempt) -> None:
        """Tell people once of a certificate that nobody has accepted; return when one has, or when it is time to look
        whether it is still the same.
        """
        fingerprint = refusal.facts.get("fingerprint", "")
        attempt.away = True
        if fingerprint != attempt.untrusted:
            attempt.untrusted = fingerprint
            await self._give_up(name, refusal)
            await self._say(name, Incident(self._clock.now(), Kind.UNTRUSTED_CERTIFICATE, name, refusal.facts))
        began = self._clock.now().boottime
        while self._clock.now().boottime - began < MEET_AGAIN_S * 1000:
            await self._clock.sleep(LOOK_S)
            try:
                if refusal.accepted():
                    return
            except CertificateError as unreadable:  # connecting will say so, each time
                log.warning("cannot look for trust", adapter=name, error=str(unreadable))
                return

    def _goes_on(self, name: str, attempt: _Attempt) -> None:
        """Note that no person is needed any more."""
        if attempt.untrusted is not None and self._running.get(name) is asyncio.current_task():
            attempt.untrusted = None
            self.stopped.pop(name, None)

    async def _give_up(self, name: str, refusal: EdgeBridgeError) -> None:
        """Stop one adapter for which trying again is of no use, and say what a person has to do."""
        log.error("stopped", adapter=name, error=refusal.what, hint=refusal.hint or "mend it, then reload")
        if self._running.get(name) is asyncio.current_task():
            self.stopped[name] = str(refusal)
        await self._say(name, AdapterLost(name, self._clock.now(), str(refusal)))


class _Attempt:
    """One try to be connected. began: boottime. away: the loss was told, and being back not yet. untrusted: the fingerprint
    of the certificate that people have been told of.
    """

    __slots__ = ("away", "began", "untrusted")

    def __init__(self, began: int, *, away: bool = False, untrusted: str | None = None) -> None:
        self.began = began
        self.away = away
        self.untrusted = untrusted


def _ending() -> bool:
    """Tell whether this task was told to end, even where a library has swallowed the cancellation."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _in_words(failure: Exception) -> str:
    """Return one line that a technician can read; a library's own error is named by its type."""
    if isinstance(failure, EdgeBridgeError):
        return str(failure)
    text = " ".join(str(failure).split())
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__
