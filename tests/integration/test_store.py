"""The store on real files: what goes in comes out, all or nothing, for one daemon at a time."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from edge_bridge.domain.instant import Stamp
from edge_bridge.errors import StoreError
from edge_bridge.store import Store, schema, wal
from edge_bridge.store.store import MANY_EVENTS
from tests.integration.store_samples import (
    KINDS,
    TODAY,
    YESTERDAY,
    Colour,
    Duty,
    Look,
    Need,
    Tally,
    Warning,
    event,
    events,
    open_store,
)

DUTY = Duty(
    machine="dmu50",
    demand=Need("O1234"),
    verdict=Colour.GREEN,
    due=Stamp(utc=TODAY, boottime=5, boot="b"),
    stages={"released": YESTERDAY, "已发布": TODAY},
    view=(None, True),
    tags=("a", "b"),
)


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    """Nested dataclasses, enums, tuples, mappings and None survive closing and opening."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({"obligation": {"o1": DUTY}, "card": {"c1": Warning("late", "dmu50")}})
    with open_store(tmp_path / "store.db") as store:
        assert store.load("obligation") == {"o1": DUTY}
        assert store.load("card") == {"c1": Warning("late", "dmu50")}


def test_events_come_back_as_they_went_in(tmp_path: Path) -> None:
    """The outbox gives the same bytes, in order, from the asked position on."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({}, events(1, 5))
        assert [row.sequence for row in store.rows(2, 2)] == [3, 4]
        assert store.rows(2, 1)[0].body == event(3).body
        assert store.last_sequence == 5


def test_closed_rows_and_history_are_not_loaded(tmp_path: Path) -> None:
    """Closed obligations and cards, and observations, stay in the file and out of memory."""
    with open_store(tmp_path / "store.db") as store:
        store.commit(
            {
                "obligation": {"o1": DUTY, "o2": replace(DUTY, closed=True)},
                "card": {"c1": Warning("late"), "c2": Warning("late", state=Colour.GREEN)},
                "observation": {"m1|1": Look("m1", 1)},
            }
        )
        assert [set(store.load(kind)) for kind in ("obligation", "card", "observation")] == [{"o1"}, {"c1"}, set()]
        store.commit({"obligation": {"o1": replace(DUTY, closed=True)}})
        assert store.load("obligation") == {}


def test_a_row_can_be_deleted(tmp_path: Path) -> None:
    """None deletes; deleting what is not there is no error."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({"machine": {"m1": Tally(1), "m2": Tally(2)}})
        store.commit({"machine": {"m1": None, "m9": None}})
        assert store.load("machine") == {"m2": Tally(2)}


def test_state_and_events_are_committed_together_or_not_at_all(tmp_path: Path) -> None:
    """An error at the last event takes back the state, the events before it and the sequence."""
    broken = event(3)._replace(body="text where bytes belong")  # type: ignore[arg-type]
    with open_store(tmp_path / "store.db") as store:
        store.commit({"machine": {"m1": Tally(1)}}, [event(1)])
        with pytest.raises(StoreError):
            store.commit({"machine": {"m1": Tally(3)}, "card": {"c1": Warning("late")}}, [event(2), broken])
        assert (store.load("machine"), store.load("card")) == ({"m1": Tally(1)}, {})
        assert (store.last_sequence, len(store.rows(0, 10))) == (1, 1)
        store.commit({"machine": {"m1": Tally(2)}}, [event(2)])
        assert store.last_sequence == 2


