"""Cards: one condition one card, seen and solved kept apart, and who gets them."""

from __future__ import annotations

from itertools import product

import pytest

from edge_bridge.domain.card import KINDS, Kind, State, Step, parties_for, step
from edge_bridge.domain.ecn import Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import DAY, HOUR, MINUTE
from edge_bridge.domain.plant import Machine, Party
from edge_bridge.domain.signal import Acknowledge, Incident
from tests.unit.domain_plant import Shop, draft, kinds, plant, types

DESIGN = {
    # kind: (severity, parties), from design: 2-semantics, "Cards"
    "overdue": ("high", "dci"),
    "outdated_program_running": ("critical", "ci"),
    "reverted": ("high", "ci"),
    "ahead_of_release": ("high", "cd"),
    "edited_on_machine": ("high", "cd"),
    "cannot_verify": ("medium", "ci"),
    "machine_unreachable": ("medium", "i"),
    "source_lost": ("high", "i"),
    "unrouted": ("medium", "di"),
    "unknown_status": ("medium", "di"),
    "changed_without_revision": ("medium", "di"),
    "withdrawn_after_release": ("medium", "di"),
    "suspect_time": ("medium", "di"),
    "ecn_rejected": ("medium", "i"),
    "untrusted_certificate": ("medium", "i"),
    "event_parked": ("medium", "i"),
    "store_recovered": ("medium", "i"),
    "baseline": ("medium", "cd"),
}
PARTY = {"d": "design_supervisor", "c": "cell_leader", "i": "it_operations"}


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_its_severity_and_its_parties(kind: Kind) -> None:
    """The table of kinds is the table of the design."""
    severity, parties = DESIGN[kind]
    assert KINDS[kind].severity == severity
    assert set(parties_for(kind, None, plant())) == {PARTY[p] for p in parties}


@pytest.mark.parametrize(("state", "happening"), list(product(State, Step)))
def test_a_card_closes_only_when_cleared_and_seen(state: State, happening: Step) -> None:
    """Two independent facts; nothing else closes, and closed is closed."""
    after = step(state, happening)
    closes = {
        (State.SEEN, Step.CLEAR),
        (State.RETURNED, Step.ACKNOWLEDGE),
        (State.RETURNED, Step.EXPIRE),
    }
    assert (after is State.CLOSED) == ((state, happening) in closes)
    assert state is not State.CLOSED or after is None


def overdue(shop: Shop) -> None:
    """Let m1 miss its limit."""
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1")


def test_a_poll_that_sees_the_same_changes_nothing() -> None:
    """An hour of the same condition: one card, one revision, one event."""
    shop = Shop()
    overdue(shop)
    shop.keeps_reading(3600, "1", running=True)
    assert [(c.kind, c.revision) for c in shop.cards()] == [(Kind.OVERDUE, 1), (Kind.OUTDATED_PROGRAM_RUNNING, 1)]
    assert shop.seen(EventType.CARD_REVISED) == []


def test_another_seen_version_is_a_revision() -> None:
    """Still wrong, but differently: the reader has to know."""
    shop = Shop()
    overdue(shop)
    shop.keeps_reading(5, "1", running=True)
    shop.keeps_reading(5, "0", running=True)
    card = shop.card(Kind.OUTDATED_PROGRAM_RUNNING)
    assert (card.revision, card.seen) == (2, "0")


def test_cleared_and_not_acknowledged_stays_visible() -> None:
    """Returned, not acknowledged: open and inactive, until somebody says that he has seen it."""
    shop = Shop()
    overdue(shop)
    told = shop.keeps_reading(5, "2")
    assert [t for t in types(told) if t.startswith("card")] == ["card.cleared"]
    card = shop.card(Kind.OVERDUE)
    assert (card.state, card.active) == (State.RETURNED, False)
    shop.restart()
    assert shop.acknowledges(shop.card(Kind.OVERDUE)) is None
    assert types(shop.events[-2:]) == ["card.acknowledged", "card.closed"]
    assert shop.cards() == []


