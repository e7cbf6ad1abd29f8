"""A full disk on a small tmpfs: nothing is changed, nothing is lost, and with space again the same commit works."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_bridge.store import Store, StoreFull
from tests.integration.store_samples import Tally, events, open_store


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"NOT TESTED, a full disk: mount needs root: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free; return the file that takes them."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return filler
    raise AssertionError("the disk never filled up")


async def test_a_full_disk_changes_nothing_and_the_retry_works(small_disk: Path) -> None:
    """The commit that does not fit is refused whole; reading goes on; with space again it is made."""
    with open_store(small_disk / "store.db") as store:
        store.commit({"machine": {"m1": Tally(10)}}, events(1, 10))
        filler = fill(small_disk)
        batch = events(11, 60, body=bytes(4000))
        for _ in range(3):
            with pytest.raises(StoreFull, match="is full"):
                await store.run(store.commit, {"machine": {"m1": Tally(60)}}, batch)
        assert store.load("machine") == {"m1": Tally(10)}
        assert [row.sequence for row in store.rows(0, 100)] == list(range(1, 11))
        assert store.last_sequence == 10
        filler.unlink()
        await store.run(store.commit, {"machine": {"m1": Tally(60)}}, batch)
    with open_store(small_disk / "store.db") as store:
        assert (store.recovered, store.last_sequence, store.load("machine")) == (None, 60, {"m1": Tally(60)})


def commit_for_ever(store: Store) -> None:
    """Commit until the store refuses."""
    while True:
        first = store.last_sequence + 1
        store.commit({}, events(first, first + 4, body=bytes(4000)))


async def test_a_disk_that_fills_up_by_itself_is_emptied_by_retention(small_disk: Path) -> None:
    """Commits until nothing fits: all acknowledged rows are there, and forgetting sent ones makes room again."""
    path = small_disk / "store.db"
    with open_store(path) as store:
        with pytest.raises(StoreFull):
            commit_for_ever(store)
        last = store.last_sequence
        assert [row.sequence for row in store.rows(0, 10_000)] == list(range(1, last + 1))
        fill(small_disk)
        for upto in range(last - 50, last + 1):
            await store.mark_sent(upto)
        assert (await store.retain(0, 0)).events == last
        for first in range(last + 1, last + 100, 5):
            store.commit({}, events(first, first + 4, body=bytes(4000)))


async def test_a_daemon_starts_on_a_full_disk(small_disk: Path) -> None:
    """What was set aside is enough to open, to forget and to go on."""
    path = small_disk / "store.db"
    with open_store(path) as store:
        with pytest.raises(StoreFull):
            commit_for_ever(store)
        last = store.last_sequence
        fill(small_disk)
    fill(small_disk)
    with open_store(path) as store:
        assert (store.recovered, store.last_sequence) == (None, last)
        await store.mark_sent(last)
        await store.retain(0, 0)
        store.commit({}, events(last + 1, last + 5, body=bytes(4000)))


def test_a_disk_that_is_full_from_the_start_is_explained(small_disk: Path) -> None:
    """Opening says that the disk is full, and works when there is space."""
    filler = fill(small_disk)
    with pytest.raises(StoreFull, match="is full"):
        open_store(small_disk / "store.db")
    filler.unlink()
    with open_store(small_disk / "store.db") as store:
        store.commit({}, events(1, 5))
