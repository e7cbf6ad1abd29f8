"""The retained topics, made from the ledger: what is true of each machine now, and every open card."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from edge_bridge.batch import Committed
from edge_bridge.contract import Topics
from edge_bridge.domain.books import Books
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import SECOND, Milliseconds
from edge_bridge.domain.opening import Opened
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import machine_of
from edge_bridge.domain.told import card_data, state_data
from edge_bridge.pipeline import Pipeline
from edge_bridge.ports import Clock
from edge_bridge.store import Snapshot, Store

LARGE = 50  # requirements of a machine: sorting out the weightiest takes a while
LARGE_EVERY = SECOND
MOST_GONE = 200  # closed cards, and configurations, that are looked back upon after a start


class Projection:
    """Fits the forwarder's Retained: the whole at each connect, the changed topics after each commit.

    A machine with many requirements is told once a second at most: a first scan changes it thousands of times.
    """

    def __init__(self, pipeline: Pipeline, store: Store, topics: Topics, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, Milliseconds] = {}
        self._late: set[str] = set()
        self._pipeline = pipeline
        self._store = store
        self._topics = topics
        self._required: defaultdict[str, dict[str, Requirement | Opened]] = defaultdict(dict)  # as committed
        self._note(self._books.state.requirement.as_put)
        self._gone = self._emptied_before()

    @property
    def _books(self) -> Books:
        return self._pipeline.ledger.books

    def everything(self) -> Mapping[str, bytes | None]:
        """Return every retained topic of machines and cards, and those that the broker may still hold and must not."""
        books = self._books
        states = {self._topics.state(machine): self._machine(machine) for machine in books.plant.machines}
        return self._gone | states | {self._topics.card(card): self._card(card) for card in books.state.card}

    def changed(self, committed: Committed) -> Mapping[str, bytes | None]:
        """Return the topics that a commit changed; None for a machine that was removed or a card that closed."""
        self._note(committed.changes.get("requirement", {}))
        self._late |= committed.machines
        return self.late() | {self._topics.card(card): self._card(card) for card in committed.cards}

    def late(self) -> dict[str, bytes | None]:
        """Return the topics of machines that changed and were told too lately to be told again at once."""
        now = self._clock.now().boottime
        due = [m for m in self._late if len(self._required[m]) < LARGE or now - self._told.get(m, 0) >= LARGE_EVERY]
        self._late.difference_update(due)
        self._told.update(dict.fromkeys(due, now))
        return {self._topics.state(machine): self._machine(machine) for machine in due}

    def _emptied_before(self) -> dict[str, bytes | None]:
        """Return the topics of what closed or was removed lately: the last process may have ended before the broker was
        told. What closes from now on is told by `changed`, and kept by the forwarder until the broker has it."""
        with Snapshot.open(self._store.path) as past:
            closed = past.events(type=EventType.CARD_CLOSED, order="newest", limit=MOST_GONE)
            configured = past.events(type=EventType.CONFIG_APPLIED, order="newest", limit=MOST_GONE)
        adapters = {name for event in configured for name in json.loads(event.body)["data"].get("adapters", ())}
        topics = [self._topics.card(event.subject) for event in closed]
        return dict.fromkeys([*topics, *(self._topics.state(name) for name in sorted(adapters))])

    def _note(self, requirements: Mapping[str, Requirement | Opened | None]) -> None:
        for key, requirement in requirements.items():
            required = self._required[machine_of(key)]
            if requirement is None:
                required.pop(key, None)
            else:
                required[key] = requirement

    def _machine(self, machine: str) -> bytes | None:
        if machine not in self._books.plant.machines:
            return None
        rows = self._required[machine].values()
        required = [row.as_requirement() if isinstance(row, Opened) else row for row in rows]
        return _json(state_data(self._books, machine, required, self._store.last_sequence))

    def _card(self, card_id: str) -> bytes | None:
        card = self._books.state.card.get(card_id)
        return None if card is None else _json(card_data(card, self._books))


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
