"""Obligations that are opened together: of 100 000 that one ECN opens, each is made when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.obligation import Obligation, Verdict
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import Demand


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """What obligations have in common that one ECN opens in one moment, with the same time limit; see Obligation. Each is like
    itself alone. since: when the register's rows came into force.
    """

    source: str
    file: str
    sha256: str
    arrived: Stamp
    t0: Milliseconds
    due: Deadline
    unmet_since: Milliseconds
    release: Milliseconds | None
    time_quality: str
    late_arrival: bool
    exposure: Milliseconds
    counted: Milliseconds | None
    stages: dict[str, int]
    since: Stamp


@quickly_made
@dataclass(frozen=True, slots=True)
class Opened:
    """An obligation of which nothing happened yet, and the register's row that came with it: both are made of this.

    It has by their names what each row has of its own, and what is written beside.
    """

    opening: Opening
    id: str
    machine: str
    demand: Demand
    area: str
    last_event: str

    @property
    def obligation(self) -> str:
        """The obligation's id, as the register's row has it."""
        return self.id

    @property
    def ecn(self) -> str:
        """The ECN's number."""
        return self.demand.ecn

    @property
    def due(self) -> Deadline:
        """When it falls due."""
        return self.opening.due

    @property
    def closed(self) -> bool:
        """Whether the obligation is closed."""
        return False

    @property
    def common(self) -> object:
        """What all rows that are alike have in common: where it is equal, they differ in what is their own alone."""
        demand = self.demand
        return self.opening, demand.ecn, demand.rule, demand.limit, demand.stop_at_release

    def as_obligation(self) -> Obligation:
        """Return the obligation."""
        opening = self.opening
        return Obligation(
            self.id,
            self.machine,
            self.demand,
            opening.source,
            opening.file,
            opening.sha256,
            self.area,
            opening.arrived,
            opening.t0,
            opening.due,
            opening.unmet_since,
            opening.release,
            opening.time_quality,
            opening.late_arrival,
            exposure=opening.exposure,
            counted=opening.counted,
            stages=opening.stages,
            last_event=self.last_event,
        )

    def as_requirement(self) -> Requirement:
        """Return the register's row."""
        opening = self.opening
        return Requirement(
            self.machine,
            self.demand,
            since=opening.since,
            verdict=str(Verdict.PENDING),
            due=opening.due.utc,
            obligation=self.id,
        )
