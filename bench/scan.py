"""A first scan of 100 000 old files: how long, how much memory, whether machines wait for it; and one new file among them."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.plant import (
    OPCUA,
    PLM,
    Simulator,
    Watcher,
    broker,
    cpu_seconds,
    daemon,
    percentile,
    resident_mb,
    sink,
    write_site,
)
from edge_bridge import control
from edge_bridge.errors import ControlError

FILES = int(os.environ.get("BENCH_FILES", "100000"))
NEW = 60
PROGRAMS = 10
EVERY_MS = 200
HEAD = "number,status,released,part,program,version,machines\n"
EVENTS = "edge-bridge/v1/bench/edge-01/evt/{}"
LONG_AGO = 1_700_000_000
SECONDS = 60
VERDICT_MS = EVERY_MS + 1000
KEPT_KB = 1.0  # with what is taken once, and 10 000 rows of the register; 2.6 when ECNs were held in memory
GROWS = 1.25  # from the first progress told, when all names are known, to the last file
ENOUGH = 50_000  # files: with fewer, what the first of them take once (buffers, caches) is most of it

Figure = tuple[str, str, bool | None]


def run() -> list[Figure]:
    """Return (name, figure, within target), all in one run: an empty folder first, then the full one."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        controller = Simulator("--program", "EL-1.MPF", "--version", "V0")
        source = PLM.format(folder=folder)
        adapters = {
            "mill-1": OPCUA.format(endpoint=controller.endpoints[0], every=f"{EVERY_MS}ms"),
            "empty": source.replace("/plm\n", "/empty\n"),
        }
        (folder / "empty").mkdir()
        try:
            with broker(folder) as mosquitto:
                config = write_site(folder, mosquitto.url, adapters)
                _fill(folder / "plm")
                # What the scan itself tells is thrown away where it comes: where nobody subscribes the service waits.
                watched = [EVENTS.format(origin) for origin in ("mill-1", "empty", "gateway")]
                with (
                    sink(mosquitto.port, EVENTS.format("plm")),
                    Watcher(mosquitto.port, *watched) as platform,
                    daemon(config) as pid,
                ):
                    platform.wait(b"machine.reachable")
                    platform.wait(b"baseline.taken")
                    (config / "adapters" / "plm.yaml").write_text(source)
                    figures = _scan(folder, pid, platform, controller)
                    with Watcher(mosquitto.port, EVENTS.format("#")) as everything:
                        figures += _new_files(folder, everything)
                return [*figures, _restart(folder, config)]
        finally:
            controller.end()


def _fill(folder: Path) -> None:
    """Write files that were finished long ago, each with one ECN."""
    for number in range(FILES):
        path = folder / f"OLD-{number:06d}.csv"
        row = f"OLD-{number:06d},closed,2023-01-01T00:00:00Z,P,P{number // PROGRAMS}.MPF,A,mill-1\n"
        path.write_text(HEAD + row)
        os.utime(path, (LONG_AGO + number, LONG_AGO + number))


def _scan(folder: Path, pid: int, platform: Watcher, controller: Simulator) -> list[Figure]:
    """Measure the scan; meanwhile ECNs from the other folder and changes on the machine go on being judged."""
    began, computed = time.perf_counter(), cpu_seconds(pid)
    before = resident_mb(pid)
    with _verdicts(folder / "empty", platform, controller) as delays:
        first, peak, told = _until_scanned(folder, pid)
    took, computed = time.perf_counter() - began, cpu_seconds(pid) - computed
    worst = 1000 * max(delays)
    kept = 1000 * (resident_mb(pid) - before) / FILES
    return [
        (
            f"first scan of {FILES} files (≤ {SECONDS} s)",
            f"{took:.1f} s, {computed:.1f} s of computing",
            took <= SECONDS,
        ),
        (
            f"memory of the daemon after it, for each file (≤ {KEPT_KB} kB)",
            f"{kept:.2f} kB: {before:.0f} MB before, {peak:.0f} MB at its peak",
            kept <= KEPT_KB if FILES >= ENOUGH else None,
        ),
        (
            f"memory while they are read, from the first progress told to its peak (≤ {GROWS:.2f} ×)",
            f"{first:.0f} and {peak:.0f} MB, {peak / first:.2f} ×",
            peak <= GROWS * first if FILES >= ENOUGH else None,
        ),
        (f"progress was told by `status` ({told} different states)", "yes" if told > 1 else "no", told > 1),
        (
            f"changed program → verdict during the scan, worst of {len(delays)} (≤ {VERDICT_MS} ms)",
            f"{worst:.0f} ms (p50 {1000 * percentile(delays, 0.5):.0f} ms)",
            worst <= VERDICT_MS,
        ),
    ]


