"""Files made to break the reader: how long the next good one waits behind one of them, and behind two in a row."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.plant import PLM, Watcher, broker, daemon, percentile, write_site
from tests.integration.hostile_reader import ADAPTER, as_package

ROUNDS = 3
SECONDS = 1.0
ROWS = (("burn",), ("wait",), ("eat",), ("crash",), ("burn", "burn"), ("crash", "burn"), ("burn", "burn", "burn"))
HEAD = "number,status,released,part,program,version,machines\n"

Figure = tuple[str, str, bool | None]


def run() -> list[Figure]:
    """Return (name, figure, within target): the daemon with a reader that does what a file's first line says."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source = PLM.format(folder=folder).replace("adapter: plm_folder", f"adapter: {ADAPTER}")
        env = as_package(folder / "packages")
        with broker(folder) as mosquitto:
            config = write_site(folder, mosquitto.url, {"plm": source})
            with (
                Watcher(mosquitto.port, "edge-bridge/v1/bench/edge-01/evt/#") as platform,
                daemon(config, env=env),
            ):
                platform.wait(b"baseline.taken")
                usual = percentile([_good(folder, platform, f"USUAL-{n}") for n in range(10)], 0.5)
                return [_behind(folder, platform, row, usual) for row in ROWS]


def _behind(folder: Path, platform: Watcher, row: tuple[str, ...], usual: float) -> Figure:
    """Drop hostile files and a good one behind them, again and again."""
    took: list[float] = []
    for turn in range(ROUNDS):
        names = [f"{'-'.join(row)}-{turn}-{place}.csv" for place in range(len(row))]
        for kind, name in zip(row, names, strict=True):
            _put(folder / "plm" / name, f"#{kind}\n{name}\n")
        took.append(_good(folder, platform, f"GOOD-{'-'.join(row)}-{turn}"))
        for name in names:
            platform.wait(f'"file":"{name}"'.encode(), within=120)
    return (
        f"good file behind {' and '.join(row)} → event, worst of {ROUNDS} (≤ {SECONDS:g} s more than alone)",
        f"{max(took):.2f} s (p50 {percentile(took, 0.5):.2f} s; alone {usual:.3f} s)",
        max(took) <= SECONDS + usual,
    )


def _good(folder: Path, platform: Watcher, number: str) -> float:
    """Return how long a good file took from being there to its event."""
    _put(
        folder / "plm" / f"{number}.csv",
        f"{HEAD}{number},released,{datetime.now(UTC).isoformat()},P,{number}.MPF,A,mill-1\n",
    )
    began = time.perf_counter()
    return platform.wait(f'"ecn":"{number}"'.encode(), within=60) - began


def _put(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text)
    os.replace(draft, path)
