"""What obligations are opened as is what they are: in memory, in the store, and in what is told of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from edge_bridge.domain.frame import LEAST, filled
from edge_bridge.domain.kept import Unfolded
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.opening import Opened, Opening
from edge_bridge.domain.state import KINDS
from edge_bridge.domain.told_obligation import ObligationTold
from edge_bridge.domain.version import Scheme
from edge_bridge.store import Store
from edge_bridge.store.encoding import alike, writer
from edge_bridge.store.rows import BOUND, OWN
from tests.integration.test_store_ledger import DEMAND, NOW, OBLIGATION
from tests.unit.test_store_encoding import values
from tests.unit.test_told_obligation import obligations

QUIET = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
MADE: dict[str, Callable[[Opened], Any]] = {"requirement": Opened.as_requirement, "obligation": Opened.as_obligation}
OPENING = Opening(
    "plm",
    "1.csv",
    "0" * 64,
    NOW,
    NOW.utc,
    OBLIGATION.due,
    NOW.utc,
    None,
    "instant",
    False,
    0,
    None,
    {"released": 5},
    NOW,
)


def opened(number: int, **more: Any) -> Opened:
    """Return the obligation of this number."""
    given = {"opening": OPENING, "demand": DEMAND, "area": "milling", **more}
    return Opened(id=f"o{number}", machine=f"m{number}", last_event=f"e{number}", **given)


@pytest.mark.parametrize("kind", OWN)
@QUIET
@given(one=values(Opened))
def test_it_has_what_each_row_has_of_its_own(kind: str, one: Opened) -> None:
    """So that a row is written of it as it would be written whole."""
    row, written = MADE[kind](one), alike(KINDS[kind], OWN[kind])
    assert filled(written.frame(row), written.own(one)) == writer(KINDS[kind])(row)
    beside = attrgetter(*BOUND[kind])
    assert beside(one) == beside(row)


@QUIET
@given(obligations())
def test_it_is_told_as_the_obligation_is(usual: Obligation) -> None:
    """To the byte."""
    common = {name.name: getattr(usual, name.name) for name in fields(Opening) if name.name != "since"}
    one = Opened(Opening(**common, since=NOW), usual.id, usual.machine, usual.demand, usual.area, "e")
    assert ObligationTold(one).json() == ObligationTold(one.as_obligation()).json()


@QUIET
@given(one=values(Opened), other=values(Opened))
def test_where_the_common_is_equal_the_frames_are(one: Opened, other: Opened) -> None:
    """Another item on another machine changes nothing in them; another ECN, limit or way to compare does."""
    same = replace(other, opening=one.opening)
    rule = replace(one.demand.rule, scheme=next(scheme for scheme in Scheme if scheme is not one.demand.rule.scheme))
    for odd in ({"ecn": f"{one.demand.ecn}x"}, {"rule": rule}, {"limit": one.demand.limit + 1}):
        assert replace(one, demand=replace(one.demand, **odd)).common != one.common
    assert replace(one, opening=replace(one.opening)).common != one.common, "two openings are two, however alike"
    if same.common == one.common:
        for kind in OWN:
            frame = alike(KINDS[kind], OWN[kind]).frame
            assert frame(MADE[kind](same)) == frame(MADE[kind](one))
        assert ObligationTold(same).common() == ObligationTold(one).common()


@pytest.mark.parametrize("count", [1, LEAST, 3 * LEAST])
def test_what_is_stored_of_it_comes_back_whole(tmp_path: Path, count: int) -> None:
    """Alone and among many; beside others that were made whole."""
    many = [opened(number, demand=replace(DEMAND, ecn="E-2") if number % 2 else DEMAND) for number in range(count)]
    changes: dict[str, dict[str, Any]] = {
        "obligation": {one.id: one for one in many} | {"ob1": OBLIGATION},
        "requirement": {one.machine: one for one in many},
    }
    with Store.open(tmp_path / "store.db", KINDS, site="s", gateway="g") as store:
        store.commit(changes)
        assert store.load("obligation") == {one.id: one.as_obligation() for one in many} | {"ob1": OBLIGATION}
        assert store.load("requirement") == {one.machine: one.as_requirement() for one in many}


def test_a_row_is_made_once_and_that_is_no_change() -> None:
    """What was put is what is committed; what is asked for is a whole row, by every way to ask."""
    rows = Unfolded(None, Opened.as_obligation)
    rows.put_opened("o1", opened(1))
    assert rows.take_changes() == {"o1": opened(1)}
    made = rows["o1"]
    assert made == opened(1).as_obligation()
    assert rows.get("o1") is made
    assert list(rows.values()) == [made]
    assert dict(rows.items()) == {"o1": made}
    assert (rows.get("o2"), "o1" in rows, len(rows), list(rows)) == (None, True, 1, ["o1"])
    assert rows.take_changes() == {}
    rows["o1"] = replace(made, reason="x")
    rows.put_opened("o2", opened(2))
    assert rows.get("o2") == opened(2).as_obligation()
    del rows["o1"]
    rows.release("o2")
    assert rows.take_changes() == {"o1": None, "o2": opened(2)}
    assert len(rows) == 0
