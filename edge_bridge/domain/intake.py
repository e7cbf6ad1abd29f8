"""Intake: from ECN files to the register. Identity is by content; only an explicit status withdraws."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.books import Books
from edge_bridge.domain.claims import KEYS_AT_ONCE
from edge_bridge.domain.dates import Timing, older_than, timing
from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.ecn import MOST_STEPS, Ecn, EcnDraft, Item, Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.first_scans import FirstScans
from edge_bridge.domain.instant import TimeQuality, to_text
from edge_bridge.domain.intake_cards import IntakeCards
from edge_bridge.domain.portions import finished
from edge_bridge.domain.register import Register
from edge_bridge.domain.routing import Demands, Unrouted, machine_of, route_held
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.domain.state import IN_DOUBT, FileMemory, file_key
from edge_bridge.domain.told import ecn_data
from edge_bridge.domain.watch import Watch


class Intake:
    """ECN sources on the books."""

    def __init__(self, books: Books, register: Register, watch: Watch, cards: IntakeCards, scans: FirstScans) -> None:
        self._books = books
        self._register = register
        self._watch = watch
        self._cards = cards
        self._scans = scans
        self._waiting: set[str] = set()  # ECNs that come into force later

    def take(self, notice: EcnNotice) -> Generator[None, None, None]:
        """Take a file in, in portions. What it says that is known already has no effect; the same bytes are not processed twice.

        Only the ECNs whose status word nobody knew or with a value in doubt, and files that could not be read before, are
        looked at again when the same bytes come again: the source's configuration was corrected.
        """
        if notice.source not in self._books.plant.sources:
            return  # a last file of a source that was just removed
        remembered = self._books.state.file.get(file_key(notice.source, notice.file))
        again = remembered if remembered is not None and remembered.sha256 == notice.sha256 else None
        first_read = again is None or bool(again.rejected)
        drafts = [d for d in notice.ecns if again is None or self._still_open(d, again)]
        if again is not None and not first_read and notice.mark != again.mark:
            again = self._remember(replace(again, mark=notice.mark))
        if not first_read and not drafts:
            return
        self._cards.words_known(notice.source, {d.status_word for d in drafts if d.status is not None})
        watched = self._watched(notice.source, again)
        for draft in drafts:
            if draft.status is not None:
                yield from self._apply(draft, notice, watched)
        unknown = {d.number: d.status_word for d in notice.ecns if d.status is None}
        unsettled = {d.number: IN_DOUBT for d in notice.ecns if any(item.doubt for item in d.items)} | unknown
        if again is None or first_read or unsettled != again.unknown:
            at = notice.at if again is None else again.at
            self._remember(FileMemory(notice.source, notice.file, notice.sha256, at, unsettled, mark=notice.mark))
        if first_read:
            self._cards.words_unknown(notice.source, unknown, notice.file)

    def reject(self, signal: FileRejected) -> None:
        """Say that a file cannot be read: an event and a one-shot card for each content."""
        remembered = self._books.state.file.get(file_key(signal.source, signal.file))
        known = remembered is not None and remembered.sha256 == signal.sha256
        if known or signal.source not in self._books.plant.sources:
            return
        self._remember(FileMemory(signal.source, signal.file, signal.sha256, signal.at, rejected=signal.reason))
        told = self._books.emit(
            EventType.ECN_REJECTED,
            origin=signal.source,
            subject=signal.source,
            data={"file": signal.file, "sha256": signal.sha256, "reason": signal.reason, "where": signal.where},
        )
        self._cards.rejected(signal, told)

    def scan_done(self, signal: ScanDone) -> None:
        """Close a source's first scan: its baseline is taken, and told once."""
        source = self._books.state.source.get(signal.source)
        if source is not None and signal.place not in ("", source.place):
            source = self._books.state.source[signal.source] = replace(source, place=signal.place)
        if source is None or source.scanned is not None:
            return
        self._books.state.source[signal.source] = replace(source, scanned=signal.at)
        filled = [r for r in self._books.state.requirement.values() if r.baseline == signal.source]
        told = self._books.emit(
            EventType.BASELINE_TAKEN,
            origin=signal.source,
            subject=signal.source,
            data={
                "source": signal.source,
                "files": signal.files,
                "ecns": self._scans.baseline(signal.source),
                "requirements": len(filled),
                "configured": to_text(source.configured.utc),
            },
        )
        self._cards.scan_complete(signal.source, told)
        self._books.baselines.add(signal.source)

    def activate(self, number: str) -> None:
        """Put an ECN into force whose effective date has come; one that must wait longer comes up again."""
        ecn = self._books.state.ecn.get(number)
        if ecn is None or not ecn.waiting:
            self._waiting.discard(number)
            return
        if self._effective(ecn).remaining(self._books.now) > 0:
            self.wait_for(ecn)
            return
        active = replace(ecn, waiting=False)
        self._books.state.ecn[number] = active
        self._waiting.discard(number)
        demands, _ = finished(route_held(ecn, self._books.plant))
        finished(self._register.claims.replace(ecn, demands, active, demands))
        finished(self._register.claims.decide())
        told = self._tell(EventType.ECN_CHANGED, active, demands)
        finished(self._refresh(demands, active, None, "superseded", told))

    def wait_for(self, ecn: Ecn) -> None:
        """Put the effective date of a waiting ECN on the agenda."""
        self._waiting.add(ecn.number)
        self._books.schedule(self._effective(ecn).boottime, Duty.ECN, ecn.number)

    def wait_again(self) -> None:
        """Put all effective dates on the agenda: the clock they were laid on was wrong."""
        for number in sorted(self._waiting):
            if (ecn := self._books.state.ecn[number]).waiting:
                self.wait_for(ecn)

    def _remember(self, memory: FileMemory) -> FileMemory:
        """Keep what is known of a file; return it."""
        key = file_key(memory.source, memory.file)
        self._books.state.file[key] = memory
        self._scans.note_file(key, memory)
        return memory

    def _still_open(self, draft: EcnDraft, memory: FileMemory) -> bool:
        """Tell whether an ECN of a known file was waiting to be understood, and nothing newer has come in meanwhile."""
        held = self._books.state.ecn.get(draft.number)
        newer = held is not None and held.arrived.since(memory.at) > 0
        return draft.status is not None and (bool(memory.rejected) or draft.number in memory.unknown) and not newer

    def _watched(self, source: str, again: FileMemory | None) -> bool:
        """Tell whether a file came after its source's first scan; one understood only now came when it came first."""
        scanned = self._books.state.source[source].scanned
        return scanned is not None and (again is None or again.at.since(scanned) > 0)

    def _apply(self, draft: EcnDraft, notice: EcnNotice, watched: bool) -> Generator[None, None, None]:
        """Take one ECN's new state in, unless it is the one that is held."""
        held = self._books.state.ecn.get(draft.number)
        draft, missing = _with_known_items(draft, held)
        if held is not None and held.draft.digest == draft.digest:
            self._note_stage(held, draft, notice)
            return
        ecn = self._ecn(draft, notice, held, watched)
        was_in_force = held is not None and held.status.in_force
        before, _ = ({}, None) if held is None else (yield from route_held(held, self._books.plant))
        self._books.state.ecn[draft.number] = ecn
        self._scans.note(ecn, held)
        demands, unrouted = yield from route_held(ecn, self._books.plant)
        yield
        yield from self._claim(held, before, ecn, demands)
        yield
        told = self._tell(_event_type(held, ecn), ecn, demands)
        if ecn.waiting:
            self.wait_for(ecn)
        baseline = notice.source if ecn.baseline else None
        reason = "superseded" if ecn.status.in_force else "withdrawn"
        yield from self._refresh(demands | before, ecn if ecn.status.in_force else None, baseline, reason, told)
        taken_over = _taken_over(held, ecn, before, demands)
        self._say(ecn, was_in_force, before, demands, unrouted + missing + taken_over, told)

    def _claim(self, held: Ecn | None, before: Demands, ecn: Ecn, demands: Demands) -> Generator[None, None, None]:
        """Let an ECN demand this instead of what it demanded before."""
        claims = self._register.claims
        if held is None:
            yield from claims.enter(ecn, demands)
        else:
            yield from claims.replace(held, before, ecn, demands)
        yield from claims.decide()

    def _say(
        self,
        ecn: Ecn,
        was_in_force: bool,
        before: Demands,
        demands: Demands,
        unrouted: list[Unrouted],
        cause: str,
    ) -> None:
        """Say what people must look at in what just came in."""
        if ecn.status.in_force and unrouted:
            self._cards.unrouted(ecn, unrouted, cause)
        else:
            self._cards.routed(ecn)
        if ecn.baseline:
            return  # it was so before anybody watched
        if was_in_force and not ecn.status.in_force:
            self._cards.withdrawn(ecn, cause)
        if ecn.suspect_time:
            self._cards.suspect_time(ecn, cause)
        if was_in_force and ecn.status.in_force:
            self._cards.changed(ecn, before, demands, cause)

    def _ecn(self, draft: EcnDraft, notice: EcnNotice, held: Ecn | None, watched: bool) -> Ecn:
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
            baseline=old and not watched,
            time_quality=str(dates.quality),
            suspect_time=dates.suspect and in_force,
            late_arrival=dates.late(notice.at.utc, self._books.plant.limit),
            **_way(held, draft, notice, dates),
        )

    def _effective(self, ecn: Ecn) -> Deadline:
        """Return when a waiting ECN comes into force."""
        assert ecn.release is not None
        return Deadline(ecn.release, ecn.arrived).anchored(self._books.anchor)

    def _refresh(
        self, keys: Iterable[str], applied: Ecn | None, baseline: str | None, reason: str, cause: str
    ) -> Generator[None, None, None]:
        """Bring the register up to date, and look at once at every machine that it concerns."""
        machines: dict[str, None] = {}
        for count, key in enumerate(keys, 1):
            if count % KEYS_AT_ONCE == 0:
                yield
            machine = machine_of(key)
            machines[machine] = None
            if self._register.refresh(key, applied, baseline, reason, cause):
                self._watch.look_at_changed(key, machine)
        for machine in machines:
            self._watch.look(machine)

    def _note_stage(self, held: Ecn, draft: EcnDraft, notice: EcnNotice) -> None:
        """Note on its way an ECN that is the same in all but its stage; one that came back to a stage did so again."""
        if draft.stage is None or draft.stage == held.draft.stage:
            return
        at = _reached(held, draft, notice)
        stages = held.stages | {draft.stage: held.stages.get(draft.stage, at)}
        told = replace(held.draft, stage=draft.stage, stage_date=draft.stage_date)
        steps = (*held.steps, (draft.stage, at))[-MOST_STEPS:]
        self._books.state.ecn[held.number] = replace(held, draft=told, stages=stages, steps=steps)

    def _tell(self, event: EventType, ecn: Ecn, demands: Demands) -> str:
        return self._books.emit(event, origin=ecn.source, subject=ecn.number, data=ecn_data(ecn, demands))


