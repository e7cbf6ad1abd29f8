"""Forgetting: sent events and old observations, in slices so small that a commit never waits long behind one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apsw

from edge_bridge.domain.instant import Milliseconds
from edge_bridge.store import shared
from edge_bridge.store.schema import transaction

SLICE_ROWS = 500
VACUUM_PAGES = 500
SPARE_SHARE = (
    4  # free pages up to a quarter of the file are left for new rows: giving them back and taking them costs writes
)


@dataclass(frozen=True, slots=True)
class Retained:
    """What was deleted: events, observations, and pages of 4 KiB given back to the disk."""

    events: int = 0
    observations: int = 0
    pages: int = 0

    def __add__(self, other: Retained) -> Retained:
        return Retained(self.events + other.events, self.observations + other.observations, self.pages + other.pages)


def sweep(connection: apsw.Connection, sent_upto: int, older_than: Milliseconds, max_bytes: int) -> Iterator[Retained]:
    """Delete, one short transaction a step: sent events recorded before `older_than` (UTC ms), observations that began
    before it and are not their machine's newest, more of the oldest sent events while data takes over `max_bytes`; then
    give free pages back.

    Events not yet sent, parked events, obligations and cards are never deleted. Events go from the oldest on and stop at
    the first that is young enough, so that what is left has no holes for `cmd/replay`.
    """
    after = 0
    while True:
        upto = _old_upto(connection, after, sent_upto, older_than)
        if upto is None:
            break
        yield Retained(events=_delete_events(connection, after, upto))
        after = upto
    while deleted := _delete_observations(connection, older_than):
        yield Retained(observations=deleted)
    while used_bytes(connection) > max_bytes:
        upto = _old_upto(connection, after, sent_upto, None)
        if upto is None:
            break
        yield Retained(events=_delete_events(connection, after, upto))
        after = upto
    while pages := _vacuum(connection):
        yield Retained(pages=pages)


def used_bytes(connection: apsw.Connection) -> int:
    """Return the bytes of pages that hold data."""
    pages = connection.pragma("page_count") - connection.pragma("freelist_count")
    return int(pages * connection.pragma("page_size"))


def _old_upto(connection: apsw.Connection, after: int, sent_upto: int, older_than: Milliseconds | None) -> int | None:
    """Return the last sequence of the next slice to delete, None when there is none."""
    upto: int | None = None
    found: list[tuple[Any, ...]] = connection.execute(
        "SELECT sequence, recorded FROM event WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?",
        (after, sent_upto, SLICE_ROWS),
    ).fetchall()
    for sequence, recorded in found:
        if older_than is not None and recorded >= older_than:
            break
        upto = sequence
    return upto


def _delete_events(connection: apsw.Connection, after: int, upto: int) -> int:
    with transaction(connection):
        frames: list[tuple[Any, ...]] = connection.execute(
            "SELECT DISTINCT shared FROM event WHERE sequence > ? AND sequence <= ? AND shared IS NOT NULL",
            (after, upto),
        ).fetchall()
        connection.execute(
            "DELETE FROM event WHERE sequence > ? AND sequence <= ? AND sequence NOT IN (SELECT sequence FROM parked)",
            (after, upto),
        )
        deleted = connection.changes()
        shared.drop_unused(connection, [number for (number,) in frames], upto)
        return deleted


def _delete_observations(connection: apsw.Connection, older_than: Milliseconds) -> int:
    with transaction(connection):
        connection.execute(
            """DELETE FROM observation WHERE rowid IN (
                SELECT old.rowid FROM observation AS old WHERE old.since < ? AND EXISTS (
                    SELECT 1 FROM observation AS later WHERE later.machine = old.machine AND later.since > old.since
                ) ORDER BY old.since LIMIT ?)""",
            (older_than, SLICE_ROWS),
        )
        return connection.changes()


def _vacuum(connection: apsw.Connection) -> int:
    before = connection.pragma("page_count")
    if connection.pragma("freelist_count") * SPARE_SHARE <= before:
        return 0
    for _ in connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})"):
        pass  # each step of the statement frees a page
    return int(before - connection.pragma("page_count"))
