"""Rows at rest: what is held, what is asked of the archive, and what is seen before it is committed."""

from __future__ import annotations

from collections.abc import Iterator

from edge_bridge.domain.at_rest import AtRest


class Counting:
    """An archive that notes what it is asked for."""

    def __init__(self, **rows: str) -> None:
        self.committed = rows
        self.asked: list[str] = []

    def get(self, key: str) -> str | None:
        """Return a row, or None."""
        self.asked.append(key)
        return self.committed.get(key)

    def rows(self, **_columns: str) -> Iterator[tuple[str, str]]:
        """Yield them all."""
        yield from self.committed.items()


def test_what_is_not_committed_is_seen_and_not_asked_for() -> None:
    """Set, then taken for the transaction, then committed: it is there all the time, and the archive asked at the end alone."""
    archive = Counting(a="old")
    rows: AtRest[str] = AtRest(archive=archive)
    rows["a"] = "new"
    assert rows["a"] == "new"
    assert rows.take_changes() == {"a": "new"}
    assert (rows["a"], archive.asked) == ("new", [])
    archive.committed["a"] = "new"
    rows.settled()
    assert (rows["a"], archive.asked, rows.held) == ("new", ["a"], 0)


def test_what_was_asked_for_lately_is_held_and_no_more() -> None:
    """The one asked for longest ago goes first; the newest stays, however much it takes."""
    archive = Counting(a="1", b="1", c="1", large="12345")
    rows: AtRest[str] = AtRest(archive=archive, room=2, weigh=len)
    assert [rows[key] for key in "abaca"] == ["1"] * 5
    assert archive.asked == ["a", "b", "c"]
    assert rows["large"] == rows["large"] == "12345"
    assert (archive.asked[3:], rows.held) == (["large"], 1)
    rows["large"] = "1"
    assert (rows["large"], rows["a"], rows["b"], rows.held) == ("1", "1", "1", 3)


def test_all_of_them_are_as_they_were_last_set() -> None:
    """In the order in which each was first set, whether that is committed or not."""
    rows: AtRest[str] = AtRest(archive=Counting(a="1", b="1"))
    rows["c"] = "1"
    rows.take_changes()
    rows["a"] = "2"
    assert list(rows.items()) == [("a", "2"), ("b", "1"), ("c", "1")]
    assert "z" not in rows
    assert rows.get("z") is None


def test_without_an_archive_everything_is_held() -> None:
    """There is nowhere to read it again."""
    rows: AtRest[str] = AtRest({"a": "1"})
    rows["b"] = "1"
    rows.take_changes()
    rows.settled()
    assert (list(rows), rows.held) == (["a", "b"], 2)
