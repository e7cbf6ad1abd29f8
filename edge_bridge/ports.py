"""The protocols between the core and the world. Adapters, clocks and publishers are anything that fits these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.signal import Report
from edge_bridge.options import AdapterOptions

Delivers = Literal["readings", "ecns", "programs"]
"""What an adapter reads: a controller, an ECN source, or a share of released programs."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> Stamp:
        """Return this moment on both clocks."""

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds of boottime."""


class Adapter(Protocol):
    """One controller, PLM folder or program share. It reads: it neither retries, nor judges, nor logs a loss."""

    delivers: ClassVar[Delivers]
    options: AdapterOptions

    def connect(self) -> AbstractAsyncContextManager[AsyncIterator[Report]]:
        """Enter = connected; iterate = one report after another; an exception = lost.

        Raises AdapterError (or any exception) when the other side cannot be read, RefusedError when trying again is of
        no use. Leaving the context closes the session cleanly, on every exit path.
        """


class SourceMemory(Protocol):
    """What the gateway holds of one ECN source, as committed. May be asked from any thread."""

    @property
    def has_files(self) -> bool:
        """Whether any file of it was taken in: where none was, none needs to be asked for."""

    def mark(self, file: str) -> str | None:
        """Return the mark with which a file was taken in; None when it was not, or has to be read again."""

    @property
    def place(self) -> str:
        """The place that its last ScanDone named, empty when none did."""


@runtime_checkable
class Recalls(Protocol):
    """An ECN source that need not deliver again what the gateway holds: after a restart, or when a share is back."""

    def recall(self, memory: SourceMemory) -> None:
        """Take note of it, before `connect`."""


@runtime_checkable
class Scans(Protocol):
    """An ECN source that can say how far its first scan is."""

    @property
    def scan(self) -> tuple[int, int] | None:
        """Files dealt with, of so many; None when none runs."""


@runtime_checkable
class Doubts(Protocol):
    """An adapter that sees in its settings, beside its options, what is allowed and perhaps not meant."""

    doubts: Sequence[tuple[str, str, str]]
    """Option, what, hint: as `AdapterOptions.doubts` yields them."""


class AdapterFactory(Protocol):
    """What an entry point `edge_bridge.adapters` names: checks its options, touches nothing outside."""

    delivers: ClassVar[Delivers]
    Options: ClassVar[type[AdapterOptions]]

    def __call__(self, name: str, options: Mapping[str, Any], clock: Clock) -> Adapter:
        """Return an adapter with this id. Raises ConfigError naming the key that cannot be used."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One value as it came and as it was understood, for a person at the machine.

    field: of the reading, or `version`. place: node, register or data item, as configured. raw: what came, as text; None
    when nothing did. meaning: the word or text it became; None when it says nothing. fault: why it cannot be used.
    """

    field: str
    place: str
    raw: str | None
    meaning: str | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one adapter: the reading, every value behind it, and how long each step took, in ms and in order."""

    reading: Reading
    values: tuple[Seen, ...]
    took: Mapping[str, float]


class Probes(Protocol):
    """An adapter that can be looked at once, for `edge-bridge probe` and `check --probe`."""

    async def probe(self) -> Look:
        """Connect, read once, close. Raises what `connect` raises."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing found while browsing. depth: below the start. place: how a setting names it. kind: `Variable`,
    `Object`, a register's type. value: as text, None when it has none. yaml: a line to paste, empty when it cannot be used.
    """

    depth: int
    name: str
    place: str
    kind: str
    value: str | None = None
    yaml: str = ""


class Browses(Protocol):
    """An adapter whose other side can be walked through, for `edge-bridge browse`."""

    def browse(self, start: str | None, depth: int) -> AbstractAsyncContextManager[AsyncIterator[Entry]]:
        """Enter = connected; iterate = what is there, as it is found. start: a node, path or register; None: the top.

        Raises what `connect` raises; ConfigError when `start` is not understood.
        """


@dataclass(frozen=True, slots=True)
class Trace:
    """Where one field of an ECN came from. place: `line 7, column 3`, `sheet ECN, cell C7`, a path in XML or JSON.
    header: the column's or element's name in the file. raw: the text as it stood there.
    """

    place: str
    header: str
    raw: str


@dataclass(frozen=True, slots=True)
class TracedEcn:
    """One ECN with the origin of every field, by column: of the ECN itself, and of each item in the draft's order."""

    draft: EcnDraft
    head: Mapping[str, Trace]
    items: tuple[Mapping[str, Trace], ...]


class Traces(Protocol):
    """An ECN source that can say where each field came from, for `edge-bridge ecn`."""

    def trace(self, name: str, data: bytes) -> tuple[TracedEcn, ...]:
        """Return the ECNs of a file with their origins. Raises AdapterError with the place and the fix."""


@quickly_made
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


@quickly_made
@dataclass(frozen=True, slots=True)
class Answer:
    """What a command is answered: carried out or refused, and why."""

    id: str
    ok: bool
    reason: str = ""


__all__ = [
    "Adapter",
    "AdapterFactory",
    "Answer",
    "Browses",
    "Clock",
    "Command",
    "Delivers",
    "Doubts",
    "Entry",
    "Look",
    "Outbox",
    "OutboxRow",
    "Probes",
    "Recalls",
    "Report",
    "Scans",
    "Seen",
    "SourceMemory",
    "Trace",
    "TracedEcn",
    "Traces",
]
