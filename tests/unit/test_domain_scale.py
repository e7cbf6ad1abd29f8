"""A hundred thousand open obligations: waiting costs nothing, and each is judged in its own second."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.ecn import Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import HOUR, SECOND
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.signal import Tick
from edge_bridge.domain.state import State
from edge_bridge.testing import ManualClock
from tests.unit.domain_plant import Shop, draft, plant

OPEN = 100_000
SOON = 1_000


def many(clock: ManualClock, template: Obligation) -> dict[str, Obligation]:
    """Return open obligations: the first thousand fall due one a second, after the start's grace; the rest much later."""
    start = clock.now()
    rows = {}
    for n in range(OPEN):
        due = Deadline.after(start, (60 + n) * SECOND if n < SOON else 24 * HOUR + n)
        demand = replace(template.demand, key=f"P{n}", program=f"P{n}")
        rows[f"o{n}"] = replace(template, id=f"o{n}", demand=demand, due=due)
    return rows


def test_a_hundred_thousand_open_obligations_fall_due_to_the_second() -> None:
    """Each second exactly the one that is due; all the others wait."""
    shop = Shop()
    shop.notice(draft("E1", released=shop.now.utc))
    clock, ids = shop.clock, count()
    ledger = Ledger(
        State.of({"obligation": many(clock, shop.obligation())}), plant(), clock.now(), lambda: f"{next(ids)}"
    )
    assert ledger.books.take_events() == []
    clock.move(60 * SECOND - 1)
    ledger.apply(Tick(clock.now()))
    assert ledger.books.take_events() == []
    clock.move(1)
    for n in range(SOON):
        ledger.apply(Tick(clock.now()))
        told = [e for e in ledger.books.take_events() if e.type is EventType.OBLIGATION_VERDICT]
        assert [e.correlation for e in told] == [f"o{n}"]
        clock.move(SECOND)
    verdicts = [o.verdict for o in ledger.books.state.obligation.values()]
    assert verdicts.count("pending") == OPEN - SOON


def test_a_first_start_on_ten_thousand_files_is_quiet() -> None:
    """Ten thousand old ECNs: each one received, no obligation, no card."""
    shop = Shop(scanned=False)
    for n in range(10_000):
        shop.notice(draft(f"E{n}", program=f"P{n}", status=Status.CLOSED, released=n))
    assert {e.type for e in shop.events} == {EventType.ECN_RECEIVED}
    assert len(shop.ledger.books.state.requirement) == 10_000


def test_a_file_of_thousands_of_unrouted_ecns_tells_its_card_once() -> None:
    """One telling of the one card for a whole file: the cost must not grow with the square of its rows."""
    shop = Shop()
    told = shop.notice(*(draft(f"E{n}", program=None, machines=()) for n in range(5_000)))
    cards = [e for e in told if e.type in (EventType.CARD_RAISED, EventType.CARD_REVISED)]
    assert [(e.type, e.data["ecn_count"]) for e in cards] == [(EventType.CARD_RAISED, 5_000)]
    assert len([e for e in told if e.type is EventType.ECN_UNROUTED]) == 5_000
