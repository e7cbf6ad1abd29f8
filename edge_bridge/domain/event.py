"""Everything that goes out: facts, made once, never edited."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from edge_bridge.domain.frame import filled
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.making import quickly_made

GATEWAY = "gateway"  # the reserved origin of what concerns no single machine or source


class EventType(StrEnum):
    """Event names; the CloudEvents type is `edge-bridge.<name>.v1`."""

    ECN_RECEIVED = "ecn.received"
    ECN_CHANGED = "ecn.changed"
    ECN_WITHDRAWN = "ecn.withdrawn"
    ECN_REJECTED = "ecn.rejected"
    ECN_UNROUTED = "ecn.unrouted"
    OBLIGATION_OPENED = "obligation.opened"
    OBLIGATION_VERDICT = "obligation.verdict"
    OBLIGATION_CLOSED = "obligation.closed"
    PROGRAM_CHANGED = "program.changed"
    PROGRAM_OUTDATED_RUN = "program.outdated_run"
    BASELINE_TAKEN = "baseline.taken"
    CARD_RAISED = "card.raised"
    CARD_REVISED = "card.revised"
    CARD_ACKNOWLEDGED = "card.acknowledged"
    CARD_ESCALATED = "card.escalated"
    CARD_CLEARED = "card.cleared"
    CARD_CLOSED = "card.closed"
    MACHINE_REACHABLE = "machine.reachable"
    MACHINE_UNREACHABLE = "machine.unreachable"
    SOURCE_LOST = "source.lost"
    SOURCE_BACK = "source.back"
    KPI_PUBLISHED = "kpi.published"
    CONFIG_APPLIED = "config.applied"
    CONFIG_REFUSED = "config.refused"
    CLOCK_STEP = "clock.step"
    GAP = "gap"
    DIGEST = "digest"


class Told(Mapping[str, Any]):
    """Data that is JSON at once: of events that one signal may bring 100 000 of. It is made when the event is sealed, from
    rows that nobody edits; who reads it as a mapping gets what a consumer of the JSON gets."""

    __slots__ = ()

    @abstractmethod
    def json(self) -> str:
        """Return the facts as compact JSON."""

    def __getitem__(self, name: str) -> Any:
        return json.loads(self.json())[name]

    def __iter__(self) -> Iterator[str]:
        return iter(json.loads(self.json()))

    def __len__(self) -> int:
        return len(json.loads(self.json()))


class Alike(Told):
    """Such data of which many in a row have most in common: a frame, and what each has of its own (see domain/frame.py)."""

    __slots__ = ()
    FIRST: ClassVar = 5  # the mark of its first piece: those before are of the envelope around it

    @abstractmethod
    def common(self) -> object:
        """Return what the frame is made of: where it is equal, the frame is."""

    @abstractmethod
    def frame(self) -> str:
        """Return the facts as compact JSON, with the marks of its own pieces."""

    @abstractmethod
    def own(self) -> str:
        """Return the pieces, in the order of their marks, joined by SEPARATOR."""

    def json(self) -> str:
        """Return the facts as compact JSON."""
        return filled(self.frame(), self.own(), self.FIRST)


@quickly_made
@dataclass(frozen=True, slots=True)
class Event:
    """One fact.

    id: UUID, made with the fact. origin: machine id, source id or `gateway`, the last part of its topic. subject: machine
    id, ECN number or card id. time: when it happened, UTC ms. data: the facts, JSON-ready. correlation: the obligation.
    causation: id of the event that caused this one.
    """

    id: str
    type: EventType
    origin: str
    subject: str
    time: Milliseconds
    data: dict[str, Any] | Told
    correlation: str | None = None
    causation: str | None = None
