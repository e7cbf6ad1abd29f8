"""The retained topics, made from the ledger: what is true of each machine now, and every open card."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from edge_bridge.contract import Topics
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.state import Requirement
from edge_bridge.domain.told import card_data, state_data
from edge_bridge.pipeline import Committed
from edge_bridge.store import Store


class Projection:
    """Fits the forwarder's Retained: the whole at each connect, the changed topics after each commit."""

    def __init__(self, ledger: Ledger, store: Store, topics: Topics) -> None:
        self._ledger = ledger
        self._store = store
        self._topics = topics
        self._required: defaultdict[str, dict[str, Requirement]] = defaultdict(dict)
        self._note(ledger.books.state.requirement)

    def everything(self) -> Mapping[str, bytes | None]:
        """Return every retained topic of machines and cards."""
        books = self._ledger.books
        states = {self._topics.state(machine): self._machine(machine) for machine in books.plant.machines}
        return states | {self._topics.card(card): self._card(card) for card in books.state.card}

    def changed(self, committed: Committed) -> Mapping[str, bytes | None]:
        """Return the topics that a commit changed; None for a machine that was removed or a card that closed."""
        self._note(committed.changes.get("requirement", {}))
        states = {self._topics.state(machine): self._machine(machine) for machine in committed.machines}
        return states | {self._topics.card(card): self._card(card) for card in committed.cards}

    def _note(self, requirements: Mapping[str, Requirement | None]) -> None:
        for key, requirement in requirements.items():
            machine = key.split("|", 1)[0]
            if requirement is None:
                self._required[machine].pop(key, None)
            else:
                self._required[machine][key] = requirement

    def _machine(self, machine: str) -> bytes | None:
        if machine not in self._ledger.books.plant.machines:
            return None
        required = list(self._required[machine].values())
        return _json(state_data(self._ledger.books, machine, required, self._store.last_sequence))

    def _card(self, card_id: str) -> bytes | None:
        card = self._ledger.books.state.card.get(card_id)
        return None if card is None else _json(card_data(card, self._ledger.books))


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
