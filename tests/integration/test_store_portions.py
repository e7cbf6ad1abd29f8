"""Many portions in one transaction: all of them or none, and nobody sees half."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_bridge.errors import StoreError
from edge_bridge.store import SealedEvent, StoreFull, schema
from edge_bridge.store.inserting import FEW, TOGETHER
from tests.integration.store_samples import Duty, Need, Tally, events, open_store

Portions = list[tuple[dict[str, dict[str, Any]], Sequence[SealedEvent]]]


def portions(first: int, sizes: Sequence[int]) -> Portions:
    """Return portions with so many events each, and as many obligations."""
    made: Portions = []
    for size in sizes:
        rows = {f"o{n}": Duty("m1", Need(f"P{n}")) for n in range(first, first + size)}
        made.append(({"obligation": rows}, events(first, first + size - 1)))
        first += size
    return made


@pytest.mark.parametrize("size", [1, FEW, FEW + 1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 2 * TOGETHER + FEW])
def test_any_number_of_rows_is_written(tmp_path: Path, size: int) -> None:
    """One at a time, hundreds together, and what is left over; written again, they are the newer ones."""
    with open_store(tmp_path / "store.db") as store:
        store.commit_all(portions(1, [size, size]))
        assert [row.sequence for row in store.rows(0, 10_000)] == list(range(1, 2 * size + 1))
        assert list(store.load("obligation")) == [f"o{n}" for n in range(1, 2 * size + 1)]
        newer = {f"o{n}": Duty("m2", Need("P")) for n in range(1, size + 1)}
        store.commit({"obligation": newer})
        assert {key for key, row in store.load("obligation").items() if row.machine == "m2"} == set(newer)


def test_nobody_sees_half_of_it(tmp_path: Path) -> None:
    """While portions are written, readers see what was there before."""
    path = tmp_path / "store.db"
    with open_store(path) as store, closing(schema.connect_reader(path)) as reader:
        seen = []

        def slowly() -> Iterator[Any]:
            for portion in portions(1, [1000, 1000, 1000]):
                yield portion
                seen.append(reader.execute("SELECT count(*) FROM event").get)

        store.commit_all(slowly())
        assert seen == [0, 0, 0]
        assert store.last_sequence == reader.execute("SELECT count(*) FROM event").get == 3000


def test_what_comes_instead_of_a_portion_takes_all_back(tmp_path: Path) -> None:
    """Nothing is left of it, and the next commit goes on where the last one ended."""
    with open_store(tmp_path / "store.db") as store:
        store.commit({"machine": {"m1": Tally(1)}}, events(1, 5))

        def broken() -> Iterator[Any]:
            yield from portions(6, [700])
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.commit_all(broken())
        assert (store.last_sequence, store.load("obligation")) == (5, {})
        with pytest.raises(StoreError, match="where 6 is next"):
            store.commit_all(portions(7, [3]))
        store.commit_all(portions(6, [700]))
        assert [row.sequence for row in store.rows(0, 10_000)] == list(range(1, 706))


def test_a_disk_that_fills_up_half_way_takes_all_back(tmp_path: Path) -> None:
    """The portions are asked for again once, then the caller is told; with space the same ones are written."""
    with open_store(tmp_path / "store.db") as store:
        asked: list[int] = []

        class Kept:
            def __iter__(self) -> Iterator[Any]:
                for number, portion in enumerate(portions(1, [500, 500, 500, 500])):
                    asked.append(number)
                    yield portion

        pages = store._writer.pragma("page_count")
        store._writer.pragma("max_page_count", pages + 60)
        with pytest.raises(StoreFull):
            store.commit_all(Kept())
        assert asked.count(0) == 2, asked
        assert (store.last_sequence, store.load("obligation")) == (0, {})
        store._writer.pragma("max_page_count", 1_000_000)
        store.commit_all(Kept())
        assert (store.last_sequence, len(store.load("obligation"))) == (2000, 2000)
