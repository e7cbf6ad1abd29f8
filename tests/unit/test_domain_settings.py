"""What a site may set for its machines and routes, each seen in a verdict: aliases, skipped letters, overrides, skew."""

from __future__ import annotations

import pytest

from edge_bridge.domain.card import Kind
from edge_bridge.domain.instant import MINUTE, SECOND
from edge_bridge.domain.plant import Machine, Route
from edge_bridge.domain.version import Comparison, Match, Scheme, VersionRule
from tests.unit.domain_plant import Shop, plant


@pytest.mark.parametrize(
    ("seen", "required"), [("-", "initial"), ("Initial", "-"), ("Rev 00", "-"), ("V0", "-"), ("Rev X", "-")]
)
def test_an_alias_is_the_version_that_the_site_means(seen: str, required: str) -> None:
    """Whatever side writes it, before and after the usual normalising; under an ordered scheme, too."""
    aliases = {"-": "initial", "00": "initial", "0": "initial", "REV X": "initial"}
    assert VersionRule(aliases=aliases).compare(seen, required) is Comparison.MATCH
    assert VersionRule().compare(seen, required) is Comparison.OTHER
    letters = VersionRule(Scheme.LETTERS, aliases={"-": "A"})
    assert letters.compare("-", "B") is Comparison.OLDER


@pytest.mark.parametrize(
    ("letters", "comparison"), [("", Comparison.AHEAD), ("IO", Comparison.UNFIT), ("io", Comparison.UNFIT)]
)
def test_a_letter_that_the_shop_skips_is_no_revision(letters: str, comparison: Comparison) -> None:
    """An I is a misread 1 or J there: no evidence, rather than a version between H and J."""
    rule = VersionRule(Scheme.LETTERS, skipped_letters=letters)
    assert rule.compare("I", "H") is comparison
    assert rule.compare("J", "H") is Comparison.AHEAD
    assert rule.compare("H", "J") is Comparison.OLDER


@pytest.mark.parametrize(("limit", "minutes"), [(None, 15), (30 * MINUTE, 30), (60 * SECOND, 1)])
def test_a_route_may_give_another_limit(limit: int | None, minutes: int) -> None:
    """Nothing a second before it, violated at it."""
    shop = Shop(plant(routes=(Route({"program": "P*"}, machines=("m1",), limit=limit),)))
    shop.reads("1")
    shop.released("E1", machines=())
    shop.keeps_reading(minutes * 60 - 1, "1", step=1)
    assert shop.verdicts() == []
    shop.keeps_reading(1, "1", step=1)
    assert shop.verdicts() == ["violated:other"]


@pytest.mark.parametrize(
    ("route", "seen", "verdict"),
    [
        ({}, "02", "compliant"),
        ({"scheme": Scheme.EXACT}, "02", None),
        ({}, "3", "compliant"),
        ({"match_version": Match.EXACT}, "3", None),
    ],
)
def test_a_route_may_compare_otherwise_than_its_machine(
    route: dict[str, object], seen: str, verdict: str | None
) -> None:
    """The machine counts in numbers and takes what is newer and released; a route may be stricter."""
    machines = (Machine("m1", rule=VersionRule(Scheme.NUMERIC)), Machine("m2", rule=VersionRule(Scheme.NUMERIC)))
    shop = Shop(plant(*machines, routes=(Route({"program": "P*"}, machines=("m1",), **route),)))  # type: ignore[arg-type]
    shop.released("E0", "3", machines=("m2",))
    shop.released("E1", "2", machines=())
    shop.reads(seen)
    assert shop.verdicts("E1") == ([verdict] if verdict else [])


@pytest.mark.parametrize(("tolerance", "suspect"), [(0, True), (5 * MINUTE, False)])
def test_how_far_a_plm_clock_may_be_ahead_is_set_by_the_site(tolerance: int, suspect: bool) -> None:
    """Three minutes ahead: a card, or the skew recorded."""
    shop = Shop(plant(skew_tolerance=tolerance))
    told = shop.released("E1", released=shop.now.utc + 3 * MINUTE)
    assert bool(shop.cards(Kind.SUSPECT_TIME)) is suspect
    assert told[0].data["skew_s"] == (0 if suspect else 180)
