"""Databases of older releases: opened, brought up to date, and nothing of them is lost."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from edge_bridge.errors import StoreError
from edge_bridge.store import Snapshot, schema
from edge_bridge.store.rows import Codec
from tests.integration.store_samples import KINDS, Colour, Duty, Need, Tally, event, events, open_store

SCHEMAS = Path(__file__).parent / "store_schemas"
OPEN, DONE, OTHER = (
    Duty("m1", Need("O1")),
    Duty("m1", Need("O2", "E-2"), verdict=Colour.GREEN, closed=True),
    Duty("m2", Need("O1")),
)
SOUND, GARBLED = '{"to": "be garbled"}', '{"to": "be garbled,}'
NEWEST = len(schema.MIGRATIONS) + 1


def as_it_was(doc: str) -> str:
    """Return a row as releases wrote it in which a demand named its machine."""
    row = json.loads(doc)
    row["demand"] = {"machine": row.pop("machine"), **row["demand"]}
    return json.dumps(row)


def old_database(path: Path, version: int, *, garbled: bool = False) -> None:
    """Leave what a release of this schema left: three obligations, in an order that is not that of their keys."""
    codec = Codec(KINDS)
    with closing(schema.connect(path)) as old, schema.transaction(old):
        old.execute((SCHEMAS / f"{min(max(version, 2), 4)}.sql").read_text("utf-8"))
        if version == 1:
            old.execute("DROP TABLE available")
        old.pragma("application_id", schema.APPLICATION_ID)
        old.pragma("user_version", version)
        meta = {"site": "site", "gateway": "gw1", "epoch": "e", "sent_upto": 1, "session": 4, "clean": 1}
        schema.write_meta(old, meta)
        for key, row in (("o9", OPEN), ("o1", DONE), ("o5", OTHER)):
            doc = as_it_was(codec.encode("obligation", key, row))
            old.execute("INSERT INTO obligation (key, doc, closed) VALUES (?, ?, ?)", (key, doc, row.closed))
            if version >= 3:
                old.execute("UPDATE obligation SET machine = ?, ecn = ? WHERE key = ?", (row.machine, row.ecn, key))
        if garbled:
            old.execute("INSERT INTO obligation (key, doc, closed) VALUES ('oX', ?, 1)", (SOUND,))
        for key in ("m1|O1", "m2|O1"):
            doc = f'{{"demand": {{"machine": "{key[:2]}", "key": "O1", "ecn": "E-1"}}}}'
            old.execute("INSERT INTO requirement (key, doc) VALUES (?, ?)", (key, doc))
            if version >= 3:
                old.execute("UPDATE requirement SET machine = ?, ecn = 'E-1' WHERE key = ?", (key[:2], key))
        old.execute("INSERT INTO machine (key, doc) VALUES ('m1', ?)", (codec.encode("machine", "m1", Tally(7)),))
        for one in events(1, 3):
            old.execute(
                "INSERT INTO event (sequence, id, type, origin, subject, time, recorded, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (one.sequence, one.id, one.type, one.origin, one.subject, one.time, one.recorded, one.body),
            )
    if garbled:  # as a failing disk does it: SQLite itself would have refused it
        whole = path.read_bytes()
        assert whole.count(SOUND.encode()) == 1
        path.write_bytes(whole.replace(SOUND.encode(), GARBLED.encode()))


def shape(connection: apsw.Connection) -> dict[str, str]:
    """Return the SQL of every table and index, by name, without its white space and comments."""
    found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: " ".join(sql.split()).replace("( ", "(").replace(" )", ")").replace(" ,", ",") for name, sql in found}


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_older_database_becomes_what_a_new_one_is(tmp_path: Path, version: int) -> None:
    """Every table and index, whatever release made it."""
    open_store(tmp_path / "new.db").close()
    old_database(tmp_path / "old.db", version)
    with Snapshot.open(tmp_path / "old.db") as looked_at:
        assert looked_at.rows("available") == {}, "a look before the update finds nothing of what came since"
        assert [one.body for one in looked_at.events()] == [event(n).body for n in (1, 2, 3)]
        assert set(looked_at.find("obligation", machine="m1", closed=False)) == {"o9"}
    open_store(tmp_path / "old.db").close()
    with closing(schema.connect(tmp_path / "old.db")) as old, closing(schema.connect(tmp_path / "new.db")) as new:
        assert shape(old) == shape(new)
        assert old.pragma("user_version") == new.pragma("user_version") == NEWEST


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_nothing_of_an_older_database_is_lost(tmp_path: Path, version: int) -> None:
    """State, history, events and position are there after the update, in their order, and found by every column."""
    path = tmp_path / "store.db"
    old_database(path, version)
    with open_store(path) as store:
        assert (store.recovered, store.epoch, store.last_sequence, store.sent_upto) == (None, "e", 3, 1)
        assert list(store.load("obligation").items()) == [("o9", OPEN), ("o5", OTHER)]
        assert store.load("machine") == {"m1": Tally(7)}
        assert [row.body for row in store.rows(0, 10)] == [event(n).body for n in (1, 2, 3)]
    with Snapshot.open(path, KINDS) as people:
        assert list(people.rows("obligation")) == ["o9", "o1", "o5"]
        assert set(people.find("obligation", machine="m1", closed=False)) == {"o9"}
        assert set(people.find("obligation", ecn="E-2")) == {"o1"}
        assert list(people.find("requirement", ecn="E-1")) == ["m1|O1", "m2|O1"]
        assert list(people.find("requirement", machine="m2")) == ["m2|O1"]


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_document_that_is_no_json_does_not_stop_an_update(tmp_path: Path, version: int) -> None:
    """It is kept as it is: one row of history must not keep the gateway from starting."""
    path = tmp_path / "store.db"
    old_database(path, version, garbled=True)
    with open_store(path) as store:
        assert set(store.load("obligation")) == {"o9", "o5"}
        assert store._reader.execute("SELECT doc, machine FROM obligation WHERE key = 'oX'").get == (GARBLED, None)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_an_update_that_fails_leaves_the_database_as_it_was(tmp_path: Path, version: int) -> None:
    """One transaction: the older release can be installed again."""
    path = tmp_path / "store.db"
    old_database(path, version)
    with closing(schema.connect(path)) as old:
        before = shape(old)
        with pytest.raises(apsw.SQLError):
            schema.prepare(old, path, [*schema.MIGRATIONS, "no SQL at all"])
        assert (shape(old), old.pragma("user_version")) == (before, version)
        assert old.execute("SELECT count(*) FROM obligation").get == 3


@pytest.mark.parametrize("version", [2, 3, 4])
def test_an_older_database_that_is_damaged_is_saved_into_the_newest_schema(tmp_path: Path, version: int) -> None:
    """What an older schema does not have beside its documents is made from them."""
    path = tmp_path / "store.db"
    old_database(path, version, garbled=True)
    with closing(schema.connect(path)) as connection:
        schema.write_meta(connection, {"clean": 0})
        (root,) = (connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'known'").get,)
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with open_store(path) as store:
        assert "1 more were garbled" in (store.recovered or "")
        assert store.load("obligation") == {"o9": OPEN, "o5": OTHER}
    with Snapshot.open(path, KINDS) as people:
        assert set(people.find("obligation", machine="m2")) == {"o5"}


def test_open_rows_are_found_by_the_index_of_the_open_ones(tmp_path: Path) -> None:
    """History grows for years, and is not read for what is open now."""
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.commit({"obligation": {"o1": OPEN, "o2": DONE}})
        asked = 'SELECT doc FROM obligation WHERE "closed" = 0 AND "machine" IS \'m1\''
        plan = [step[-1] for step in store._reader.execute(f"EXPLAIN QUERY PLAN {asked}")]
        assert any("obligation_open" in step for step in plan), plan


def test_the_database_of_a_later_release_is_refused_by_name(tmp_path: Path) -> None:
    """A schema that this program does not know is left alone."""
    path = tmp_path / "store.db"
    old_database(path, NEWEST + 1)
    with pytest.raises(StoreError, match=f"schema {NEWEST + 1}, this one knows {NEWEST}"):
        open_store(path)
