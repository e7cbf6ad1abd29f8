"""Rows where they lie: one when it is asked for, or all of a kind, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import apsw

from edge_bridge.store.rows import COLUMNS, Codec

TOGETHER = 500  # rows read with one statement: between two nobody is kept from moving the log


class Archive:
    """The committed rows of one kind; fits the ledger's Archive port. reading: lends the connection that reads.

    Raises StoreError.
    """

    def __init__(self, kind: str, codec: Codec, reading: Callable[[], AbstractContextManager[apsw.Connection]]) -> None:
        self._kind = kind
        self._codec = codec
        self._reading = reading
        self._one = f'SELECT doc FROM "{kind}" WHERE key = ?'

    def get(self, key: str) -> Any | None:
        """Return a row, or None."""
        with self._reading() as connection:
            doc = connection.execute(self._one, (key,)).get
        return None if doc is None else self._codec.decode(self._kind, key, str(doc))

    def rows(self, **columns: str) -> Iterator[tuple[str, Any]]:
        """Yield the rows that have these values, in the order in which they were first written."""
        assert columns.keys() <= set(COLUMNS[self._kind])
        conditions = " AND ".join(["rowid > ?", *(f'"{column}" = ?' for column in columns)])
        sql = f'SELECT rowid, key, doc FROM "{self._kind}" WHERE {conditions} ORDER BY rowid LIMIT {TOGETHER}'
        last: Any = 0
        while True:
            with self._reading() as connection:
                found = connection.execute(sql, (last, *columns.values())).fetchall()
            for _, key, doc in found:
                yield str(key), self._codec.decode(self._kind, str(key), str(doc))
            if len(found) < TOGETHER:
                return
            last = found[-1][0]
