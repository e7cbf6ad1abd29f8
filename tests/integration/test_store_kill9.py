"""kill -9 at random points, again and again on one database: no acknowledged row is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

from edge_bridge.store import schema
from tests.integration.store_samples import Tally, open_store

ROUNDS = 30


def killed(path: Path, seed: int, turns: int) -> tuple[str, int, int]:
    """Let a writer work, kill it after so many acknowledged turns, return the last thing that it acknowledged."""
    command = [sys.executable, "-m", "tests.integration.kill9_writer", str(path), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(turns):
            child.stdout.readline()
        child.kill()  # it is anywhere in its next turn
        said = child.stdout.read().splitlines() or ["- 0 0"]
    epoch, last, sent = next(line for line in reversed(said) if len(line.split()) == 3).split()
    return epoch, int(last), int(sent)


def test_kill_9_takes_no_acknowledged_row(tmp_path: Path) -> None:
    """After each kill: all that was acknowledged is there, without gaps, with its state, and the file is sound."""
    path = tmp_path / "store.db"
    random = Random(9)
    epochs = set()
    for seed in range(ROUNDS):
        epoch, last, sent = killed(path, seed, random.randrange(1, 60))
        with open_store(path) as store:
            epochs |= {store.epoch, epoch} - {"-"}
            assert store.recovered is None
            assert store.last_sequence >= last
            assert store.sent_upto >= sent  # a killed process loses not even what was not synced
            sequences = [row.sequence for row in store.rows(0, 10**9)]
            assert sequences == list(range(store.last_sequence - len(sequences) + 1, store.last_sequence + 1))
            assert store.load("machine") == {"m1": Tally(store.last_sequence)}
            schema.check_integrity(store._writer, path)
            assert store._writer.execute("PRAGMA integrity_check").get == "ok"
    assert len(epochs) == 1
