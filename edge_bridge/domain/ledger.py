"""The ledger: one signal in, what it means out. Pure: the same signals in the same order give the same events."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from itertools import islice

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.availability import Availability
from edge_bridge.domain.board import Board, Facts
from edge_bridge.domain.books import Books, Texts, no_texts
from edge_bridge.domain.card import Kind
from edge_bridge.domain.docket import Docket
from edge_bridge.domain.event import GATEWAY, EventType
from edge_bridge.domain.first_scans import FirstScans
from edge_bridge.domain.floor import Floor
from edge_bridge.domain.instant import Milliseconds, Stamp, to_text
from edge_bridge.domain.intake import Intake
from edge_bridge.domain.intake_cards import IntakeCards
from edge_bridge.domain.plant import Plant
from edge_bridge.domain.portions import finished
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.register import Register
from edge_bridge.domain.requirement import Waiver
from edge_bridge.domain.rerouting import Rerouting
from edge_bridge.domain.routing import register_key
from edge_bridge.domain.signal import (
    Acknowledge,
    AdapterBack,
    AdapterLost,
    EcnNotice,
    FileRejected,
    Incident,
    ProgramFound,
    ProgramGone,
    Remark,
    ScanDone,
    Signal,
    Tick,
    Waive,
)
from edge_bridge.domain.state import MachineState, SourceState, State
from edge_bridge.domain.timekeeper import Timekeeper
from edge_bridge.domain.warner import Warner
from edge_bridge.domain.watch import Watch


class Ledger:
    """State, plant and agenda, with the parts that write in them."""

    def __init__(
        self, state: State, plant: Plant, now: Stamp, new_id: Callable[[], str], texts: Texts = no_texts
    ) -> None:
        self.books = Books(state, plant, now, new_id, texts)
        self.doing: tuple[Duty, str] | None = None  # the duty at work: after an exception, the one that met it
        self.excused: frozenset[tuple[Duty, str]] = frozenset()  # duties that met a defect before: not tried again
        self.board = Board(self.books)
        self.availability = Availability(self.books)
        self.docket = Docket(self.books, self.board, self.availability)
        self.register = Register(self.books, self.docket, self.board)
        self.warner = Warner(self.books, self.board)
        self.watch = Watch(self.books, self.register, self.docket, self.warner, self.availability)
        self.floor = Floor(self.books, self.watch, self.docket, self.board)
        scans = FirstScans(self.books)
        self.cards = IntakeCards(self.books, self.board, scans)
        self.intake = Intake(self.books, self.register, self.watch, self.cards, scans)
        self.rerouting = Rerouting(self.books, self.register, self.intake, self.cards, scans)
        self.timekeeper = Timekeeper(self.books, self.floor, self.intake)
        self.timekeeper.start()
        self.configure(plant, now)
        self.board.arm()
        self.floor.arm()

    def apply(self, signal: Signal) -> str | None:
        """Take one signal in; what fell due before it comes first. Return why a command is refused, or None."""
        return finished(self.steps(signal))

    def steps(self, signal: Signal) -> Generator[None, None, str | None]:
        """Do the same with pauses, in which nothing may be asked of the ledger: only all of it makes sense."""
        self.advance(signal.at)
        if isinstance(signal, EcnNotice):
            yield from self.intake.take(signal)
            refused = None
        else:
            refused = self._take(signal)
        self._tell_gathered()
        return refused

    def _take(self, signal: Signal) -> str | None:
        match signal:
            case Reading():
                self.floor.read(signal)
            case FileRejected():
                self.intake.reject(signal)
            case ScanDone() if signal.source in self.books.plant.shares:
                self.availability.scan_done(signal)
            case ScanDone():
                self.intake.scan_done(signal)
            case ProgramFound():
                self.availability.found(signal)
            case ProgramGone():
                self.availability.gone(signal)
            case AdapterLost():
                self._lost(signal)
            case AdapterBack():
                self._back(signal)
            case Acknowledge():
                return self.board.acknowledge(signal)
            case Waive():
                return self._waive(signal)
            case Incident():
                machine = signal.origin if self.books.machine(signal.origin) is not None else None
                facts: Facts = {**signal.facts}
                self.board.raise_card(signal.origin, Kind(signal.kind), _about(signal), machine=machine, facts=facts)
            case Remark():
                self.books.emit(signal.event, origin=GATEWAY, subject=GATEWAY, data=dict(signal.facts))
            case Tick():
                pass
        return None

    def advance(self, now: Stamp, most: int | None = None) -> bool:
        """Let time go on to this instant: note a clock step, and judge what has fallen due.

        most: how many duties at the most; return whether none is left that is due.
        """
        books = self.books
        if now.boot == books.now.boot and now.boottime < books.now.boottime:
            return True  # a signal that waited while time went on: what it saw is older, what fell due stays judged
        self.timekeeper.go_on(now)
        for duty, key in islice(books.agenda.due(now), most):
            if (duty, key) not in self.excused:
                self.doing = (duty, key)
                self._do(duty, key)
                self.doing = None
        self._tell_gathered()
        due = books.agenda.next_due()
        return due is None or due > now.boottime

    def _do(self, duty: Duty, key: str) -> None:
        match duty:
            case Duty.OBLIGATION:
                if (obligation := self.books.state.obligation.get(key)) is not None:
                    self.watch.obligation_due(obligation)
            case Duty.ECN:
                self.intake.activate(key)
            case Duty.STALE:
                self.floor.check_stale(key)
            case Duty.UNREACHABLE:
                self.floor.check_unreachable(key)
            case Duty.CARD:
                self.board.expire(key)

    def _tell_gathered(self) -> None:
        """Show what is told once for everything that a signal brought."""
        if self.books.baselines:
            self.warner.tell_baselines()
        self.cards.tell_unrouted()

    def next_due(self) -> Milliseconds | None:
        """Return the boottime at which something falls due next, or None."""
        return self.books.agenda.next_due()

    def configure(self, plant: Plant, now: Stamp) -> None:
        """Take a configuration in: new machines, sources and routes start with a baseline, removed ones end."""
        books = self.books
        books.plant, books.now = plant, now
        for id_ in plant.machines:
            if id_ not in books.state.machine:
                books.state.machine[id_] = MachineState(id_, now)
        for id_ in plant.folders:
            if id_ not in books.state.source:
                books.state.source[id_] = SourceState(id_, now)
        self.availability.configure()
        removed = [id_ for id_ in books.state.machine if id_ not in plant.machines]
        self.rerouting.reroute(removed)
        for id_ in removed:
            self.board.clear_machine(id_, None)
            del books.state.machine[id_]
            books.latest.pop(id_, None)
            books.touched.add(id_)
        for source in [s for s in books.state.source.values() if s.id not in plant.folders and s.lost is not None]:
            books.state.source[source.id] = replace(source, lost=None, error="")
            self.board.clear(source.id, Kind.SOURCE_LOST)
        for id_ in plant.machines:
            self.watch.look(id_)
        self._tell_gathered()

    def save(self) -> None:
        """Keep what is only in memory (each machine's last reading, the clock) before a stop."""
        self.floor.save()
        self.timekeeper.record()

    def _lost(self, signal: AdapterLost) -> None:
        books = self.books
        if signal.adapter in books.state.machine:
            self.floor.lost(signal)
            return
        source = books.state.source.get(signal.adapter)
        if source is None or source.lost is not None or source.id not in books.plant.folders:
            return
        books.state.source[source.id] = replace(source, lost=signal.at, error=signal.error)
        data = {"source": source.id, "since": to_text(signal.at.utc), "error": signal.error}
        told = books.emit(EventType.SOURCE_LOST, origin=source.id, subject=source.id, data=data)
        facts: dict[str, str | int | None] = {"since": to_text(signal.at.utc), "error": signal.error}
        self.board.raise_card(source.id, Kind.SOURCE_LOST, facts=facts, cause=told)

    def _back(self, signal: AdapterBack) -> None:
        books = self.books
        self.availability.connected(signal.adapter)
        source = books.state.source.get(signal.adapter)
        if source is None or source.lost is None:
            return
        books.state.source[source.id] = replace(source, lost=None, error="")
        data = {"source": source.id, "since": to_text(signal.at.utc), "error": ""}
        told = books.emit(EventType.SOURCE_BACK, origin=source.id, subject=source.id, data=data)
        self.board.clear(source.id, Kind.SOURCE_LOST, cause=told)
        for machine in books.plant.machines:
            self.watch.look(machine)

    def _waive(self, signal: Waive) -> str | None:
        """Exclude an obligation by name: who, why, until when."""
        books = self.books
        obligation = books.state.obligation.get(signal.obligation)
        if obligation is None:
            return "no open obligation has this id: it is closed, or never was"
        if not signal.by.strip() or not signal.reason.strip():
            return "a waiver needs a person and a reason"
        if signal.until is not None and signal.until <= books.now.utc:
            return "the waiver would end in the past"
        key = register_key(obligation.machine, obligation.program)
        requirement = books.state.requirement.get(key)
        if requirement is not None:
            waiver = Waiver(signal.by, signal.reason, signal.until)
            books.state.requirement[key] = replace(requirement, waiver=waiver)
        until = f" until {to_text(signal.until)}" if signal.until is not None else ""
        self.docket.end(obligation, f"waived by {signal.by}{until}: {signal.reason}")
        self.board.clear_program(obligation.machine, obligation.program, None)
        return None


def _about(signal: Incident) -> str | None:
    """Return what makes two incidents of a kind one: the first fact."""
    return next(iter(signal.facts.values()), None)
