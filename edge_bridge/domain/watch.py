"""The watch: every reading is compared with the register, for ever. The register outlives every time limit."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.availability import Availability
from edge_bridge.domain.books import Books
from edge_bridge.domain.docket import Docket
from edge_bridge.domain.event import EventType
from edge_bridge.domain.evidence import NAMING, Assessment, Blind, assess, is_fresh, judged_programs
from edge_bridge.domain.instant import MINUTE, Stamp
from edge_bridge.domain.obligation import Obligation, Verdict
from edge_bridge.domain.plant import Machine, Plant
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.register import Register
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import register_key
from edge_bridge.domain.version import Comparison
from edge_bridge.domain.warner import Warner

NOT_LOADED = Assessment(None, Blind.NOT_LOADED)
Sight = tuple[Machine, Reading, tuple[str, ...]]
"""A machine, its newest reading, which is fresh, and the programs that this judges."""
START_GRACE = 30_000  # after a start, what fell due waits for each machine's first reading, this long at most


class Watch:
    """Readings against the register."""

    def __init__(
        self, books: Books, register: Register, docket: Docket, warner: Warner, availability: Availability
    ) -> None:
        self._books = books
        self._availability = availability
        self._register = register
        self._docket = docket
        self._warner = warner
        self._judged: dict[str, tuple[Reading, Machine, tuple[str, ...]]] = {}  # what a machine's last reading judges
        self._sights: dict[str, tuple[Stamp, Reading | None, Plant, Sight | None]] = {}  # with what it was made of
        self._outdated: defaultdict[str, set[str]] = defaultdict(set)  # machine → keys that run an outdated version
        for key, requirement in books.state.requirement.as_put.items():
            if isinstance(requirement, Requirement) and requirement.outdated_since is not None:
                self._outdated[requirement.machine].add(key)

    def look(self, machine: str) -> None:
        """Compare a machine's newest reading with everything required of it, and with what it showed before."""
        sight = self._sight(machine)
        if sight is None:
            return
        configured, reading, judged = sight
        for program in judged:
            key = register_key(machine, program)
            self._look_at(key, configured, reading)
            self._look_ahead(key, configured, reading)
        if judged or not _unreadable(reading):
            self._gone(machine, configured, reading, judged)

    def look_at(self, key: str) -> None:
        """Compare one register row with the newest reading, at once: when it was just changed, or fell due."""
        requirement = self._books.state.requirement.get(key)
        if requirement is None:
            return
        sight = self._sight(requirement.machine)
        if sight is not None:
            self._look_at(key, sight[0], sight[1])

    def look_at_changed(self, key: str, machine: str) -> None:
        """Do the same for a row that an ECN has just changed. One ECN changes thousands that no machine shows now: where
        nothing was shown, seen or told of a program before, there is nothing to say of it."""
        sight = self._sight(machine)
        if sight is None:
            return
        shown = sight[2]
        if not shown or key[len(machine) + 1 :] in shown or machine in self._books.cards_at:
            self._look_at(key, sight[0], sight[1])

    def obligation_due(self, obligation: Obligation) -> None:
        """Judge an obligation whose time has come; one that is not due yet comes up again."""
        books = self._books
        if (left := self._left(obligation)) > 0:
            books.schedule(books.now.boottime + left, Duty.OBLIGATION, obligation.id)
            return
        self.look_at(register_key(obligation.machine, obligation.program))
        current = books.state.obligation.get(obligation.id)
        if current is not None and current.verdict is Verdict.PENDING:
            self._judge_blind(current)

    def judge_what_waited(self, machine: str) -> None:
        """Judge what fell due before a machine's first reading since the start, of programs that it does not show, too."""
        for obligation in self._books.obligations_at(machine):
            if obligation.verdict is Verdict.PENDING and self._left(obligation) <= 0:
                self.obligation_due(obligation)

    def assessment(self, requirement: Requirement, machine: Machine, reading: Reading) -> Assessment:
        """Say what a reading shows of one requirement."""
        demand = requirement.demand
        judged = self._shown(machine, reading)
        if judged and demand.key not in judged:
            return NOT_LOADED
        binding = self._books.state.machine[machine.id].binding
        masters = self._availability.masters(machine, demand.key)
        found = assess(reading, machine, binding, demand, masters=masters)
        if found.comparison is Comparison.AHEAD:  # newer than required here, but perhaps released for another machine
            newest = self._register.newest(demand.key, demand.rule)
            found = assess(reading, machine, binding, demand, newest, masters)
        return found

    def _shown(self, machine: Machine, reading: Reading) -> tuple[str, ...]:
        """Return the programs that a reading judges; thousands of requirements may ask the same."""
        known = self._judged.get(machine.id)
        if known is None or known[0] is not reading or known[1] is not machine:
            known = reading, machine, judged_programs(reading, machine)
            self._judged[machine.id] = known
        return known[2]

    def _sight(self, machine: str) -> Sight | None:
        """Return what a machine shows now, None when nothing fresh does; thousands of requirements may ask the same."""
        books, reading, known = self._books, self._books.latest.get(machine), self._sights.get(machine)
        if known is None or known[0] is not books.now or known[1] is not reading or known[2] is not books.plant:
            known = books.now, reading, books.plant, self._seen(books.machine(machine), reading)
            self._sights[machine] = known
        return known[3]

    def _seen(self, machine: Machine | None, reading: Reading | None) -> Sight | None:
        if machine is None or reading is None or not is_fresh(reading, machine, self._books.now):
            return None
        return machine, reading, self._shown(machine, reading)

    def _left(self, obligation: Obligation) -> int:
        """Return the milliseconds until an obligation has to be looked at: its deadline, or its time after coming back.

        What fell due while the gateway was off waits for the machine's first reading.
        """
        books = self._books
        if obligation.verdict is Verdict.UNVERIFIABLE and obligation.returned is not None:
            return obligation.demand.limit - books.now.elapsed(obligation.returned)
        if obligation.verdict is not Verdict.PENDING:
            return 0
        left = obligation.due.remaining(books.now)
        if left <= 0 and obligation.machine not in books.latest:
            return START_GRACE - books.now.since(books.started)
        return left

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
            self._stop_outdated(key)
            reason = found.blind or Blind.NO_EXTRACTOR
            for obligation in self._books.obligations_on(key):
                self._docket.blind(obligation, reason, found, reading)
            self._warner.blind(self._books.state.requirement[key], found, reason)

    def _matched(self, requirement: Requirement, found: Assessment, reading: Reading) -> None:
        demand, at = requirement.demand, reading.at.utc
        if requirement.matched is None or abs(at - requirement.matched) >= MINUTE or not _quiet(requirement, found):
            self._keep(replace(requirement, matched=at, seen=found.seen, outdated_since=None, mismatch=False))
        if requirement.mismatch and requirement.baseline is not None:
            self._books.baselines.add(requirement.baseline)
        for obligation in self._books.obligations_on(requirement.key):
            if obligation.demand.same_need(demand):
                self._docket.match(obligation, found, reading)
        self._warner.met(self._books.state.requirement[requirement.key], found)

    def _wrong(self, requirement: Requirement, machine: Machine, found: Assessment, reading: Reading) -> None:
        key = requirement.key
        in_baseline = self._warner.in_baseline(requirement, found.seen)
        self._note_seen(requirement, found.seen, in_baseline)
        self._warner.evidenced(requirement)
        for obligation in self._books.obligations_on(key):
            self._docket.wrong(obligation, found, reading)
        if reading.running:
            self._run_outdated(key, found, reading)
        else:
            self._stop_outdated(key)
        if not in_baseline:
            early = found.comparison is Comparison.AHEAD or self._not_in_effect(key, machine, reading)
            self._warner.wrong(self._books.state.requirement[key], found, reading, early)

    def _note_seen(self, requirement: Requirement, seen: str | None, in_baseline: bool) -> None:
        if (requirement.seen, requirement.mismatch) != (seen, in_baseline):
            self._keep(replace(requirement, seen=seen, mismatch=in_baseline))
            if requirement.baseline is not None:
                self._books.baselines.add(requirement.baseline)

    def _look_ahead(self, key: str, machine: Machine, reading: Reading) -> None:
        """A program of an ECN not yet in effect, in production, where nothing is in force yet."""
        if self._books.state.requirement.get(key) is not None or not reading.running:
            return
        for demand in self._register.not_in_effect(key):
            found = assess(reading, machine, self._books.state.machine[machine.id].binding, demand)
            if found.matches:
                self._warner.ahead(
                    Requirement(machine.id, demand, since=self._books.state.ecn[demand.ecn].arrived), found
                )

    def _not_in_effect(self, key: str, machine: Machine, reading: Reading) -> bool:
        """Tell whether what is seen is the version of an ECN in work or waiting: proving it is no relapse."""
        binding = self._books.state.machine[machine.id].binding
        return any(assess(reading, machine, binding, d).matches for d in self._register.not_in_effect(key))

    def _run_outdated(self, key: str, found: Assessment, reading: Reading) -> None:
        requirement = self._books.state.requirement[key]
        if requirement.outdated_since is not None:
            return
        demand, machine = requirement.demand, requirement.machine
        self._books.emit(
            EventType.PROGRAM_OUTDATED_RUN,
            origin=machine,
            subject=machine,
            time=reading.at.utc,
            data={
                "machine": machine,
                "program": demand.program,
                "required": demand.version,
                "observed": found.seen,
                "comparison": found.comparison,
                "ecn": demand.ecn,
                "in_window": self._warner.in_window(requirement),
            },
            correlation=requirement.obligation,
        )
        self._keep(replace(requirement, outdated_since=reading.at.utc))

    def _stop_outdated(self, key: str) -> None:
        requirement = self._books.state.requirement.get(key)
        if requirement is not None and requirement.outdated_since is not None:
            self._keep(replace(requirement, outdated_since=None))

    def _judge_blind(self, obligation: Obligation) -> None:
        """Due, and no fresh reading at all."""
        kept = self._books.state.machine.get(obligation.machine)
        reason = Blind.STALE if kept is not None and kept.reachable else Blind.UNREACHABLE
        nothing = Assessment(None, reason)
        self._docket.blind(obligation, reason, nothing, self._books.latest.get(obligation.machine))
        requirement = self._books.state.requirement.get(register_key(obligation.machine, obligation.program))
        if requirement is not None:
            self._warner.blind(requirement, nothing, reason)

    def _gone(self, machine: str, configured: Machine, reading: Reading, judged: tuple[str, ...]) -> None:
        """What was shown and is not selected any more: a run ends, and what had to be seen is no longer seen."""
        self._warner.no_longer_selected(machine, judged)
        for program in self._warner.shown_ahead(machine):
            if not self._ahead(register_key(machine, program), configured, reading):
                self._warner.no_longer_ahead(machine, program)
        for key in sorted(self._outdated.get(machine, ())):
            if key.removeprefix(f"{machine}|") not in judged:
                self._stop_outdated(key)
                self._outdated[machine].discard(key)  # its row may be gone, too

    def _ahead(self, key: str, configured: Machine, reading: Reading) -> bool:
        requirement = self._books.state.requirement.get(key)
        if requirement is not None and self.assessment(requirement, configured, reading).comparison is Comparison.AHEAD:
            return True
        return self._not_in_effect(key, configured, reading)

    def _keep(self, requirement: Requirement) -> None:
        key, machine = requirement.key, requirement.machine
        self._books.state.requirement[key] = requirement
        self._books.touched.add(machine)
        if requirement.outdated_since is not None:
            self._outdated[machine].add(key)
        elif machine in self._outdated:
            self._outdated[machine].discard(key)


def _quiet(requirement: Requirement, found: Assessment) -> bool:
    """Tell whether nothing but the time of the last match would change."""
    return requirement.seen == found.seen and requirement.outdated_since is None and not requirement.mismatch


def _unreadable(reading: Reading) -> bool:
    return any(fault.field in NAMING for fault in reading.faults)
