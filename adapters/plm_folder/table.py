"""What both formats are read into: records, each with its place in the file, and values as written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_ROWS = 50_000
LONGEST_VALUE = 4000  # characters; a title is well below, a swallowed file is above


@dataclass(frozen=True, slots=True)
class Row:
    """One row or JSON object: `place` is `line 7` or `[0].items[2]`; values are trimmed, never empty."""

    place: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Record:
    """An ECN's own fields, and its items. A CSV row is a record with itself as the only item."""

    head: Row
    items: tuple[Row, ...] = field(default=())
