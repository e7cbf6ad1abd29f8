"""What rows have in common is stored once, and nobody who reads them can tell."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_bridge.domain.frame import LEAST, SEPARATOR, mark
from edge_bridge.errors import StoreError
from edge_bridge.store import SealedEvent, Snapshot, Store, StoreCorrupt, schema
from tests.integration.store_samples import (
    KINDS,
    TODAY,
    YESTERDAY,
    Colour,
    Duty,
    Need,
    Tally,
    event,
    open_store,
    stored,
)

FRAME = f'{{"n":{mark(1)},"twice":[{mark(2)},{mark(2)}],"rest":"{"x" * 300} 改"}}'
DUTIES = {f"o{n}": Duty(f"m{n % 3}", Need(f"P{n}"), stages={"released": 5}) for n in range(3 * LEAST)}


def alike(first: int, last: int, *, recorded: int = YESTERDAY, frame: str = FRAME) -> list[SealedEvent]:
    """Return events with a frame in common."""
    made = (event(n, recorded=recorded, body=f'{n}{SEPARATOR}"é{n}"'.encode()) for n in range(first, last + 1))
    return [one._replace(frame=frame) for one in made]


def body(n: int) -> bytes:
    """Return the whole body of such an event."""
    return f'{{"n":{n},"twice":["é{n}","é{n}"],"rest":"{"x" * 300} 改"}}'.encode()


def frames(store: Store) -> int:
    """Count what is stored once."""
    count: int = store._reader.execute("SELECT count(*) FROM shared").get
    return count


def test_events_come_out_whole(tmp_path: Path) -> None:
    """To whoever sends them and to whoever looks at them; among others that share nothing."""
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.commit({}, [event(1), *alike(2, 9), event(10), *alike(11, 12)])
        expected = [event(1).body, *map(body, range(2, 10)), event(10).body, body(11), body(12)]
        assert [row.body for row in store.rows(0, 100)] == expected
        assert frames(store) == 2
    with Snapshot.open(path) as people:
        assert [one.body for one in people.events()] == expected
        assert people.events(after=1, limit=1) == [stored(event(2, recorded=YESTERDAY, body=body(2)))]
        assert [one.sequence for one in people.events(type="obligation.verdict", order="newest")] == [
            12,
            10,
            8,
            6,
            4,
            2,
        ]


def test_rows_come_out_whole(tmp_path: Path) -> None:
    """Loaded and found; one that is written again is the newer one, and its like stay what they were."""
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.commit({"obligation": DUTIES})
        assert frames(store) == 1
        assert len(store._reader.execute("SELECT doc FROM obligation LIMIT 1").get) < 30
        newer = replace(DUTIES["o7"], verdict=Colour.GREEN)
        store.commit({"obligation": {"o7": newer}})
        assert list(store.load("obligation").items()) == list((DUTIES | {"o7": newer}).items())
    with Snapshot.open(path, KINDS) as people:
        assert people.find("obligation", key="o8") == {"o8": DUTIES["o8"]}
        assert list(people.find("obligation", machine="m1", closed=False)) == [f"o{n}" for n in range(1, 3 * LEAST, 3)]
    with Snapshot.open(path) as strangers:  # that were not told of the types
        assert strangers.find("obligation", key="o8")["o8"]["demand"] == {"key": "P8"}


def test_few_rows_and_those_that_differ_share_nothing(tmp_path: Path) -> None:
    """A frame for each would be more than the rows."""
    few = dict(list(DUTIES.items())[: LEAST - 1])
    unlike = {key: replace(row, stages={"released": n}) for n, (key, row) in enumerate(DUTIES.items())}
    with open_store(tmp_path / "store.db") as store:
        for rows in (few, unlike):
            store.commit({"obligation": rows})
            assert (store.load("obligation") | rows, frames(store)) == (store.load("obligation"), 0)


@pytest.mark.parametrize("wrong", [Need(7), Need("\udce9"), Need("P", "\udce9"), "no need"])
def test_a_row_of_another_type_among_many_is_refused_by_name(tmp_path: Path, wrong: Any) -> None:
    """As if it stood alone, and nothing of the commit is left."""
    with open_store(tmp_path / "store.db") as store:
        bad = replace(DUTIES["o7"], demand=wrong)
        with pytest.raises(StoreError, match="o7 cannot be stored"):
            store.commit({"obligation": DUTIES | {"o7": bad}, "machine": {"m1": Tally(1)}})
        with pytest.raises(StoreError, match="cannot be stored"):
            store.commit({"obligation": dict.fromkeys(DUTIES, bad)})
        assert (store.load("obligation"), store.load("machine"), frames(store)) == ({}, {}, 0)


async def test_a_frame_goes_with_the_last_event_that_needs_it(tmp_path: Path) -> None:
    """Not before: one that is left is read whole, and one that the broker refused too."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({}, alike(1, 700))
        store.commit({}, [*alike(701, 1300), *alike(1301, 1400, recorded=TODAY), event(1401)])
        await store.mark_sent(1400)
        await store.park(3, 149, "too large")
        assert (await store.retain(TODAY, 10**12)).events == 1299
        assert [row.body for row in store.rows(0, 200)] == [body(3), *map(body, range(1301, 1401)), event(1401).body]
        assert frames(store) == 2
        assert (await store.retain(TODAY + 1, 10**12)).events == 100
        assert ([row.body for row in store.rows(0, 200)], frames(store)) == ([body(3), event(1401).body], 1)


def test_a_lost_frame_is_damage_and_never_a_wrong_body(tmp_path: Path) -> None:
    """What cannot be put together is not sent; the next opening saves the rest."""
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.commit({"obligation": DUTIES}, [event(1), *alike(2, 4), event(5), *alike(6, 8, frame=FRAME[:-1] + " }")])
        store._writer.execute("DELETE FROM shared WHERE id = 2")
        with pytest.raises(StoreCorrupt, match="what rows share is missing"):
            store.rows(0, 100)
        assert [row.body for row in store.rows(4, 100)][:2] == [event(5).body, body(6)[:-1] + b" }"]
    with closing(schema.connect(path)) as connection:
        (root,) = (connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'known'").get,)
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with open_store(path) as store:
        assert "events missing: 2-4" in (store.recovered or "")
        assert [row.body for row in store.rows(4, 100)] == [event(5).body, *(body(n)[:-1] + b" }" for n in (6, 7, 8))]
        assert (store.load("obligation"), frames(store)) == (DUTIES, 0)
