"""The board of cards: raises, revises, clears, acknowledges and closes them, by the tables in card.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import KINDS, LIFE, Ack, Card, Kind, Severity, State, Step, dedup_key, parties_for, step
from edge_bridge.domain.event import GATEWAY, EventType
from edge_bridge.domain.instant import DAY
from edge_bridge.domain.routing import Demand
from edge_bridge.domain.signal import Acknowledge
from edge_bridge.domain.told import card_data

ONE_SHOT_LIVES = 7 * DAY

Facts = dict[str, str | int | None]


class Board:
    """Cards on the books."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def find(self, origin: str, kind: Kind, about: str | None = None) -> Card | None:
        """Return the open card about this problem, or None."""
        card_id = self._books.open_cards.get(dedup_key(origin, kind, about))
        return self._books.state.card[card_id] if card_id else None

    def is_active(self, origin: str, kind: Kind, about: str | None = None) -> bool:
        """Tell whether this problem is on the board and holds now."""
        card = self.find(origin, kind, about)
        return card is not None and card.active

    def raise_card(
        self,
        origin: str,
        kind: Kind,
        about: str | None = None,
        *,
        machine: str | None = None,
        program: str | None = None,
        ecns: Iterable[str] = (),
        whole: bool = False,
        severity: Severity | None = None,
        seen: str | None = None,
        facts: Facts | None = None,
        cause: str | None = None,
    ) -> None:
        """Show a problem: a new card, or the open one revised where severity, seen version or ECNs changed.

        whole: `ecns` are all that it concerns now; otherwise they are added to those it concerns already.
        """
        wanted = severity or KINDS[kind].severity
        card = self.find(origin, kind, about)
        if card is None:
            self._open(
                Card(
                    id=self._books.new_id(),
                    dedup_key=dedup_key(origin, kind, about),
                    kind=kind,
                    severity=wanted,
                    origin=origin,
                    parties=parties_for(kind, self._books.machine(machine), self._books.plant),
                    raised=self._books.now,
                    state=State.RETURNED if KINDS[kind].one_shot else State.ACTIVE,
                    machine=machine,
                    program=program,
                    ecns=tuple(dict.fromkeys(ecns)),
                    seen=seen,
                    facts=facts or {},
                ),
                cause,
            )
            return
        merged = tuple(dict.fromkeys(ecns if whole else (*card.ecns, *ecns)))
        self._revise(replace(card, severity=wanted, seen=seen, ecns=merged, facts=facts or card.facts), card, cause)

    def concern(self, origin: str, kind: Kind, about: str | None, ecn: str, facts: Facts, cause: str | None) -> None:
        """Revise an active card by the ECN that supersedes: people must not go on loading what is required no longer."""
        card = self.find(origin, kind, about)
        if card is None or not card.active:
            return
        ecns = (*(n for n in card.ecns if n != ecn), ecn)
        revised = replace(card, ecns=ecns, facts=card.facts | facts, revision=card.revision + 1)
        if (revised.ecns, revised.facts) != (card.ecns, card.facts):
            self._tell(revised, EventType.CARD_REVISED, cause)

    def calm(self, card: Card) -> None:
        """Bring a card that rose back to its kind's severity."""
        usual = KINDS[card.kind].severity
        self._tell(replace(card, severity=usual, revision=card.revision + 1), EventType.CARD_REVISED)

    def clear(self, origin: str, kind: Kind, about: str | None = None, cause: str | None = None) -> None:
        """Say that the condition no longer holds; the card closes when it was acknowledged too."""
        card = self.find(origin, kind, about)
        if card is not None:
            self._clear(card, cause)

    def clear_program(self, machine: str, program: str, cause: str | None, *, but: Kind | None = None) -> None:
        """Clear every card about a program on a machine, `but` one kind: its requirement was met or is gone."""
        for card in self._books.cards_of(machine):
            if card.program == program and card.kind is not but:
                self._clear(card, cause)

    def clear_machine(self, machine: str, cause: str | None) -> None:
        """Clear every card about a machine: it was removed."""
        for card in self._books.cards_of(machine):
            self._clear(card, cause)

    def acknowledge(self, ack: Acknowledge) -> str | None:
        """Note that a party has seen a card; return why it is refused, or None. The same again is a no-op."""
        card = self._books.state.card.get(ack.card_id)
        if card is None:
            return "no open card has this id: it is closed, or never was"
        if ack.party not in self._books.plant.parties:
            return f"unknown party {ack.party!r}: one of {', '.join(self._books.plant.parties)}"
        if ack.revision > card.revision or ack.revision < 1:
            return f"revision {ack.revision} does not exist: the card is at {card.revision}"
        if ack.revision < card.rose:
            return (
                f"the card became more severe at revision {card.rose}: look at it again, then acknowledge that revision"
            )
        if ack.party in card.acks and card.acks[ack.party].revision >= ack.revision:
            return None
        self._acknowledge(card, ack)
        return None

    def expire(self, card_id: str) -> None:
        """Close a one-shot card that nobody acknowledged in seven days."""
        card = self._books.state.card.get(card_id)
        if card is None or not KINDS[card.kind].one_shot:
            return
        left = ONE_SHOT_LIVES - self._books.now.elapsed(card.raised)
        if left > 0:
            self._books.schedule(self._books.now.boottime + left, Duty.CARD, card.id)
        elif (state := step(card.state, Step.EXPIRE)) is not None:
            self._tell(replace(card, state=state), EventType.CARD_CLOSED)

    def arm(self) -> None:
        """Put every one-shot card's end on the agenda after a start."""
        for card in self._books.state.card.values():
            if KINDS[card.kind].one_shot:
                left = ONE_SHOT_LIVES - self._books.now.elapsed(card.raised)
                self._books.schedule(self._books.now.boottime + left, Duty.CARD, card.id)

    def _open(self, card: Card, cause: str | None) -> None:
        told = self._tell(card, EventType.CARD_RAISED, cause)
        if KINDS[card.kind].one_shot:
            self._tell(replace(told, cleared=self._books.now.utc), EventType.CARD_CLEARED)
            self._books.schedule(self._books.now.boottime + ONE_SHOT_LIVES, Duty.CARD, card.id)

    def _revise(self, wanted: Card, card: Card, cause: str | None) -> None:
        """Tell what is different now; a condition that holds again makes its unacknowledged card active again."""
        returned = not KINDS[card.kind].one_shot and step(card.state, Step.RETURN) is not None
        if not returned and (card.severity, card.seen, card.ecns) == (wanted.severity, wanted.seen, wanted.ecns):
            return
        worse = returned or wanted.severity.rank > card.severity.rank
        revision = card.revision + 1
        wanted = replace(wanted, revision=revision, rose=revision if worse else card.rose)
        if returned:
            wanted = replace(wanted, state=LIFE[card.state, Step.RETURN], cleared=None)
        self._tell(wanted, EventType.CARD_REVISED, cause)

    def _clear(self, card: Card, cause: str | None) -> None:
        state = step(card.state, Step.CLEAR)
        if state is None:
            return
        # Told as cleared before closed, so that a consumer never sees a closed card whose condition seems to hold.
        told = self._tell(
            replace(card, state=State.RETURNED, cleared=self._books.now.utc), EventType.CARD_CLEARED, cause
        )
        if state is State.CLOSED:
            self._tell(replace(told, state=state), EventType.CARD_CLOSED)

    def _acknowledge(self, card: Card, ack: Acknowledge) -> None:
        seen = Ack(by=ack.by, at=ack.at.utc, revision=ack.revision, comment=ack.comment)
        acknowledged = replace(card, acks={**card.acks, ack.party: seen})
        state = LIFE[card.state, Step.ACKNOWLEDGE]
        if state is State.SEEN:
            acknowledged = replace(acknowledged, state=state)
        told = self._tell(acknowledged, EventType.CARD_ACKNOWLEDGED)
        if state is State.CLOSED:
            self._tell(replace(told, state=state), EventType.CARD_CLOSED)
        elif KINDS[card.kind].acknowledged_clears:
            self._clear(told, told.last_event)

    def _tell(self, card: Card, event: EventType, cause: str | None = None) -> Card:
        """Write the event that says what the card now is, and keep the card with it."""
        told = self._books.emit(
            event,
            origin=card.origin if card.origin else GATEWAY,
            subject=card.id,
            data=card_data(card, self._books),
            causation=cause or card.last_event,
        )
        kept = replace(card, last_event=told)
        self._books.put_card(kept)
        return kept


def demand_facts(demand: Demand) -> Facts:
    """Return what a card's text needs to say what is required."""
    return {
        "program": demand.program,
        "required": demand.version,
        "part": demand.part,
        "drawing": demand.drawing,
    }
