"""Claims: which ECNs ask for a program on a machine, and which of them is in force.

There may be a hundred thousand ECNs, nearly all of them finished long ago. Of one that is overruled its number is held, of the
one in force what the others are measured by; what it demands stands in the register's row. An ECN itself is read when it
matters: when the one in force goes, or somebody supersedes by name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Generator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from edge_bridge.domain.books import Books
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.routing import Demand, Demands, machine_of, route_held

KEYS_AT_ONCE = 500  # register keys between two pauses: some ten milliseconds
NOBODY: frozenset[str] = frozenset()
Some = TypeVar("Some", bound=Collection[object])


@dataclass(frozen=True, slots=True)
class Rank:
    """What ECNs are measured by: release, then arrival, then number. One object for all that an ECN demands."""

    number: str
    release: int
    arrived: int

    @classmethod
    def of(cls, ecn: Ecn) -> Rank:
        """Return an ECN's."""
        release = ecn.release if ecn.release is not None else _day_or_arrival(ecn)
        return cls(ecn.number, release, ecn.arrived.utc)

    def __lt__(self, other: Rank) -> bool:
        if self.release != other.release:
            return self.release < other.release
        if self.arrived != other.arrived:
            return self.arrived < other.arrived
        return (_counted(self.number), self.number) < (_counted(other.number), other.number)