@pytest.mark.parametrize("sequences", [(3,), (2, 4), (1,), (2, 2)])
def test_a_sequence_with_a_gap_or_a_repeat_is_refused(tmp_path: Path, sequences: tuple[int, ...]) -> None:
    """Events must go on from the newest one."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({}, [event(1)])
        with pytest.raises(StoreError, match="is next"):
            store.commit({}, [event(sequence) for sequence in sequences])
        assert store.last_sequence == 1


def test_unknown_kinds_are_refused(tmp_path: Path) -> None:
    """A kind without a table, or one whose type was not told, is a defect that says so."""
    with pytest.raises(StoreError, match="no table"):
        Store.open(tmp_path / "store.db", {"weather": Tally}, site="s", gateway="g")
    with open_store(tmp_path / "store.db") as store:
        with pytest.raises(StoreError, match="not told"):
            store.commit({"ecn": {"E-1": Tally(1)}})
        with pytest.raises(StoreError, match="not told"):
            store.load("ecn")


async def test_position_parking_and_session_survive_reopening(tmp_path: Path) -> None:
    """What was sent and parked is known after a restart, and the session number goes on."""
    store = open_store(tmp_path / "store.db")
    await store.run(store.commit, {}, events(1, 10))
    await store.mark_sent(7)
    await store.mark_sent(4)  # never back
    await store.park(3, 0x87, "not authorized", at=TODAY)
    await store.park(3, 0x97, "quota exceeded", at=TODAY)
    assert [await store.next_session(), await store.next_session()] == [1, 2]
    epoch = store.epoch
    store.close()
    with open_store(tmp_path / "store.db") as again:
        assert (again.sent_upto, again.last_sequence, again.epoch) == (7, 10, epoch)
        assert (again.counts().unsent, again.counts().parked) == (3, 1)
        assert await again.next_session() == 3


async def test_the_position_cannot_pass_the_newest_event(tmp_path: Path) -> None:
    """Marking what does not exist is a defect that says so."""
    with open_store(tmp_path / "store.db") as store, pytest.raises(StoreError, match="newest event"):
        await store.mark_sent(1)


async def test_commits_from_many_tasks_come_in_order_of_asking(tmp_path: Path) -> None:
    """`run` serves one caller after another, while rows are read in the loop's thread."""
    with open_store(tmp_path / "store.db") as store:
        tasks = [asyncio.create_task(store.run(store.commit, {}, [event(n)])) for n in range(1, 101)]
        while not all(task.done() for task in tasks):
            sequences = [row.sequence for row in store.rows(0, 1000)]
            assert sequences == list(range(1, len(sequences) + 1))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            tasks = [task for task in tasks if not task.done()]
        assert store.last_sequence == 100


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """After closing, work is refused in plain words; closing again does nothing."""
    store = open_store(tmp_path / "store.db")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.mark_sent(0)


def test_the_files_are_for_the_service_alone(tmp_path: Path) -> None:
    """Database, WAL and lock have mode 0600; a missing folder is made."""
    with open_store(tmp_path / "var" / "store.db"):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").iterdir()}
    assert modes == dict.fromkeys(
        ("store.db", "store.db-wal", "store.db-shm", "store.db.lock", "store.db.reserve"), 0o600
    )


def test_a_clean_close_leaves_no_log(tmp_path: Path) -> None:
    """The WAL is emptied into the database and removed; the lock file and the reserved space stay."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({}, events(1, 10))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store.db", "store.db.lock", "store.db.reserve"]


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    """Whoever comes second is told which process holds the database, and does no harm to it."""
    with open_store(tmp_path / "store.db") as store:
        with pytest.raises(StoreError, match=rf"in use by another edge-bridge \(process {os.getpid()}\)"):
            open_store(tmp_path / "store.db")
        store.commit({}, [event(1)])
    with open_store(tmp_path / "store.db") as store:
        assert store.last_sequence == 1


def test_a_killed_daemon_holds_no_lock(tmp_path: Path) -> None:
    """kill -9 frees the lock; its file is left and taken over."""
    path = tmp_path / "store.db"
    command = [sys.executable, "-m", "tests.integration.kill9_writer", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(StoreError, match=rf"process {child.pid}\)"):
            open_store(path)
        child.kill()
        child.wait()
    with open_store(path) as store:
        assert store.last_sequence > 0


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    """A path below a file, where even root cannot write, gives an error with a way out."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write in") as caught:
        open_store(tmp_path / "file" / "store.db")
    assert "store.path" in caught.value.hint


