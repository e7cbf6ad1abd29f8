"""What `explain` finds in the database about a machine or an ECN: each requirement with both sides of the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from edge_bridge.cli.desk import Desk, instant
from edge_bridge.cli.identify import short_ids
from edge_bridge.control import NotRunning
from edge_bridge.domain.availability import Availability
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Card
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.evidence import Assessment, assess, bind, is_fresh, judged_programs
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.obligation import Obligation, Verdict
from edge_bridge.domain.plant import Machine
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import Demand, register_key
from edge_bridge.domain.state import MachineState, State
from edge_bridge.domain.version import Comparison
from edge_bridge.errors import ControlError
from edge_bridge.store import Snapshot

ORDER = ("red", "yellow", "green", "quiet")


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of a machine at this moment. why: the reason why its last reading says nothing of now, or ""."""

    machine: Machine | None
    kept: MachineState | None
    reading: Reading | None
    why: str
    judged: tuple[str, ...] = ()

    @property
    def fresh(self) -> bool:
        """Whether the reading is evidence now."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement, or one obligation that is no longer in force, as it stands.

    machine: its id. reason: what is seen now: match, older, other, ahead, edited, or why nothing is. colour: red, yellow,
    green or quiet. what: the state in one word, a key of the sentences. cards: open ones with their short ids, the worst
    first.
    """

    machine: str
    demand: Demand
    sight: Sight
    ecn: Ecn | None
    obligation: Obligation | None
    requirement: Requirement | None
    assessment: Assessment | None
    reason: str
    colour: str
    what: str
    cards: tuple[tuple[str, Card], ...] = ()


class Inquiry:
    """Reads one database for one question; the daemon is asked once how fresh the machines' readings are."""

    def __init__(self, desk: Desk, snapshot: Snapshot, looked: Reading | None = None) -> None:
        """Ask for what is kept. looked: a reading made this moment, which takes the place of the kept one."""
        self._desk = desk
        self._looked = looked
        self._snapshot = snapshot
        self._kept: Mapping[str, MachineState] = snapshot.rows("machine")
        cards: Iterable[Card] = snapshot.find("card", closed=False).values()
        self._cards = sorted(cards, key=lambda card: (not card.active, -card.severity.rank, card.raised.utc))
        self._shorts = short_ids(card.id for card in self._cards)
        self._ecns: dict[str, Ecn | None] = {}
        self._ledger: Ledger | None = None
        self.no_daemon: ControlError | None = None
        self._seen: dict[str, Milliseconds] = {}
        try:
            for one in desk.status()["machines"]:
                if (seen := instant(one["seen"])) is not None:
                    self._seen[one["machine"]] = seen
        except ControlError as error:
            self.no_daemon = error

    @property
    def running(self) -> bool:
        """Whether the daemon runs; one that does not answer may."""
        return not isinstance(self.no_daemon, NotRunning)

    def sight(self, machine_id: str) -> Sight:
        """Return what is known of a machine now."""
        machine, kept = self._desk.config.plant.machines.get(machine_id), self._kept.get(machine_id)
        if machine is not None and self._looked is not None and self._looked.machine == machine_id:
            return _as_looked(self._looked, machine, kept or MachineState(machine_id, self._desk.now))
        reading = self._reading(kept)
        why = self._why_blind(machine, kept, reading)
        judged = judged_programs(reading, machine) if reading and machine else ()
        return Sight(machine, kept, reading, why, judged)

    def machine(self, machine_id: str) -> list[Finding]:
        """Return every requirement on a machine, what matters now first."""
        sight = self.sight(machine_id)
        rows = self._snapshot.find("requirement", machine=machine_id).values()
        open_ones = self._snapshot.find("obligation", machine=machine_id, closed=False).values()
        by_key = {register_key(o.machine, o.program): o for o in open_ones}
        found = [self._finding(row, sight, row, by_key.get(row.key) or self._obligation(row)) for row in rows]
        return sorted(found, key=lambda one: (not self.selected(one), *_weight(one)))

    def ecn(self, number: str) -> list[Finding]:
        """Return everything that an ECN demands or demanded."""
        rows = {row.key: row for row in self._snapshot.find("requirement", ecn=number).values()}
        newest: dict[str, Obligation] = {}
        for duty in self._snapshot.find("obligation", ecn=number).values():
            newest[register_key(duty.machine, duty.program)] = duty
        found = []
        for key in dict.fromkeys((*rows, *newest)):
            row, obligation = rows.get(key), newest.get(key)
            one = row if row is not None else newest[key]
            found.append(self._finding(one, self.sight(one.machine), row, obligation))
        return sorted(found, key=_weight)

    def held(self, number: str) -> Ecn | None:
        """Return an ECN as it is held."""
        if number not in self._ecns:
            self._ecns[number] = self._snapshot.find("ecn", key=number).get(number)
        return self._ecns[number]

    def numbers(self) -> list[str]:
        """Return the numbers of all ECNs, the newest first."""
        return list(self._snapshot.rows("ecn"))[::-1]

    def in_force(self, key: str) -> Requirement | None:
        """Return what rules a program on a machine now, by register key."""
        found: Mapping[str, Requirement] = self._snapshot.find("requirement", key=key)
        return found.get(key)

    def cards_about(self, machine_id: str, program: str | None = None) -> tuple[tuple[str, Card], ...]:
        """Return the open cards about a program on a machine, or about the machine alone, with their short ids."""
        about = [card for card in self._cards if (card.machine, card.program) == (machine_id, program)]
        return tuple((self._shorts[card.id], card) for card in about)

    def selected(self, finding: Finding) -> bool:
        """Tell whether the program is one of those that are judged now."""
        return finding.demand.key in finding.sight.judged

    def _reading(self, kept: MachineState | None) -> Reading | None:
        """Return the last reading; one that says the same is only written down now and then, so the daemon says when."""
        if kept is None or kept.reading is None:
            return None
        seen, now = self._seen.get(kept.id), self._desk.now
        if seen is None or seen <= kept.reading.at.utc:
            return kept.reading
        return replace(kept.reading, at=replace(now, utc=seen, boottime=now.boottime - max(0, now.utc - seen)))

    def _why_blind(self, machine: Machine | None, kept: MachineState | None, reading: Reading | None) -> str:
        if machine is None:
            return "machine_removed"
        if kept is not None and kept.reachable is False:
            return "unreachable"
        if reading is None:
            return "never_seen"
        if self.no_daemon is not None:
            return "not_watched" if not self.running else "stale"
        # a reading may come after this command began: then the daemon's clock is a little ahead of ours
        now = Stamp(max(self._desk.now.utc, reading.at.utc), self._desk.now.boottime, self._desk.now.boot)
        later = replace(now, boottime=max(now.boottime, reading.at.boottime if reading.at.boot == now.boot else 0))
        return "" if is_fresh(reading, machine, later) else "stale"

    def _obligation(self, row: Requirement) -> Obligation | None:
        if row.obligation is None:
            return None
        found: Mapping[str, Obligation] = self._snapshot.find("obligation", key=row.obligation)
        return found.get(row.obligation)

    def _finding(
        self, one: Requirement | Obligation, sight: Sight, row: Requirement | None, obligation: Obligation | None
    ) -> Finding:
        machine, demand = one.machine, one.demand
        found = self._assessment(demand, sight)
        reason = sight.why or _reason(found)
        cards = self.cards_about(machine, demand.key)
        colour, what = standing(row, obligation, reason, self._desk.now, any(card.active for _, card in cards))
        ecn = self.held(demand.ecn)
        return Finding(machine, demand, sight, ecn, obligation, row, found, reason, colour, what, cards)

    def _assessment(self, demand: Demand, sight: Sight) -> Assessment | None:
        if sight.machine is None or sight.kept is None or sight.reading is None:
            return None
        masters = self._availability.masters(sight.machine, demand.key)
        found = assess(sight.reading, sight.machine, sight.kept.binding, demand, masters=masters)
        if found.comparison is Comparison.AHEAD:  # newer than required here, but perhaps released for another machine
            newest = self._register().register.newest(demand.key, demand.rule)
            found = assess(sight.reading, sight.machine, sight.kept.binding, demand, newest, masters)
        return found

    @cached_property
    def _availability(self) -> Availability:
        """What lies on the shares gives a digest its version."""
        rows = {"available": self._snapshot.rows("available")}
        return Availability(Books(State.of(rows), self._desk.config.plant, self._desk.now, lambda: ""))

    def _register(self) -> Ledger:
        """Return a ledger of its own, made once: only it knows what is released on other machines."""
        if self._ledger is None:
            rows: dict[str, Any] = {
                kind: self._snapshot.rows(kind) for kind in ("ecn", "requirement", "machine", "known")
            }
            self._ledger = Ledger(State.of(rows), self._desk.config.plant, self._desk.now, lambda: "")
        return self._ledger


