"""Warning cards (预警卡片): one occurrence of one problem that people must see.

After ISA-18.2, whether the condition holds and whether somebody has seen the card are independent facts, and the card
closes when both say so. Acknowledged is not fixed: an acknowledgement never changes `active`. A condition that comes back
while its card is still unacknowledged makes that card active again; after it closed, it makes a new card. The two tables
below are all of it: the kinds with who gets them, and the life cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.plant import Machine, Plant


class Severity(StrEnum):
    """How bad it is."""

    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Order for comparing."""
        return list(Severity).index(self)


class Kind(StrEnum):
    """What can be wrong."""

    OVERDUE = "overdue"
    OUTDATED_PROGRAM_RUNNING = "outdated_program_running"
    REVERTED = "reverted"
    AHEAD_OF_RELEASE = "ahead_of_release"
    EDITED_ON_MACHINE = "edited_on_machine"
    CANNOT_VERIFY = "cannot_verify"
    MACHINE_UNREACHABLE = "machine_unreachable"
    SOURCE_LOST = "source_lost"
    UNROUTED = "unrouted"
    UNKNOWN_STATUS = "unknown_status"
    CHANGED_WITHOUT_REVISION = "changed_without_revision"
    WITHDRAWN_AFTER_RELEASE = "withdrawn_after_release"
    SUSPECT_TIME = "suspect_time"
    ECN_REJECTED = "ecn_rejected"
    UNTRUSTED_CERTIFICATE = "untrusted_certificate"
    EVENT_PARKED = "event_parked"
    STORE_RECOVERED = "store_recovered"
    BASELINE = "baseline"


_DESIGN, _CELL, _IT = "design_supervisor", "cell_leader", "it_operations"
_ALL = (_DESIGN, _CELL, _IT)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table of kinds. acknowledged_clears: for intake, seen is enough. one_shot: born inactive."""

    severity: Severity
    parties: tuple[str, ...]
    acknowledged_clears: bool = False
    one_shot: bool = False


KINDS: Mapping[Kind, Rule] = {
    Kind.OVERDUE: Rule(Severity.HIGH, _ALL),
    Kind.OUTDATED_PROGRAM_RUNNING: Rule(Severity.CRITICAL, (_CELL, _IT)),
    Kind.REVERTED: Rule(Severity.HIGH, (_CELL, _IT)),  # critical while it runs
    Kind.AHEAD_OF_RELEASE: Rule(Severity.HIGH, (_CELL, _DESIGN)),
    Kind.EDITED_ON_MACHINE: Rule(Severity.HIGH, (_CELL, _DESIGN)),
    Kind.CANNOT_VERIFY: Rule(Severity.MEDIUM, (_CELL, _IT)),
    Kind.MACHINE_UNREACHABLE: Rule(Severity.MEDIUM, (_IT,)),
    Kind.SOURCE_LOST: Rule(Severity.HIGH, (_IT,)),
    Kind.UNROUTED: Rule(Severity.MEDIUM, (_DESIGN, _IT), acknowledged_clears=True),
    Kind.UNKNOWN_STATUS: Rule(Severity.MEDIUM, (_DESIGN, _IT), acknowledged_clears=True),
    Kind.CHANGED_WITHOUT_REVISION: Rule(Severity.MEDIUM, (_DESIGN, _IT), acknowledged_clears=True),
    Kind.WITHDRAWN_AFTER_RELEASE: Rule(Severity.MEDIUM, (_DESIGN, _IT), acknowledged_clears=True),
    Kind.SUSPECT_TIME: Rule(Severity.MEDIUM, (_DESIGN, _IT), acknowledged_clears=True),
    Kind.ECN_REJECTED: Rule(Severity.MEDIUM, (_IT,), one_shot=True),
    Kind.UNTRUSTED_CERTIFICATE: Rule(Severity.MEDIUM, (_IT,), one_shot=True),
    Kind.EVENT_PARKED: Rule(Severity.MEDIUM, (_IT,), one_shot=True),
    Kind.STORE_RECOVERED: Rule(Severity.MEDIUM, (_IT,), one_shot=True),
    Kind.BASELINE: Rule(Severity.MEDIUM, (_CELL, _DESIGN)),
}


class State(StrEnum):
    """Where a card stands, in ISA-18.2's words."""

    ACTIVE = "active_unacknowledged"
    SEEN = "active_acknowledged"
    RETURNED = "returned_unacknowledged"
    CLOSED = "closed"


class Step(StrEnum):
    """What can happen to a card."""

    ACKNOWLEDGE = "acknowledge"
    CLEAR = "clear"
    RETURN = "return"  # the condition holds again
    EXPIRE = "expire"  # a one-shot that nobody acknowledged in seven days


LIFE: Mapping[tuple[State, Step], State] = {
    # from, step                  → to
    (State.ACTIVE, Step.ACKNOWLEDGE): State.SEEN,
    (State.ACTIVE, Step.CLEAR): State.RETURNED,
    (State.SEEN, Step.ACKNOWLEDGE): State.SEEN,  # another party
    (State.SEEN, Step.CLEAR): State.CLOSED,
    (State.RETURNED, Step.ACKNOWLEDGE): State.CLOSED,
    (State.RETURNED, Step.RETURN): State.ACTIVE,
    (State.RETURNED, Step.EXPIRE): State.CLOSED,
}


def step(state: State, happening: Step) -> State | None:
    """Return the next state, or None when the table has no row: then nothing changes."""
    return LIFE.get((state, happening))


@dataclass(frozen=True, slots=True)
class Ack:
    """One party's acknowledgement: who, when (UTC ms), at which revision, with what comment."""

    by: str
    at: Milliseconds
    revision: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One occurrence. `facts` feed the texts: strings and numbers only, as the reader should see them."""

    id: str
    dedup_key: str
    kind: Kind
    severity: Severity
    origin: str  # machine id, source id or gateway: its events' topic
    parties: tuple[str, ...]
    raised: Stamp
    state: State = State.ACTIVE
    machine: str | None = None
    program: str | None = None
    ecns: tuple[str, ...] = ()
    seen: str | None = None
    facts: dict[str, str | int | None] = field(default_factory=dict)
    revision: int = 1
    rose: int = 1  # the revision at which the severity last rose
    level: int = 0
    acks: dict[str, Ack] = field(default_factory=dict)
    cleared: Milliseconds | None = None
    last_event: str | None = None

    @property
    def active(self) -> bool:
        """Whether the condition holds now."""
        return self.state in (State.ACTIVE, State.SEEN)

    @property
    def closed(self) -> bool:
        """Whether nothing more will happen to this card."""
        return self.state is State.CLOSED


def dedup_key(origin: str, kind: Kind, about: str | None) -> str:
    """Return what makes two reports one problem: machine or source, kind, and program (or what stands for it)."""
    return "|".join((origin, kind, about or ""))


def parties_for(kind: Kind, machine: Machine | None, plant: Plant) -> tuple[str, ...]:
    """Return who gets a card. A kind that no party lists, or that every area filter drops, goes to all of them."""
    listed = [
        p for p in plant.parties.values() if (kind in p.cards if p.cards is not None else _by_default(p.id, kind))
    ]
    if not listed:
        return tuple(plant.parties)
    here = [p for p in listed if machine is None or p.areas is None or machine.area in p.areas]
    return tuple(party.id for party in here or listed)


def _by_default(party: str, kind: Kind) -> bool:
    """Tell whether a party without a list of kinds gets this one: by the table, or all kinds for a party of the site's own."""
    return party in KINDS[kind].parties or party not in _ALL
