"""Dicts that remember which of their rows changed, so that one turn's changes can be committed with its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Generic, TypeVar

from edge_bridge.domain.opening import Opened

Row = TypeVar("Row")


class Kept(dict[str, Row], Generic[Row]):
    """Rows by key. `take_changes` gives what was set (the row) or deleted (None) since it was last asked."""

    def __init__(self, rows: Mapping[str, Row] | None = None) -> None:
        super().__init__(rows or {})
        self._changed: dict[str, Row | None] = {}

    def __setitem__(self, key: str, row: Row) -> None:
        dict.__setitem__(self, key, row)  # not super(): asked for twice with each of 100 000 obligations
        self._changed[key] = row

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed[key] = None

    def release(self, key: str) -> None:
        """Forget a row in memory; what is committed stays: closed obligations and cards are history, not work."""
        super().__delitem__(key)

    def take_changes(self) -> dict[str, Row | None]:
        """Return and reset what changed."""
        changes, self._changed = self._changed, {}
        return changes


class Unfolded(MutableMapping[str, Row]):
    """The same of rows that may be put as they were opened. Each is made when it is asked for: for most of what a large ECN
    brings nobody asks before it is due. What changed is given as it was put.

    unfold: makes a row.
    """

    def __init__(self, rows: Mapping[str, Row | Opened] | None, unfold: Callable[[Opened], Row]) -> None:
        self._rows: dict[str, Any] = dict(rows or {})
        self._changed: dict[str, Any] = {}
        self._unfold = unfold

    @property
    def as_put(self) -> Mapping[str, Row | Opened]:
        """The rows as they were put: for who asks of all of them what both have, so that none is made for that."""
        return self._rows

    def put_opened(self, key: str, opened: Opened) -> None:
        """Set a row by what it is made of."""
        self._rows[key] = self._changed[key] = opened

    def __getitem__(self, key: str) -> Row:
        row = self._rows[key]
        return self._made(key, row) if row.__class__ is Opened else row

    def get(self, key: str, default: Any = None) -> Row | None:  # type: ignore[override]
        """Return a row, or None."""
        row = self._rows.get(key, default)
        return self._made(key, row) if row.__class__ is Opened else row

    def __setitem__(self, key: str, row: Row) -> None:
        self._rows[key] = self._changed[key] = row

    def __delitem__(self, key: str) -> None:
        del self._rows[key]
        self._changed[key] = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def release(self, key: str) -> None:
        """Forget a row in memory; what is committed stays."""
        del self._rows[key]

    def take_changes(self) -> Mapping[str, Row | Opened | None]:
        """Return and reset what changed."""
        changes, self._changed = self._changed, {}
        return changes

    def _made(self, key: str, opened: Opened) -> Row:
        row = self._rows[key] = self._unfold(opened)  # it says the same: that is no change
        return row
