"""The protocols between the core and the world. Adapters, clocks and publishers are anything that fits these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
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

    delivers: ClassVar[Literal["readings", "ecns"]]
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


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event as it will be sent, now and for ever: its bytes are made once."""

    sequence: int
    id: str
    type: str
    origin: str
    subject: str
    body: bytes


class Outbox(Protocol):
    """What the forwarder needs of the store."""

    @property
    def sent_upto(self) -> int:
        """The sequence up to which every event was delivered or parked."""

    @property
    def last_sequence(self) -> int:
        """The sequence of the newest event."""

    def rows(self, after: int, limit: int) -> Sequence[OutboxRow]:
        """Return the rows with a sequence above `after`, in order, parked ones too."""

    async def mark_sent(self, upto: int) -> None:
        """Move the position: everything up to this sequence was delivered or parked."""

    async def park(self, sequence: int, code: int, reason: str) -> None:
        """Set one row aside with the broker's reason code."""


@dataclass(frozen=True, slots=True)
class Command:
    """One `cmd/{verb}` from the platform, as it came in."""

    verb: str
    payload: Mapping[str, Any]
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command is answered: carried out or refused, and why."""

    id: str
    ok: bool
    reason: str = ""


__all__ = ["Adapter", "AdapterFactory", "Answer", "Clock", "Command", "Outbox", "OutboxRow", "Report"]
