"""What one transaction writes: in portions, of which the first are written while the last are still in the making."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_bridge.contract import seal_all
from edge_bridge.domain.event import Event
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.store import Changes, SealedEvent

Portion = tuple[Changes, Sequence[Event]]


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit changed: rows by kind and key, and whose retained topics have to be told."""

    changes: Changes
    machines: frozenset[str]
    cards: frozenset[str]
    events: int


class Abandoned(Exception):
    """There is no rest: what was written of the batch must be taken back."""


class Batch:
    """Changes and events. The loop adds portions; the thread that writes takes them, sealed, and waits for more until the
    batch is complete. They are kept, so that another attempt writes the same: sealing makes the same bytes each time.

    source: from `source_urn`. first: the sequence of its first event. recorded: UTC ms.
    """

    def __init__(self, source: str, first: int, recorded: Milliseconds) -> None:
        self._source, self._first, self._recorded = source, first, recorded
        self._portions: list[Portion] = []
        self._complete = self._abandoned = False
        self._news = threading.Condition()

    @property
    def in_one(self) -> bool:
        """Whether it is complete and has a single portion."""
        return self._complete and len(self._portions) == 1

    @property
    def events(self) -> int:
        """How many events it has."""
        return sum(len(events) for _, events in self._portions)

    def add(self, changes: Changes, events: Sequence[Event]) -> None:
        """Add what comes next."""
        with self._news:
            self._portions.append((changes, events))
            self._news.notify()

    def complete(self) -> None:
        """Say that there will be no more."""
        with self._news:
            self._complete = True
            self._news.notify()

    def abandon(self) -> None:
        """Say that it must not be written."""
        with self._news:
            self._abandoned = True
            self._news.notify()

    def changes(self) -> Changes:
        """Return all changes, the latest of each row."""
        if self.in_one:
            return self._portions[0][0]
        found: dict[str, dict[str, Any]] = {}
        for changes, _ in self._portions:
            for kind, rows in changes.items():
                found.setdefault(kind, {}).update(rows)
        return found

    def __iter__(self) -> Iterator[tuple[Changes, list[SealedEvent]]]:
        """Yield each portion, sealed, as soon as it is there. Raises Abandoned."""
        taken, sequence = 0, self._first
        while (portion := self._portion(taken)) is not None:
            changes, events = portion
            yield changes, self._sealed(events, sequence)
            taken, sequence = taken + 1, sequence + len(events)

    def _portion(self, index: int) -> Portion | None:
        """Wait for a portion; return None when there are no more."""
        with self._news:
            self._news.wait_for(lambda: self._abandoned or self._complete or len(self._portions) > index)
            if self._abandoned:
                raise Abandoned
            return self._portions[index] if index < len(self._portions) else None

    def _sealed(self, events: Sequence[Event], first: int) -> list[SealedEvent]:
        recorded = self._recorded
        sealed = seal_all(events, source=self._source, first=first, recorded=recorded)
        # the type as text: an enum's member would be bound by its type's rules
        return [
            SealedEvent(n, one.id, str(one.type), one.origin, one.subject, one.time, recorded, body, frame)
            for n, (one, (body, frame)) in enumerate(zip(events, sealed, strict=True), first)
        ]