def test_a_folder_in_the_place_of_the_database_is_explained(tmp_path: Path) -> None:
    """SQLite's own error becomes a StoreError, and the lock is let go."""
    (tmp_path / "store.db").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(tmp_path / "store.db")
    (tmp_path / "store.db").rmdir()
    open_store(tmp_path / "store.db").close()


def test_the_database_of_another_gateway_is_refused(tmp_path: Path) -> None:
    """Its events would go on under another name."""
    open_store(tmp_path / "store.db").close()
    with pytest.raises(StoreError, match="belongs to gateway 'gw1'"):
        Store.open(tmp_path / "store.db", KINDS, site="site", gateway="gw2")


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """A SQLite file without our mark is left alone."""
    with closing(apsw.Connection(str(tmp_path / "store.db"))) as other:
        other.execute("CREATE TABLE photo (name)")
    with pytest.raises(StoreError, match="not a database of edge-bridge"):
        open_store(tmp_path / "store.db")
    assert not list(tmp_path.glob("*corrupt*"))


def test_the_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """A downgrade refuses in plain words and leaves the file alone."""
    open_store(tmp_path / "store.db").close()
    with closing(apsw.Connection(str(tmp_path / "store.db"))) as newer:
        newer.pragma("user_version", 99)
    with pytest.raises(StoreError, match="newer edge-bridge") as caught:
        open_store(tmp_path / "store.db")
    assert "install" in caught.value.hint
    assert not list(tmp_path.glob("*corrupt*"))


def test_an_older_database_is_brought_up_to_date(tmp_path: Path) -> None:
    """Each migration runs once, in one transaction with its version."""
    path = tmp_path / "store.db"
    open_store(path).close()
    with closing(schema.connect(path)) as older:
        newest = len(schema.MIGRATIONS) + 1
        ours = [*schema.MIGRATIONS, "ALTER TABLE ecn ADD COLUMN note TEXT"]
        with pytest.raises(apsw.SQLError):
            schema.prepare(older, path, [*ours, "no SQL at all"])
        assert older.pragma("user_version") == newest
        for _ in range(2):
            schema.prepare(older, path, ours)
        assert older.pragma("user_version") == newest + 1
        assert older.execute("SELECT count(note) FROM ecn").get == 0


async def test_the_log_stays_bounded_with_readers_around(tmp_path: Path) -> None:
    """A reader between statements does not stop the WAL from starting over; one inside a read only delays it."""
    path = tmp_path / "store.db"
    body = bytes(40_000)
    with open_store(path) as store, closing(schema.connect_reader(path)) as reader:
        log = path.with_name("store.db-wal")
        for n in range(0, 1200, 10):
            store.commit({}, events(n + 1, n + 10, body=body))
            assert len(store.rows(n, 10)) == reader.execute("SELECT count(*) FROM event WHERE sequence > ?", (n,)).get
        assert log.stat().st_size < (wal.CHECKPOINT_PAGES + 500) * 4096
        held = reader.execute("SELECT sequence FROM event")
        next(held)  # a read transaction that stays open
        for n in range(1200, 2200, 10):
            store.commit({}, events(n + 1, n + 10, body=body))
        held.close()
        for n in range(2200, 3400, 10):
            store.commit({}, events(n + 1, n + 10, body=body))
        assert log.stat().st_size <= 16 * 1024 * 1024


async def test_a_large_commit_is_answered_before_the_log_is_moved(tmp_path: Path) -> None:
    """It is safe in the log; moving it comes next on the thread that writes, and the larger cache is given back."""
    path = tmp_path / "store.db"
    log = path.with_name("store.db-wal")
    with open_store(path) as store:
        store.commit({"obligation": {"o1": DUTY}}, events(1, MANY_EVENTS, body=bytes(2000)))
        assert store.last_sequence == MANY_EVENTS
        assert len(store.rows(0, MANY_EVENTS)) == MANY_EVENTS
        assert await store.run(lambda: log.stat().st_size) < 4096, "what is asked for next finds the log moved"
        assert store._writer.pragma("cache_size") == schema.CACHE_KIB
        store.commit({}, events(MANY_EVENTS + 1, MANY_EVENTS + 1))
    with open_store(path) as again:
        assert again.last_sequence == MANY_EVENTS + 1


