"""What `status` shows of a machine and of an open obligation."""

from __future__ import annotations

from edge_bridge import health
from edge_bridge.domain.version import Extractor
from tests.unit.domain_plant import Shop, header, variable


def test_a_pending_obligation_shows_what_the_machine_has() -> None:
    """Before its verdict, too: who looks wants to know what is on the machine now."""
    shop = Shop()
    shop.released("E1")
    (before,) = health.obligations(shop.ledger.books)
    shop.reads("1")
    (after,) = health.obligations(shop.ledger.books)
    assert (before["seen"], after["seen"], after["observed"]) == (None, "1", None)


def shown(shop: Shop) -> tuple[object, object]:
    """Return the version of the only machine with the extractor that gave it."""
    (line,) = health.machines(shop.ledger.books)
    return line["version"], line["extractor"]


def test_a_machine_shows_the_version_that_counts() -> None:
    """A variable that may be left over from another program comes first in the list, and says nothing of this one."""
    shop = Shop()
    both = (variable("7"), header("B"))
    shop.reads(evidence=both)
    assert shown(shop) == ("B", Extractor.HEADER)
    shop.released("E1", "C")
    shop.reads(evidence=both)
    assert shown(shop) == ("B", Extractor.HEADER)
    shop.reads(evidence=both, running=True)
    shop.reads(evidence=both, running=True)
    assert shown(shop) == ("7", Extractor.VARIABLE), "the program has run: the variable is its own, and comes first"


def test_a_version_of_another_program_or_scheme_is_not_shown_before_one_that_counts() -> None:
    """What names another program, or is no version where versions are letters; alone it is shown, as it was read."""
    shop = Shop()
    shop.reads(evidence=(header("A", "OTHER"), header("B")))
    assert shown(shop) == ("B", Extractor.HEADER)
    shop.reads(evidence=(variable("7"),))
    assert shown(shop) == ("7", Extractor.VARIABLE)
    shop.reads(evidence=())
    assert shown(shop) == (None, None)
