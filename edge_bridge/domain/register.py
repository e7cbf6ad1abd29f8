"""The register: for each program on each machine, which version is in force now and by which ECN."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from edge_bridge.domain.board import Board, demand_facts
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind
from edge_bridge.domain.docket import Docket
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.routing import Demand
from edge_bridge.domain.state import Requirement, register_key
from edge_bridge.domain.version import VersionRule

SURVIVES_SUPERSEDING = (Kind.OVERDUE, Kind.OUTDATED_PROGRAM_RUNNING, Kind.REVERTED, Kind.CANNOT_VERIFY)


class Register:
    """Every ECN's demands by machine and program, and the row that is in force."""

    def __init__(self, books: Books, docket: Docket, board: Board) -> None:
        self._books = books
        self._docket = docket
        self._board = board
        self._demands: dict[str, tuple[Demand, ...]] = {}  # register key → of each ECN, nearly always one
        self._keys_of: defaultdict[str, set[str]] = defaultdict(set)  # ECN → register keys
        self._machines_of: defaultdict[str, set[str]] = defaultdict(set)  # program key → machines
        self._asked: tuple[Ecn | None, bool] = None, False  # the ECN last asked about, and whether it binds

    def replace_demands(self, ecn: str, demands: Iterable[Demand]) -> set[str]:
        """Hold these demands of an ECN instead of its earlier ones; return every register key concerned."""
        before = self._keys_of.pop(ecn, set())
        for key in before:
            self._withhold(key, ecn)
        keys: set[str] = set()
        for demand in demands:
            key = register_key(demand.machine, demand.key)
            if key in keys:
                self._withhold(key, ecn)
            others = self._demands.get(key)
            self._demands[key] = (demand,) if others is None else (*others, demand)
            keys.add(key)
            self._machines_of[demand.key].add(demand.machine)
        if keys:
            self._keys_of[ecn] = keys
        return before | keys

    def demands_of(self, ecn: str) -> list[Demand]:
        """Return the demands that an ECN makes now."""
        keys = sorted(self._keys_of.get(ecn, ()))
        return [next(demand for demand in self._demands[key] if demand.ecn == ecn) for key in keys]

    def keys(self) -> set[str]:
        """Return every register key that is demanded or in force."""
        return set(self._demands) | set(self._books.state.requirement)

    def head(self, key: str) -> tuple[Ecn, Demand] | None:
        """Return what is in force: explicit supersedes first, then release, then arrival, then number."""
        demands = self._demands.get(key)
        if not demands:
            return None
        if len(demands) == 1:  # by far the most, and one ECN may ask for 100 000
            ecn = self._books.state.ecn[demands[0].ecn]
            return (ecn, demands[0]) if self._binds(ecn) else None
        held = [(ecn, demand) for ecn, demand in self._on(key) if self._binds(ecn)]
        overruled = {number for ecn, _ in held for number in ecn.draft.supersedes if number != ecn.number}
        standing = [pair for pair in held if pair[0].number not in overruled] or held
        return max(standing, key=lambda pair: _order(pair[0]), default=None)

    def not_in_effect(self, key: str) -> list[tuple[Ecn, Demand]]:
        """Return the demands of ECNs in work or waiting: nothing is measured against them yet."""
        return [(ecn, d) for ecn, d in self._on(key) if ecn.waiting or not ecn.status.in_force]

    def newest(self, program: str, rule: VersionRule) -> str | None:
        """Return the newest released version of a program on any machine, by the scheme's order."""
        heads = (
            self._books.state.requirement.get(register_key(m, program)) for m in self._machines_of.get(program, ())
        )
        versions = [r.demand.version for r in heads if r is not None and r.demand.version]
        ordered = [(key, version) for version in versions if (key := rule.key(version)) is not None]
        return max(ordered, default=(None, None))[1]

    def refresh(self, key: str, applied: Ecn | None, baseline: str | None, reason: str, cause: str | None) -> bool:
        """Bring the row in force up to date; return whether it changed.

        applied: the ECN that was just applied: only what is new by it opens an obligation. baseline: the
        origin of the baseline that fills the register only. reason: why open obligations end, when nothing newer
        supersedes them.
        """
        state, head = self._books.state, self.head(key)
        row = state.requirement.get(key)
        if head is None:
            return row is not None and self._remove(key, row, reason, cause)
        ecn, demand = head
        if row is not None and row.demand.ecn == ecn.number and row.demand.same_need(demand):
            self._adopt(row, demand)
            return False
        unmet_since = self._end_superseded(key, ecn, reason, cause)
        by_itself = applied is ecn or (applied is not None and applied.number == ecn.number)
        if not by_itself and baseline is None and ecn.baseline:
            baseline = ecn.source  # restored, not released: it is again what was there before
        if row is not None or demand.machine in self._books.cards_at:
            self._hand_over_cards(row, demand, cause)
        opened = self._docket.open(demand, ecn, unmet_since, cause) if by_itself and baseline is None else None
        state.requirement[key] = Requirement(
            demand,
            since=self._books.now,
            baseline=baseline,
            verdict=str(opened.verdict) if opened else None,
            due=opened.due.utc if opened else None,
            obligation=opened.id if opened else None,
        )
        self._books.touched.add(demand.machine)
        return True

    def _on(self, key: str) -> Iterator[tuple[Ecn, Demand]]:
        for demand in self._demands.get(key, ()):
            yield self._books.state.ecn[demand.ecn], demand

    def _withhold(self, key: str, ecn: str) -> None:
        """Hold an ECN's demand no longer."""
        left = tuple(demand for demand in self._demands[key] if demand.ecn != ecn)
        if left:
            self._demands[key] = left
        else:
            del self._demands[key]

    def _binds(self, ecn: Ecn) -> bool:
        """Tell whether what an ECN demands holds now. Asked for each of its demands."""
        asked, binds = self._asked
        if asked is not ecn:
            binds = ecn.status.in_force and not ecn.waiting
            self._asked = ecn, binds
        return binds

    def _still_in_force(self, number: str) -> bool:
        ecn = self._books.state.ecn.get(number)
        return ecn is not None and ecn.status.in_force

    def _adopt(self, row: Requirement, demand: Demand) -> None:
        """Take over what does not start anything anew: a drawing's revision, a scheme, a limit for the next time."""
        if row.demand == demand:
            return
        self._books.state.requirement[row.key] = replace(row, demand=demand)
        for obligation in self._books.obligations_on(row.key):
            fixed = replace(demand, limit=obligation.demand.limit)
            self._books.put_obligation(replace(obligation, demand=fixed))

    def _hand_over_cards(self, row: Requirement | None, demand: Demand, cause: str | None) -> None:
        """Revise what the successor inherits; clear what is gone with a withdrawn predecessor."""
        if row is None or not self._still_in_force(row.demand.ecn):
            self._board.clear_program(demand.machine, demand.key, cause)
        else:
            for kind in SURVIVES_SUPERSEDING:
                facts = demand_facts(demand)
                self._board.concern(demand.machine, kind, demand.key, demand.ecn, facts, cause)
        if row is not None and row.mismatch and row.baseline is not None:
            self._books.baselines.add(row.baseline)

    def _remove(self, key: str, row: Requirement, reason: str, cause: str | None) -> bool:
        for obligation in self._books.obligations_on(key):
            self._docket.end(obligation, reason, cause)
        del self._books.state.requirement[key]
        if row.mismatch and row.baseline is not None:
            self._books.baselines.add(row.baseline)
        self._board.clear_program(row.demand.machine, row.demand.key, cause)
        self._books.touched.add(row.demand.machine)
        return True

    def _end_superseded(self, key: str, ecn: Ecn, reason: str, cause: str | None) -> int | None:
        """End the open obligations on a key; return since when the program has been wrong, for the successor."""
        if key not in self._books.open_on:
            return None
        unmet: list[int] = []
        for obligation in self._books.obligations_on(key):
            withdrawn = not self._still_in_force(obligation.ecn)
            if not withdrawn:
                unmet.append(obligation.unmet_since)
            by_other = obligation.ecn != ecn.number and self._still_in_force(obligation.ecn)
            self._docket.end(obligation, "superseded" if by_other else reason, cause)
        return min(unmet, default=None)


def _order(ecn: Ecn) -> tuple[int, int, list[tuple[int, str]]]:
    release = ecn.release if ecn.release is not None else _day_or_arrival(ecn)
    return (release, ecn.arrived.utc, _counted(ecn.number))


def _counted(number: str) -> list[tuple[int, str]]:
    """Order ECN numbers as people count them: ECN-10 comes after ECN-9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", number)]


def _day_or_arrival(ecn: Ecn) -> int:
    """Order an ECN without a release instant by its day when it has one, else by its arrival."""
    date = ecn.draft.effective_from or ecn.draft.released
    return date.utc if date is not None and not ecn.suspect_time else ecn.arrived.utc
