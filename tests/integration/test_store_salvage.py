"""A damaged database: moved aside, its readable rows saved, and the service goes on."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from edge_bridge.errors import StoreError
from edge_bridge.store import StoreCorrupt, schema
from tests.integration.store_samples import Tally, events, open_store

PAGE = 4096


def written(path: Path, *, clean: bool) -> str:
    """Leave a database of 400 events, 100 of them sent, and two rows; return its epoch."""
    with open_store(path) as store:
        store.commit({"machine": {"m1": Tally(400), "m2": Tally(2)}}, events(1, 400, body=bytes(1000)))
        store._mark_sent(100)
        epoch = store.epoch
    if not clean:
        with closing(schema.connect(path)) as connection:
            schema.write_meta(connection, {"clean": 0})
    return epoch


def pages_of(path: Path, table: str) -> list[int]:
    """Return the numbers of a table's leaf pages, in order of their rows."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        found = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table,)
        )
        return [page for (page,) in found.fetchall()]


def spoil(path: Path, page: int) -> None:
    """Overwrite one page."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


def test_a_damaged_page_costs_only_its_own_rows(tmp_path: Path) -> None:
    """What lies before and behind the damage is saved, the loss is named, the epoch and the position go on."""
    path = tmp_path / "store.db"
    epoch = written(path, clean=False)
    leaves = pages_of(path, "event")
    spoil(path, leaves[len(leaves) // 2])
    with open_store(path) as store:
        assert store.recovered is not None
        assert "store.db.corrupt-1" in store.recovered
        assert "events missing: " in store.recovered
        assert (store.epoch, store.sent_upto, store.last_sequence) == (epoch, 100, 400)
        assert 390 <= len(store.rows(0, 1000)) < 400
        assert store.load("machine") == {"m1": Tally(400), "m2": Tally(2)}
        store.commit({}, events(401, 402))
    assert (tmp_path / "store.db.corrupt-1").exists()
    with open_store(path) as store:
        assert (store.recovered, store.last_sequence) == (None, 402)


def test_damage_at_the_newest_events_begins_a_new_epoch(tmp_path: Path) -> None:
    """Nobody knows which sequences were used last: only a new epoch never uses one twice."""
    path = tmp_path / "store.db"
    epoch = written(path, clean=False)
    spoil(path, pages_of(path, "event")[-1])
    with open_store(path) as store:
        assert store.epoch != epoch
        assert "a new epoch begins" in (store.recovered or "")
        assert len(store.rows(100, 1000)) > 290


def test_a_file_that_is_no_database_is_moved_aside(tmp_path: Path) -> None:
    """Nothing can be saved: a new database and a new epoch, and the old file is kept; numbers go up."""
    path = tmp_path / "store.db"
    for number in (1, 2):
        path.write_bytes(os.urandom(10 * PAGE))
        with open_store(path) as store:
            assert "saved 0 events" in (store.recovered or "")
            store.commit({}, events(1, 3))
        assert path.with_name(f"store.db.corrupt-{number}").stat().st_size == 10 * PAGE


def test_a_damaged_meta_keeps_the_events_and_sends_them_again(tmp_path: Path) -> None:
    """Without the position all saved events count as unsent, in a new epoch: duplicates are known by their id."""
    path = tmp_path / "store.db"
    epoch = written(path, clean=False)
    spoil(path, pages_of(path, "meta")[0])
    with open_store(path) as store:
        assert store.epoch != epoch
        assert (store.sent_upto, store.last_sequence, len(store.rows(0, 1000))) == (0, 400, 400)


def test_an_interrupted_rescue_is_completed(tmp_path: Path) -> None:
    """A power cut between the renames: the next opening finishes them, and no old WAL meets the new file."""
    path = tmp_path / "store.db"
    written(path, clean=True)
    os.replace(path, tmp_path / "store.db.salvaged")
    path.write_bytes(b"damaged")
    (tmp_path / "store.db-wal").write_bytes(b"an old log")
    (tmp_path / "store.db.salvage").write_bytes(b"an unfinished attempt")
    with open_store(path) as store:
        assert store.last_sequence == 400
    assert (tmp_path / "store.db.corrupt-1").read_bytes() == b"damaged"
    assert (tmp_path / "store.db.corrupt-1-wal").read_bytes() == b"an old log"
    assert not (tmp_path / "store.db.salvage").exists()


def test_damage_met_at_work_is_mended_by_the_next_opening(tmp_path: Path) -> None:
    """A clean stop after meeting damage does not hide it: the next opening looks at every page."""
    path = tmp_path / "store.db"
    written(path, clean=True)
    leaf = pages_of(path, "machine")[0]
    spoil(path, leaf)
    store = open_store(path)
    assert store.recovered is None  # after a clean stop, opening does not read everything
    with pytest.raises(StoreCorrupt, match="is damaged") as caught:
        store.commit({"machine": {"m1": Tally(401)}}, events(401, 401))
    assert "restart" in caught.value.hint
    store.close()
    with open_store(path) as again:
        assert "unreadable pages in: machine" in (again.recovered or "")
        assert (again.last_sequence, again.load("machine")) == (400, {})


def test_a_garbled_row_of_state_is_left_out(tmp_path: Path) -> None:
    """A document that does not fit its type is counted, not loaded; the others are saved."""
    path = tmp_path / "store.db"
    written(path, clean=False)
    with closing(schema.connect(path)) as connection:
        connection.execute("UPDATE machine SET doc = '{\"count\": \"many\"}' WHERE key = 'm2'")
    with pytest.raises(StoreError, match="machine m2 in the database cannot be read: count"), open_store(path) as store:
        store.load("machine")
    with closing(schema.connect(path)) as connection:
        schema.write_meta(connection, {"clean": 0})
    spoil(path, pages_of(path, "card")[0])
    with open_store(path) as store:
        assert "1 more were garbled" in (store.recovered or "")
        assert store.load("machine") == {"m1": Tally(400)}
