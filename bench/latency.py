"""How long news takes: a file closed, or a program changed, until it is committed (FULL) and at an MQTT subscriber."""

from __future__ import annotations

import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.plant import OPCUA, PLM, Simulator, Watcher, broker, daemon, percentile, write_site

FILES, WARM_UP = 300, 20
CHANGES = 40
EVERY_MS = 200
HEAD = "number,status,released,part,program,version,machines\n"

Figure = tuple[str, str, bool | None]


def run() -> list[Figure]:
    """Return (name, figure, within target) for each way in."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        control = Simulator("--program", "EL-1.MPF", "--version", "V0")
        adapters = {
            "mill-1": OPCUA.format(endpoint=control.endpoints[0], every=f"{EVERY_MS}ms"),
            "plm": PLM.format(folder=folder),
        }
        try:
            with broker(folder) as mosquitto:
                config = write_site(folder, mosquitto.url, adapters)
                with Watcher(mosquitto.port, "edge-bridge/v1/bench/edge-01/evt/#") as platform, daemon(config):
                    platform.wait(b"machine.reachable")
                    platform.wait(b"baseline.taken")
                    return [*_files(folder / "plm", platform), *_programs(folder / "plm", platform, control)]
        finally:
            control.end()


def _files(folder: Path, platform: Watcher) -> list[Figure]:
    taken = []
    for number in range(FILES + WARM_UP):
        name = f"LAT-{number:04d}"
        text = f"{HEAD}{name},released,{datetime.now(UTC).isoformat()},P,P{number}.MPF,A,mill-1\n"
        with (folder / f"{name}.csv").open("w") as file:
            file.write(text)
        closed = time.perf_counter()
        taken.append(platform.wait(f'"ecn":"{name}"'.encode()) - closed)
    taken = taken[WARM_UP:]
    middle, worst = 1000 * percentile(taken, 0.5), 1000 * percentile(taken, 0.99)
    return [
        (f"file closed → event at the subscriber, p50 of {FILES} (≤ 10 ms)", f"{middle:.1f} ms", middle <= 10),
        (f"file closed → event at the subscriber, p99 of {FILES} (≤ 50 ms)", f"{worst:.1f} ms", worst <= 50),
    ]


def _programs(folder: Path, platform: Watcher, control: Simulator) -> list[Figure]:
    taken = []
    for number in range(1, CHANGES + 1):
        name = f"CHG-{number:03d}"
        text = f"{HEAD}{name},released,{datetime.now(UTC).isoformat()},P,EL-1.MPF,V{number},mill-1\n"
        (folder / f"{name}.csv").write_text(text)
        platform.wait(f'"ecn":"{name}"'.encode())
        time.sleep(random.uniform(0, EVERY_MS / 1000))  # anywhere between two polls
        control.tell(f"version V{number}")
        changed = time.perf_counter()
        taken.append(platform.wait(f'"observed":"V{number}","verdict":"compliant"'.encode()) - changed)
    worst, target = 1000 * percentile(taken, 0.99), EVERY_MS + 50
    return [
        (
            f"program changed → verdict at the subscriber, p99 of {CHANGES}, polled every {EVERY_MS} ms (≤ {target} ms)",
            f"{worst:.0f} ms (p50 {1000 * percentile(taken, 0.5):.0f} ms)",
            worst <= target,
        )
    ]