def _until_scanned(folder: Path, pid: int) -> tuple[float, float, int]:
    """Wait for the end of the scan; return the memory when progress was first told and the most seen, in MB, and how many states
    of progress were told."""
    first = peak = 0.0
    told: set[object] = set()
    while True:
        peak = max(peak, resident_mb(pid))
        for source in _status(folder).get("sources", ()):
            if source["source"] == "plm":
                if source["scanning"]:
                    first = first or resident_mb(pid)
                    told.add(source["scanning"]["done"])
                if source["first_scan"]:
                    return first, peak, len(told)
        time.sleep(0.5)


def _status(folder: Path) -> dict[str, list[dict[str, object]]]:
    try:
        return control.request(control.socket_path(folder / "edge-bridge.db"), {"do": "status"})
    except ControlError:
        return {}


@contextmanager
def _verdicts(folder: Path, platform: Watcher, controller: Simulator) -> Iterator[list[float]]:
    """Go on releasing ECNs and loading what they demand; note how long each verdict took."""
    delays: list[float] = []
    ending = threading.Event()

    def work() -> None:
        for number in range(1, 10_000):
            if ending.is_set():
                return
            _release(folder, f"CHG-{number:04d}", "EL-1.MPF", f"V{number}")
            platform.wait(f'"ecn":"CHG-{number:04d}"'.encode(), within=60)
            controller.tell(f"version V{number}")
            changed = time.perf_counter()
            verdict = f'"observed":"V{number}","verdict":"compliant"'.encode()
            delays.append(platform.wait(verdict, within=60) - changed)
            ending.wait(0.3)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield delays
    finally:
        ending.set()
        thread.join()


def _new_files(folder: Path, platform: Watcher) -> list[Figure]:
    """Compare one new file in the full folder with one in the empty folder, in turns."""
    taken: dict[str, list[float]] = {"empty": [], "plm": []}
    for number in range(NEW):
        for name, delays in taken.items():
            ecn = f"NEW-{name}-{number:03d}"
            closed = _release(folder / name, ecn, f"N{number}.MPF", "A")
            delays.append(platform.wait(f'"ecn":"{ecn}"'.encode()) - closed)
    empty, full = (1000 * percentile(taken[name], 0.5) for name in ("empty", "plm"))
    return [
        (
            f"new file → event, p50 of {NEW}, among {FILES} files and in a folder of few (≤ 2 ×)",
            f"{full:.1f} ms and {empty:.1f} ms, {full / empty:.2f} ×",
            full <= 2 * empty,
        )
    ]


def _restart(folder: Path, config: Path) -> Figure:
    """Start again: what is held is not read again."""
    began = time.perf_counter()
    with daemon(config) as pid:
        while not (sources := _status(folder).get("sources")) or any(s["scanning"] or s["lost"] for s in sources):
            time.sleep(0.1)
        took, computed = time.perf_counter() - began, cpu_seconds(pid)
    return (
        f"restart beside {FILES} known files (≤ {SECONDS} s)",
        f"{took:.1f} s, {computed:.1f} s of computing",
        took <= SECONDS,
    )


def _release(folder: Path, number: str, program: str, version: str) -> float:
    """Release one ECN; return when its file was closed."""
    text = f"{HEAD}{number},released,{datetime.now(UTC).isoformat()},P,{program},{version},mill-1\n"
    with (folder / f"{number}.csv").open("w") as file:
        file.write(text)
    return time.perf_counter()
