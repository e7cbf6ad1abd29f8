"""What the ledger really says, held to the published schemas."""

from __future__ import annotations

import json

from edge_bridge.contract import seal, source_urn
from edge_bridge.domain.event import EventType
from edge_bridge.domain.told import card_data, state_data
from tests.published import faults
from tests.unit.domain_plant import Shop

ANY_ID = "6a4a4d0e-54b4-4a49-9a55-27c0f6a7a2f1"


def test_a_day_of_events_fits_the_published_schemas():
    """Release, wrong version, overdue, right version, loss, rejected file, clock step: every event and retained topic."""
    shop = Shop()
    both = {"zh-CN": "一", "en": "one"}
    shop.ledger.books.texts = lambda _card, _machine: {"title": both, "text": both, "next_step": both}
    shop.reads("1")
    shop.released("ECN-1", "2")
    shop.keeps_reading(20 * 60, "1")
    states = [state_data(shop.ledger.books, "m1", list(shop.ledger.books.state.requirement.values()), 7)]
    cards = [card_data(card, shop.ledger.books) for card in shop.cards()]
    shop.reads("2")
    shop.loses()
    shop.rejects(sha256="b" * 64)
    shop.released("ECN-2", None)
    shop.waits(2 * 60 * 60)
    shop.loses("plm")
    shop.source_back()
    events = shop.events
    assert len({event.type for event in events}) >= 10
    for sequence, event in enumerate(events, 1):
        body = seal(event, source=source_urn("s", "g", "e"), sequence=sequence, recorded=0)
        message = json.loads(body) | {"id": ANY_ID}  # the shop counts its ids
        assert faults(f"{event.type}.v1.json", message) == []
    assert cards
    for name, document in [("card.json", card) for card in cards] + [("state.json", state) for state in states]:
        assert faults(name, json.loads(json.dumps(document))) == []


def test_the_machines_side_is_whole_or_null() -> None:
    """Each of its names is there when anything was read, null where the machine did not show it; nothing read is null."""
    shop = Shop()
    shop.released("ECN-1", "2", program="P1")
    shop.waits(20)
    shop.keeps_reading(20 * 60, None, program="P1")
    told = shop.seen(EventType.OBLIGATION_OPENED, EventType.OBLIGATION_VERDICT)
    opened, judged = [event.data["evidence"]["machine"] for event in told]
    assert opened is None
    assert (judged["adapter"], judged["field"], judged["raw"], judged["quality"]) == ("m1", None, None, None)