def test_cleared_always_comes_before_closed() -> None:
    """Acknowledged first, cleared later: two events, in this order."""
    shop = Shop()
    overdue(shop)
    shop.acknowledges(shop.card(Kind.OVERDUE))
    assert shop.card(Kind.OVERDUE).active
    told = shop.keeps_reading(5, "2")
    assert [t for t in types(told) if t.startswith("card")] == ["card.cleared", "card.closed"]
    assert [e.data["active"] for e in told if e.type is EventType.CARD_CLEARED] == [False]


def test_nobody_can_acknowledge_a_violation_into_compliance() -> None:
    """All parties have seen it: violated all the same, and the card is still active."""
    shop = Shop()
    overdue(shop)
    for party in PARTY.values():
        shop.acknowledges(shop.card(Kind.OVERDUE), party)
    shop.keeps_reading(60, "1")
    assert shop.obligation().verdict == "violated"
    assert shop.card(Kind.OVERDUE).active


def test_a_condition_that_comes_back_uses_its_open_card_or_a_new_one() -> None:
    """Unacknowledged: the same card, revised. Closed: a new occurrence."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1")
    shop.keeps_reading(5, "1")
    first = shop.card(Kind.REVERTED).id
    shop.keeps_reading(5, "2")
    told = shop.keeps_reading(5, "1")
    assert kinds(told, EventType.CARD_REVISED) == ["reverted"]
    assert (shop.card(Kind.REVERTED).id, shop.card(Kind.REVERTED).active) == (first, True)
    shop.acknowledges(shop.card(Kind.REVERTED))
    shop.keeps_reading(5, "2")
    assert kinds(shop.keeps_reading(5, "1")) == ["reverted"]
    assert shop.card(Kind.REVERTED).id != first


def test_why_an_acknowledgement_is_refused() -> None:
    """Unknown party, unknown or closed card, a revision that does not exist."""
    shop = Shop()
    overdue(shop)
    card = shop.card(Kind.OVERDUE)
    assert "unknown party" in (shop.acknowledges(card, "boss") or "")
    assert "does not exist" in (shop.acknowledges(card, revision=2) or "")
    assert shop.send(Acknowledge(shop.now, card.id, 0, "cell_leader", "Li")) is not None
    assert "no open card" in (shop.send(Acknowledge(shop.now, "nonsense", 1, "cell_leader", "Li")) or "")
    assert shop.acknowledges(card) is None
    shop.keeps_reading(5, "2")
    assert "no open card" in (shop.acknowledges(card) or "")
    assert len(shop.seen(EventType.CARD_ACKNOWLEDGED)) == 1


def test_a_revision_since_which_severity_rose_cannot_be_acknowledged() -> None:
    """He saw a high card; meanwhile it is critical: he has to look again."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1")
    shop.keeps_reading(5, "1")
    shop.keeps_reading(5, "1", running=True)
    card = shop.card(Kind.REVERTED)
    assert card.revision == 2
    assert "more severe" in (shop.acknowledges(card, revision=1) or "")
    assert shop.acknowledges(card, revision=2) is None


def test_a_revision_that_is_only_older_can_be_acknowledged() -> None:
    """Another seen version since does not make it worse."""
    shop = Shop()
    overdue(shop)
    shop.keeps_reading(5, "1", running=True)
    shop.keeps_reading(5, "0", running=True)
    assert shop.acknowledges(shop.card(Kind.OUTDATED_PROGRAM_RUNNING), revision=1) is None


def test_the_same_acknowledgement_again_does_nothing() -> None:
    """A resent command is neither an error nor a second event."""
    shop = Shop()
    overdue(shop)
    for _ in range(3):
        assert shop.acknowledges(shop.card(Kind.OVERDUE)) is None
    assert len(shop.seen(EventType.CARD_ACKNOWLEDGED)) == 1
    assert shop.acknowledges(shop.card(Kind.OVERDUE), "it_operations") is None
    assert set(shop.card(Kind.OVERDUE).acks) == {"cell_leader", "it_operations"}


def test_intake_cards_are_settled_by_being_seen() -> None:
    """Nothing on the machine will clear a withdrawal: acknowledged is cleared and closed."""
    shop = Shop()
    shop.released("E1")
    shop.notice(draft("E1", status=Status.WITHDRAWN))
    shop.acknowledges(shop.card(Kind.WITHDRAWN_AFTER_RELEASE), "it_operations")
    assert types(shop.events[-3:]) == ["card.acknowledged", "card.cleared", "card.closed"]


