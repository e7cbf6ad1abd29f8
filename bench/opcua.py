"""What OPC UA clients cost: 500 simulated controls at 1 Hz, polled and subscribed, in one process on one core."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bench.plant import Simulator, resident_mb

MACHINES, FEW, NAIVE = 500, 100, 40
SERVERS = 2  # processes for the controls: one would run out of file descriptors
SETTLE_S, MEASURE_S = 12.0, 30.0
RATIO_TARGETS = {"poll": 4.0, "subscribe": 12.0}  # times cheaper than the naive client, in the same run
PROTOTYPE = {
    "poll": "1 900 to 3 400",
    "subscribe": "about 7 000",
}  # clients a core, on a machine with nothing else to do
WORDS = {"poll": "polled", "subscribe": "subscribed and idle", "naive": "naive client"}
MEMORY_TARGET = 200.0  # kB for each machine more

Figure = tuple[str, str, bool | None]


class Clients:
    """A process with OPC UA clients only."""

    def __init__(self, read: str, endpoints: list[str]) -> None:
        command = [sys.executable, "-m", "bench.opcua_client", read, *endpoints]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def tell(self, line: str) -> tuple[int, int, float]:
        """Give a command; return how many readings and losses there were so far, and the CPU seconds used."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(line + "\n")
        readings, losses, used = self._child.stdout.readline().split()
        return int(readings), int(losses), float(used)

    def end(self) -> None:
        """Let it close its sessions."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(30)
        self._child.stdout.close()


@contextmanager
def controls(count: int, servers: int) -> Iterator[list[str]]:
    """Run so many controls in so many processes; give their endpoints."""
    with ExitStack() as stack:
        share = -(-count // servers)
        running = [Simulator("--program", "EL-1.MPF", "--version", "A", "--count", str(share)) for _ in range(servers)]
        for one in running:
            stack.callback(one.end)
        yield [endpoint for one in running for endpoint in one.endpoints][:count]


@dataclass(frozen=True, slots=True)
class Cost:
    """What clients used. share: of one core. each: CPU seconds for one client, in a second. rate: readings a second of one."""

    share: float
    each: float
    rate: float
    losses: int
    kilobytes: float


def run() -> list[Figure]:
    """Return (name, figure, within target) for naive, polled and subscribed clients."""
    with controls(MACHINES, SERVERS) as endpoints:
        naive = measured("naive", endpoints[:NAIVE], few=NAIVE // 2, settle_s=SETTLE_S, measure_s=MEASURE_S)
        found = [
            (read, measured(read, endpoints, few=FEW, settle_s=SETTLE_S, measure_s=MEASURE_S)) for read in RATIO_TARGETS
        ]
    return [_said("naive", naive, NAIVE), *(figure for read, cost in found for figure in figures(read, cost, naive))]


def figures(read: str, cost: Cost, naive: Cost, machines: int = MACHINES) -> list[Figure]:
    """Return the figures of one way of reading."""
    ratio = naive.each / cost.each
    return [
        _said(read, cost, machines),
        (
            f"{WORDS[read]}: cheaper than naive (≥ {RATIO_TARGETS[read]:.0f} ×)",
            f"{ratio:.1f} ×",
            ratio >= RATIO_TARGETS[read] and not cost.losses,
        ),
        (
            f"{WORDS[read]}: {machines} at 1 Hz fit on one core (≤ 100 %)",
            f"{100 * machines * cost.each:.0f} %",
            machines * cost.each <= 1,
        ),
        (
            f"{WORDS[read]}: memory of each one more (≤ {MEMORY_TARGET:.0f} kB)",
            f"{cost.kilobytes:.0f} kB",
            cost.kilobytes <= MEMORY_TARGET,
        ),
    ]


def _said(read: str, cost: Cost, machines: int) -> Figure:
    name = f"{machines} controls at 1 Hz, {WORDS[read]}"
    if read in PROTOTYPE:
        name += f" (prototype: {PROTOTYPE[read]} clients a core)"
    said = f"{1e6 * cost.each:.0f} µs a client-second, {1 / cost.each:.0f} clients a core"
    return name, f"{said}; {cost.rate:.2f} readings/s each, {cost.losses} losses", None


def measured(read: str, endpoints: list[str], *, few: int, settle_s: float, measure_s: float) -> Cost:
    """Return what these clients cost: a few are started first, for the memory of each one more.

    Polled clients are counted by their readings: on a machine where the controls cannot keep up, they are polled seldomer.
    """
    machines = len(endpoints)
    clients = Clients(read, endpoints)
    try:
        clients.tell(f"start {few}")
        time.sleep(settle_s)
        memory_of_few = resident_mb(clients.pid)
        clients.tell(f"start {machines}")
        time.sleep(settle_s)
        before, lost_before, used_before = clients.tell("count")
        began = time.perf_counter()
        time.sleep(measure_s)
        after, losses, used = clients.tell("count")
        wall, used = time.perf_counter() - began, used - used_before
        kilobytes = 1000 * (resident_mb(clients.pid) - memory_of_few) / (machines - few)
    finally:
        clients.end()
    units = wall * machines if read == "subscribe" else after - before
    return Cost(used / wall, used / units, (after - before) / wall / machines, losses - lost_before, kilobytes)