def test_a_large_commit_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    """Neither rows, nor events, nor the size of the cache."""
    with open_store(tmp_path / "store.db") as store:
        wrong = [*events(1, MANY_EVENTS), *events(MANY_EVENTS + 2, MANY_EVENTS + 2)]
        with pytest.raises(StoreError, match="is next"):
            store.commit({"obligation": {"o1": DUTY}}, wrong)
        assert (store.last_sequence, store.load("obligation"), store.rows(0, 1)) == (0, {}, [])
        assert store._writer.pragma("cache_size") == schema.CACHE_KIB


async def test_old_sent_events_are_deleted_in_slices(tmp_path: Path) -> None:
    """Old and sent goes; unsent, parked and young stays, without holes; the file gives its pages back."""
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.commit({}, events(1, 3000, recorded=YESTERDAY, body=bytes(2000)))
        store.commit({}, events(3001, 3100, recorded=TODAY))
        await store.mark_sent(2900)
        await store.park(17, 0x87, "not authorized")
        retained = await store.retain(TODAY, 10**12)
        assert retained.events == 2899
        assert retained.pages > 1000
        assert [row.sequence for row in store.rows(0, 10_000)] == [17, *range(2901, 3101)]
        await store.mark_sent(3100)
        assert (await store.retain(TODAY, 10**12)).events == 100
        assert [row.sequence for row in store.rows(0, 10_000)] == [17, *range(3001, 3101)]
    assert path.stat().st_size < 1_500_000


async def test_too_much_data_sheds_sent_events_only(tmp_path: Path) -> None:
    """Above the limit the oldest sent events go, however young; never one that is not sent."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({}, events(1, 2000, recorded=TODAY, body=bytes(2000)))
        await store.mark_sent(1200)
        assert (await store.retain(YESTERDAY, 10**12)).events == 0
        assert 0 < (await store.retain(YESTERDAY, 6_500_000)).events < 1200
        assert (await store.retain(YESTERDAY, 0)).events > 0
        assert [row.sequence for row in store.rows(0, 10_000)] == list(range(1201, 2001))


async def test_an_emptied_outbox_goes_on_counting(tmp_path: Path) -> None:
    """When retention has deleted every event, the next one is still the next one."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({}, events(1, 10, recorded=YESTERDAY))
        await store.mark_sent(10)
        assert (await store.retain(TODAY, 10**12)).events == 10
    with open_store(tmp_path / "store.db") as store:
        assert (store.last_sequence, store.counts().unsent) == (10, 0)
        store.commit({}, [event(11)])


async def test_the_newest_observation_of_a_machine_is_kept(tmp_path: Path) -> None:
    """However old it is, it is what is known of that machine; obligations and cards are not touched."""
    looks = {f"{m}|{n}": Look(m, YESTERDAY + n) for m in ("m1", "m2") for n in range(700)}
    with open_store(tmp_path / "store.db") as store:
        store.commit({"observation": looks, "obligation": {"o1": replace(DUTY, closed=True)}})
        assert (await store.retain(TODAY, 10**12)).observations == 2 * 699
        left = store._reader.execute("SELECT key FROM observation ORDER BY key").fetchall()
        assert left == [("m1|699",), ("m2|699",)]
        assert store._reader.execute("SELECT count(*) FROM obligation").get == 1


async def test_commits_get_their_turn_while_old_events_are_deleted(tmp_path: Path) -> None:
    """Retention is many short steps: a commit asked for meanwhile is done before retention ends."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({}, events(1, 5000, recorded=YESTERDAY))
        await store.mark_sent(5000)
        retention = asyncio.create_task(store.retain(TODAY, 10**12))
        await asyncio.wait([retention], timeout=0)
        await store.run(store.commit, {}, [event(5001)])
        assert not retention.done()
        assert (await retention).events == 5000