@pytest.mark.parametrize("restart", [False, True])
def test_a_one_shot_is_born_inactive_and_lives_seven_days(restart: bool) -> None:
    """Raised and cleared at once; closed after a week that nobody spoke, restarts counted."""
    shop = Shop()
    shop.rejects()
    card = shop.card(Kind.ECN_REJECTED)
    assert not card.active
    shop.waits(6 * 24 * 3600, step=3600)
    if restart:
        shop.restart(off=3600, reboot=True)
    assert shop.cards() == [card]
    shop.waits(24 * 3600, step=3600)
    assert shop.cards() == []
    assert types(shop.events)[-1] == "card.closed"


def test_a_one_shot_closes_when_it_is_seen() -> None:
    """Acknowledged is enough; the next incident is a new card."""
    shop = Shop()
    incident = Incident(shop.now, "untrusted_certificate", "m1", {"fingerprint": "AB"})
    shop.send(incident)
    shop.send(incident)
    shop.acknowledges(shop.card(Kind.UNTRUSTED_CERTIFICATE), "it_operations")
    assert shop.cards() == []
    shop.send(incident)
    assert len(shop.cards()) == 1


def test_cannot_verify_says_why_and_clears_with_evidence() -> None:
    """The machine can be reached, the version cannot be read; then it can."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60)
    card = shop.card(Kind.CANNOT_VERIFY)
    assert (card.severity, card.facts["reason"]) == ("medium", "no_extractor")
    shop.keeps_reading(5, "1")
    assert not shop.card(Kind.CANNOT_VERIFY).active


def test_an_unreachable_machine_holds_cannot_verify_back() -> None:
    """One cause, one card: the machine's own, at its time; a verified mismatch is not held back."""
    shop = Shop()
    shop.released("E0", program="P0")
    shop.keeps_reading(16 * 60, "1", program="P0")
    for n in range(1, 9):
        shop.released(f"E{n}", program=f"P{n}")
    shop.keeps_reading(13 * 60, "1", program="P0")
    shop.loses()
    told = shop.waits(20 * 60, step=10)
    assert kinds(told) == ["machine_unreachable"]
    assert shop.card(Kind.OVERDUE).active
    shop.keeps_reading(5, program="P1")
    assert [c.program for c in shop.cards(Kind.CANNOT_VERIFY)] == ["P1"]


def test_a_lost_source_holds_cannot_verify_back() -> None:
    """Until it is back and the version still cannot be read."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(60)
    assert kinds(shop.loses("plm")) == ["source_lost"]
    assert kinds(shop.keeps_reading(16 * 60)) == []
    assert kinds(shop.source_back()) == ["cannot_verify"]
    assert not shop.card(Kind.SOURCE_LOST).active


def test_machine_unreachable_comes_with_an_open_obligation_only() -> None:
    """A machine that is switched off and owes nothing is nobody's problem; a release makes it one."""
    shop = Shop()
    shop.reads("1")
    shop.loses()
    assert kinds(shop.waits(3600, step=60)) == []
    shop.released("E1")
    assert kinds(shop.waits(1)) == ["machine_unreachable"]
    shop.reads("1")
    assert not shop.card(Kind.MACHINE_UNREACHABLE).active


def test_all_machines_at_once_are_one_card() -> None:
    """The switch is dead, not thirty machines; when one is back, the others have their own card."""
    names = [f"m{n}" for n in range(10)]
    shop = Shop(plant(*names))
    for name in names:
        shop.reads("1", machine=name)
        shop.released(f"E-{name}", machines=(name,))
    for name in names:
        shop.loses(name)
    shop.waits(3600, step=10)
    (card,) = [c for c in shop.cards() if c.kind is Kind.MACHINE_UNREACHABLE]
    assert (card.machine, card.origin) == (None, "gateway")
    for name in names[1:]:
        shop.reads("1", machine=name)
    assert [c for c in shop.cards() if c.kind is Kind.MACHINE_UNREACHABLE and c.active] == []
    shop.keeps_reading(40, "1", machines=names[1:])
    (left,) = [c for c in shop.cards() if c.kind is Kind.MACHINE_UNREACHABLE and c.active]
    assert left.machine == "m0"


