"""The docket of obligations: opened with the register, moved by the table, told with both sides of the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.availability import STAGE, Availability
from edge_bridge.domain.board import Board, demand_facts
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind
from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.event import Event, EventType
from edge_bridge.domain.evidence import Assessment, Blind, machine_side
from edge_bridge.domain.instant import Milliseconds, Stamp, to_text
from edge_bridge.domain.obligation import Obligation, Trigger, Verdict, step
from edge_bridge.domain.opening import Opened, Opening
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.routing import Demand, register_key
from edge_bridge.domain.series import Series
from edge_bridge.domain.state import MachineState
from edge_bridge.domain.told_obligation import ObligationTold
from edge_bridge.domain.version import Comparison

OLD = (Comparison.OLDER, Comparison.OTHER)


class Docket:
    """Obligations on the books."""

    def __init__(self, books: Books, board: Board, availability: Availability) -> None:
        self._books = books
        self._board = board
        self._availability = availability
        self._ids = Series(books.new_id)
        self._newest: tuple[Ecn, tuple[object, ...], Opening] | None = None  # with what it was made of

    def open(self, on: str, demand: Demand, ecn: Ecn, unmet_since: Milliseconds | None, cause: str | None) -> Opened:
        """Open an obligation: due = max(release, arrival) + limit, fixed from now on. One ECN may open 100 000.

        on: the machine. unmet_since: since when the program has been wrong, if it was required before.
        """
        books, now = self._books, self._books.now
        machine, kept = books.plant.machines.get(on), books.state.machine.get(on)
        if unmet_since is None:
            unmet_since = ecn.arrived.utc if ecn.release is None else ecn.release
        exposed = _ran_old(kept, demand, unmet_since, now.utc) if kept is not None and kept.runs else 0
        opening = self._opening(ecn, demand.limit, unmet_since, exposed, self._availability.since(on, demand))
        identity, told = self._ids.two(now)
        opened = Opened(opening, identity, on, demand, machine.area if machine else "", told)
        fact = ObligationTold(opened)
        books.events.append(Event(told, EventType.OBLIGATION_OPENED, on, on, now.utc, fact, identity, cause))
        books.open_obligation(opened)
        books.agenda.add(opening.due.boottime, Duty.OBLIGATION, identity)
        if kept is not None and kept.reachable is False:
            books.schedule(now.boottime, Duty.UNREACHABLE, on)  # now it matters
        return opened

    def _opening(
        self,
        ecn: Ecn,
        limit: Milliseconds,
        unmet_since: Milliseconds,
        exposed: Milliseconds,
        ready: Milliseconds | None,
    ) -> Opening:
        """Return what an obligation has in common with those that are opened with it: one object, as far as they are alike."""
        now, newest = self._books.now, self._newest
        made_of = now, limit, unmet_since, exposed, ready
        if newest is not None and newest[0] is ecn and newest[1] == made_of:
            return newest[2]
        release, arrived = ecn.release, ecn.arrived
        t0 = arrived.utc if release is None else max(release, arrived.utc)
        opening = Opening(
            source=ecn.source,
            file=ecn.file,
            sha256=ecn.sha256,
            arrived=arrived,
            t0=t0,
            due=Deadline(t0 + limit, arrived).anchored(now),
            unmet_since=unmet_since,
            release=release,
            time_quality=ecn.time_quality,
            late_arrival=ecn.late_arrival,
            exposure=exposed,
            counted=now.utc if exposed else None,
            stages=ecn.stages if ready is None else ecn.stages | {STAGE: ready},
            since=now,
        )
        self._newest = ecn, made_of, opening
        return opening

    def match(self, obligation: Obligation, assessment: Assessment, reading: Reading) -> None:
        """Say that fresh evidence shows the required program.

        A match first seen after the deadline, when nothing had judged the obligation at its time (the gateway was off),
        gives neither credit nor blame, unless the evidence itself proves when the program came.
        """
        left = obligation.due.remaining(reading.at)
        if obligation.verdict is Verdict.PENDING and left < 0:
            if (proven := _proven(obligation, assessment)) is not None:
                obligation, left = replace(obligation, inferred=True), proven
            else:
                obligation = self.move(obligation, Trigger.DUE_BLIND, Blind.GATEWAY_DOWN, None, None)
        release_left = None if obligation.release is None else left + obligation.release - obligation.t0
        observed = replace(
            obligation,
            confirmed_at=reading.at.utc if obligation.verdict is Verdict.UNVERIFIABLE else None,
            within_release_limit=None if release_left is None else release_left >= 0,
        )
        self.move(observed, Trigger.MATCHED, observed.reason if observed.confirmed_at else "", assessment, reading)

    def wrong(self, obligation: Obligation, assessment: Assessment, reading: Reading) -> None:
        """Say that fresh evidence shows another version."""
        now = self._books.now
        if obligation.verdict is Verdict.PENDING and obligation.due.remaining(now) <= 0:
            moved = self.move(obligation, Trigger.DUE_WRONG, str(assessment.comparison), assessment, reading)
            self._overdue(moved)
        elif obligation.verdict is Verdict.UNVERIFIABLE and obligation.returned is None:
            self._books.put_obligation(replace(obligation, returned=reading.at))
            self._books.schedule(reading.at.boottime + obligation.demand.limit, Duty.OBLIGATION, obligation.id)
        elif obligation.verdict is Verdict.UNVERIFIABLE and self._had_its_time(obligation, now):
            moved = self.move(obligation, Trigger.STILL_WRONG, str(assessment.comparison), assessment, reading)
            self._overdue(moved)

    def blind(self, obligation: Obligation, reason: Blind, found: Assessment, reading: Reading | None) -> None:
        """Say at the deadline that nothing shows this program's version; a value that does not fit is shown."""
        if obligation.verdict is Verdict.PENDING and obligation.due.remaining(self._books.now) <= 0:
            self.move(obligation, Trigger.DUE_BLIND, reason, found, reading)

    def count_exposure(self, machine: str) -> None:
        """Add up the exposure so far of what is open on a machine, before its older runs are forgotten."""
        now = self._books.now
        for obligation in self._books.obligations_at(machine):
            counted = replace(obligation, exposure=self._exposure(obligation, now), counted=now.utc)
            self._books.put_obligation(counted)

    def end(self, obligation: Obligation, reason: str, cause: str | None = None) -> None:
        """Withdraw, supersede, waive or remove."""
        self.move(obligation, Trigger.ENDED, reason, None, None, cause)

    def move(
        self,
        obligation: Obligation,
        trigger: Trigger,
        reason: str,
        assessment: Assessment | None,
        reading: Reading | None,
        cause: str | None = None,
    ) -> Obligation:
        """Apply one trigger by the table and tell what changed; return the obligation as it is now."""
        arrow = step(obligation.verdict, obligation.closed, trigger)
        if arrow is None:
            return obligation
        verdict, closed = arrow
        at = reading.at if reading is not None and trigger is Trigger.MATCHED else self._books.now
        changed = verdict is not obligation.verdict
        moved = replace(
            obligation,
            verdict=verdict,
            closed=closed,
            reason=reason if changed or trigger is Trigger.MATCHED else obligation.reason,
            ended=reason if trigger is Trigger.ENDED else "",
            decided=max(at.utc, obligation.t0) if changed else obligation.decided,
            observed=assessment.seen if assessment else obligation.observed,
            evidence=machine_side(reading, assessment.evidence if assessment else None) or obligation.evidence,
            lateness=max(0, -obligation.due.remaining(at)) if verdict is Verdict.LATE else obligation.lateness,
            exposure=self._exposure(obligation, at),
            counted=at.utc,
            within_release_limit=self._within_release_limit(obligation, verdict),
            stages=self._stages(obligation, trigger, at),
        )
        if changed:
            revised = None if obligation.verdict is Verdict.PENDING else obligation.last_event
            moved = self._tell(moved, EventType.OBLIGATION_VERDICT, cause, revised)
        if closed:
            moved = self._tell(moved, EventType.OBLIGATION_CLOSED, moved.last_event if changed else cause)
        return moved

    @staticmethod
    def _within_release_limit(obligation: Obligation, verdict: Verdict) -> bool | None:
        """What was not there when it fell due was not there in time after its release either."""
        if verdict is Verdict.VIOLATED and obligation.release is not None:
            return False
        return obligation.within_release_limit

    def _stages(self, obligation: Obligation, trigger: Trigger, at: Stamp) -> dict[str, int]:
        """Return the ECN's stages as they are known by now; the last one is the program on the machine."""
        ecn = self._books.state.ecn.get(obligation.ecn)
        stages = obligation.stages | (ecn.stages if ecn is not None else {})
        return stages | {"loaded": max(at.utc, obligation.t0)} if trigger is Trigger.MATCHED else stages

    @staticmethod
    def _had_its_time(obligation: Obligation, now: Stamp) -> bool:
        return obligation.returned is not None and now.elapsed(obligation.returned) >= obligation.demand.limit

    def _overdue(self, obligation: Obligation) -> None:
        demand, machine = obligation.demand, obligation.machine
        self._board.raise_card(
            machine,
            Kind.OVERDUE,
            demand.key,
            machine=machine,
            program=demand.key,
            ecns=[demand.ecn],
            seen=obligation.observed,
            facts={
                **demand_facts(demand),
                "seen": obligation.observed,
                "since": to_text(obligation.unmet_since),
                "due": to_text(obligation.due.utc),
                "stage": _last_stage(obligation.stages),
            },
            cause=obligation.last_event,
        )

    def _exposure(self, obligation: Obligation, until: Stamp) -> Milliseconds:
        """Add up how long the machine ran an old version of this program since it was to change."""
        kept = self._books.state.machine.get(obligation.machine)
        start = obligation.unmet_since if obligation.counted is None else obligation.counted
        return obligation.exposure + (_ran_old(kept, obligation.demand, start, until.utc) if kept else 0)

    def _tell(
        self, obligation: Obligation, event: EventType, cause: str | None, revises: str | None = None
    ) -> Obligation:
        told = self._books.emit(
            event,
            origin=obligation.machine,
            subject=obligation.machine,
            data=ObligationTold(obligation, revises),
            correlation=obligation.id,
            causation=cause or obligation.last_event,
        )
        kept = replace(obligation, last_event=told)
        self._books.put_obligation(kept)
        key = register_key(kept.machine, kept.program)
        requirement = self._books.state.requirement.get(key)
        if requirement is not None and requirement.demand.ecn == kept.ecn:
            self._books.state.requirement[key] = replace(
                requirement, verdict=str(kept.verdict), due=kept.due.utc, obligation=kept.id
            )
        return kept


def _last_stage(stages: Mapping[str, Milliseconds]) -> str | None:
    """Return the stage that was reached last; of several at one time the one that was told last."""
    return max(reversed(list(stages)), key=lambda stage: stages[stage], default=None)


def _ran_old(kept: MachineState, demand: Demand, start: Milliseconds, until: Milliseconds) -> Milliseconds:
    """Return how long a machine ran another version of the program than the one demanded, between two instants."""
    total = 0
    for run in kept.runs:
        if run.program != demand.key or run.version is None or demand.version is None:
            continue
        if demand.rule.compare(run.version, demand.version) in OLD:
            total += max(0, (until if run.until is None else run.until) - max(run.since, start))
    return total


def _proven(obligation: Obligation, assessment: Assessment) -> Milliseconds | None:
    """Return how long before the deadline the evidence proves the program to have been there, if it does."""
    evidence = assessment.evidence
    if evidence is None or not evidence.trusted_time or evidence.source_time is None:
        return None
    left = obligation.due.utc - evidence.source_time
    return left if left >= 0 else None
