"""The protocols between the core and the world. Adapters, clocks and publishers are anything that fits these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Literal, Protocol

from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.signal import Report
from edge_bridge.options import AdapterOptions


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> Stamp:
        """Return this moment on both clocks."""

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds of boottime."""


class Adapter(Protocol):
    """One controller or one PLM folder. It reads: it neither retries, nor judges, nor logs a loss."""

    options: AdapterOptions

    def connect(self) -> AbstractAsyncContextManager[AsyncIterator[Report]]:
        """Enter = connected; iterate = one report after another; an exception = lost.

        Raises AdapterError (or any exception) when the other side cannot be read, RefusedError when trying again is of
        no use. Leaving the context closes the session cleanly, on every exit path.
        """


class AdapterFactory(Protocol):
    """What an entry point `edge_bridge.adapters` names: checks its options, touches nothing outside."""

    delivers: ClassVar[Literal["readings", "ecns"]]
    Options: ClassVar[type[AdapterOptions]]

    def __call__(self, name: str, options: Mapping[str, Any], clock: Clock) -> Adapter:
        """Return an adapter with this id. Raises ConfigError naming the key that cannot be used."""


__all__ = ["Adapter", "AdapterFactory", "Clock", "Report"]
