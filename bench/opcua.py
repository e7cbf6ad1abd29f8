"""What OPC UA clients cost: 500 simulated controls at a real 1 Hz, polled and subscribed, in one process on one core."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.plant import Simulator, cpu_seconds, resident_mb

MACHINES, FEW, NAIVE = 500, 100, 40
SETTLE_S, MEASURE_S, NAIVE_S = 5.0, 20.0, 10.0
RATIO_TARGETS = {"poll": 4.0, "subscribe": 12.0}  # times cheaper than the naive client, in the same run
WORDS = {"poll": "polled", "subscribe": "subscribed and idle", "naive": "naive client"}
MEMORY_TARGET = 200.0  # kB for each machine more
SELDOM = 0.9  # readings a second of the machine that was read least; polled
LATE_TARGET_MS = 200.0  # so much more than a second between two readings of a machine, for 99 of 100; polled
GAP_TARGET_S = 10.0  # a subscribed machine is heard of, or read, within this time: longer is no evidence of now
SEEN_TARGET_S = 5.0  # a program that changes on all of them at once

Figure = tuple[str, str, bool | None]


@dataclass(frozen=True, slots=True)
class Counted:
    """What clients counted. fewest: of one machine. cpu: seconds used since they were started. gaps: seconds."""

    readings: int
    fewest: int
    losses: int
    cpu: float
    gap_p99: float
    gap_max: float


class Clients:
    """A process with OPC UA clients only."""

    def __init__(self, read: str, endpoints: list[str]) -> None:
        command = [sys.executable, "-m", "bench.opcua_client", read, *endpoints]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def tell(self, line: str) -> Counted:
        """Give a command; return what was counted since `begin`."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(line + "\n")
        return Counted(**json.loads(self._child.stdout.readline()))

    def end(self) -> None:
        """Let it close its sessions."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(30)
        self._child.stdout.close()


@contextmanager
def controls(count: int) -> Iterator[Simulator]:
    """Run so many controls, all in one process, which answers cheaply what it was asked before."""
    running = Simulator("--program", "EL-1.MPF", "--version", "A", "--count", str(count), "--repeat")
    try:
        yield running
    finally:
        running.end()


@dataclass(frozen=True, slots=True)
class Cost:
    """What clients used, and how well they read.

    share: of one core. each: CPU seconds for one client, in a second. rate, fewest: readings a second of a machine, and of
    the one that was read least. late: how much later than a second after the reading before, s, for 99 of 100. gap: the
    longest between two readings of a machine, s. reads: Read requests a second that the controls answered, each. seen:
    after so many seconds all had read a change. servers: what the controls used, of one core.
    """

    share: float
    each: float
    rate: float
    fewest: float
    late: float
    gap: float
    reads: float
    seen: float
    losses: int
    kilobytes: float
    servers: float


def run() -> list[Figure]:
    """Return (name, figure, within target) for naive, polled and subscribed clients."""
    with controls(MACHINES) as simulator:
        naive = measured("naive", simulator, NAIVE, few=NAIVE // 2, settle_s=1.0, measure_s=NAIVE_S)
        found = [
            (read, measured(read, simulator, MACHINES, few=FEW, settle_s=SETTLE_S, measure_s=MEASURE_S))
            for read in RATIO_TARGETS
        ]
    return [_said("naive", naive, NAIVE), *(figure for read, cost in found for figure in figures(read, cost, naive))]


def figures(read: str, cost: Cost, naive: Cost, machines: int = MACHINES) -> list[Figure]:
    """Return the figures of one way of reading."""
    ratio, word = naive.each / cost.each, WORDS[read]
    return [
        _said(read, cost, machines),
        *(_polled(cost) if read == "poll" else _subscribed(cost)),
        (f"{word}: lost connections (0)", str(cost.losses), cost.losses == 0),
        (
            f"{word}: a program changed on all {machines} → read from all (≤ {SEEN_TARGET_S:.0f} s)",
            f"{cost.seen:.1f} s",
            cost.seen <= SEEN_TARGET_S,
        ),
        (f"{word}: share of one core (≤ 100 %)", f"{100 * cost.share:.0f} %", cost.share <= 1),
        (f"{word}: cheaper than naive (≥ {RATIO_TARGETS[read]:.0f} ×)", f"{ratio:.1f} ×", ratio >= RATIO_TARGETS[read]),
        (
            f"{word}: memory of each one more (≤ {MEMORY_TARGET:.0f} kB)",
            f"{cost.kilobytes:.0f} kB",
            cost.kilobytes <= MEMORY_TARGET,
        ),
    ]


def _polled(cost: Cost) -> list[Figure]:
    late_ms = 1000 * cost.late
    return [
        (
            f"polled: readings a second, of all and of the machine read least (≥ {SELDOM:.2f})",
            f"{cost.rate:.2f} and {cost.fewest:.2f}; {cost.reads:.2f} as the controls count",
            cost.fewest >= SELDOM and cost.reads >= SELDOM,
        ),
        (
            f"polled: later than a second after the one before, p99 (≤ {LATE_TARGET_MS:.0f} ms) and worst",
            f"{late_ms:.0f} ms and {1000 * (cost.gap - 1):.0f} ms",
            late_ms <= LATE_TARGET_MS,
        ),
    ]


def _subscribed(cost: Cost) -> list[Figure]:
    return [
        (
            f"subscribed and idle: longest between two proofs of one machine's values (≤ {GAP_TARGET_S:.0f} s)",
            f"{cost.gap:.1f} s ({cost.rate:.2f} proofs a second each, {cost.reads:.2f} of them read)",
            cost.gap <= GAP_TARGET_S,
        )
    ]


def _said(read: str, cost: Cost, machines: int) -> Figure:
    said = f"{1e6 * cost.each:.0f} µs a client-second, {1 / cost.each:.0f} clients a core"
    name = f"{machines} controls at 1 Hz, {WORDS[read]} (the controls themselves: {100 * cost.servers:.0f} %)"
    return name, said, None


def measured(read: str, simulator: Simulator, machines: int, *, few: int, settle_s: float, measure_s: float) -> Cost:
    """Return what these clients cost: a few are started first, for the memory of each one more.

    A naive client is counted by its readings: it reads less than once a second.
    """
    clients = Clients(read, simulator.endpoints[:machines])
    try:
        clients.tell(f"start {few}")
        time.sleep(settle_s)
        memory_of_few = resident_mb(clients.pid)
        clients.tell(f"start {machines}")
        time.sleep(settle_s)
        reads, served = int(simulator.tell("reads")), cpu_seconds(simulator.pid)
        used = clients.tell("begin").cpu
        began = time.perf_counter()
        time.sleep(measure_s)
        counted = clients.tell("count")
        wall = time.perf_counter() - began
        reads, served = int(simulator.tell("reads")) - reads, cpu_seconds(simulator.pid) - served
        kilobytes = 1000 * (resident_mb(clients.pid) - memory_of_few) / (machines - few)
        seen = _until_seen(simulator, clients, f"{read.upper()}-2.MPF")
    finally:
        clients.end()
    used = counted.cpu - used
    return Cost(
        share=used / wall,
        each=used / (counted.readings if read == "naive" else wall * machines),
        rate=counted.readings / wall / machines,
        fewest=counted.fewest / wall,
        late=counted.gap_p99 - 1,
        gap=counted.gap_max,
        reads=reads / wall / machines,
        seen=seen,
        losses=counted.losses,
        kilobytes=kilobytes,
        servers=served / wall,
    )


def _until_seen(simulator: Simulator, clients: Clients, program: str) -> float:
    """Select another program on all controls; return after how many seconds all clients have read it."""
    began = time.perf_counter()
    simulator.tell(f"load {program}")
    clients.tell(f"await {program}")
    return time.perf_counter() - began
