"""What `status` shows of an open obligation."""

from __future__ import annotations

from edge_bridge import health
from tests.unit.domain_plant import Shop


def test_a_pending_obligation_shows_what_the_machine_has() -> None:
    """Before its verdict, too: who looks wants to know what is on the machine now."""
    shop = Shop()
    shop.released("E1")
    (before,) = health.obligations(shop.ledger.books)
    shop.reads("1")
    (after,) = health.obligations(shop.ledger.books)
    assert (before["seen"], after["seen"], after["observed"]) == (None, "1", None)