def test_a_machine_removed_takes_its_cards_with_it() -> None:
    """Cleared, also those that somebody had seen: these close."""
    shop = Shop(plant("m1", "m2"))
    overdue(shop)
    shop.acknowledges(shop.card(Kind.OVERDUE))
    shop.keeps_reading(5, "1", running=True)
    shop.configured(plant("m2"))
    assert [(c.kind, c.active) for c in shop.cards()] == [(Kind.OUTDATED_PROGRAM_RUNNING, False)]


@pytest.mark.parametrize(
    ("parties", "area", "told"),
    [
        ({"a": Party("a", cards=("overdue",)), "b": Party("b", cards=("reverted",))}, "", {"a"}),
        ({"a": Party("a", cards=()), "b": Party("b", cards=("reverted",))}, "", {"a", "b"}),
        ({"a": Party("a", areas=("hall 1",)), "b": Party("b", areas=("hall 2",))}, "hall 1", {"a"}),
        ({"a": Party("a", areas=("hall 1",)), "b": Party("b", areas=("hall 2",))}, "hall 3", {"a", "b"}),
        ({"a": Party("a", areas=("hall 1",)), "b": Party("b")}, "hall 3", {"b"}),
    ],
)
def test_who_gets_a_card(parties: dict[str, Party], area: str, told: set[str]) -> None:
    """By kinds and areas; what nobody would get goes to all."""
    shop = Shop(plant(Machine("m1", area=area), parties=parties))
    overdue(shop)
    assert set(shop.card(Kind.OVERDUE).parties) == told


def test_a_card_tells_what_its_reader_needs() -> None:
    """Which machine, which program, required and seen, since when."""
    shop = Shop(plant(Machine("m1", name="DMU 50", area="hall 1")))
    overdue(shop)
    told = shop.seen(EventType.CARD_RAISED)[-1].data
    assert (told["machine"], told["machine_name"], told["area"]) == ("m1", "DMU 50", "hall 1")
    assert (told["ecn"], told["program"], told["seen"]) == ("E1", "P1", "1")
    assert (
        told["facts"] | {"required": "2", "seen": "1", "due": "2026-05-01T02:15:00.000Z", "stage": "released"}
        == told["facts"]
    )


def test_everything_survives_a_restart() -> None:
    """Cards as they were, revised and not raised again by what is still so."""
    shop = Shop()
    overdue(shop)
    shop.keeps_reading(5, "1", running=True)
    shop.acknowledges(shop.card(Kind.OVERDUE))
    before = shop.cards()
    assert shop.restart(reboot=True) == []
    assert shop.keeps_reading(60, "1", running=True) == []
    assert shop.cards() == before


def test_source_lost_and_back_are_told_once() -> None:
    """A source that is taken out of the configuration takes its card with it."""
    shop = Shop()
    assert types(shop.loses("plm")) == ["source.lost", "card.raised"]
    assert shop.loses("plm") == []
    shop.waits(HOUR / 1000)
    assert types(shop.source_back()) == ["source.back", "card.cleared"]
    assert shop.source_back() == []
    shop.loses("plm")
    shop.configured(plant(sources={}))
    assert not shop.card(Kind.SOURCE_LOST).active
    assert shop.loses("plm") == []
    assert shop.clock.utc < shop.now.utc + DAY


def test_the_one_card_of_all_machines_says_what_is_wrong_with_each() -> None:
    """The first one's error is not everyone's; where all say the same, it is said once."""
    for errors, told in (
        (("no answer → check the cable", "refused → start it"), "m1: no answer; m2: refused"),
        (("no route", "no route"), "no route"),
    ):
        shop = Shop(plant("m1", "m2", unreachable_after=MINUTE))
        for machine, error in zip(("m1", "m2"), errors, strict=True):
            shop.reads("1", machine=machine)
            shop.loses(machine, error)
        shop.released("E1", machines=("m1",))
        shop.waits(61, step=1)
        assert shop.card(Kind.MACHINE_UNREACHABLE).facts["error"] == told
