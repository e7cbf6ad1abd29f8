"""The ledger: one signal in, what it means out. Pure: the same signals in the same order give the same events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.board import Board
from edge_bridge.domain.books import Books, Texts, no_texts
from edge_bridge.domain.card import Kind
from edge_bridge.domain.docket import Docket
from edge_bridge.domain.event import GATEWAY, EventType
from edge_bridge.domain.floor import Floor
from edge_bridge.domain.instant import MINUTE, SECOND, Milliseconds, Stamp, to_text
from edge_bridge.domain.intake import Intake
from edge_bridge.domain.plant import Plant
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.register import Register
from edge_bridge.domain.signal import (
    Acknowledge,
    AdapterBack,
    AdapterLost,
    EcnNotice,
    FileRejected,
    Incident,
    Remark,
    ScanDone,
    Signal,
    Tick,
    Waive,
)
from edge_bridge.domain.state import Known, MachineState, SourceState, State, Waiver, register_key
from edge_bridge.domain.watch import Watch

CLOCK = "clock"
STEP_TOLERANCE = 2 * SECOND


class Ledger:
    """State, plant and agenda, with the parts that write in them."""

    def __init__(
        self, state: State, plant: Plant, now: Stamp, new_id: Callable[[], str], texts: Texts = no_texts
    ) -> None:
        self.books = Books(state, plant, now, new_id, texts)
        self.board = Board(self.books)
        self.docket = Docket(self.books, self.board)
        self.register = Register(self.books, self.docket, self.board)
        self.watch = Watch(self.books, self.register, self.docket, self.board)
        self.floor = Floor(self.books, self.watch, self.board)
        self.intake = Intake(self.books, self.register, self.watch, self.board)
        self._anchor()
        self.configure(plant, now)
        self.board.arm()
        self.floor.arm()

    def apply(self, signal: Signal) -> str | None:
        """Take one signal in; what fell due before it comes first. Return why a command is refused, or None."""
        self.advance(signal.at)
        match signal:
            case Reading():
                self.floor.read(signal)
            case EcnNotice():
                self.intake.take(signal)
            case FileRejected():
                self.intake.reject(signal)
            case ScanDone():
                self.intake.scan_done(signal)
            case AdapterLost():
                self._lost(signal)
            case AdapterBack():
                self._back(signal)
            case Acknowledge():
                return self.board.acknowledge(signal)
            case Waive():
                return self._waive(signal)
            case Incident():
                self.board.raise_card(signal.origin, Kind(signal.kind), _about(signal), facts=dict(signal.facts))
            case Remark():
                self.books.emit(signal.event, origin=GATEWAY, subject=GATEWAY, data=dict(signal.facts))
            case Tick():
                pass
        return None

    def advance(self, now: Stamp) -> None:
        """Let time go on to this instant: note a clock step, and judge whatever has fallen due."""
        books = self.books
        if now.boot == books.now.boot and now.boottime < books.now.boottime:
            return  # a signal that waited while time went on: what it saw is older, what fell due stays judged
        self._note_step(books.now, now)
        books.now = now
        for duty, key in books.agenda.due(now):
            match duty:
                case Duty.OBLIGATION:
                    if (obligation := books.state.obligation.get(key)) is not None:
                        self.watch.obligation_due(obligation)
                case Duty.ECN:
                    self.intake.activate(key)
                case Duty.STALE:
                    self.floor.check_stale(key)
                case Duty.UNREACHABLE:
                    self.floor.check_unreachable(key)
                case Duty.CARD:
                    self.board.expire(key)

    def next_due(self) -> Milliseconds | None:
        """Return the boottime at which something falls due next, or None."""
        return self.books.agenda.next_due()

    def configure(self, plant: Plant, now: Stamp) -> None:
        """Take a configuration in: new machines, sources and routes start with a baseline, removed ones end."""
        books = self.books
        books.plant, books.now = plant, now
        first = {id_: MachineState(id_, now) for id_ in plant.machines if id_ not in books.state.machine}
        for id_, machine in first.items():
            books.state.machine[id_] = machine
        for id_ in plant.sources:
            if id_ not in books.state.source:
                books.state.source[id_] = SourceState(id_, now)
        new_route = False
        for route in plant.routes:
            key = f"route|{route.digest}"
            if key not in books.state.known:
                books.state.known[key] = Known(route.digest, now)
                new_route = True
        removed = [id_ for id_ in books.state.machine if id_ not in plant.machines]
        self.intake.reroute(removed, configured_anew=new_route or bool(first))
        for id_ in removed:
            self.board.clear_machine(id_, None)
            del books.state.machine[id_]
            books.latest.pop(id_, None)
            books.touched.add(id_)
        for id_ in [id_ for id_ in books.state.source if id_ not in plant.sources]:
            self.board.clear(id_, Kind.SOURCE_LOST)
        for id_ in plant.machines:
            self.watch.look(id_)

    def save(self) -> None:
        """Keep what is only in memory (each machine's last reading, the clock) before a stop."""
        self.floor.save()
        self.books.state.known[CLOCK] = Known(CLOCK, self.books.now)

    def _anchor(self) -> None:
        """Bring every deadline to this boot's clock. Time never went back: a clock behind the last record is wrong."""
        books = self.books
        last = books.state.known.get(CLOCK)
        utc = max(books.now.utc, last.configured.utc) if last else books.now.utc
        here = replace(books.now, utc=utc)
        for obligation in list(books.state.obligation.values()):
            due = obligation.due.anchored(here)
            if due is not obligation.due:
                books.state.obligation[obligation.id] = replace(obligation, due=due)
            books.schedule(due.boottime, Duty.OBLIGATION, obligation.id)
        books.state.known[CLOCK] = Known(CLOCK, here)

    def _note_step(self, before: Stamp, now: Stamp) -> None:
        """Tell a step of the wall clock, and remember the time every minute as a floor for the next boot."""
        books = self.books
        if before.boot == now.boot:
            delta = (now.utc - before.utc) - (now.boottime - before.boottime)
            if abs(delta) > STEP_TOLERANCE:
                data = {
                    "from": to_text(now.utc - delta),
                    "to": to_text(now.utc),
                    "delta_s": delta / 1000,
                    "synced": now.synced,
                }
                books.emit(EventType.CLOCK_STEP, origin=GATEWAY, subject=GATEWAY, data=data, time=now.utc)
        if (
            now.since(books.state.known[CLOCK].configured) >= MINUTE
            and books.state.known[CLOCK].configured.boot == now.boot
        ):
            books.state.known[CLOCK] = Known(CLOCK, now)

    def _lost(self, signal: AdapterLost) -> None:
        books = self.books
        if signal.adapter in books.state.machine:
            self.floor.lost(signal)
            return
        source = books.state.source.get(signal.adapter)
        if source is None or source.lost is not None:
            return
        books.state.source[source.id] = replace(source, lost=signal.at, error=signal.error)
        data = {"source": source.id, "since": to_text(signal.at.utc), "error": signal.error}
        told = books.emit(EventType.SOURCE_LOST, origin=source.id, subject=source.id, data=data)
        facts: dict[str, str | int | None] = {"since": to_text(signal.at.utc), "error": signal.error}
        self.board.raise_card(source.id, Kind.SOURCE_LOST, facts=facts, cause=told)

    def _back(self, signal: AdapterBack) -> None:
        books = self.books
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
        key = register_key(obligation.machine, obligation.program)
        requirement = books.state.requirement.get(key)
        if requirement is not None:
            waiver = Waiver(signal.by, signal.reason, signal.until)
            books.state.requirement[key] = replace(requirement, waiver=waiver)
        self.docket.end(obligation, f"waived by {signal.by}: {signal.reason}")
        self.board.clear_program(obligation.machine, obligation.program, None)
        return None


def _about(signal: Incident) -> str | None:
    """Return what makes two incidents of a kind one: the first fact."""
    return next(iter(signal.facts.values()), None)
