"""What a hall of machines costs: 100 simulated OPC UA controllers at 1 Hz, five values each."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.plant import OPCUA, Simulator, Watcher, broker, cpu_seconds, daemon, resident_mb, write_site

MACHINES = 100
SETTLE_S, MEASURE_S = 10.0, 30.0
CPU_TARGET, MEMORY_TARGET = 10.0, 120.0  # per cent of one core, MB

Figure = tuple[str, str, bool | None]


def run() -> list[Figure]:
    """Return (name, figure, within target) for CPU and memory of the daemon."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        controls = Simulator("--program", "EL-1.MPF", "--version", "A", "--count", str(MACHINES))
        try:
            adapters = {
                f"mill-{number:03d}": OPCUA.format(endpoint=endpoint, every="1s")
                for number, endpoint in enumerate(controls.endpoints, 1)
            }
            with broker(folder) as mosquitto:
                config = write_site(folder, mosquitto.url, adapters)
                with Watcher(mosquitto.port, "edge-bridge/v1/bench/edge-01/evt/#") as platform, daemon(config) as pid:
                    for name in adapters:
                        platform.wait(
                            f'"type":"edge-bridge.machine.reachable.v1","subject":"{name}"'.encode(), within=120
                        )
                    return _measure(pid)
        finally:
            controls.end()


def _measure(pid: int) -> list[Figure]:
    time.sleep(SETTLE_S)
    began, used = time.perf_counter(), cpu_seconds(pid)
    time.sleep(MEASURE_S)
    share = 100 * (cpu_seconds(pid) - used) / (time.perf_counter() - began)
    memory = resident_mb(pid)
    return [
        (
            f"{MACHINES} OPC UA controllers at 1 Hz (≤ {CPU_TARGET:.0f} % of one core)",
            f"{share:.1f} %",
            share <= CPU_TARGET,
        ),
        (
            f"resident memory with {MACHINES} controllers (≤ {MEMORY_TARGET:.0f} MB)",
            f"{memory:.0f} MB",
            memory <= MEMORY_TARGET,
        ),
    ]
