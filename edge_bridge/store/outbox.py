"""The outbox: events in order of sequence, the position up to which they were sent, and those set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import apsw

from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.making import quickly_made
from edge_bridge.errors import StoreError
from edge_bridge.ports import OutboxRow
from edge_bridge.store import shared
from edge_bridge.store.inserting import Insertion

_EVENTS: Final = Insertion(
    "event", ("sequence", "id", "type", "origin", "subject", "time", "recorded", "body", "shared")
)


class SealedEvent(NamedTuple):
    """One event ready to be stored: an OutboxRow with the times of the fact and of its recording, UTC ms.

    frame: what its body has in common with its neighbours', None where `body` is all of it.
    """

    sequence: int
    id: str
    type: str
    origin: str
    subject: str
    time: Milliseconds
    recorded: Milliseconds
    body: bytes
    frame: str | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class StoredEvent(OutboxRow):
    """One event as the audit log has it: when it happened and when it was committed, UTC ms."""

    time: Milliseconds
    recorded: Milliseconds


@dataclass(frozen=True, slots=True)
class Parked:
    """One event that the broker refused: its reason code and words, and when (UTC ms, None when it was not told)."""

    sequence: int
    code: int
    reason: str
    at: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How full the store is: events not yet sent, events set aside, bytes on disk with the WAL."""

    unsent: int
    parked: int
    bytes: int


def check_order(rows: Sequence[SealedEvent], last_sequence: int) -> None:
    """Raise StoreError unless the rows go on from `last_sequence` without a gap."""
    for expected, row in enumerate(rows, last_sequence + 1):
        if row.sequence != expected:
            raise StoreError(
                f"event {row.id} has sequence {row.sequence} where {expected} is next",
                "a defect: report it with this text",
            )


def append(connection: apsw.Connection, rows: Sequence[SealedEvent]) -> None:
    """Add events, inside the caller's transaction."""
    _EVENTS.run(connection, _bindings(connection, rows))


def _bindings(connection: apsw.Connection, rows: Sequence[SealedEvent]) -> Iterator[tuple[Any, ...]]:
    known, number = None, None
    for sequence, identity, type_, origin, subject, time, recorded, body, frame in rows:
        if frame is not known:
            known, number = frame, None if frame is None else shared.keep(connection, frame)
        yield sequence, identity, type_, origin, subject, time, recorded, body, number


def read(connection: apsw.Connection, after: int, limit: int) -> list[OutboxRow]:
    """Return the events with a sequence above `after`, in order, at most `limit`."""
    beside, tables = shared.joined(connection, "event")
    found = connection.execute(
        f"SELECT sequence, event.id, type, origin, subject, body, {beside} FROM {tables}"
        " WHERE sequence > ? ORDER BY sequence LIMIT ?",
        (after, limit),
    )
    return [
        OutboxRow(sequence, identity, type_, origin, subject, shared.whole(body, number, frame))
        for sequence, identity, type_, origin, subject, body, number, frame in found
    ]


def newest(connection: apsw.Connection) -> int:
    """Return the highest sequence there is, 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(sequence), 0) FROM event").get)


def park(connection: apsw.Connection, parked: Parked) -> bool:
    """Set one event aside, inside the caller's transaction; tell whether it was not yet. The newest reason is kept."""
    known = connection.execute("SELECT 1 FROM parked WHERE sequence = ?", (parked.sequence,)).get
    connection.execute(
        "INSERT OR REPLACE INTO parked (sequence, code, reason, at) VALUES (?, ?, ?, ?)",
        (parked.sequence, parked.code, parked.reason, parked.at),
    )
    return known is None


def count_parked(connection: apsw.Connection) -> int:
    """Count the events set aside."""
    return int(connection.execute("SELECT count(*) FROM parked").get)
