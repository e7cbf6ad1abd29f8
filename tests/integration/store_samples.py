"""Rows and events for the tests of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from edge_bridge.domain.instant import Stamp
from edge_bridge.store import SealedEvent, Store, StoredEvent

YESTERDAY = 1_771_900_000_000
TODAY = YESTERDAY + 86_400_000


class Colour(StrEnum):
    """An enum inside a row."""

    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Need:
    """A row inside a row."""

    key: str
    ecn: str = "E-1"


@dataclass(frozen=True, slots=True)
class Duty:
    """Shaped like an obligation: nested, with a plain `closed`."""

    machine: str
    demand: Need
    verdict: Colour = Colour.RED
    closed: bool = False
    due: Stamp | None = None
    stages: Mapping[str, int] = field(default_factory=dict)
    view: tuple[str | None, bool] | None = None
    tags: tuple[str, ...] = ()

    @property
    def ecn(self) -> str:
        """What is written beside the JSON."""
        return self.demand.ecn


@dataclass(frozen=True, slots=True)
class Warning:
    """Shaped like a card: what people ask for is computed."""

    kind: str
    machine: str | None = None
    state: Colour = Colour.RED

    @property
    def active(self) -> bool:
        """Whether it is red."""
        return self.state is Colour.RED

    @property
    def closed(self) -> bool:
        """Whether it is not."""
        return not self.active


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts the events committed with it."""

    count: int


@dataclass(frozen=True, slots=True)
class Look:
    """Shaped like an observation."""

    machine: str
    since: int


KINDS: Mapping[str, type[Any]] = {
    "obligation": Duty,
    "card": Warning,
    "machine": Tally,
    "observation": Look,
}


def event(sequence: int, *, recorded: int = TODAY, subject: str = "m1", body: bytes = b"") -> SealedEvent:
    """Return an event as the contract seals it."""
    return SealedEvent(
        sequence=sequence,
        id=f"{sequence:032x}",
        type="program.changed" if sequence % 2 else "obligation.verdict",
        origin="m1",
        subject=subject,
        body=body or b'{"n": %d}' % sequence,
        time=recorded - 5,
        recorded=recorded,
    )


def stored(one: SealedEvent) -> StoredEvent:
    """Return the same as people find it in the database."""
    known = one._asdict()
    del known["frame"]
    return StoredEvent(**known)


def events(first: int, last: int, *, recorded: int = TODAY, body: bytes = b"") -> list[SealedEvent]:
    """Return the events of these sequences."""
    return [event(sequence, recorded=recorded, body=body) for sequence in range(first, last + 1)]


def open_store(path: Path, vfs: str | None = None) -> Store:
    """Open the database of the sample gateway."""
    return Store.open(path, KINDS, site="site", gateway="gw1", vfs=vfs)
