"""Rows at rest: of hundreds of thousands, those are in memory that are not committed yet or were asked for lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

Row = TypeVar("Row")
Held = TypeVar("Held", covariant=True)


class Archive(Protocol[Held]):
    """What is committed of one kind of rows. Pure, as the ledger sees it: it changes by what the ledger commits alone."""

    def get(self, key: str) -> Held | None:
        """Return a row, or None."""

    def rows(self, **columns: str) -> Iterator[tuple[str, Held]]:
        """Yield the rows that have these values, in the order in which they were first written, one at a time."""


class AtRest(Generic[Row]):
    """Rows by key, read from the archive when they are asked for.

    What was set is held until `settled` says that it is committed; without an archive, for ever. room: how much of what was
    asked for lately is held besides. weigh: how much of it a row takes. Without room it may be read from any thread.
    """

    def __init__(
        self,
        rows: Mapping[str, Row] | None = None,
        archive: Archive[Row] | None = None,
        *,
        room: int = 0,
        weigh: Callable[[Row], int] = lambda _row: 1,
    ) -> None:
        self._archive = archive
        self._room, self._weigh = room, weigh
        self._changed: dict[str, Row] = {}
        self._taken: dict[str, Row] = dict(rows or {})
        self._recent: OrderedDict[str, Row] = OrderedDict()  # the latest last
        self._weight = 0

    @property
    def held(self) -> int:
        """How many rows are in memory."""
        return len(self._changed) + len(self._taken) + len(self._recent)

    def get(self, key: str) -> Row | None:
        """Return a row, or None."""
        row = self._changed.get(key)
        if row is None:
            row = self._taken.get(key)
        if row is None and self._archive is not None:
            row = self._recall(key, self._archive)
        return row

    def __getitem__(self, key: str) -> Row:
        row = self.get(key)
        if row is None:
            raise KeyError(key)
        return row

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def __setitem__(self, key: str, row: Row) -> None:
        self._forget(key)
        self._changed[key] = row

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.items())

    def items(self, **columns: str) -> Iterator[tuple[str, Row]]:
        """Yield the rows that have these values, in the order in which they were first set, one at a time. Nothing may be set
        meanwhile."""
        uncommitted = self._taken | self._changed
        for key, row in self._archive.rows(**columns) if self._archive is not None else ():
            now = uncommitted.pop(key, row)
            if _has(now, columns):
                yield key, now
        yield from ((key, row) for key, row in uncommitted.items() if _has(row, columns))

    def take_changes(self) -> Mapping[str, Row]:
        """Return and reset what was set since this was last asked."""
        self._taken |= self._changed  # first, for other threads: a row is never nowhere
        changes, self._changed = self._changed, {}
        return changes

    def settled(self) -> None:
        """Take note that everything taken is committed."""
        if self._archive is None:
            return
        taken, self._taken = self._taken, {}
        if self._room:
            for key, row in taken.items():
                self._remember(key, row)

    def _recall(self, key: str, archive: Archive[Row]) -> Row | None:
        row = self._recent.get(key) if self._room else None
        if row is None:
            row = archive.get(key)
        else:
            self._forget(key)
        if row is not None:
            self._remember(key, row)
        return row

    def _remember(self, key: str, row: Row) -> None:
        """Hold a row as the latest; the newest is held whatever it weighs."""
        if not self._room:
            return
        self._forget(key)
        self._recent[key] = row
        self._weight += self._weigh(row)
        while self._weight > self._room and len(self._recent) > 1:
            self._weight -= self._weigh(self._recent.popitem(last=False)[1])

    def _forget(self, key: str) -> None:
        row = self._recent.pop(key, None)
        if row is not None:
            self._weight -= self._weigh(row)


def _has(row: object, columns: Mapping[str, str]) -> bool:
    return all(getattr(row, column) == value for column, value in columns.items())
