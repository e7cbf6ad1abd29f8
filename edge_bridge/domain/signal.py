"""Everything that can come in. A verdict is a pure function of these, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.reading import Evidence, Reading


@quickly_made
@dataclass(frozen=True, slots=True)
class EcnNotice:
    """One complete, readable ECN file: its path below the source's folder, SHA-256 of its bytes, and the ECNs in it.

    mark: what the adapter knows the file by without reading it, kept with it and given back by `SourceMemory`.
    """

    source: str
    at: Stamp
    file: str
    sha256: str
    ecns: tuple[EcnDraft, ...]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class FileRejected:
    """A complete file that cannot be read as ECNs: why, and where in it (line or field)."""

    source: str
    at: Stamp
    file: str
    sha256: str
    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class ScanDone:
    """Everything that lay in the folder of a source or share at connect has been delivered.

    place: what an ECN source's adapter knows its whereabouts by, kept and given back by `SourceMemory`.
    """

    source: str
    at: Stamp
    files: int = 0
    place: str = ""


@dataclass(frozen=True, slots=True)
class ProgramFound:
    """A complete NC program on a share, new or changed: its path below the share, its name, and what says its version.

    digest: SHA-256 of the normalised text, or None when it was not read whole.
    """

    share: str
    at: Stamp
    file: str
    program: str
    evidence: tuple[Evidence, ...] = ()
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class ProgramGone:
    """A program is not on its share any more."""

    share: str
    at: Stamp
    file: str


@dataclass(frozen=True, slots=True)
class AdapterLost:
    """A machine, source or share cannot be read: since `at`, with the reason in words."""

    adapter: str
    at: Stamp
    error: str


@dataclass(frozen=True, slots=True)
class AdapterBack:
    """A source or share can be read again. A machine is back with its first good reading, not with this."""

    adapter: str
    at: Stamp


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A party has seen a card. `command` is the id of the asking command: the same again repeats the answer."""

    at: Stamp
    card_id: str
    revision: int
    party: str
    by: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Waive:
    """Someone with the right to do so excludes one obligation, until an instant or for good."""

    at: Stamp
    obligation: str
    by: str
    reason: str
    until: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Something happened to the gateway itself that people must see once: `kind` is a one-shot card kind."""

    at: Stamp
    kind: str
    origin: str
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the gateway itself that belongs in the record: a configuration applied or refused, a gap."""

    at: Stamp
    event: EventType
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tick:
    """The local timer: nothing happened, but time went on."""

    at: Stamp


Report = Reading | EcnNotice | FileRejected | ScanDone | ProgramFound | ProgramGone
Signal = Report | AdapterLost | AdapterBack | Acknowledge | Waive | Incident | Remark | Tick
