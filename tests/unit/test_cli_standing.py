"""What `explain` calls red, and what the demo's lamps do: the same, from the same books."""

from __future__ import annotations

import pytest

from edge_bridge.cli.findings import standing
from edge_bridge.demo.lamps import AMBER, GREEN, RED, Lamps
from edge_bridge.domain.route import Route
from tests.unit.domain_plant import LIMIT, Shop, plant

MACHINE = "lathe-07"


def looked(shop: Shop, reason: str, lamps: Lamps) -> tuple[str, str, str]:
    """Return colour and state by `explain`, and the lamp."""
    requirement = shop.requirement(machine=MACHINE)
    open_ones = [o for o in shop.ledger.books.state.obligation.values() if o.ecn == requirement.demand.ecn]
    carded = any(card.active for card in shop.cards())
    for event in shop.events:
        lamps.see({"type": f"edge-bridge.{event.type}.v1", "origin": event.origin, "data": event.data})
    shop.events.clear()
    return *standing(requirement, open_ones[0] if open_ones else None, reason, shop.now, carded), lamps.shown[MACHINE]


@pytest.mark.parametrize("running", [False, True])
def test_an_old_version_is_amber_while_time_is_left(running: bool) -> None:
    """The floor has its time: to run the old program meanwhile is measured, and no alarm. Then it is red, then green."""
    shop, lamps = Shop(plant(MACHINE)), Lamps()
    shop.reads("1", machine=MACHINE)
    shop.released("E1", machines=(MACHINE,))
    shop.reads("1", machine=MACHINE, running=running)
    assert looked(shop, "other", lamps) == ("yellow", "in_time", AMBER)
    shop.keeps_reading(LIMIT // 1000 - 5, "1", machines=(MACHINE,), running=running)
    assert looked(shop, "other", lamps) == ("yellow", "in_time", AMBER)
    shop.keeps_reading(5, "1", machines=(MACHINE,), running=running)
    assert looked(shop, "other", lamps) == ("red", "wrong", RED)
    shop.reads("2", machine=MACHINE)
    assert looked(shop, "match", lamps) == ("green", "match", GREEN)


def test_where_the_route_says_stop_there_is_no_time() -> None:
    """`stop_at_release`: not one part more with the old program."""
    route = Route({"program": "P*"}, machines=(MACHINE,), stop_at_release=True)
    shop, lamps = Shop(plant(MACHINE, routes=(route,))), Lamps()
    shop.reads("1", machine=MACHINE)
    shop.released("E1", machines=(MACHINE,))
    shop.reads("1", machine=MACHINE)
    colour, state, _ = looked(shop, "other", lamps)
    assert (colour, state) == ("red", "wrong")
