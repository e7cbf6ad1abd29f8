"""Rows into a table, hundreds with one statement: while SQLite is at it, the rest of the process goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import apsw

Changes = Mapping[str, Mapping[str, Any]]  # kind → key → row, or None to delete it

TOGETHER = 500  # rows; Python is let go of once a statement, and to get it back from a busy thread takes 5 ms
FEW = 50  # up to here one at a time: a statement for just that number would have to be made first


@dataclass(frozen=True, slots=True)
class Insertion:
    """An INSERT. upsert: whether a row that is there already gets the new values; its first column is the key."""

    table: str
    columns: tuple[str, ...]
    upsert: bool = False

    def run(self, connection: apsw.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert the rows, inside the caller's transaction. They are asked for as they are needed."""
        left = iter(rows)
        while part := list(islice(left, TOGETHER)):
            if len(part) <= FEW:
                connection.executemany(_sql(self, 1), part)
            else:
                connection.execute(_sql(self, len(part)), tuple(chain.from_iterable(part)))


@lru_cache(maxsize=64)
def _sql(insertion: Insertion, count: int) -> str:
    columns = insertion.columns
    marks = f"({', '.join('?' * len(columns))})"
    sql = f'INSERT INTO "{insertion.table}" ({", ".join(columns)}) VALUES {", ".join([marks] * count)}'
    if not insertion.upsert:
        return sql
    sets = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    return f"{sql} ON CONFLICT ({columns[0]}) DO UPDATE SET {sets}"
