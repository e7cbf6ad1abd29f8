"""The register: for each program on each machine, which version is in force now and by which ECN."""

from __future__ import annotations

from dataclasses import replace

from edge_bridge.domain.board import Board, demand_facts
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind
from edge_bridge.domain.claims import Claims
from edge_bridge.domain.docket import Docket
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import Demand, machine_of, register_key
from edge_bridge.domain.version import VersionRule

SURVIVES_SUPERSEDING = (Kind.OVERDUE, Kind.OUTDATED_PROGRAM_RUNNING, Kind.REVERTED, Kind.CANNOT_VERIFY)


class Register:
    """The row in force of each program on each machine. claims: who asks for what."""

    def __init__(self, books: Books, docket: Docket, board: Board) -> None:
        self._books = books
        self._docket = docket
        self._board = board
        self.claims = Claims(books)

    def not_in_effect(self, key: str) -> tuple[Demand, ...]:
        """Return the demands of ECNs in work or waiting: nothing is measured against them yet."""
        return self.claims.ahead(key)

    def newest(self, program: str, rule: VersionRule) -> str | None:
        """Return the newest released version of a program on any machine, by the scheme's order."""
        machines = self.claims.machines_of(program)
        heads = (self._books.state.requirement.get(register_key(machine, program)) for machine in machines)
        versions = [r.demand.version for r in heads if r is not None and r.demand.version]
        ordered = [(key, version) for version in versions if (key := rule.key(version)) is not None]
        return max(ordered, default=(None, None))[1]

    def refresh(self, key: str, applied: Ecn | None, baseline: str | None, reason: str, cause: str | None) -> bool:
        """Bring the row in force up to date; return whether it changed.

        applied: the ECN that was just applied: only what is new by it opens an obligation. baseline: the
        origin of the baseline that fills the register only. reason: why open obligations end, when nothing newer
        supersedes them.
        """
        if self.claims.told(key):
            return False
        state, head = self._books.state, self.claims.head(key)
        self.claims.written(key)  # by what follows
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
        machine = machine_of(key)
        if machine in self._books.cards_at:
            self._hand_over_cards(machine, row, demand, cause)
        if row is not None and row.mismatch and row.baseline is not None:
            self._books.baselines.add(row.baseline)
        opened = self._docket.open(machine, demand, ecn, unmet_since, cause) if by_itself and baseline is None else None
        if opened is not None:
            state.requirement.put_opened(key, opened)
        else:
            state.requirement[key] = Requirement(machine, demand, since=self._books.now, baseline=baseline)
        self._books.touched.add(machine)
        return True

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

    def _hand_over_cards(self, machine: str, row: Requirement | None, demand: Demand, cause: str | None) -> None:
        """Revise what the successor inherits; clear what is gone with a withdrawn predecessor."""
        if row is None or not self._still_in_force(row.demand.ecn):
            self._board.clear_program(machine, demand.key, cause)
        else:
            for kind in SURVIVES_SUPERSEDING:
                facts = demand_facts(demand)
                self._board.concern(machine, kind, demand.key, demand.ecn, facts, cause)

    def _remove(self, key: str, row: Requirement, reason: str, cause: str | None) -> bool:
        for obligation in self._books.obligations_on(key):
            self._docket.end(obligation, reason, cause)
        del self._books.state.requirement[key]
        if row.mismatch and row.baseline is not None:
            self._books.baselines.add(row.baseline)
        self._board.clear_program(row.machine, row.demand.key, cause)
        self._books.touched.add(row.machine)
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
