"""Power loss at seeded points: what was acknowledged is there afterwards, and the harness would see it if it were not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from edge_bridge.errors import StoreError
from edge_bridge.store import Store
from tests.integration.powerloss import Disk, disk
from tests.integration.store_samples import Tally, events, open_store

CRASHES = 300


@dataclass(slots=True)
class Promises:
    """What the store had acknowledged when the power went."""

    epoch: str | None = None
    last: int = 0
    sent: int = 0
    session: int = 0


async def work(path: Path, vfs: str, random: Random, promises: Promises, *, relaxed: bool) -> None:
    """Commit, mark, number and reopen until the power goes; note what was acknowledged."""
    while True:
        store = open_store(path, vfs)
        promises.epoch = store.epoch
        if relaxed:
            store._writer.pragma("synchronous", "NORMAL")
        try:
            for _ in range(random.randrange(2, 25)):
                last = store.last_sequence + random.randrange(1, 6)
                batch = events(store.last_sequence + 1, last, body=bytes(random.randrange(1, 6000)))
                await store.run(store.commit, {"machine": {"m1": Tally(last)}}, batch)
                promises.last = last
                if not relaxed and random.random() < 0.3:
                    await store.mark_sent(random.randrange(store.sent_upto, last + 1))
                    promises.sent = store.sent_upto
                if not relaxed and random.random() < 0.1:
                    promises.session = await store.next_session()
        finally:
            store.close()


def broken_promise(store: Store, promises: Promises) -> str | None:
    """Return what is wrong with the store that was opened after the power came back; None when all is as promised."""
    sequences = [row.sequence for row in store.rows(0, 1_000_000)]
    tally = store.load("machine").get("m1", Tally(0)).count
    checks = {
        f"damaged: {store.recovered}": store.recovered is not None,
        "another epoch": promises.epoch not in (None, store.epoch),
        f"{promises.last} acknowledged, {store.last_sequence} there": store.last_sequence < promises.last,
        "a gap": sequences != list(range(1, store.last_sequence + 1)),
        f"state of {tally}, events to {store.last_sequence}": tally != store.last_sequence,
        "a position beyond the newest event": store.sent_upto > store.last_sequence,
    }
    return next((name for name, found in checks.items() if found), None)


def crash(folder: Path, seed: int, *, obeys: bool = True, relaxed: bool = False) -> str | None:
    """Run until a seeded crash point, open what the disk still holds, and return the promise that was broken."""
    random = Random(seed)
    promises = Promises()
    before, after = folder / f"{seed}-before", folder / f"{seed}-after"
    before.mkdir()
    after.mkdir()
    with disk(f"powerloss-{seed}", random.randrange(1, 300), obeys=obeys) as it:
        lose_power(it, before, random, promises, relaxed=relaxed)
        it.remains(after, random)
    with open_store(after / "store.db") as store:
        return broken_promise(store, promises)


def lose_power(it: Disk, folder: Path, random: Random, promises: Promises, *, relaxed: bool) -> None:
    """Work on the disk until its power goes."""
    with pytest.raises(StoreError, match=r"fails to read or write|cannot be opened"):
        asyncio.run(work(folder / "store.db", it.called, random, promises, relaxed=relaxed))


def test_power_loss_takes_no_acknowledged_commit(tmp_path: Path) -> None:
    """Whatever the disk makes of unsynced writes, every acknowledged commit is whole and in order."""
    broken = {seed: found for seed in range(CRASHES) if (found := crash(tmp_path, seed))}
    assert broken == {}


def test_the_harness_sees_commits_that_were_not_synced(tmp_path: Path) -> None:
    """With synchronous=NORMAL the same harness finds lost commits: it can fail."""
    broken = [found for seed in range(40) if (found := crash(tmp_path, seed, relaxed=True))]
    assert len(broken) > 10  # the seeds whose crash point lies before the first commit lose nothing
    assert all("acknowledged" in found for found in broken)  # lost, never damaged


def test_the_harness_sees_a_disk_that_does_not_sync(tmp_path: Path) -> None:
    """On a disk that only says that it synced, the same harness finds losses: no store could keep its word there."""
    assert sum(crash(tmp_path, seed, obeys=False) is not None for seed in range(20)) > 10
