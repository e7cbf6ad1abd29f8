"""The open books of one turn: state, plant, agenda, the present instant, and the events written so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from edge_bridge.domain.agenda import Agenda, Duty
from edge_bridge.domain.card import Card
from edge_bridge.domain.event import Event, EventType, Told
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.opening import Opened
from edge_bridge.domain.plant import Machine, Plant
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.routing import register_key
from edge_bridge.domain.state import State

Texts = Callable[[Card, Machine | None], Mapping[str, Mapping[str, str]]]
"""Gives a card its `title`, `text` and `next_step`, each by language."""


def no_texts(card: Card, machine: Machine | None) -> Mapping[str, Mapping[str, str]]:
    """Stand in where nobody reads the texts."""
    return {}


class Books:
    """What every part of the ledger writes in. Nothing here judges."""

    def __init__(
        self, state: State, plant: Plant, now: Stamp, new_id: Callable[[], str], texts: Texts = no_texts
    ) -> None:
        self.state = state
        self.plant = plant
        self.now = now
        self.started = now
        self.anchor = now  # where deadlines of earlier boots were laid on this boot's clock
        self.new_id = new_id
        self.texts = texts
        self.agenda = Agenda()
        self.events: list[Event] = []
        self.touched: set[str] = set()  # machines whose retained state has to be told again
        self.cards_told: set[str] = set()  # cards whose retained topic has to be told again
        self.latest: dict[str, Reading] = {}  # the newest reading of each machine since the start
        self.open_on: dict[str, tuple[str, ...]] = {}  # register key → open obligations, nearly always one
        self.open_at: defaultdict[str, set[str]] = defaultdict(set)  # machine → open obligations
        self.open_cards: dict[str, str] = {}  # dedup key → card id
        self.cards_at: defaultdict[str, set[str]] = defaultdict(set)  # machine → open cards
        self.baselines: set[str] = set()  # origins of baselines whose mismatches changed in this turn
        for obligation in state.obligation.as_put.values():
            self._index(obligation)
        for card in state.card.values():
            self._index_card(card)

    def emit(
        self,
        event: EventType,
        *,
        origin: str,
        subject: str,
        data: dict[str, Any] | Told,
        time: Milliseconds | None = None,
        correlation: str | None = None,
        causation: str | None = None,
    ) -> str:
        """Write one fact; return its id."""
        at, identity = self.now.utc if time is None else time, self.new_id()
        self.events.append(Event(identity, event, origin, subject, at, data, correlation, causation))
        return identity

    def take_events(self) -> list[Event]:
        """Return and reset what was written."""
        events, self.events = self.events, []
        return events

    def machine(self, machine: str | None) -> Machine | None:
        """Return a configured machine, or None."""
        return self.plant.machines.get(machine) if machine else None

    def open_obligation(self, opened: Opened) -> None:
        """Keep an obligation of which nothing happened yet."""
        self.state.obligation.put_opened(opened.id, opened)
        self._index(opened)
        self.touched.add(opened.machine)

    def put_obligation(self, obligation: Obligation) -> None:
        """Keep an obligation; a closed one becomes history."""
        self.state.obligation[obligation.id] = obligation
        machine = obligation.machine
        if obligation.closed:
            self._drop_open(register_key(machine, obligation.program), obligation.id)
            _drop(self.open_at, machine, obligation.id)
            self.state.obligation.release(obligation.id)
        else:
            self._index(obligation)
        self.touched.add(machine)

    def obligations_on(self, key: str) -> list[Obligation]:
        """Return the open obligations on a register key."""
        return [self.state.obligation[i] for i in self.open_on.get(key, ())]

    def obligations_at(self, machine: str) -> list[Obligation]:
        """Return the open obligations on a machine."""
        return [self.state.obligation[i] for i in sorted(self.open_at.get(machine, ()))]

    def put_card(self, card: Card) -> None:
        """Keep a card; a closed one becomes history."""
        self.state.card[card.id] = card
        self.cards_told.add(card.id)
        if card.closed:
            self.open_cards.pop(card.dedup_key, None)
            _drop(self.cards_at, card.machine or "", card.id)
            self.state.card.release(card.id)
        else:
            self._index_card(card)

    def cards_of(self, machine: str) -> list[Card]:
        """Return the open cards about a machine."""
        found = self.cards_at.get(machine)
        return [self.state.card[i] for i in sorted(found)] if found else []

    def schedule(self, boottime: Milliseconds, duty: Duty, key: str) -> None:
        """Note a duty for an instant of this boot."""
        self.agenda.add(boottime, duty, key)

    def _index(self, obligation: Obligation | Opened) -> None:
        machine, key = obligation.machine, register_key(obligation.machine, obligation.demand.key)
        others = self.open_on.get(key)
        if others is None:
            self.open_on[key] = (obligation.id,)
        elif obligation.id not in others:
            self.open_on[key] = tuple(sorted((*others, obligation.id)))
        self.open_at[machine].add(obligation.id)

    def _drop_open(self, key: str, obligation: str) -> None:
        left = tuple(other for other in self.open_on.get(key, ()) if other != obligation)
        if left:
            self.open_on[key] = left
        else:
            self.open_on.pop(key, None)

    def _index_card(self, card: Card) -> None:
        self.open_cards[card.dedup_key] = card.id
        if card.machine:
            self.cards_at[card.machine].add(card.id)


def _drop(index: defaultdict[str, set[str]], key: str, member: str) -> None:
    """Take a member out of an index; an empty set goes too, or years of programs would stay in memory."""
    members = index.get(key)
    if members is not None:
        members.discard(member)
        if not members:
            del index[key]
