"""Intake: from ECN files to the register. Identity is by content; only an explicit status withdraws."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.board import Board
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind
from edge_bridge.domain.dates import Timing, older_than, timing
from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.ecn import Ecn, EcnDraft, Status
from edge_bridge.domain.event import GATEWAY, EventType
from edge_bridge.domain.instant import to_text
from edge_bridge.domain.register import Register
from edge_bridge.domain.routing import Demand, Unrouted, route
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.domain.state import FileMemory, register_key
from edge_bridge.domain.told import ecn_data
from edge_bridge.domain.watch import Watch


class Intake:
    """ECN sources on the books."""

    def __init__(self, books: Books, register: Register, watch: Watch, board: Board) -> None:
        self._books = books
        self._register = register
        self._watch = watch
        self._board = board
        self._unrouted_in_scan: dict[str, list[str]] = {}

    def take(self, notice: EcnNotice) -> None:
        """Take a file in. What it says that is known already has no effect; the same bytes are not processed twice."""
        memory_key = f"{notice.source}|{notice.file}"
        remembered = self._books.state.file.get(memory_key)
        if remembered is not None and remembered.sha256 == notice.sha256:
            return
        understood = True
        for draft in notice.ecns:
            if draft.status is None:
                self._unknown_status(draft, notice)
                understood = False
            else:
                self._board.clear(notice.source, Kind.UNKNOWN_STATUS, draft.status_word)  # the word was added
                self._apply(draft, notice)
        if understood:  # else it is read again when the word was added
            self._books.state.file[memory_key] = FileMemory(notice.source, notice.file, notice.sha256, notice.at)

    def reject(self, signal: FileRejected) -> None:
        """Say that a file cannot be read: an event and a one-shot card for each content."""
        memory_key = f"{signal.source}|{signal.file}"
        remembered = self._books.state.file.get(memory_key)
        if remembered is not None and remembered.sha256 == signal.sha256:
            return
        self._books.state.file[memory_key] = FileMemory(signal.source, signal.file, signal.sha256, signal.at)
        told = self._books.emit(
            EventType.ECN_REJECTED,
            origin=signal.source,
            subject=signal.source,
            data={"file": signal.file, "sha256": signal.sha256, "reason": signal.reason, "where": signal.where},
        )
        facts: dict[str, str | int | None] = {"file": signal.file, "reason": signal.reason, "where": signal.where}
        self._board.raise_card(
            signal.source, Kind.ECN_REJECTED, signal.file, seen=signal.sha256, facts=facts, cause=told
        )

    def scan_done(self, signal: ScanDone) -> None:
        """Close a source's first scan: its baseline is taken, and told once."""
        source = self._books.state.source[signal.source]
        if source.scanned is not None:
            return
        self._books.state.source[signal.source] = replace(source, scanned=signal.at)
        filled = [r for r in self._books.state.requirement.values() if r.baseline == signal.source]
        old = [ecn for ecn in self._books.state.ecn.values() if ecn.source == signal.source and ecn.baseline]
        told = self._books.emit(
            EventType.BASELINE_TAKEN,
            origin=signal.source,
            subject=signal.source,
            data={
                "source": signal.source,
                "files": signal.files,
                "ecns": len(old),
                "requirements": len(filled),
                "configured": to_text(source.configured.utc),
            },
        )
        if unrouted := self._unrouted_in_scan.pop(signal.source, None):
            self._unrouted_card(signal.source, unrouted, "found in the first scan", told)
        self._watch.baseline_complete(signal.source)

    def activate(self, number: str) -> None:
        """Put an ECN into force whose effective date has come; one that must wait longer comes up again."""
        ecn = self._books.state.ecn.get(number)
        if ecn is None or not ecn.waiting:
            return
        if self._effective(ecn).remaining(self._books.now) > 0:
            self._await(ecn)
            return
        active = replace(ecn, waiting=False)
        self._books.state.ecn[number] = active
        told = self._tell(EventType.ECN_CHANGED, active, None)
        self._refresh(self._keys(number), active, None, "superseded", told)

    def reroute(self, removed: Iterable[str], configured_anew: bool) -> None:
        """Route every ECN anew after a start or a change of configuration; what is old fills the register only."""
        gone = set(removed)
        for ecn in list(self._books.state.ecn.values()):
            demands, unrouted = self._route(ecn)
            self._register.replace_demands(ecn.number, demands)
            if configured_anew and ecn.status.in_force and not unrouted:
                self._forget_unrouted(ecn)
            if ecn.waiting:
                self._await(ecn)
        for key in sorted(self._register.keys()):
            head = self._register.head(key)
            baseline = self._rerouted_baseline(head[0], head[1]) if head else None
            applied = head[0] if head and baseline is None else None
            reason = "machine_removed" if key.split("|", 1)[0] in gone else "rerouted"
            changed = self._register.refresh(key, applied, baseline, reason, None)
            if changed and baseline is not None and head is not None:
                self._pend_baseline(head[1].machine)

    def _apply(self, draft: EcnDraft, notice: EcnNotice) -> None:
        """Take one ECN's new state in, unless it is the one that is held."""
        held = self._books.state.ecn.get(draft.number)
        if held is not None and held.draft.digest == draft.digest:
            self._note_stage(held, draft, notice)
            return
        ecn = self._ecn(draft, notice, held)
        was_in_force = held is not None and held.status.in_force
        before = self._register.demands_of(draft.number)
        self._books.state.ecn[draft.number] = ecn
        demands, unrouted = self._route(ecn)
        keys = self._register.replace_demands(draft.number, demands)
        told = self._tell(_event_type(held, ecn), ecn, demands)
        if ecn.waiting:
            self._await(ecn)
        baseline = notice.source if ecn.baseline else None
        reason = "superseded" if ecn.status.in_force else "withdrawn"
        self._refresh(sorted(keys), ecn if ecn.status.in_force else None, baseline, reason, told)
        self._intake_cards(ecn, was_in_force, before, demands, unrouted, told)

    def _effective(self, ecn: Ecn) -> Deadline:
        """Return when a waiting ECN comes into force."""
        assert ecn.release is not None
        return Deadline(ecn.release, ecn.arrived).anchored(self._books.now)

    def _await(self, ecn: Ecn) -> None:
        self._books.schedule(self._effective(ecn).boottime, Duty.ECN, ecn.number)

    def _ecn(self, draft: EcnDraft, notice: EcnNotice, held: Ecn | None) -> Ecn:
        dates = timing(draft, notice.at.utc, self._books.plant)
        source = self._books.state.source[notice.source]
        old = older_than(draft, source.configured.utc - self._books.plant.limit)
        in_force = draft.status is not None and draft.status.in_force
        return Ecn(
            draft=draft,
            source=notice.source,
            file=notice.file,
            sha256=notice.sha256,
            arrived=notice.at,
            release=dates.release,
            waiting=in_force and dates.waits_until is not None,
            skew=dates.skew,
            baseline=source.scanned is None and old,
            time_quality=str(dates.quality),
            suspect_time=dates.suspect and in_force,
            late_arrival=dates.late(notice.at.utc, self._books.plant.limit),
            stages=_stages(held, draft, notice, dates),
        )

    def _route(self, ecn: Ecn) -> tuple[list[Demand], list[Unrouted]]:
        return ([], []) if ecn.status is Status.WITHDRAWN else route(ecn.draft, self._books.plant)

    def _refresh(self, keys: Iterable[str], applied: Ecn | None, baseline: str | None, reason: str, cause: str) -> None:
        for key in keys:
            if self._register.refresh(key, applied, baseline, reason, cause):
                if baseline is not None:
                    self._pend_baseline(key.split("|", 1)[0])
                self._watch.look_at(key)

    def _intake_cards(
        self,
        ecn: Ecn,
        was_in_force: bool,
        before: list[Demand],
        demands: list[Demand],
        unrouted: list[Unrouted],
        cause: str,
    ) -> None:
        """Say what people must look at in what just came in."""
        number, origin = ecn.number, ecn.source
        facts: dict[str, str | int | None] = {"ecn": number, "file": ecn.file, "status": str(ecn.status)}
        if was_in_force and not ecn.status.in_force:
            self._board.raise_card(
                origin, Kind.WITHDRAWN_AFTER_RELEASE, number, ecns=[number], facts=facts, cause=cause
            )
        if ecn.suspect_time and not ecn.baseline:
            released = ecn.draft.released
            facts |= {"released": to_text(released.utc) if released else None}
            self._board.raise_card(origin, Kind.SUSPECT_TIME, number, ecns=[number], facts=facts, cause=cause)
        if was_in_force and ecn.status.in_force and (silent := _changed_without_revision(before, demands)):
            facts |= {"programs": ", ".join(sorted({d.program for d in silent}))}
            kind = Kind.CHANGED_WITHOUT_REVISION
            self._board.raise_card(origin, kind, number, ecns=[number], seen=ecn.sha256, facts=facts, cause=cause)
        if unrouted and ecn.status.in_force:
            self._unrouted(ecn, unrouted, cause)

    def _unrouted(self, ecn: Ecn, unrouted: list[Unrouted], cause: str) -> None:
        told = self._books.emit(
            EventType.ECN_UNROUTED,
            origin=ecn.source,
            subject=ecn.number,
            data={
                "ecn": ecn.number,
                "file": ecn.file,
                "items": [{"part": u.item.part, "row": u.item.row, "reason": u.reason} for u in unrouted],
            },
            causation=cause,
        )
        if self._books.state.source[ecn.source].scanned is None:
            self._unrouted_in_scan.setdefault(ecn.source, []).append(ecn.number)
            return
        reasons = "; ".join(dict.fromkeys(f"{u.item.part or u.item.program or '?'}: {u.reason}" for u in unrouted))
        self._unrouted_card(ecn.source, [ecn.number], reasons, told)

    def _unrouted_card(self, source: str, ecns: list[str], reason: str, cause: str) -> None:
        facts: dict[str, str | int | None] = {"count": len(ecns), "reason": reason, "ecn": ecns[-1]}
        self._board.raise_card(source, Kind.UNROUTED, ecns=ecns, facts=facts, cause=cause)

    def _forget_unrouted(self, ecn: Ecn) -> None:
        """Clear the card when a route was added for the last ECN on it."""
        card = self._board.find(ecn.source, Kind.UNROUTED)
        if card is None or not card.active:
            return
        missing = [n for n in card.ecns if (held := self._books.state.ecn.get(n)) and self._route(held)[1]]
        if not missing:
            self._board.clear(ecn.source, Kind.UNROUTED)

    def _unknown_status(self, draft: EcnDraft, notice: EcnNotice) -> None:
        facts: dict[str, str | int | None] = {"word": draft.status_word, "ecn": draft.number, "file": notice.file}
        self._board.raise_card(notice.source, Kind.UNKNOWN_STATUS, draft.status_word, ecns=[draft.number], facts=facts)

    def _note_stage(self, held: Ecn, draft: EcnDraft, notice: EcnNotice) -> None:
        if draft.stage and draft.stage not in held.stages:
            stages = {**held.stages, draft.stage: notice.at.utc}
            self._books.state.ecn[held.number] = replace(held, stages=stages)

    def _rerouted_baseline(self, ecn: Ecn, demand: Demand) -> str | None:
        """Return the origin whose baseline a requirement belongs to when it comes by configuration, not by a file."""
        books = self._books
        key = register_key(demand.machine, demand.key)
        row = books.state.requirement.get(key)
        if row is not None and row.demand.ecn == ecn.number and row.demand.same_need(demand):
            return row.baseline
        configured = [books.state.machine[demand.machine].configured.utc]
        if demand.route and (known := books.state.known.get(f"route|{demand.route}")):
            configured.append(known.configured.utc)
        released = ecn.release if ecn.release is not None else ecn.arrived.utc
        old = ecn.baseline or released < max(configured) - books.plant.limit
        return GATEWAY if old else None

    def _pend_baseline(self, machine: str) -> None:
        kept = self._books.state.machine.get(machine)
        if kept is not None and not kept.baseline_pending:
            self._books.state.machine[machine] = replace(kept, baseline_pending=True, view=None)

    def _keys(self, number: str) -> list[str]:
        return [register_key(d.machine, d.key) for d in self._register.demands_of(number)]

    def _tell(self, event: EventType, ecn: Ecn, demands: list[Demand] | None) -> str:
        data = ecn_data(ecn, demands if demands is not None else self._register.demands_of(ecn.number))
        return self._books.emit(event, origin=ecn.source, subject=ecn.number, data=data)


def _event_type(held: Ecn | None, ecn: Ecn) -> EventType:
    if held is None:
        return EventType.ECN_RECEIVED
    if held.status.in_force and not ecn.status.in_force:
        return EventType.ECN_WITHDRAWN
    return EventType.ECN_CHANGED


def _stages(held: Ecn | None, draft: EcnDraft, notice: EcnNotice, dates: Timing) -> dict[str, int]:
    """Return the stage history with what this state adds: when each stage was first seen."""
    stages = dict(held.stages) if held is not None else {}
    if draft.status is Status.RELEASED:
        stages.setdefault("released", dates.release if dates.release is not None else notice.at.utc)
    if draft.stage:
        stages.setdefault(draft.stage, notice.at.utc)
    return stages


def _changed_without_revision(before: list[Demand], now: list[Demand]) -> list[Demand]:
    """Return the demands with the same required version as before, but another digest or drawing content."""
    earlier = {(d.machine, d.key, d.version): d for d in before}
    return [
        demand
        for demand in now
        if (old := earlier.get((demand.machine, demand.key, demand.version)))
        and (old.sha256, old.drawing, old.revision) != (demand.sha256, demand.drawing, demand.revision)
    ]
