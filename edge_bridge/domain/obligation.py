"""Obligations: one requirement with a time limit, judged once.

Two rules. A verdict only moves forward: what the table does not list changes nothing. And nothing is compliant without
an observation: only MATCHED, which carries evidence, leads there. The table below is all of it (design: 2-semantics).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.routing import Demand


class Verdict(StrEnum):
    """What is known of an obligation."""

    PENDING = "pending"
    COMPLIANT = "compliant"
    LATE = "late"
    VIOLATED = "violated"
    UNVERIFIABLE = "unverifiable"
    EXCLUDED = "excluded"


class Trigger(StrEnum):
    """What can happen to an obligation."""

    MATCHED = "matched"  # fresh evidence shows the required program
    DUE_WRONG = "due_wrong"  # due, and usable evidence does not match
    DUE_BLIND = "due_blind"  # due, and nothing shows this program's version (not loaded, unreachable, …)
    STILL_WRONG = "still_wrong"  # it had its time after coming back, and another version is still evidenced
    ENDED = "ended"  # withdrawn, superseded, waived, machine removed


P, C, L, V, U, X = (
    Verdict.PENDING,
    Verdict.COMPLIANT,
    Verdict.LATE,
    Verdict.VIOLATED,
    Verdict.UNVERIFIABLE,
    Verdict.EXCLUDED,
)

TRANSITIONS: Mapping[tuple[Verdict, Trigger], tuple[Verdict, bool]] = {
    # from, trigger             → to, closed
    (P, Trigger.MATCHED): (C, True),
    (P, Trigger.DUE_WRONG): (V, False),
    (P, Trigger.DUE_BLIND): (U, False),
    (P, Trigger.ENDED): (X, True),
    (V, Trigger.MATCHED): (L, True),
    (V, Trigger.ENDED): (V, True),  # it did happen
    (U, Trigger.MATCHED): (U, True),  # confirmed: no credit, no blame
    (U, Trigger.STILL_WRONG): (V, False),
    (U, Trigger.ENDED): (U, True),
}


def step(verdict: Verdict, closed: bool, trigger: Trigger) -> tuple[Verdict, bool] | None:
    """Return the next (verdict, closed), or None when the table has no row: then nothing changes."""
    return None if closed else TRANSITIONS.get((verdict, trigger))


@quickly_made
@dataclass(frozen=True, slots=True)
class Obligation:
    """One machine × ECN item with its time limit. Instants in UTC ms, durations in ms.

    t0: max(release, arrival). due: t0 + limit, fixed. unmet_since: since when the program has been wrong, taken over from
    the obligation it supersedes. counted: UTC ms up to which `exposure` is added up. returned: first evidence of another
    version after it became unverifiable. ended: why it was closed without a match. evidence: the machine's side of the
    last decision, as the contract shows it. last_event: the event that said the current verdict.
    """

    id: str
    machine: str
    demand: Demand
    source: str
    file: str
    sha256: str
    area: str
    arrived: Stamp
    t0: Milliseconds
    due: Deadline
    unmet_since: Milliseconds
    release: Milliseconds | None = None
    time_quality: str = "instant"
    late_arrival: bool = False
    verdict: Verdict = Verdict.PENDING
    reason: str = ""
    ended: str = ""
    closed: bool = False
    observed: str | None = None
    decided: Milliseconds | None = None
    lateness: Milliseconds | None = None
    exposure: Milliseconds = 0
    counted: Milliseconds | None = None
    confirmed_at: Milliseconds | None = None
    inferred: bool = False
    within_release_limit: bool | None = None
    returned: Stamp | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, int] = field(default_factory=dict)
    last_event: str | None = None

    @property
    def ecn(self) -> str:
        """The ECN's number."""
        return self.demand.ecn

    @property
    def program(self) -> str:
        """The key under which the register keeps the program."""
        return self.demand.key

    @property
    def transport_delay(self) -> Milliseconds | None:
        """Arrival minus release: a slow PLM is neither blamed on the machine nor hidden."""
        return None if self.release is None else self.arrived.utc - self.release
