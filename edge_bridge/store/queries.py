"""What people ask: a read-only look at the database, while the daemon writes or when none runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import apsw

from edge_bridge.errors import StoreError
from edge_bridge.store import outbox, schema, shared
from edge_bridge.store.faults import in_plain_words
from edge_bridge.store.outbox import Counts, Parked, StoredEvent
from edge_bridge.store.rows import COLUMNS, OWN, Codec, check_kind
from edge_bridge.store.schema import MetaValue


class Snapshot:
    """One reader. Each question is a read of its own, so that a person at a terminal never holds up the daemon's WAL."""

    def __init__(self, path: Path, codec: Codec, connection: apsw.Connection) -> None:
        self.path = path
        self._codec = codec
        self._connection = connection

    @classmethod
    def open(cls, path: Path, kinds: Mapping[str, Any] | None = None) -> Snapshot:
        """Open for reading; never writes, never checkpoints.

        kinds: ledger kind → the dataclass of its rows; rows of other kinds come as plain dicts. Raises StoreError.
        """
        if not path.is_file():
            raise StoreError(
                f"there is no database at {path}",
                "start edge-bridge once, or look at `store.path` in the configuration",
            )
        codec = Codec(kinds or {})
        # Without a WAL nobody has it open: reading it as a plain file leaves no WAL and no index of it behind, which
        # another user than the service's would own.
        immutable = not path.with_name(path.name + "-wal").exists()
        with in_plain_words(path):
            connection = schema.connect_reader(path, immutable=immutable)
            try:
                schema.check_version(connection, path)
            except (apsw.Error, StoreError):
                connection.close(True)
                raise
        return cls(path, codec, connection)

    def rows(self, kind: str) -> dict[str, Any]:
        """Return all rows of a kind by key, oldest first, closed ones too."""
        return self.find(kind)

    def find(self, kind: str, /, **columns: str | bool | int | None) -> dict[str, Any]:
        """Return the rows of a kind whose columns have these values: `find("card", closed=False)`. Oldest first, after them
        obligations, and requirements, to which nothing has happened yet.

        `key` and what rows.COLUMNS lists for the kind can be asked for. A database that an older release has written, and
        this one has not yet brought up to date, has no rows of the kinds that came since. Raises StoreError.
        """
        check_kind(kind)
        if unknown := columns.keys() - {"key", *COLUMNS[kind]}:
            raise StoreError(
                f"rows of kind {kind} cannot be found by {', '.join(sorted(unknown))}",
                f"use: {', '.join(('key', *COLUMNS[kind]))}",
            )
        # yes and no are written out: only then does SQLite use an index of the open ones
        flags = [f'"{column}" = {int(value)}' for column, value in columns.items() if isinstance(value, bool)]
        asked = {column: value for column, value in columns.items() if not isinstance(value, bool)}
        where = " AND ".join([*flags, *(f'"{column}" IS ?' for column in asked)]) or "true"
        # StrEnum values are bound as their text
        values = tuple(str(value) if isinstance(value, str) else value for value in asked.values())
        with in_plain_words(self.path):
            if not self._connection.table_exists("main", kind):
                return {}
            found = dict(self._codec.select(self._connection, kind, where, values))
            if kind in OWN and not (found and "key" in columns):  # a row is in one place
                found |= dict(self._codec.select_untouched(self._connection, kind, columns))
            return found

    def events(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 100,
        type: str | None = None,
        subject: str | None = None,
        order: Literal["oldest", "newest"] = "oldest",
    ) -> list[StoredEvent]:
        """Return events with after < sequence < before, of this type and subject when given, at most `limit`.

        order: which end comes first, and is kept when there are more.
        """
        conditions = ["sequence > ?"]
        values: list[str | int] = [after]
        for condition, value in (("sequence < ?", before), ("type = ?", type), ("subject = ?", subject)):
            if value is not None:
                conditions.append(condition)
                values.append(str(value) if isinstance(value, str) else value)
        direction = "ASC" if order == "oldest" else "DESC"
        with in_plain_words(self.path):
            beside, tables = shared.joined(self._connection, "event")
            found = self._connection.execute(
                f"SELECT sequence, event.id, type, origin, subject, time, recorded, body, {beside} FROM {tables} "
                f"WHERE {' AND '.join(conditions)} ORDER BY sequence {direction} LIMIT ?",
                (*values, limit),
            )
            return [
                StoredEvent(sequence, id, type, origin, subject, shared.whole(body, number, frame), time, recorded)
                for sequence, id, type, origin, subject, time, recorded, body, number, frame in found
            ]

    def parked(self) -> list[Parked]:
        """Return the events that the broker refused, in order."""
        with in_plain_words(self.path):
            found = self._connection.execute("SELECT sequence, code, reason, at FROM parked ORDER BY sequence")
            return [Parked(*row) for row in found]

    def meta(self) -> dict[str, MetaValue]:
        """Return what there is one of: site, gateway, epoch, sent_upto, session."""
        with in_plain_words(self.path):
            return schema.read_meta(self._connection)

    def counts(self) -> Counts:
        """Return how full the store is."""
        sent_upto = int(self.meta().get("sent_upto", 0))
        with in_plain_words(self.path):
            last = max(outbox.newest(self._connection), sent_upto)
            return Counts(last - sent_upto, outbox.count_parked(self._connection), schema.size_on_disk(self.path))

    def close(self) -> None:
        """Let go of the file. Calling it again does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
