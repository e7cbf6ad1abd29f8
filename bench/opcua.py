"""What OPC UA clients cost: 500 simulated controls at 1 Hz, polled and subscribed, in one process on one core."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.plant import Simulator, cpu_seconds, resident_mb

MACHINES, FEW = 500, 100
SERVERS = 2  # processes for the controls: one would run out of file descriptors
SETTLE_S, MEASURE_S = 12.0, 30.0
POLLED_TARGET, SUBSCRIBED_TARGET = 1_900, 7_000  # clients a core
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

    def tell(self, line: str) -> tuple[int, int]:
        """Give a command; return how many readings and how many losses there were so far."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(line + "\n")
        readings, losses = self._child.stdout.readline().split()
        return int(readings), int(losses)

    def end(self) -> None:
        """Let it close its sessions."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(30)


@contextmanager
def controls(count: int, servers: int) -> Iterator[list[str]]:
    """Run so many controls in so many processes; give their endpoints."""
    with ExitStack() as stack:
        share = -(-count // servers)
        running = [Simulator("--program", "EL-1.MPF", "--version", "A", "--count", str(share)) for _ in range(servers)]
        for one in running:
            stack.callback(one.end)
        yield [endpoint for one in running for endpoint in one.endpoints][:count]


def run() -> list[Figure]:
    """Return (name, figure, within target) for polled and subscribed clients."""
    figures: list[Figure] = []
    with controls(MACHINES, SERVERS) as endpoints:
        for read, target in (("poll", POLLED_TARGET), ("subscribe", SUBSCRIBED_TARGET)):
            figures += measured(read, endpoints, target, few=FEW, settle_s=SETTLE_S, measure_s=MEASURE_S)
    return figures


def measured(
    read: str, endpoints: list[str], target: int, *, few: int, settle_s: float, measure_s: float
) -> list[Figure]:
    """Return the figures of one way of reading: with a few clients first, for the memory of each one more."""
    machines = len(endpoints)
    clients = Clients(read, endpoints)
    try:
        clients.tell(f"start {few}")
        time.sleep(settle_s)
        memory_of_few = resident_mb(clients.pid)
        clients.tell(f"start {machines}")
        time.sleep(settle_s)
        before, _ = clients.tell("count")
        began, used = time.perf_counter(), cpu_seconds(clients.pid)
        time.sleep(measure_s)
        wall, used = time.perf_counter() - began, cpu_seconds(clients.pid) - used
        after, losses = clients.tell("count")
        kilobytes = 1000 * (resident_mb(clients.pid) - memory_of_few) / (machines - few)
    finally:
        clients.end()
    cost = 1e6 * used / wall / machines
    rate = (after - before) / wall / machines
    said = (
        f"{cost:.0f} µs a client-second, {1e6 / cost:.0f} clients a core, {rate:.2f} readings/s each, {losses} losses"
    )
    share = f"{100 * used / wall:.0f} % of one core"
    words = "polled" if read == "poll" else "subscribed and idle"
    return [
        (
            f"{machines} controls at 1 Hz, {words} (≥ {target} clients a core)",
            said,
            1e6 / cost >= target and not losses,
        ),
        (f"{machines} controls at 1 Hz, {words} (on one core)", share, used < wall),
        (
            f"memory for each control more, {words} (≤ {MEMORY_TARGET:.0f} kB)",
            f"{kilobytes:.0f} kB",
            kilobytes <= MEMORY_TARGET,
        ),
    ]
