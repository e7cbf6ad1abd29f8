"""Rows read where they lie: one by its key, and all of them in order, in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.state import KINDS, FileMemory
from edge_bridge.store import Store, StoreCorrupt
from edge_bridge.store.archive import TOGETHER
from edge_bridge.store.held import state_of

AT = Stamp(1_777_600_000_000, 1000, "boot", synced=True)


def memory(number: int) -> tuple[str, FileMemory]:
    """Return a row, of two sources in turn."""
    source = ("plm", "erp")[number % 2]
    return f"{source}|{number}", FileMemory(source, f"{number}", "0" * 64, AT)


def test_rows_come_in_the_order_in_which_they_were_first_written(tmp_path: Path) -> None:
    """More than one part of them; a row that was changed keeps its place."""
    rows = dict(memory(number) for number in range(2 * TOGETHER + 3))
    with Store.open(tmp_path / "store.db", KINDS, site="s", gateway="g") as store:
        store.commit({"file": rows})
        changed = FileMemory("plm", "0", "1" * 64, AT)
        store.commit({"file": {"plm|0": changed}})
        rows["plm|0"] = changed
        archive = store.archive("file")
        assert list(archive.rows()) == list(rows.items())
        assert list(archive.rows(source="erp")) == [pair for pair in rows.items() if pair[1].source == "erp"]
        assert archive.get("plm|0") == changed
        assert archive.get("plm|nothing") is None
        state = state_of(store)
        assert (state.file.held, state.ecn.held) == (0, 0)
        assert state.file["erp|1"] == rows["erp|1"]


def test_a_damaged_page_is_said_in_plain_words(tmp_path: Path) -> None:
    """And remembered, so that the next opening looks at every page."""
    path, keys = tmp_path / "store.db", [memory(number)[0] for number in range(20 * TOGETHER)]
    with Store.open(path, KINDS, site="s", gateway="g") as store:
        store.commit({"file": dict(memory(number) for number in range(len(keys)))})
    whole = bytearray(path.read_bytes())
    start, size = len(whole) // 4, len(whole) // 2
    whole[start : start + size] = b"\xa5" * size
    path.write_bytes(whole)
    with Store.open(path, KINDS, site="s", gateway="g") as store:
        archive = store.archive("file")
        with pytest.raises(StoreCorrupt, match="is damaged"):
            list(map(archive.get, keys))
        with pytest.raises(StoreCorrupt, match="is damaged"):
            list(archive.rows())


def test_one_look_is_at_one_moment(tmp_path: Path) -> None:
    """What is committed meanwhile is seen by the next look; a second look, or none, is as good as the first."""
    key, row = memory(0)
    with Store.open(tmp_path / "store.db", KINDS, site="s", gateway="g") as store:
        archive = store.archive("file")
        with store.one_look():
            assert archive.get(key) is None
            store.commit({"file": {key: row}})
            assert archive.get(key) is None
        assert archive.get(key) == row
        with store.one_look():
            assert archive.get(key) == row


def test_a_look_that_fails_says_why(tmp_path: Path) -> None:
    """What happened inside is what is told, and the next look is not hindered by it."""
    with Store.open(tmp_path / "store.db", KINDS, site="s", gateway="g") as store:
        archive = store.archive("file")

        def look(key: str) -> None:
            with store.one_look():
                assert archive.get("plm|0") is None
                raise LookupError(key)

        with pytest.raises(LookupError, match="plm"):
            look("plm|0")
        with store.one_look():
            assert archive.get("plm|0") is None
