"""A small plant for tests of the ledger: its clock, its disk, and short words for notices, readings and restarts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from edge_bridge.domain.card import Card, Kind
from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.domain.event import Event, EventType
from edge_bridge.domain.instant import MINUTE, SECOND, Milliseconds, Stamp, TimeQuality, When
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.plant import Machine, Party, Plant, Source
from edge_bridge.domain.reading import Evidence, Execution, Mode, Reading
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import register_key
from edge_bridge.domain.signal import (
    Acknowledge,
    AdapterBack,
    AdapterLost,
    EcnNotice,
    FileRejected,
    ScanDone,
    Signal,
    Tick,
    Waive,
)
from edge_bridge.domain.state import KINDS, State
from edge_bridge.domain.version import Extractor
from edge_bridge.store.rows import Codec
from edge_bridge.testing import ManualClock

PARTIES = {name: Party(name) for name in ("design_supervisor", "cell_leader", "it_operations")}
LIMIT = 15 * MINUTE


def plant(*machines: Machine | str, **settings: Any) -> Plant:
    """Return a plant with these machines, one source `plm`, the three usual parties and a limit of 15 minutes."""
    named = [Machine(m, name=f"Name of {m}") if isinstance(m, str) else m for m in machines or ("m1",)]
    given: dict[str, Any] = {"parties": PARTIES, "sources": {"plm": Source("plm")}, **settings}
    return Plant("site", "gw", machines={m.id: m for m in named}, **given)


def draft(
    number: str,
    version: str | None = "2",
    *,
    program: str | None = "P1",
    machines: tuple[str, ...] = ("m1",),
    status: Status | None = Status.RELEASED,
    released: Milliseconds | When | None = None,
    effective: Milliseconds | When | None = None,
    items: tuple[Item, ...] | None = None,
    **more: Any,
) -> EcnDraft:
    """Return an ECN with one item unless `items` says otherwise."""
    sha256, drawing, revision = (more.pop(name, None) for name in ("sha256", "drawing", "revision"))
    one = Item("part", drawing, revision, program, version, sha256, machines, row="line 2")
    return EcnDraft(
        number, status, items=items or (one,), released=_when(released), effective_from=_when(effective), **more
    )


def day(utc: Milliseconds) -> When:
    """Return a date of which only the day is known."""
    return When(utc, TimeQuality.DAY)


def header(value: str, program: str = "P1", **more: Any) -> Evidence:
    """Return evidence that belongs to a program by nature."""
    return Evidence(Extractor.HEADER, value, f"REV {value}", "header", program=program, **more)


def variable(value: str, field: str = "R1", **more: Any) -> Evidence:
    """Return a variable's value, which says nothing of the program by itself."""
    return Evidence(Extractor.VARIABLE, value, value, field, **more)


def digest(value: str, program: str = "P1") -> Evidence:
    """Return the SHA-256 of a program's text; that of its bytes is another."""
    return Evidence(Extractor.DIGEST, value, value[::-1].swapcase() + "-bytes", "digest", program=program)


