"""The plant as configured: machines, sources, routes, parties and limits, as plain data for the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge_bridge.domain.instant import HOUR, MINUTE, SECOND, Milliseconds
from edge_bridge.domain.route import Route, RouteIndex
from edge_bridge.domain.version import VersionRule


class Judge(StrEnum):
    """Which program of a machine is judged: main programs call subprograms, pallet wrappers call part programs."""

    MAIN = "main"
    ACTIVE = "active"
    ANY_IN_STACK = "any_in_stack"
    CALLED_BY_MAIN = "called_by_main"


@dataclass(frozen=True, slots=True)
class Machine:
    """One controller: its id (the adapter file's name), what people call it, and how its readings are judged."""

    id: str
    name: str = ""
    area: str = ""
    every: Milliseconds = SECOND
    judge: Judge = Judge.MAIN
    exact_names: bool = False
    rule: VersionRule = field(default_factory=VersionRule)

    @property
    def fresh_for(self) -> Milliseconds:
        """How long a reading is evidence."""
        return max(3 * self.every, 10 * SECOND)


@dataclass(frozen=True, slots=True)
class Source:
    """One ECN source: its id (the adapter file's name) and what people call it."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """A folder of released NC programs. machines: those that load from it; none: all of the plant."""

    id: str
    name: str = ""
    machines: tuple[str, ...] = ()

    def serves(self, machine: str) -> bool:
        """Tell whether a machine loads its programs from here."""
        return not self.machines or machine in self.machines


@dataclass(frozen=True, slots=True)
class Party:
    """Who gets cards. `cards` None means the default kinds, `areas` None means all areas."""

    id: str
    cards: tuple[str, ...] | None = None
    areas: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Plant:
    """Everything the ledger needs to know of the configuration. Durations in milliseconds."""

    site: str
    gateway: str
    machines: Mapping[str, Machine] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    shares: Mapping[str, Share] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    parties: Mapping[str, Party] = field(default_factory=dict)
    limit: Milliseconds = 15 * MINUTE
    skew_tolerance: Milliseconds = 2 * MINUTE
    unreachable_after: Milliseconds = 10 * MINUTE
    escalate_after: Milliseconds = 15 * MINUTE
    repeat_every: Milliseconds = 4 * HOUR
    index: RouteIndex = field(init=False, repr=False, compare=False)
    _called: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make ready what is asked for each item of each ECN."""
        called: dict[str, str] = {}
        for machine in self.machines.values():
            for name in (machine.id, machine.name):
                called.setdefault(name.strip().casefold(), machine.id)
        object.__setattr__(self, "_called", called)
        object.__setattr__(self, "index", RouteIndex(self.routes, self.called))

    def called(self, name: str) -> str | None:
        """Return the id of the machine that an ECN or route calls by id or by name, or None."""
        return name if name in self.machines else self._called.get(name.strip().casefold())

    @property
    def folders(self) -> Mapping[str, Source | Share]:
        """Everything that is a folder to be read, ECN sources and program shares: what can be lost and come back."""
        return {**self.sources, **self.shares}


__all__ = ["Judge", "Machine", "Party", "Plant", "Route", "Share", "Source"]
