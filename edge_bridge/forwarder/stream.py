"""Rows of the outbox on their way to the broker: read in slices, sent in order, acknowledged up to the first that is not."""

from __future__ import annotations

from collections import deque

from edge_bridge.ports import Outbox, OutboxRow

SLICE = 250  # rows read at once: enough to make reading cheap, little enough to be nothing in memory


class Stream:
    """A run of sequences after `after`, up to `upto` (None: whatever the outbox will hold).

    position: everything up to here is acknowledged. flying: sent, neither acknowledged nor given back.
    """

    __slots__ = ("_cursor", "_early", "_outbox", "_pending", "_rows", "_upto", "flying", "position")

    def __init__(self, outbox: Outbox, after: int, upto: int | None = None) -> None:
        self._outbox = outbox
        self._upto = upto
        self._cursor = after
        self._rows: deque[OutboxRow] = deque()
        self._pending: deque[int] = deque()
        self._early: set[int] = set()
        self.position = after
        self.flying = 0

    @property
    def waiting(self) -> bool:
        """Tell whether there is a row to send."""
        return bool(self._rows) or self._cursor < self._last

    @property
    def oldest(self) -> int | None:
        """Return the oldest sequence that was sent and not acknowledged."""
        return self._pending[0] if self._pending else None

    @property
    def _last(self) -> int:
        newest = self._outbox.last_sequence
        return newest if self._upto is None else min(newest, self._upto)

    def take(self) -> OutboxRow | None:
        """Return the next row to send, counted as in flight; None when all is sent."""
        if not self._rows and not self._refill():
            return None
        row = self._rows.popleft()
        self._pending.append(row.sequence)
        self.flying += 1
        return row

    def acknowledge(self, sequence: int) -> None:
        """Note that this one needs no more sending; the position moves when nothing older is open."""
        self.flying -= 1
        pending, early = self._pending, self._early
        if not pending or pending[0] != sequence:
            early.add(sequence)
            return
        self.position = pending.popleft()
        while early and pending and pending[0] in early:
            self.position = pending.popleft()
            early.discard(self.position)

    def give_back(self) -> None:
        """Note that one came back undelivered: it is not in flight, and stays open until `rewind`."""
        self.flying -= 1

    def rewind(self) -> int:
        """Send everything after the position again; return how many of those had been acknowledged out of turn."""
        early = len(self._early)
        self._rows.clear()
        self._pending.clear()
        self._early.clear()
        self._cursor = self.position
        self.flying = 0
        return early

    def _refill(self) -> bool:
        last = self._last
        if self._cursor >= last:
            return False
        rows = self._outbox.rows(self._cursor, min(SLICE, last - self._cursor))
        self._rows.extend(row for row in rows if row.sequence <= last)
        # No rows although there should be some: they were shed. Looking again and again would change nothing.
        self._cursor = self._rows[-1].sequence if self._rows else last
        return bool(self._rows)
