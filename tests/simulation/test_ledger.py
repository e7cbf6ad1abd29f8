"""The ledger through many seeded months: what must be true of every verdict and every card, after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from edge_bridge.domain.card import KINDS, Kind
from edge_bridge.domain.event import Event, EventType
from edge_bridge.domain.instant import SECOND, Milliseconds, Stamp
from edge_bridge.domain.obligation import TRANSITIONS, Obligation, Verdict
from edge_bridge.domain.plant import Plant
from edge_bridge.domain.routing import register_key
from edge_bridge.domain.version import VersionRule
from edge_bridge.domain.watch import START_GRACE
from tests.simulation.plant_month import Month, layout
from tests.unit.domain_plant import Shop

SEEDS = 100
TOGETHER = 20  # months in which everything must have happened: some of it is rare
ALLOWED = {("pending", str(Verdict.PENDING))} | {(str(a), str(b)) for (a, _), (b, _) in TRANSITIONS.items()}
TOLD_OF_OBLIGATIONS = (EventType.OBLIGATION_OPENED, EventType.OBLIGATION_VERDICT, EventType.OBLIGATION_CLOSED)


class Inspector:
    """Watches a month from outside and complains about the first thing that must not be."""

    def __init__(self, month: Month) -> None:
        self.month = month
        self.ids: set[str] = set()
        self.verdicts: dict[str, str] = {}
        self.closed: set[str] = set()
        self.cards: dict[str, dict[str, object]] = {}
        self.closed_cards: set[str] = set()
        self.due: dict[str, Milliseconds] = {}  # obligation → when it really falls due

    def look(self, events: Iterable[Event]) -> None:
        """Check what was told, then what is held."""
        for event in events:
            assert event.id not in self.ids, "an id is used twice"
            assert event.causation is None or event.causation in self.ids, f"{event.type} names a cause to come"
            self.ids.add(event.id)
            if event.type in TOLD_OF_OBLIGATIONS:
                self._obligation(event)
            elif event.type.startswith("card."):
                self._card(event)
        self._deadlines()
        self._indexes()

    def _obligation(self, event: Event) -> None:
        identity, verdict = event.data["obligation"], str(event.data["verdict"])
        assert identity not in self.closed, f"{identity} goes on after it was closed"
        before = self.verdicts.get(identity)
        if event.type is EventType.OBLIGATION_OPENED:
            assert before is None, f"{identity} is opened twice"
            assert verdict == "pending"
        else:
            assert before is not None, f"{identity} was never opened"
            assert event.correlation == identity
        if event.type is EventType.OBLIGATION_VERDICT:
            assert (before, verdict) in ALLOWED, f"{before} → {verdict}"
            assert verdict != before
            assert (event.data.get("revises") is None) == (before == "pending")
            self._early(identity, event)
        if verdict in ("compliant", "late"):
            self._green(event)
        self.verdicts[identity] = verdict
        if event.type is EventType.OBLIGATION_CLOSED:
            assert verdict != "pending"
            self.closed.add(identity)

    def _early(self, identity: str, event: Event) -> None:
        """Nothing is judged wrong or unverifiable before its time."""
        if event.data["verdict"] in ("violated", "unverifiable") and identity in self.due:
            early = self.due[identity] - self.month.truth
            assert early <= 0, f"{identity} {event.data['verdict']} {early / SECOND} s early"

    def _green(self, event: Event) -> None:
        """Nothing is green without evidence, and without the program really being on the machine."""
        data = event.data
        seen = data["evidence"]["machine"]
        assert seen.get("extractor"), f"{data['verdict']} without evidence: {seen}"
        held = self.month.held[data["machine"], seen["read_at"]][data["program"]]
        rule: VersionRule = self.month.shop.plant.machines[data["machine"]].rule
        compared = rule.compare(str(held), data["required"], "99")
        assert compared == "match", f"{data['verdict']}, but {data['machine']} holds {held}, not {data['required']}"

    def _card(self, event: Event) -> None:
        card, before = event.data, self.cards.get(event.subject)
        assert event.subject not in self.closed_cards, "a closed card goes on"
        match event.type:
            case EventType.CARD_RAISED:
                assert before is None
                others = [c for i, c in self.cards.items() if i not in self.closed_cards]
                assert card["dedup_key"] not in {c["dedup_key"] for c in others}, f"two cards: {card['dedup_key']}"
            case EventType.CARD_CLEARED:
                assert card["active"] is False
            case EventType.CARD_CLOSED:
                assert before is not None
                assert before["active"] is False, "closed before it was cleared"
                assert card["acks"] or KINDS[Kind(card["kind"])].one_shot, "closed and nobody has seen it"
                self.closed_cards.add(event.subject)
            case EventType.CARD_REVISED:
                assert before is not None
                assert card["revision"] == int(str(before["revision"])) + 1
        self.cards[event.subject] = card

    def _deadlines(self) -> None:
        books, truth = self.month.shop.ledger.books, self.month.truth
        for obligation in books.state.obligation.values():
            left = obligation.due.remaining(books.now)
            due = self.due.setdefault(obligation.id, truth + left)
            if obligation.verdict is Verdict.PENDING:
                assert abs(truth + left - due) <= 2, f"{obligation.id}: its deadline moved"
                assert left > 0 or self._may_wait(obligation, books.now), f"{obligation.id} pending past due"

    def _may_wait(self, obligation: Obligation, now: Stamp) -> bool:
        books = self.month.shop.ledger.books
        return obligation.machine not in books.latest and now.since(books.started) < START_GRACE

    def _indexes(self) -> None:
        books = self.month.shop.ledger.books
        held = {o.id: register_key(o.machine, o.program) for o in books.state.obligation.values()}
        indexed = {i: key for key, ids in books.open_on.items() for i in ids}
        assert held == indexed
        assert all(not o.closed for o in books.state.obligation.values())
        assert {i for ids in books.open_at.values() for i in ids} == set(held)
        assert set(books.open_cards.values()) == set(books.state.card)
        for key, identity in indexed.items():
            assert books.state.requirement[identity].demand.ecn == books.state.obligation[key].ecn


def run(seed: int) -> Month:
    """Let a month go by under inspection."""
    month = Month(seed)
    inspector = Inspector(month)
    inspector.look(month.shop.events)
    for number, step in enumerate(month.steps()):
        try:
            inspector.look(month.do(step))
        except Exception as problem:
            problem.add_note(f"seed {seed}, step {number}: {step}")
            raise
    return month


def replay(month: Month) -> list[Event]:
    """Tell what came in to a fresh ledger; return what it says."""
    shop = Shop(layout(), scanned=False)
    for what, given, at in month.history:
        if isinstance(at, Stamp):
            shop.clock.utc, shop.clock.boottime, shop.clock.boot = at.utc, at.boottime, at.boot
        if what == "send":
            shop.send(given)  # type: ignore[arg-type]
        elif what == "restart" and isinstance(given, Plant):
            shop.restart(given, off=0)
        elif isinstance(given, Plant):
            shop.configured(given)
    return shop.events


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_a_month_of_everything(first: int) -> None:
    """No deadline missed or early, no green without the program, one card a problem, every cause before its effect."""
    told: Counter[str] = Counter()
    for seed in range(first, first + TOGETHER):
        month = run(seed)
        told.update(str(e.data.get("verdict") or e.data.get("kind") or e.type) for e in month.shop.events)
    for expected in ("compliant", "late", "violated", "unverifiable", "excluded", "reverted", "cannot_verify"):
        assert told[expected], f"seeds {first} to {first + TOGETHER - 1} never led to {expected}: they prove too little"


@pytest.mark.parametrize("seed", [1, 17, 42])
def test_replaying_the_inputs_gives_the_same_events(seed: int) -> None:
    """A verdict is a pure function of the recorded inputs, restarts included."""
    month = run(seed)
    again = replay(month)
    assert again == month.shop.events
    assert len(again) > 100
