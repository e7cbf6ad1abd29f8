"""What the ledger really says, held to the published schemas."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from edge_bridge.contract import schemas, seal, source_urn
from edge_bridge.contract.data import CARD, STATE
from edge_bridge.domain.told import card_data, state_data
from tests.unit.domain_plant import Shop


def faults(schema, message):
    """Return what a validator finds, with the place."""
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(message)]


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
        schema = schemas.envelope(event.type)
        schema["properties"]["id"] = {"type": "string"}  # the shop counts its ids
        assert faults(schema, json.loads(body)) == [], event.type
    assert cards
    for document, schema in [(c, CARD) for c in cards] + [(s, STATE) for s in states]:
        assert faults(schema, json.loads(json.dumps(document))) == []