def _with_known_items(draft: EcnDraft, held: Ecn | None) -> tuple[EcnDraft, list[Unrouted]]:
    """Return an ECN whose items have not come with those that are known of it, and that they have not: a file that has gone,
    or comes late, takes back nothing."""
    if held is None or not held.draft.items or not draft.items or not all(item.missing for item in draft.items):
        return draft, []
    if all(item.missing for item in held.draft.items):
        return draft, []
    return replace(draft, items=held.draft.items), [Unrouted(draft.number, item, item.doubt) for item in draft.items]


def _taken_over(held: Ecn | None, ecn: Ecn, before: Demands, demands: Demands) -> list[Unrouted]:
    """Return an ECN of which another file takes back what the first one demands, where that is hardly a correction: it comes
    from another source, or has nothing in common with what was there. Two may share a number, or a file hold but one item."""
    if held is None or not held.status.in_force or ecn.baseline or not demands:
        return []
    if (held.source, held.file) == (ecn.source, ecn.file):
        return []
    gone = before.keys() - demands.keys()
    if not gone or (held.source == ecn.source and len(gone) < len(before)):
        return []
    reason = f"it was stated by {held.file} of {held.source} before, and what only that file demands no longer holds"
    return [Unrouted(ecn.number, Item(), reason)]


