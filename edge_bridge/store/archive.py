"""Rows where they lie: one when it is asked for, or all of a kind, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any

import apsw

from edge_bridge.store.rows import COLUMNS, OWN, Codec

TOGETHER = 500  # rows read with one statement: between two nobody is kept from moving the log


class Archive:
    """The committed rows of one kind; fits the ledger's Archive port. May be asked from any thread. Raises StoreError.

    reading: held while the connection is in use. faults: raises what SQLite raises in plain words.
    """

    def __init__(
        self,
        kind: str,
        codec: Codec,
        reader: apsw.Connection,
        reading: Lock,
        faults: Callable[[], AbstractContextManager[None]],
    ) -> None:
        assert kind not in OWN  # of those a row may hold its own pieces only: Codec.select puts them together
        self._kind = kind
        self._codec = codec
        self._reader = reader
        self._reading = reading
        self._faults = faults
        self._one = f'SELECT doc FROM "{kind}" WHERE key = ?'

    def get(self, key: str) -> Any | None:
        """Return a row, or None. Asked for each file of a first scan: what nothing has gone wrong in costs nothing more."""
        try:
            with self._reading:
                doc = self._reader.execute(self._one, (key,)).get
        except apsw.Error:
            with self._faults():
                raise
        return None if doc is None else self._codec.decode(self._kind, key, str(doc))

    def rows(self, **columns: str) -> Iterator[tuple[str, Any]]:
        """Yield the rows that have these values, in the order in which they were first written."""
        assert columns.keys() <= set(COLUMNS[self._kind])
        conditions = " AND ".join(["rowid > ?", *(f'"{column}" = ?' for column in columns)])
        sql = f'SELECT rowid, key, doc FROM "{self._kind}" WHERE {conditions} ORDER BY rowid LIMIT {TOGETHER}'
        last: Any = 0
        while True:
            with self._reading, self._faults():
                found: list[tuple[Any, ...]] = self._reader.execute(sql, (last, *columns.values())).fetchall()
            for last, key, doc in found:  # noqa: B007 - where the next part begins
                yield key, self._codec.decode(self._kind, key, doc)
            if not found:
                return
