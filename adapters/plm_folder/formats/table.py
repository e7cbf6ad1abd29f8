"""What every format is read into: records, each value with its place in the file, as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edge_bridge.ports import Trace

MOST_ROWS = 50_000
LONGEST_VALUE = 4000  # characters; a title is well below, a swallowed file is above


class Layout(Protocol):
    """How the values of a row lie in the file. Asked only when somebody wants to know where a value came from."""

    def trace(self, row: Row, column: str) -> Trace | None:
        """Return where this row's value of a column stands, None when it does not come from this row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, object or element: `place` is `line 7`, `[0].items[2]` or a path; values are trimmed, never empty.

    above: the row that holds for several, such as an ECN's own object over its items. doubts: column → why the value cannot
    be what was meant (see `damage`).
    """

    place: str
    values: Mapping[str, str]
    layout: Layout
    above: Row | None = None
    doubts: Mapping[str, str] = field(default_factory=dict)

    def trace(self, column: str) -> Trace | None:
        """Return where the value of a column came from, None when the file does not state it."""
        found = self.layout.trace(self, column)
        return found if found is not None or self.above is None else self.above.trace(column)


@dataclass(frozen=True, slots=True)
class Record:
    """An ECN's own fields, and its items. A CSV row is a record with itself as the only item."""

    head: Row
    items: tuple[Row, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Positions:
    """The layout of lines: each column has one header and one place in every line."""

    headers: Mapping[str, str]
    places: Mapping[str, str]

    def trace(self, row: Row, column: str) -> Trace | None:
        """Return `line 7, column 3`."""
        if column not in row.values or column not in self.places:
            return None
        return Trace(f"{row.place}, {self.places[column]}", self.headers[column], row.values[column])
