"""The outbox in memory: the same port as the store's, for tests and for a daemon without a disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import uuid4

from edge_bridge.ports import OutboxRow


class MemoryOutbox:
    """ports.Outbox over a list. Sequences start at 1. `marks` holds every position it was given, `parked` code and reason."""

    def __init__(self, source: str = "urn:edge-bridge:site-1:edge-01:memory") -> None:
        self.source = source
        self.stored: list[OutboxRow] = []
        self.parked: dict[int, tuple[int, str]] = {}
        self.marks: list[int] = []
        self._first = 1
        self._sent = 0
        self._last = 0

    @property
    def sent_upto(self) -> int:
        """The sequence up to which every event was delivered or parked."""
        return self._sent

    @property
    def last_sequence(self) -> int:
        """The sequence of the newest event."""
        return self._last

    def add(
        self, origin: str = "gateway", *, type: str = "gap", subject: str = "", body: bytes | None = None
    ) -> OutboxRow:
        """Append one event and return its row; without a body, a small CloudEvent is made up."""
        self._last += 1
        identity = str(uuid4())
        row = OutboxRow(self._last, identity, type, origin, subject, body or self._body(identity, type, subject))
        self.stored.append(row)
        return row

    def _body(self, identity: str, type: str, subject: str) -> bytes:
        envelope = {
            "specversion": "1.0",
            "id": identity,
            "source": self.source,
            "type": f"edge-bridge.{type}.v1",
            "sequence": f"{self._last:020d}",
            "data": {"subject": subject},
        }
        return json.dumps(envelope).encode()

    def rows(self, after: int, limit: int) -> Sequence[OutboxRow]:
        """Return the rows with a sequence above `after`, in order, parked ones too."""
        start = max(0, after + 1 - self._first)
        return self.stored[start : start + limit]

    async def mark_sent(self, upto: int) -> None:
        """Move the position."""
        self._sent = max(self._sent, upto)
        self.marks.append(upto)

    async def park(self, sequence: int, code: int, reason: str) -> None:
        """Set one row aside with the broker's reason code."""
        self.parked[sequence] = (code, reason)

    def forget(self, upto: int) -> None:
        """Drop the oldest rows, as retention does."""
        del self.stored[: max(0, upto + 1 - self._first)]
        self._first = max(self._first, upto + 1)
