"""A dict that remembers which of its rows changed, so that one turn's changes can be committed with its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

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
