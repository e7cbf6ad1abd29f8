"""A month in a plant: machines that really hold programs, a PLM that changes its mind, power cuts and wrong clocks."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.domain.event import Event
from edge_bridge.domain.instant import DAY, HOUR, MINUTE, SECOND, Milliseconds, TimeQuality, When, to_text
from edge_bridge.domain.plant import Judge, Machine, Plant, Route, Source
from edge_bridge.domain.reading import Evidence, Execution, Mode, Reading
from edge_bridge.domain.signal import Acknowledge, AdapterBack, AdapterLost, EcnNotice, ScanDone, Signal, Tick, Waive
from edge_bridge.domain.version import Extractor, Scheme, VersionRule
from edge_bridge.testing import ManualClock
from tests.unit.domain_plant import PARTIES, Shop

PROGRAMS = ("P1", "P2", "A7-10")
NUMERIC = VersionRule(Scheme.NUMERIC)
STEPS = 150


def layout(*, with_m4: bool = True, with_route: bool = True) -> Plant:
    """Return the plant: a version in the header, in a variable, beside a digest in a stack, and a slow machine."""
    machines = [
        Machine("m1", every=MINUTE),
        Machine("m2", every=2 * MINUTE, rule=NUMERIC),
        Machine("m3", every=MINUTE, judge=Judge.ANY_IN_STACK),
        Machine("m4", every=5 * MINUTE, rule=NUMERIC),
    ]
    routes = (Route({"part": "A*"}, machines=("m1", "m3"), program=("{part}-10",), version="{revision}"),)
    return Plant(
        "site",
        "gw",
        machines={m.id: m for m in machines if with_m4 or m.id != "m4"},
        sources={"plm": Source("plm"), "erp": Source("erp")},
        routes=routes if with_route else (),
        parties=PARTIES,
    )


@dataclass
class Control:
    """What a machine really holds, which is not what anybody can see of it."""

    held: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROGRAMS, 1))
    selected: str | None = "P1"
    running: bool = False
    proving: bool = False
    variable: int = 1

    def act(self, choose: random.Random) -> None:
        """Let the operator do one thing."""
        match choose.choice(["load", "select", "run", "stop", "prove", "clear"]):
            case "load":
                self.selected, self.running = choose.choice(PROGRAMS), False
                self.held[self.selected] += choose.choice([0, 1, 1])
            case "select":
                self.selected, self.running = choose.choice(PROGRAMS), False
            case "run":
                self.running, self.proving = self.selected is not None, False
            case "prove":
                self.running, self.proving = self.selected is not None, True
            case "clear":
                self.selected, self.running = None, False
            case _:
                self.running = False
        if self.running and self.selected:
            self.variable = self.held[self.selected]


class Month:
    """One seeded run: what happened is kept, so that it can be told again to another ledger."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)
        self.shop = Shop(layout(), scanned=False, clock=ManualClock())
        self.controls = {name: Control() for name in self.shop.plant.machines}
        self.history: list[tuple[str, object, object]] = []
        self.truth: Milliseconds = 0  # time as it really goes on
        self.ecns: dict[str, EcnDraft] = {}
        self.held: dict[tuple[str, str], dict[str, int]] = {}  # machine, time of a reading → what it really held then
        self.serial = 0

    def steps(self) -> list[str]:
        """Return what to do, in an order that the seed decides; both first scans come early."""
        usual = (
            ["shift"] * 12 + ["read"] * 20 + ["act"] * 12 + ["ecn"] * 10 + ["wait"] * 10 + ["lose"] * 3 + ["ack"] * 5
        )
        rare = ["source", "step", "restart", "reboot", "configure", "waive", "scan"]
        chosen = self.choose.choices(usual + rare, k=STEPS)
        for source in ("scan", "scan"):
            chosen.insert(self.choose.randrange(30), source)
        return chosen

    def do(self, step: str) -> list[Event]:
        """Let one thing happen; return what it caused."""
        mark = len(self.shop.events)
        getattr(self, f"_{step}")()
        return self.shop.events[mark:]

    def send(self, signal: Signal) -> None:
        """Apply a signal and remember it."""
        self.history.append(("send", signal, None))
        self.shop.send(signal)

    def go_on(self, duration: Milliseconds) -> None:
        """Let time go on; the gateway wakes up for each deadline, and now and then for nothing."""
        end = self.shop.clock.boottime + duration
        while self.shop.clock.boottime < end:
            due = self.shop.ledger.next_due()
            stop = min(end, max(due, self.shop.clock.boottime + 1) if due is not None else end)
            self.truth += stop - self.shop.clock.boottime
            self.shop.clock.move(stop - self.shop.clock.boottime)
            self.send(Tick(self.shop.now))

    def reading(self, machine: str) -> Reading:
        """Return what can be seen of a machine."""
        control, now = self.controls[machine], self.shop.now
        self.held[machine, to_text(now.utc)] = dict(control.held)
        name, proof = control.selected, list[Evidence]()
        if machine == "m2":
            proof.append(Evidence(Extractor.VARIABLE, str(control.variable), "R1", "R1"))
        elif name is not None:
            version = str(control.held[name])
            proof.append(Evidence(Extractor.HEADER, version, f"REV {version}", "header", program=name))
        wrapped = machine == "m3" and name is not None
        return Reading(
            machine,
            now,
            main_program="WRAP" if wrapped else name,
            active_program=name,
            stack=("WRAP",) if wrapped else (),
            execution=Execution.RUNNING if control.running else Execution.IDLE,
            mode=None if machine == "m1" else Mode.AUTOMATIC,
            test=control.proving,
            evidence=tuple(proof),
        )

    def _read(self) -> None:
        machine = self.choose.choice(list(self.shop.plant.machines))
        for _ in range(self.choose.choice([1, 2, 5])):
            self.go_on(self.choose.choice([1, 5]) * SECOND)
            self.send(self.reading(machine))

    def _shift(self) -> None:
        """Watch every machine for a while, as in a shift."""
        machines = [m for m in self.shop.plant.machines if self.choose.random() < 0.8]
        for _ in range(self.choose.choice([4, 8, 16])):
            self.go_on(self.choose.choice([30, 60, 120]) * SECOND)
            for machine in machines:
                if self.choose.random() < 0.1:
                    self.controls[machine].act(self.choose)
                self.send(self.reading(machine))

    def _act(self) -> None:
        machine = self.choose.choice(list(self.shop.plant.machines))
        self.controls[machine].act(self.choose)
        if self.choose.random() < 0.7:
            self.go_on(SECOND)
            self.send(self.reading(machine))

    def _wait(self) -> None:
        scale = self.choose.choice([SECOND, MINUTE, HOUR])
        self.go_on(self.choose.randint(1, 20) * scale)

    def _ecn(self) -> None:
        number = f"E{self.choose.randint(1, 14)}"
        self.ecns[number] = self._draft(number)
        drafts = [self.ecns[number]]
        if self.choose.random() < 0.1:
            drafts = list(self.ecns.values())  # everything is exported again
        source = self.choose.choice(["plm", "plm", "erp"])
        name = self.choose.choice(["same", f"{self.serial}"])
        self.serial += 1
        self.send(EcnNotice(source, self.shop.now, name, f"{hash_of(drafts)}", tuple(drafts)))

    def _draft(self, number: str) -> EcnDraft:
        choose, now = self.choose, self.shop.now.utc
        held = self.ecns.get(number)
        status = choose.choice([Status.RELEASED] * 6 + [Status.IN_WORK, Status.WITHDRAWN, Status.CLOSED, None])
        machines = tuple(choose.sample(["m1", "m2", "m3", "m4"], choose.randint(1, 3)))
        program = choose.choice(PROGRAMS)
        version = str(max(c.held[program] for c in self.controls.values()) + choose.choice([-1, 0, 0, 1]))
        item = Item("B1", program=program, version=version, machines=machines, row="7")
        if choose.random() < 0.3:
            item = Item("A7", revision=version)
        items = held.items if held is not None and choose.random() < 0.4 else (item,)
        ages = [0, 0, MINUTE, HOUR, DAY, 300 * DAY, -MINUTE, -DAY]
        released = When(now - choose.choice(ages), choose.choice([TimeQuality.INSTANT] * 5 + [TimeQuality.DAY]))
        effective = When(now + choose.randint(1, 30) * HOUR) if choose.random() < 0.1 else None
        word = "" if status is not None else choose.choice(["x", "y"])
        return EcnDraft(number, status, word, items, released=released, effective_from=effective)

    def _lose(self) -> None:
        machine = self.choose.choice(list(self.shop.plant.machines))
        self.send(AdapterLost(machine, self.shop.now, "connection refused"))

    def _source(self) -> None:
        source = self.choose.choice(["plm", "erp"])
        lost = self.shop.ledger.books.state.source[source].lost is None
        self.send(AdapterLost(source, self.shop.now, "gone") if lost else AdapterBack(source, self.shop.now))

    def _scan(self) -> None:
        open_ = [s for s, known in self.shop.ledger.books.state.source.items() if known.scanned is None]
        self.send(ScanDone(open_[0] if open_ else "plm", self.shop.now))

    def _ack(self) -> None:
        if cards := self.shop.cards():
            card, party = self.choose.choice(cards), self.choose.choice([*PARTIES, "boss"])
            revision = self.choose.choice([card.revision, card.revision, 1])
            self.send(Acknowledge(self.shop.now, card.id, revision, party, "Li"))

    def _waive(self) -> None:
        if obligations := list(self.shop.ledger.books.state.obligation):
            until = self.choose.choice([None, self.shop.now.utc + HOUR])
            self.send(Waive(self.shop.now, self.choose.choice(obligations), "Li", "stock", until))

    def _step(self) -> None:
        self.shop.clock.step_wall(self.choose.choice([-1, 1]) * self.choice_of_step())
        self.send(Tick(self.shop.now))

    def choice_of_step(self) -> Milliseconds:
        """Return by how much the wall clock is set."""
        return self.choose.choice([SECOND, MINUTE, HOUR, DAY])

    def _restart(self) -> None:
        self._start(reboot=False)

    def _reboot(self) -> None:
        self._start(reboot=True)

    def _start(self, *, reboot: bool) -> None:
        off = self.choose.choice([1, 60, 3600, 50_000])
        self.truth += off * SECOND
        self.shop.restart(off=off, reboot=reboot)
        self.history.append(("restart", self.shop.plant, self.shop.now))

    def _configure(self) -> None:
        self.shop.configured(layout(with_m4=self.choose.random() < 0.7, with_route=self.choose.random() < 0.7))
        self.history.append(("configure", self.shop.plant, self.shop.now))


def hash_of(drafts: list[EcnDraft]) -> str:
    """Return what stands for the bytes of a file."""
    return "|".join(f"{draft.digest}{draft.status_word}" for draft in drafts)