def _as_looked(looked: Reading, machine: Machine, kept: MachineState) -> Sight:
    """Return what a look of our own shows: the daemon's memory tells whether a variable belongs to the program."""
    binding = bind(kept.binding, looked, machine, continuous=False)
    now = replace(kept, reachable=True, error="", reading=looked, binding=binding)
    return Sight(machine, now, looked, "", judged_programs(looked, machine))


def colour_of(findings: Iterable[Finding], blind: bool) -> str:
    """Return the worst colour; what nobody sees now is never green."""
    colours = {one.colour for one in findings}
    if "red" in colours:
        return "red"
    return "yellow" if blind or "yellow" in colours else "green"


def _reason(found: Assessment | None) -> str:
    if found is None:
        return "never_seen"
    if found.edited:
        return "edited"
    return str(found.comparison or found.blind or "no_extractor")


def standing(
    row: Requirement | None, obligation: Obligation | None, reason: str, now: Stamp, carded: bool
) -> tuple[str, str]:
    """Return colour and state: the table of what a person is told."""
    if row is None:
        return "quiet", "ended"
    verdict = obligation.verdict if obligation is not None and not obligation.closed else None
    in_time = verdict is Verdict.PENDING and obligation is not None and obligation.due.remaining(now) > 0
    if reason == "match":
        return "green", "match"
    if reason in ("older", "other", "ahead", "edited"):
        if row.waiver is not None and row.waiver.holds(now):
            return "yellow", "waived"
        wrong = carded or not in_time or row.demand.stop_at_release
        return ("red", "wrong") if wrong else ("yellow", "in_time")
    if verdict is Verdict.VIOLATED or carded:
        return "red", "was_wrong"
    if verdict is Verdict.PENDING:
        return "yellow", "pending" if in_time else "unverifiable"
    if verdict is Verdict.UNVERIFIABLE and reason != "not_loaded":
        return "yellow", "unverifiable"
    return ("quiet", "quiet") if reason == "not_loaded" else ("yellow", "unknown")


def _weight(finding: Finding) -> tuple[int, bool, int]:
    """Order by colour, open obligations first, the most urgent first."""
    obligation = finding.obligation
    is_open = obligation is not None and not obligation.closed
    return ORDER.index(finding.colour), not is_open, obligation.due.utc if obligation is not None else 0