def _event_type(held: Ecn | None, ecn: Ecn) -> EventType:
    if held is None:
        return EventType.ECN_RECEIVED
    if held.status.in_force and not ecn.status.in_force:
        return EventType.ECN_WITHDRAWN
    return EventType.ECN_CHANGED


def _way(held: Ecn | None, draft: EcnDraft, notice: EcnNotice, dates: Timing) -> dict[str, Any]:
    """Return the stages with what this state adds: when each was first reached, which a new release starts anew; and the
    whole way, with every stage that it came back to."""
    stages = dict(held.stages) if held is not None else {}
    steps = held.steps if held is not None else ()
    if draft.status is Status.RELEASED and (held is None or not held.status.in_force):
        released = dates.release if dates.release is not None else notice.at.utc
        stages, steps = {"released": released}, (*steps, ("released", released))
    if draft.stage and draft.stage != "released" and (draft.stage not in stages or _moved(held, draft)):
        at = _reached(held, draft, notice)
        stages.setdefault(draft.stage, at)
        steps = (*steps, (draft.stage, at))
    return {"stages": stages, "steps": steps[-MOST_STEPS:]}


def _moved(held: Ecn | None, draft: EcnDraft) -> bool:
    return held is None or held.draft.stage != draft.stage


def _reached(held: Ecn | None, draft: EcnDraft, notice: EcnNotice) -> int:
    """Return when a stage was reached: as the file says where that can be, else when it was first seen here."""
    date, now = draft.stage_date, notice.at.utc
    if date is None or date.quality is not TimeQuality.INSTANT or date.utc > now:
        return now
    before = held.steps[-1][1] if held is not None and held.steps else date.utc
    return date.utc if date.utc >= before else now
