"""The watch: every reading is compared with the register, for ever. The register outlives every time limit."""

from __future__ import annotations

from dataclasses import replace

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.board import Board
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind, Severity
from edge_bridge.domain.docket import Docket
from edge_bridge.domain.event import EventType
from edge_bridge.domain.evidence import Assessment, Blind, assess, is_fresh, judged_programs
from edge_bridge.domain.instant import MINUTE, to_text
from edge_bridge.domain.obligation import Obligation, Verdict
from edge_bridge.domain.plant import Machine
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.register import Register
from edge_bridge.domain.state import Requirement, register_key
from edge_bridge.domain.version import Comparison

START_GRACE = 30_000  # after a start, what fell due waits for each machine's first reading, this long at most


class Watch:
    """Readings against the register."""

    def __init__(self, books: Books, register: Register, docket: Docket, board: Board) -> None:
        self._books = books
        self._register = register
        self._docket = docket
        self._board = board

    def look(self, machine: str) -> None:
        """Compare a machine's newest reading with everything required of it, and with what it showed before."""
        configured, reading = self._books.machine(machine), self._books.latest.get(machine)
        if configured is None or reading is None or not is_fresh(reading, configured, self._books.now):
            return
        judged = judged_programs(reading, configured)
        for program in judged:
            self._look_at(register_key(machine, program), configured, reading)
            self._look_ahead(register_key(machine, program), configured, reading)
        self._gone(machine, configured, reading, judged)

    def look_at(self, key: str) -> None:
        """Compare one register row with the newest reading, at once: when it was just changed, or fell due."""
        requirement = self._books.state.requirement.get(key)
        if requirement is None:
            return
        machine = self._books.machine(requirement.demand.machine)
        reading = self._books.latest.get(requirement.demand.machine)
        if machine is not None and is_fresh(reading, machine, self._books.now):
            assert reading is not None
            self._look_at(key, machine, reading)

    def obligation_due(self, obligation: Obligation) -> None:
        """Judge an obligation whose time has come; one that is not due yet comes up again."""
        books, left = self._books, obligation.due.remaining(self._books.now)
        if obligation.verdict is Verdict.PENDING and left > 0:
            books.schedule(books.now.boottime + left, Duty.OBLIGATION, obligation.id)
            return
        seen_since_start = obligation.machine in books.latest
        waited = books.now.since(books.started)
        if obligation.verdict is Verdict.PENDING and not seen_since_start and waited < START_GRACE:
            books.schedule(books.started.boottime + START_GRACE, Duty.OBLIGATION, obligation.id)
            return
        self.look_at(register_key(obligation.machine, obligation.program))
        current = books.state.obligation.get(obligation.id)
        if current is not None and current.verdict is Verdict.PENDING:
            self._judge_blind(current)

    def assessment(self, requirement: Requirement, machine: Machine, reading: Reading) -> Assessment:
        """Say what a reading shows of one requirement."""
        demand = requirement.demand
        binding = self._books.state.machine[machine.id].binding
        found = assess(reading, machine, binding, demand)
        if found.comparison is Comparison.AHEAD:  # newer than required here, but perhaps released for another machine
            found = assess(reading, machine, binding, demand, self._register.newest(demand.key, demand.rule))
        return found

    def _look_at(self, key: str, machine: Machine, reading: Reading) -> None:
        requirement = self._books.state.requirement.get(key)
        if requirement is None:
            return
        found = self.assessment(requirement, machine, reading)
        if found.matches:
            self._matched(requirement, found, reading)
        elif found.wrong:
            self._wrong(requirement, machine, found, reading)
        else:
            self._stop_outdated(requirement)
            self._cannot_see(requirement, found.blind or Blind.NO_EXTRACTOR, reading)

    def _matched(self, requirement: Requirement, found: Assessment, reading: Reading) -> None:
        demand, at = requirement.demand, reading.at.utc
        if requirement.matched is None or at - requirement.matched >= MINUTE or not _quiet(requirement, found):
            self._keep(replace(requirement, matched=at, seen=found.seen, outdated_since=None, mismatch=False))
        if requirement.mismatch:
            self._baseline_changed(requirement.baseline)
        for obligation in self._books.obligations_on(requirement.key):
            if obligation.demand.same_need(demand):
                self._docket.match(obligation, found, reading)
        self._board.clear_program(demand.machine, demand.key, None)

    def _wrong(self, requirement: Requirement, machine: Machine, found: Assessment, reading: Reading) -> None:
        demand = requirement.demand
        if requirement.seen != found.seen:
            requirement = self._keep(replace(requirement, seen=found.seen))
        if found.edited:
            self._raise(Kind.EDITED_ON_MACHINE, requirement, found)
        elif self._board.find(demand.machine, Kind.EDITED_ON_MACHINE, demand.key):
            self._board.clear(demand.machine, Kind.EDITED_ON_MACHINE, demand.key)
        self._board.clear(demand.machine, Kind.CANNOT_VERIFY, demand.key)  # evidence again
        for obligation in self._books.obligations_on(requirement.key):
            self._docket.wrong(obligation, found, reading)
        requirement = self._books.state.requirement[requirement.key]
        early = self._not_in_effect(requirement.key, machine, reading) or found.comparison is Comparison.AHEAD
        requirement = (
            self._run_outdated(requirement, found, reading) if reading.running else self._stop_outdated(requirement)
        )
        if self._in_baseline_view(machine.id, reading, requirement):
            self._note_baseline(requirement)
        else:
            self._warn(requirement, found, reading, early)

    def _warn(self, requirement: Requirement, found: Assessment, reading: Reading, early: bool) -> None:
        """Put a known mismatch on the board, as the one card that says it best."""
        demand = requirement.demand
        if early:
            if reading.running:
                self._raise(Kind.AHEAD_OF_RELEASE, requirement, found)
            return
        self._board.clear(demand.machine, Kind.AHEAD_OF_RELEASE, demand.key)
        if requirement.matched is not None and not found.edited:
            severity = Severity.CRITICAL if reading.running else Severity.HIGH
            self._raise(Kind.REVERTED, requirement, found, severity)
        elif reading.running and not self._allowed(requirement):
            self._raise(Kind.OUTDATED_PROGRAM_RUNNING, requirement, found)

    def _look_ahead(self, key: str, machine: Machine, reading: Reading) -> None:
        """A program of an ECN not yet in effect, in production, where nothing is in force yet."""
        if self._books.state.requirement.get(key) is not None or not reading.running:
            return
        for ecn, demand in self._register.not_in_effect(key):
            found = assess(reading, machine, self._books.state.machine[machine.id].binding, demand)
            if found.matches:
                waiting = Requirement(demand, since=ecn.arrived)
                self._raise(Kind.AHEAD_OF_RELEASE, waiting, found)

    def _not_in_effect(self, key: str, machine: Machine, reading: Reading) -> bool:
        """Tell whether what is seen is the version of an ECN in work or waiting: proving it is no relapse."""
        binding = self._books.state.machine[machine.id].binding
        return any(assess(reading, machine, binding, d).matches for _, d in self._register.not_in_effect(key))

    def _run_outdated(self, requirement: Requirement, found: Assessment, reading: Reading) -> Requirement:
        if requirement.outdated_since is not None:
            return requirement
        demand = requirement.demand
        self._books.emit(
            EventType.PROGRAM_OUTDATED_RUN,
            origin=demand.machine,
            subject=demand.machine,
            time=reading.at.utc,
            data={
                "machine": demand.machine,
                "program": demand.program,
                "required": demand.version,
                "observed": found.seen,
                "comparison": found.comparison,
                "ecn": demand.ecn,
                "in_window": self._in_window(requirement),
            },
            correlation=requirement.obligation,
        )
        return self._keep(replace(requirement, outdated_since=reading.at.utc))

    def _stop_outdated(self, requirement: Requirement) -> Requirement:
        if requirement.outdated_since is None:
            return requirement
        return self._keep(replace(requirement, outdated_since=None))

    def _cannot_see(self, requirement: Requirement, reason: Blind, reading: Reading) -> None:
        for obligation in self._books.obligations_on(requirement.key):
            self._docket.blind(obligation, reason, reading)
        self.check_blind(requirement, reason)

    def _judge_blind(self, obligation: Obligation) -> None:
        """Due, and no fresh reading at all."""
        kept = self._books.state.machine.get(obligation.machine)
        reading = self._books.latest.get(obligation.machine)
        machine = self._books.machine(obligation.machine)
        reachable = kept is not None and kept.reachable
        reason = Blind.STALE if reachable else Blind.UNREACHABLE
        key = register_key(obligation.machine, obligation.program)
        requirement = self._books.state.requirement.get(key)
        if requirement and machine and reading and is_fresh(reading, machine, self._books.now):
            reason = self.assessment(requirement, machine, reading).blind or reason
        if self._docket.blind(obligation, reason, reading) and requirement:
            self.check_blind(requirement, reason)

    def check_blind(self, requirement: Requirement, reason: Blind) -> None:
        """Raise or clear `cannot_verify`; a lost machine's or source's own card holds it back."""
        demand, key = requirement.demand, requirement.key
        open_ones = [o for o in self._books.obligations_on(key) if o.verdict is Verdict.UNVERIFIABLE]
        if not open_ones or reason is Blind.NOT_LOADED:
            self._board.clear(demand.machine, Kind.CANNOT_VERIFY, demand.key)
            return
        held_back = (
            self._board.is_active(demand.machine, Kind.MACHINE_UNREACHABLE)
            or self._board.is_active("gateway", Kind.MACHINE_UNREACHABLE)
            or any(self._board.is_active(o.source, Kind.SOURCE_LOST) for o in open_ones)
        )
        if not held_back:
            facts = {"reason": str(reason)}
            self._raise(Kind.CANNOT_VERIFY, requirement, None, facts=facts, cause=open_ones[-1].last_event)

    def _gone(self, machine: str, configured: Machine, reading: Reading, judged: tuple[str, ...]) -> None:
        """What was shown and is not selected any more: a run ends, and what had to be seen is no longer seen."""
        for card in self._books.cards_of(machine):
            if card.program is None or card.program in judged:
                continue
            if card.kind in (Kind.AHEAD_OF_RELEASE, Kind.EDITED_ON_MACHINE, Kind.CANNOT_VERIFY):
                self._board.clear(machine, card.kind, card.program)
            elif card.kind is Kind.REVERTED and card.severity is Severity.CRITICAL:
                requirement = self._books.state.requirement.get(register_key(machine, card.program))
                if requirement is not None:
                    self._raise(Kind.REVERTED, requirement, None, Severity.HIGH)
        for card in self._books.cards_of(machine):
            if card.kind is Kind.AHEAD_OF_RELEASE and card.program in judged and card.active:
                self._still_ahead(card.program, machine, configured, reading)
        for key in self._running_keys(machine):
            if key.removeprefix(f"{machine}|") not in judged:
                self._stop_outdated(self._books.state.requirement[key])

    def _still_ahead(self, program: str, machine: str, configured: Machine, reading: Reading) -> None:
        key = register_key(machine, program)
        requirement = self._books.state.requirement.get(key)
        ahead = requirement is not None and (
            self.assessment(requirement, configured, reading).comparison is Comparison.AHEAD
        )
        if not ahead and not self._not_in_effect(key, configured, reading):
            self._board.clear(machine, Kind.AHEAD_OF_RELEASE, program)

    def _running_keys(self, machine: str) -> list[str]:
        known = self._books.state.machine[machine].runs[-3:]
        keys = {register_key(machine, run.program) for run in known}
        return [k for k in keys if (r := self._books.state.requirement.get(k)) and r.outdated_since is not None]

    def _allowed(self, requirement: Requirement) -> bool:
        """Tell whether the old program may still run: inside the time limit, or by a waiver."""
        if requirement.waiver is not None and requirement.waiver.holds(self._books.now):
            return True
        return self._in_window(requirement) and not requirement.demand.stop_at_release

    def _in_window(self, requirement: Requirement) -> bool:
        return any(o.verdict is Verdict.PENDING for o in self._books.obligations_on(requirement.key))

    def _in_baseline_view(self, machine: str, reading: Reading, requirement: Requirement) -> bool:
        """Tell whether this is what the machine showed when the baseline was taken: one summary card, not one each."""
        return requirement.baseline is not None and self._books.state.machine[machine].baseline_pending

    def _note_baseline(self, requirement: Requirement) -> None:
        if not requirement.mismatch:
            self._keep(replace(requirement, mismatch=True))
            self._baseline_changed(requirement.baseline)

    def _baseline_changed(self, origin: str | None) -> None:
        """Revise the one summary card of a baseline, once its scan is complete; clear it when nothing is left."""
        if origin is None:
            return
        source = self._books.state.source.get(origin)
        if source is not None and source.scanned is None:
            return
        wrong = [r for r in self._books.state.requirement.values() if r.mismatch and r.baseline == origin]
        if not wrong:
            self._board.clear(origin, Kind.BASELINE)
            return
        shown = [f"{r.demand.machine}: {r.demand.program} {r.seen} ≠ {r.demand.version}" for r in wrong[:20]]
        self._board.raise_card(
            origin,
            Kind.BASELINE,
            ecns=[r.demand.ecn for r in wrong],
            facts={"count": len(wrong), "list": "; ".join(shown)},
        )

    def baseline_complete(self, origin: str) -> None:
        """Look at every machine now that a source's first scan is complete."""
        for machine in self._books.plant.machines:
            self.look(machine)
        self._baseline_changed(origin)

    def _keep(self, requirement: Requirement) -> Requirement:
        self._books.state.requirement[requirement.key] = requirement
        self._books.touched.add(requirement.demand.machine)
        return requirement

    def _raise(
        self,
        kind: Kind,
        requirement: Requirement,
        found: Assessment | None,
        severity: Severity | None = None,
        facts: dict[str, str] | None = None,
        cause: str | None = None,
    ) -> None:
        demand = requirement.demand
        seen = found.seen if found else requirement.seen
        self._board.raise_card(
            demand.machine,
            kind,
            demand.key,
            machine=demand.machine,
            program=demand.key,
            ecns=[demand.ecn],
            severity=severity,
            seen=seen,
            facts={
                "program": demand.program,
                "required": demand.version,
                "seen": seen,
                "since": to_text(requirement.since.utc),
                "part": demand.part,
                "drawing": demand.drawing,
                **(facts or {}),
            },
            cause=cause,
        )


def _quiet(requirement: Requirement, found: Assessment) -> bool:
    """Tell whether nothing but the time of the last match would change."""
    return requirement.seen == found.seen and requirement.outdated_since is None and not requirement.mismatch