class Shop:
    """A ledger with its clock and its disk: every turn is committed as JSON, every restart reads it back."""

    def __init__(self, layout: Plant | None = None, *, scanned: bool = True, clock: ManualClock | None = None) -> None:
        self.plant = layout or plant()
        self.clock = clock or ManualClock()
        self._disk: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        self._unwritten: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self.events: list[Event] = []
        self.codec = Codec(KINDS)
        self._ids = count(1)
        self._files = count(1)
        self.ledger = self._started()
        if scanned:
            for source in self.plant.sources:
                self.send(ScanDone(source, self.now))

    @property
    def disk(self) -> dict[str, dict[str, str]]:
        """What is committed, by kind and key, as the JSON that the store writes."""
        for kind, rows in self._unwritten.items():
            for key, row in rows.items():
                if row is None:
                    self._disk[kind].pop(key, None)
                else:
                    self._disk[kind][key] = self.codec.encode(kind, key, row)
            rows.clear()
        return self._disk

    @property
    def now(self) -> Stamp:
        """This moment."""
        return self.clock.now()

    def send(self, signal: Signal) -> str | None:
        """Apply a signal and commit what it changed; return why it was refused."""
        refused = self.ledger.apply(signal)
        self.commit()
        return refused

    def released(self, number: str, version: str | None = "2", *, file: str | None = None, **more: Any) -> list[Event]:
        """Let a file with one ECN come in, released now unless told otherwise; return what it caused."""
        if not {"released", "effective", "status"} & set(more):
            more["released"] = self.now.utc
        return self.notice(draft(number, version, **more), file=file)

    def notice(
        self, *drafts: EcnDraft, file: str | None = None, sha256: str | None = None, source: str = "plm"
    ) -> list[Event]:
        """Let a file come in; return what it caused."""
        identity = next(self._files)
        return self.told(EcnNotice(source, self.now, file or f"{identity}.csv", sha256 or f"{identity:064x}", drafts))

    def told(self, signal: Signal) -> list[Event]:
        """Apply a signal; return what it caused."""
        mark = len(self.events)
        self.send(signal)
        return self.events[mark:]

    def reading(
        self,
        version: str | None = None,
        *,
        program: str | None = "P1",
        machine: str = "m1",
        running: bool = False,
        mode: Mode | None = None,
        test: bool | None = None,
        evidence: tuple[Evidence, ...] | None = None,
        **more: Any,
    ) -> Reading:
        """Return a reading of now; `version` is a header of the program unless `evidence` is given."""
        proof = (header(version, program or ""),) if version is not None else ()
        return Reading(
            machine,
            self.now,
            main_program=program,
            execution=Execution.RUNNING if running else Execution.IDLE,
            mode=mode,
            test=test,
            evidence=proof if evidence is None else evidence,
            **more,
        )

    def reads(self, version: str | None = None, **more: Any) -> list[Event]:
        """Let a machine be read now; return what it caused."""
        return self.told(self.reading(version, **more))

    def keeps_reading(
        self,
        seconds: float,
        version: str | None = None,
        *,
        machines: Iterable[str] = ("m1",),
        step: float = 5,
        **more: Any,
    ) -> list[Event]:
        """Let the same reading come every `step` seconds for this long; return what it caused."""
        mark = len(self.events)
        for pause in _steps(seconds, step):
            self.clock.move(round(pause * SECOND))
            for machine in machines:
                self.send(self.reading(version, machine=machine, **more))
        return self.events[mark:]

    def waits(self, seconds: float, step: float | None = None) -> list[Event]:
        """Let time go on without a reading, judged at each `step`; return what it caused."""
        mark = len(self.events)
        for pause in _steps(seconds, step or seconds):
            self.clock.move(round(pause * SECOND))
            self.send(Tick(self.now))
        return self.events[mark:]

    def loses(self, adapter: str = "m1", error: str = "connection refused") -> list[Event]:
        """Let an adapter be lost."""
        return self.told(AdapterLost(adapter, self.now, error))

    def source_back(self, source: str = "plm") -> list[Event]:
        """Let a source be readable again."""
        return self.told(AdapterBack(source, self.now))

    def rejects(self, file: str = "bad.csv", sha256: str = "bad") -> list[Event]:
        """Let a file be unreadable."""
        return self.told(FileRejected("plm", self.now, file, sha256, "no column ecn", "line 1"))

    def acknowledges(
        self, card: Card, party: str = "cell_leader", *, revision: int | None = None, by: str = "Li"
    ) -> str | None:
        """Let a party acknowledge a card, as it is now unless a revision is given; return why it is refused."""
        return self.send(Acknowledge(self.now, card.id, revision or card.revision, party, by))

    def waives(
        self, obligation: str, *, by: str = "Li", reason: str = "agreed", until: Milliseconds | None = None
    ) -> str | None:
        """Let somebody waive an obligation; return why it is refused."""
        return self.send(Waive(self.now, obligation, by, reason, until))

    def restart(self, layout: Plant | None = None, *, off: float = 5, reboot: bool = False) -> list[Event]:
        """Stop cleanly, stay away for `off` seconds, and start again from what was committed; return what it caused."""
        mark = len(self.events)
        self.ledger.save()
        self.commit()
        if reboot:
            self.clock.reboot(off=round(off * SECOND))
        else:
            self.clock.move(round(off * SECOND))
        self.plant = layout or self.plant
        self.ledger = self._started()
        return self.events[mark:]

    def configured(self, layout: Plant) -> list[Event]:
        """Take a new configuration in while running; return what it caused."""
        mark = len(self.events)
        self.plant = layout
        self.ledger.advance(self.now)
        self.ledger.configure(layout, self.now)
        self.commit()
        return self.events[mark:]

    def cards(self, kind: Kind | None = None) -> list[Card]:
        """Return the cards that are not closed."""
        return [card for card in self.ledger.books.state.card.values() if kind in (None, card.kind)]

    def card(self, kind: Kind) -> Card:
        """Return the one open card of a kind."""
        (only,) = self.cards(kind)
        return only

    def obligation(self, ecn: str | None = None) -> Obligation:
        """Return the one open obligation, of an ECN if named."""
        (only,) = [o for o in self.ledger.books.state.obligation.values() if ecn in (None, o.ecn)]
        return only

    def closed_obligation(self, ecn: str) -> Obligation:
        """Return the newest obligation of an ECN from the disk, where closed ones stay."""
        found: list[Obligation] = [self.codec.decode("obligation", k, d) for k, d in self.disk["obligation"].items()]
        return [o for o in found if o.ecn == ecn][-1]

    def requirement(self, program: str = "P1", machine: str = "m1") -> Requirement:
        """Return what is in force."""
        return self.ledger.books.state.requirement[register_key(machine, program)]

    def seen(self, *types: EventType) -> list[Event]:
        """Return every event of these types so far."""
        return [event for event in self.events if event.type in types]

    def verdicts(self, ecn: str | None = None) -> list[str]:
        """Return the verdicts told so far, with the reason behind a colon where there is one."""
        found = [e.data for e in self.seen(EventType.OBLIGATION_VERDICT) if ecn in (None, e.data["ecn"])]
        return [f"{d['verdict']}:{d['reason']}" if d["reason"] else str(d["verdict"]) for d in found]

    def _open_rows(self) -> dict[str, dict[str, Any]]:
        """Return what is on the disk, without what is closed, as the store loads it."""
        return {
            kind: {
                key: row
                for key, doc in docs.items()
                if not getattr(row := self.codec.decode(kind, key, doc), "closed", False)
            }
            for kind, docs in self.disk.items()
        }

    def _started(self) -> Ledger:
        """Start from the disk. What the start itself found out is committed too."""
        self.ledger = Ledger(State.of(self._open_rows()), self.plant, self.now, lambda: f"id-{next(self._ids)}")
        self.commit()
        return self.ledger

    def commit(self) -> None:
        """Take what this turn changed and told."""
        books = self.ledger.books
        self.events.extend(books.take_events())
        books.touched.clear()
        books.cards_told.clear()
        for kind, rows in books.state.take_changes().items():
            self._unwritten[kind].update(rows)


def types(events: Iterable[Event]) -> list[str]:
    """Return the types of events, in order."""
    return [str(event.type) for event in events]


def kinds(events: Iterable[Event], event: EventType = EventType.CARD_RAISED) -> list[str]:
    """Return the kinds of the cards that these events tell of."""
    return [str(e.data["kind"]) for e in events if e.type is event]


def _when(given: Milliseconds | When | None) -> When | None:
    return When(given) if isinstance(given, int) else given


def _steps(seconds: float, step: float) -> Iterator[float]:
    left = seconds
    while left > 0:
        yield min(step, left)
        left -= step