class Claims:
    """Every ECN's claims by register key. Whatever changes them ends with `decide`."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._in_force: dict[str, Rank] = {}
        self._overruled: dict[str, tuple[str, ...]] = {}  # the others that bind, by number
        self._named: dict[str, frozenset[str]] = {}  # whom those that bind supersede by name
        self._ahead: dict[str, tuple[Demand, ...]] = {}  # of ECNs in work or waiting
        self._fresh: dict[str, Demand] = {}  # of those in force, while the register's row does not say it yet
        self._undecided: dict[str, None] = {}
        self._machines_of: dict[str, tuple[str, ...]] = {}  # program key → machines

    def head(self, key: str) -> tuple[Ecn, Demand] | None:
        """Return what is in force."""
        rank = self._in_force.get(key)
        if rank is None:
            return None
        demand = self._fresh.get(key)
        return self._books.state.ecn[rank.number], demand or self._books.state.requirement.as_put[key].demand

    @property
    def held(self) -> int:
        """How many demands are in memory beside those of the register's rows."""
        return len(self._fresh) + len(self._ahead)

    def ahead(self, key: str) -> tuple[Demand, ...]:
        """Return the demands of ECNs in work or waiting."""
        return self._ahead.get(key, ())

    def machines_of(self, program: str) -> tuple[str, ...]:
        """Return the machines on which a program is demanded, or was."""
        return self._machines_of.get(program, ())

    def news(self) -> set[str]:
        """Return the register keys whose row does not say what is in force."""
        return {key for key in self._books.state.requirement if not self.told(key)} | self._fresh.keys()

    def told(self, key: str) -> bool:
        """Tell whether the register's row says what is in force."""
        if key in self._fresh:
            return False
        rank, row = self._in_force.get(key), self._books.state.requirement.as_put.get(key)
        return (rank and rank.number) == (row and row.demand.ecn)

    def written(self, key: str) -> None:
        """Take note that the register's row says what is in force."""
        self._fresh.pop(key, None)

    def enter(self, ecn: Ecn, demands: Demands) -> Generator[None, None, None]:
        """Add an ECN's claims."""
        if not binds(ecn):
            for key, demand in demands.items():
                self._ahead[key] = (*self._ahead.get(key, ()), demand)
            return
        rank, superseded = Rank.of(ecn), _superseded(ecn)
        for count, (key, demand) in enumerate(demands.items(), 1):
            self._enter(key, demand, rank, superseded)
            if count % KEYS_AT_ONCE == 0:
                yield

    def replace(self, held: Ecn, before: Demands, ecn: Ecn, demands: Demands) -> Generator[None, None, None]:
        """Take an ECN's claims instead of those that it made before."""
        rises = binds(held) and binds(ecn) and not Rank.of(ecn) < Rank.of(held)
        for count, key in enumerate(before, 1):
            if not (rises and key in demands and self._leads(key, ecn.number)):
                self._leave(key, held)
            if count % KEYS_AT_ONCE == 0:
                yield
        yield from self.enter(ecn, demands)

    def decide(self) -> Generator[None, None, None]:
        """Choose anew where the one in force has gone, or somebody supersedes by name."""
        chosen: defaultdict[str, list[str]] = defaultdict(list)
        ranks: dict[str, Rank] = {}  # one object for all that an ECN demands
        for count, key in enumerate(self._undecided, 1):
            best = self._best(key)
            rank = self._in_force[key] = ranks.setdefault(best.number, best)
            fresh = self._fresh.get(key)
            if fresh is None or fresh.ecn != rank.number:
                chosen[rank.number].append(key)
            if count % KEYS_AT_ONCE == 0:
                yield
        self._undecided.clear()
        for number, keys in chosen.items():  # each is routed once, however many of its claims come into force
            demands, _ = yield from route_held(self._books.state.ecn[number], self._books.plant)
            for key in keys:
                self._note(key, demands[key])

    def _enter(self, key: str, demand: Demand, rank: Rank, superseded: frozenset[str]) -> None:
        if superseded:
            self._named[key] = self._named.get(key, NOBODY) | superseded
        machines = self._machines_of.get(demand.key, ())
        if (machine := machine_of(key)) not in machines:
            self._machines_of[demand.key] = (*machines, machine)
        first = self._in_force.get(key)
        if first is None or first.number == rank.number:
            self._in_force[key] = rank
            self._note(key, demand)
            return
        named = self._named.get(key, NOBODY)
        if rank.number not in named and first < rank:
            beaten, self._in_force[key] = first, rank
            self._note(key, demand)
        else:
            beaten = rank
            if first.number in named:
                self._undecided[key] = None
        self._overruled[key] = (*self._overruled.get(key, ()), beaten.number)

    def _leave(self, key: str, ecn: Ecn) -> None:
        number = ecn.number
        if not binds(ecn):
            _keep(self._ahead, key, tuple(demand for demand in self._ahead[key] if demand.ecn != number))
            return
        first = self._in_force.get(key)
        if first is not None and first.number == number:
            del self._in_force[key]
            self._fresh.pop(key, None)
            self._undecided[key] = None
        _keep(self._overruled, key, tuple(other for other in self._overruled.get(key, ()) if other != number))
        if key in self._named:
            self._undecided[key] = None
        if key not in self._in_force and key not in self._overruled:
            self._named.pop(key, None)
            self._undecided.pop(key, None)

    def _leads(self, key: str, number: str) -> bool:
        """Tell whether an ECN is in force by its rank alone."""
        first = self._in_force.get(key)
        return first is not None and first.number == number and key not in self._named

    def _best(self, key: str) -> Rank:
        """Put all on a key in order: explicit supersedes first, then release, then arrival, then number."""
        first = self._in_force.get(key)
        numbers = (*self._overruled.get(key, ()), *([first.number] if first is not None else []))
        held = [self._books.state.ecn[number] for number in numbers]
        named = NOBODY.union(*map(_superseded, held))
        best = max(map(Rank.of, [ecn for ecn in held if ecn.number not in named] or held))
        _keep(self._overruled, key, tuple(number for number in numbers if number != best.number))
        _keep(self._named, key, named)
        return best

    def _note(self, key: str, demand: Demand) -> None:
        """Note what the one in force demands."""
        row = self._books.state.requirement.as_put.get(key)
        if row is not None and row.demand == demand:
            self._fresh.pop(key, None)
        else:
            self._fresh[key] = demand


def binds(ecn: Ecn) -> bool:
    """Tell whether what an ECN demands holds now."""
    return ecn.status.in_force and not ecn.waiting


def _superseded(ecn: Ecn) -> frozenset[str]:
    """Return whom an ECN supersedes by name."""
    return frozenset(ecn.draft.supersedes) - {ecn.number} if ecn.draft.supersedes else NOBODY


def _keep(index: dict[str, Some], key: str, left: Some) -> None:
    """Keep what is left; nothing is not kept."""
    if left:
        index[key] = left
    else:
        index.pop(key, None)


@lru_cache(maxsize=4096)
def _counted(number: str) -> tuple[tuple[int, str], ...]:
    """Order ECN numbers as people count them: ECN-10 comes after ECN-9."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", number))


def _day_or_arrival(ecn: Ecn) -> int:
    """Order an ECN without a release instant by its day when it has one, else by its arrival."""
    date = ecn.draft.effective_from or ecn.draft.released
    return date.utc if date is not None and not ecn.suspect_time else ecn.arrived.utc
