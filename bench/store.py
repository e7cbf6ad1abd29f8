"""The store on a local disk: one commit, a group commit, moving the position."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from edge_bridge.store import SealedEvent, Store

Result = tuple[str, str, bool | None]

COMMIT_TARGET_MS = 1.0
GROUP_TARGET_ROWS_PER_S = 50_000
BODY = b"x" * 600  # bytes of a usual event


def run() -> list[Result]:
    """Return (name, figure, within its target or None when there is no target)."""
    parent = Path("var") if Path("var").is_dir() else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        store = Store.open(Path(folder) / "store.db", {}, site="bench", gateway="bench")
        with store:
            commit_ms = single_commits(store)
            rows_per_s = group_commits(store)
            mark_us = asyncio.run(marks(store))
    return [
        ("store: file system", file_system(parent), None),
        ("store: commit of one event, p50", f"{commit_ms:.2f} ms", commit_ms <= COMMIT_TARGET_MS),
        ("store: group commit of 1000 events, p50", f"{rows_per_s:,.0f} rows/s", rows_per_s >= GROUP_TARGET_ROWS_PER_S),
        ("store: mark_sent from the loop, p50", f"{mark_us:.0f} µs", None),
    ]


def single_commits(store: Store, count: int = 500) -> float:
    """Return the median time of a commit of one event, in ms."""
    times = []
    for _ in range(count):
        batch = events(store, 1)
        start = time.perf_counter()
        store.commit({}, batch)
        times.append(time.perf_counter() - start)
    return median(times) * 1000


def group_commits(store: Store, count: int = 40) -> float:
    """Return the median rate of commits of 1000 events, in rows per second."""
    rates = []
    for _ in range(count):
        batch = events(store, 1000)
        start = time.perf_counter()
        store.commit({}, batch)
        rates.append(len(batch) / (time.perf_counter() - start))
    return median(rates)


async def marks(store: Store, count: int = 1000) -> float:
    """Return the median time of moving the position, with the way to the writing thread and back, in µs."""
    times = []
    for upto in range(1, count + 1):
        start = time.perf_counter()
        await store.mark_sent(upto)
        times.append(time.perf_counter() - start)
    return median(times) * 1_000_000


def events(store: Store, count: int) -> list[SealedEvent]:
    """Return the next events of a usual size."""
    first = store.last_sequence + 1
    return [
        SealedEvent(n, f"{n:032x}", "obligation.verdict", f"m{n % 30}", f"m{n % 30}", 1_772_000_000_000, n, BODY)
        for n in range(first, first + count)
    ]


def file_system(path: Path) -> str:
    """Return the kind of file system that holds a path: a memory disk would make every figure look good."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    there = os.path.realpath(path)
    held_by = [(mount, kind) for mount, kind in mounts if os.path.commonpath((mount, there)) == mount]
    return max(held_by, key=lambda found: len(found[0]))[1]


if __name__ == "__main__":
    for name, figure, within in run():
        print(f"{name}: {figure}{'' if within is None else ' (within target)' if within else ' (MISSES TARGET)'}")
