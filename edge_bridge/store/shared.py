"""What rows that were written together have in common is stored once: each has its own part, and names the frame of it."""

from __future__ import annotations

from typing import Any

import apsw

from edge_bridge.domain.frame import filled
from edge_bridge.store.faults import StoreCorrupt


def keep(connection: apsw.Connection, frame: str) -> int:
    """Store a frame, inside the caller's transaction; return its number."""
    connection.execute("INSERT INTO shared (frame) VALUES (?)", (frame,))
    return connection.last_insert_rowid()


def joined(connection: apsw.Connection, table: str, hint: str = "") -> tuple[str, str]:
    """Return the SQL of what `whole` needs of each row beside its own part, and of the tables that it comes from.

    hint: which index to use. A database that an older release has written, and this one has not yet brought up to date,
    shares nothing.
    """
    if not connection.table_exists("main", "shared"):
        return "NULL, NULL", f'"{table}" {hint}'
    return f'"{table}".shared, frame', f'"{table}" {hint} LEFT JOIN shared ON shared.id = "{table}".shared'


def whole(own: Any, number: int | None, frame: str | None) -> Any:
    """Return the document, text or bytes, of which a row has its own part. Raises StoreCorrupt when its frame is gone."""
    if number is None:
        return own
    if frame is None:
        raise missing(number)
    return filled(frame, own) if isinstance(own, str) else filled(frame, own.decode()).encode()


def missing(number: int) -> StoreCorrupt:
    """Return the error for a frame that is gone."""
    return StoreCorrupt(f"the database is damaged: what rows share is missing (number {number})")


def drop_unused(connection: apsw.Connection, numbers: list[int], upto: int) -> None:
    """Forget the frames of events that were deleted up to this sequence, inside the caller's transaction.

    A frame is that of events one after the other, so of those that are left the next one needs it, or one that is parked.
    """
    connection.executemany(
        """DELETE FROM shared WHERE id = ?
            AND id IS NOT (SELECT shared FROM event WHERE sequence > ? ORDER BY sequence LIMIT 1)
            AND id NOT IN (SELECT shared FROM event JOIN parked USING (sequence) WHERE shared IS NOT NULL)""",
        [(number, upto) for number in numbers],
    )
