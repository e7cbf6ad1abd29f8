"""How much the ledger costs: waiting for 100 000 deadlines, a reading that says nothing new, a first scan of 10 000 files."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from statistics import median

from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.domain.instant import DAY, MINUTE, SECOND, Milliseconds, Stamp, When
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.plant import Machine, Plant, Source
from edge_bridge.domain.reading import Evidence, Execution, Reading
from edge_bridge.domain.signal import EcnNotice, ScanDone, Tick
from edge_bridge.domain.state import State
from edge_bridge.domain.version import Extractor

MACHINES = 100
OPEN = 100_000
OLD = 10_000
ROUNDS = 2_000
NOW = 1_777_600_800_000

Figure = tuple[str, str, bool | None]


class Workshop:
    """A ledger with many machines and a clock that is moved by hand."""

    def __init__(self) -> None:
        names = [f"m{n:03d}" for n in range(MACHINES)]
        plant = Plant("site", "gw", {name: Machine(name) for name in names}, {"plm": Source("plm")})
        self.at = Stamp(NOW, MINUTE, "boot")
        ids = count()
        self.ledger = Ledger(State(), plant, self.at, lambda: f"id-{next(ids)}")

    def move(self, duration: Milliseconds) -> Stamp:
        """Let time go on."""
        self.at = Stamp(self.at.utc + duration, self.at.boottime + duration, self.at.boot)
        return self.at

    def commit(self) -> int:
        """Forget what a store would have written; return how many events that were."""
        self.ledger.books.state.take_changes()
        return len(self.ledger.books.take_events())

    def notice(self, number: str, released: Milliseconds, items: tuple[Item, ...]) -> None:
        """Let one ECN come in."""
        draft = EcnDraft(number, Status.RELEASED, items=items, released=When(released))
        self.ledger.apply(EcnNotice("plm", self.at, f"{number}.csv", number, (draft,)))

    def open_obligations(self, wanted: int) -> None:
        """Release ECNs, one a second, that open this many obligations on all machines."""
        self.ledger.apply(ScanDone("plm", self.at))
        for n in range(wanted // MACHINES):
            self.notice(f"E{n}", self.at.utc, (Item(program=f"P{n}", version="2", machines=tuple(self.machines)),))
            self.commit()

    @property
    def machines(self) -> list[str]:
        """The machines' ids."""
        return list(self.ledger.books.plant.machines)

    def reading(self, machine: str, program: str = "P0", version: str = "1") -> Reading:
        """Return what a machine shows now."""
        proof = Evidence(Extractor.HEADER, version, f"REV {version}", "header", program=program)
        return Reading(machine, self.at, program, execution=Execution.RUNNING, evidence=(proof,))


def run() -> list[Figure]:
    """Return name, figure, and whether the target is met."""
    return [*_deadlines(), _same_reading(), _first_scan()]


def _deadlines() -> list[Figure]:
    shop = Workshop()
    began = time.perf_counter()
    shop.open_obligations(OPEN)
    opening = time.perf_counter() - began
    idle = _microseconds(lambda: shop.ledger.apply(Tick(shop.move(1))))
    shop.move(15 * MINUTE)
    began = time.perf_counter()
    shop.ledger.apply(Tick(shop.at))
    judging = time.perf_counter() - began
    shop.commit()
    pending = sum(o.verdict == "pending" for o in shop.ledger.books.state.obligation.values())
    return [
        (f"{OPEN:,} obligations opened", f"{opening:.1f} s", None),
        (f"tick with {OPEN:,} open and none due", f"{idle:.1f} µs", idle < 50),
        (f"{OPEN:,} due at once", f"{judging:.1f} s, {pending} left", pending == 0),
    ]


def _same_reading() -> Figure:
    shop = Workshop()
    shop.open_obligations(MACHINES * 100)
    for _ in range(3):
        for machine in shop.machines:
            shop.ledger.apply(shop.reading(machine))
    machines = shop.machines
    readings = iter([shop.reading(machines[n % MACHINES]) for n in range(ROUNDS) if shop.move(SECOND // 100)])
    cost = _microseconds(lambda: shop.ledger.apply(next(readings)))
    return ("a reading that says the same as the last", f"{cost:.1f} µs", cost < 20)


def _first_scan() -> Figure:
    shop = Workshop()
    for machine in shop.machines:
        shop.ledger.apply(shop.reading(machine))
    began = time.perf_counter()
    for n in range(OLD):
        items = tuple(Item(program=f"P{n}-{op}", version="2", machines=(f"m{n % MACHINES:03d}",)) for op in range(3))
        shop.notice(f"OLD{n}", NOW - 400 * DAY + n, items)
    shop.ledger.apply(ScanDone("plm", shop.at, OLD))
    took = time.perf_counter() - began
    return (f"first scan of {OLD:,} old ECNs", f"{took:.2f} s", took < 10)


def _microseconds(once: Callable[[], object]) -> float:
    """Return the median cost of one call: a neighbour on the computer must not decide."""
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        once()
        spent.append(time.perf_counter() - began)
    return median(spent) * 1e6
