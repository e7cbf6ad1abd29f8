"""What people ask of the database: while the daemon writes, and when none runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge.errors import StoreError
from edge_bridge.store import Snapshot
from edge_bridge.store.faults import in_plain_words
from tests.integration.store_samples import (
    KINDS,
    TODAY,
    Colour,
    Duty,
    Need,
    Tally,
    Warning,
    event,
    events,
    open_store,
    stored,
)

RED = Duty("m1", Need("O1"))
GREEN = Duty("m1", Need("O2", "E-2"), verdict=Colour.GREEN, closed=True)
OTHER = Duty("m2", Need("O1"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database that was stopped cleanly."""
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.commit(
            {
                "obligation": {"o1": RED, "o2": GREEN, "o3": OTHER},
                "card": {"c1": Warning("late", "m1"), "c2": Warning("lost", state=Colour.GREEN)},
            },
            [event(n, subject=f"m{n % 3}") for n in range(1, 31)],
        )
        store._mark_sent(10)
    return path


def test_rows_are_found_by_what_people_ask_for(path: Path) -> None:
    """By machine, ECN, kind, and by what the row computes; closed ones too."""
    with Snapshot.open(path, KINDS) as snapshot:
        assert snapshot.rows("obligation") == {"o1": RED, "o2": GREEN, "o3": OTHER}
        assert set(snapshot.find("obligation", machine="m1")) == {"o1", "o2"}
        assert set(snapshot.find("obligation", machine="m1", closed=False)) == {"o1"}
        assert set(snapshot.find("obligation", ecn="E-2")) == {"o2"}
        assert set(snapshot.find("obligation", key="o3")) == {"o3"}
        assert set(snapshot.find("card", active=True)) == {"c1"}
        assert set(snapshot.find("card", machine=None)) == {"c2"}
        assert set(snapshot.find("card", kind="late")) == {"c1"}


def test_rows_without_a_type_come_as_plain_data(path: Path) -> None:
    """A tool that does not know the ledger's types still reads its rows."""
    with Snapshot.open(path) as snapshot:
        assert snapshot.rows("card")["c1"] == {"kind": "late", "machine": "m1"}, "without what has its default"


def test_what_cannot_be_asked_is_said(path: Path) -> None:
    """An unknown kind or column gives an error that lists the known ones."""
    with Snapshot.open(path) as snapshot:
        with pytest.raises(StoreError, match="weather"):
            snapshot.rows("weather")
        with pytest.raises(StoreError, match="cannot be found by colour") as caught:
            snapshot.find("card", colour="red")
        assert "machine" in caught.value.hint


def test_events_are_found_from_either_end(path: Path) -> None:
    """By position, type and subject, oldest or newest first."""
    with Snapshot.open(path) as snapshot:
        assert [row.sequence for row in snapshot.events(after=3, before=7)] == [4, 5, 6]
        assert [row.sequence for row in snapshot.events(limit=2, order="newest")] == [30, 29]
        assert [row.sequence for row in snapshot.events(subject="m0", limit=3)] == [3, 6, 9]
        found = snapshot.events(subject="m0", type="program.changed", before=10, order="newest")
        assert found == [stored(event(9, subject="m0")), stored(event(3, subject="m0"))]


async def test_state_of_sending_is_shown(path: Path) -> None:
    """Position, parked events and sizes, with or without a daemon."""
    with open_store(path) as store:
        await store.park(4, 0x87, "not authorized", at=TODAY)
        counts = store.counts()
        with Snapshot.open(path) as snapshot:
            assert snapshot.counts() == counts
            assert (counts.unsent, counts.parked) == (20, 1)
            assert [(row.sequence, row.code, row.at) for row in snapshot.parked()] == [(4, 0x87, TODAY)]
            assert snapshot.meta()["epoch"] == store.epoch


def test_looking_at_a_stopped_database_leaves_no_trace(path: Path) -> None:
    """No WAL, no index of it, no change of a byte: another user's files beside it would stop the service."""
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with Snapshot.open(path) as snapshot:
        assert len(snapshot.events()) == 30
        with pytest.raises(StoreError, match="cannot be written"), in_plain_words(path):
            snapshot._connection.execute("DELETE FROM event")
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_reading_while_the_daemon_writes(path: Path) -> None:
    """Each question sees whole commits; the reader's end checkpoints nothing and disturbs nobody."""
    with open_store(path) as store, Snapshot.open(path, KINDS) as snapshot:
        for last in range(40, 400, 10):
            store.commit({"machine": {"m1": Tally(last)}}, events(store.last_sequence + 1, last))
            assert snapshot.rows("machine") == {"m1": Tally(last)}
            assert snapshot.events(limit=1, order="newest")[0].sequence == last
        size = path.stat().st_size
        snapshot.close()
        assert path.stat().st_size == size  # nothing moved from the WAL into the file


def test_reading_what_a_killed_daemon_left(path: Path) -> None:
    """A database with a WAL and no daemon is read with all that the WAL holds."""
    with open_store(path) as store:
        store.commit({}, events(31, 40))
        copy = path.parent / "copy"
        copy.mkdir()
        for name in ("store.db", "store.db-wal"):
            (copy / name).write_bytes((path.parent / name).read_bytes())
    with Snapshot.open(copy / "store.db") as snapshot:
        assert snapshot.events(limit=1, order="newest")[0].sequence == 40


def test_a_missing_database_is_explained(tmp_path: Path) -> None:
    """Nothing is made by asking."""
    with pytest.raises(StoreError, match="no database at") as caught:
        Snapshot.open(tmp_path / "store.db")
    assert "store.path" in caught.value.hint
    assert not list(tmp_path.iterdir())
