"""Runs the benchmarks: `python -m bench [NAME …]`; prints each figure, whether it is within its target, machine and date."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from datetime import UTC, datetime

import apsw

NAMES = ("ledger", "intake", "store", "latency", "scan", "hostile", "drain", "fleet", "opcua")
MARKS = {True: "ok  ", False: "MISS", None: "    "}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; return 1 when a figure misses its target."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"no benchmark {unknown[0]!r}: one of {', '.join(NAMES)}", file=sys.stderr)
        return 2
    print(_machine())
    missed = 0
    for name in names or NAMES:
        print(f"\n{name}", flush=True)
        for figure, value, within in importlib.import_module(f"bench.{name}").run():
            print(f"  {MARKS[within]} {figure}: {value}", flush=True)
            missed += within is False
    print(f"\n{missed} of the figures above miss their target" if missed else "\nall figures within their targets")
    return 1 if missed else 0


def _machine() -> str:
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        model = next(
            (line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), platform.machine()
        )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    python = f"Python {platform.python_version()} ({os.path.realpath(sys.executable)})"  # how it was built is a fifth
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {model}, {os.cpu_count()} cores, load {load} · "
        f"{python} · SQLite {apsw.sqlite_lib_version()} · Linux {platform.release()}"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
