"""The register's rows: what is demanded of a program on a machine, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.routing import Demand, register_key


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who allowed the old program, why, and until when (UTC ms; None: until the next requirement)."""

    by: str
    reason: str
    until: Milliseconds | None = None

    def holds(self, now: Stamp) -> bool:
        """Tell whether it still holds."""
        return self.until is None or now.utc < self.until


@quickly_made
@dataclass(frozen=True, slots=True)
class Requirement:
    """The register's row for one program on one machine: the version in force, since when, by which ECN.

    baseline: the origin whose baseline it came with, or None; mismatch: the first evidence under that baseline did not
    match, and it is on the baseline's card. matched: UTC ms of the last confirmed match under this requirement.
    outdated_since: since when a version that does not match is being run. seen: the version last evidenced. verdict, due,
    obligation: of the newest obligation on it, closed or not.
    """

    machine: str
    demand: Demand
    since: Stamp
    baseline: str | None = None
    mismatch: bool = False
    matched: Milliseconds | None = None
    outdated_since: Milliseconds | None = None
    seen: str | None = None
    verdict: str | None = None
    due: Milliseconds | None = None
    obligation: str | None = None
    waiver: Waiver | None = None

    @property
    def key(self) -> str:
        """Where it is kept."""
        return register_key(self.machine, self.demand.key)

    @property
    def ecn(self) -> str:
        """The number of the ECN in force."""
        return self.demand.ecn
