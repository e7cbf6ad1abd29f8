"""What is told as a frame and pieces is, put together, what it would have been by itself: to the byte."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_bridge.contract import seal, seal_all
from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.event import Event, EventType
from edge_bridge.domain.frame import LEAST, filled
from edge_bridge.domain.obligation import Obligation, Verdict
from edge_bridge.domain.routing import Demand
from edge_bridge.domain.state import KINDS
from edge_bridge.domain.told_obligation import ObligationTold
from edge_bridge.store.encoding import alike, writer
from edge_bridge.store.rows import OWN
from tests.integration.test_store_ledger import DEMAND, NOW, OBLIGATION
from tests.unit.test_store_encoding import TEXT, values
from tests.unit.test_told_obligation import FULL, SOURCE, obligations

QUIET = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
USUAL = replace(OBLIGATION, release=NOW.utc)
LATER = replace(NOW, utc=NOW.utc + 7)
OTHER = Obligation(
    "ob2",
    "m2",
    replace(DEMAND, ecn="E-2", part="P", drawing="D", revision="R", row="r", effectivity="SN 1-9"),
    "other",
    "other.csv",
    "1" * 64,
    "turning",
    LATER,
    LATER.utc,
    Deadline.after(LATER, 8),
    LATER.utc,
    release=1,
    time_quality="day",
    late_arrival=True,
    verdict=Verdict.LATE,
    reason="gateway_down",
    ended="waived",
    closed=True,
    observed="A",
    decided=2,
    lateness=3,
    exposure=4,
    counted=5,
    confirmed_at=6,
    inferred=True,
    within_release_limit=False,
    returned=LATER,
    evidence={"raw": "B"},
    stages={"released": 9},
    last_event="e",
)
OPENED = EventType.OBLIGATION_OPENED


@pytest.mark.parametrize("kind", OWN)
@QUIET
@given(data=st.data())
def test_a_row_is_its_frame_with_its_own_pieces(kind: str, data: st.DataObject) -> None:
    """Whatever it says; and where all but the pieces is equal, the frame of one is that of the other."""
    one, other = data.draw(values(KINDS[kind])), data.draw(values(KINDS[kind]))
    written, whole = alike(KINDS[kind], OWN[kind]), writer(KINDS[kind])
    own = {name.removeprefix("demand."): name for name in OWN[kind]}
    demand = replace(one.demand, **{n: getattr(other.demand, n) for n, path in own.items() if n != path})
    mixed = replace(one, demand=demand, **{n: getattr(other, n) for n, path in own.items() if n == path})
    assert filled(written.frame(one), written.own(one)) == whole(one)
    assert written.common(mixed) == written.common(one)
    assert filled(written.frame(one), written.own(mixed)) == whole(mixed)


@pytest.mark.parametrize("kind", OWN)
def test_what_is_own_is_a_field(kind: str) -> None:
    """A field that gets another name would no longer be looked at."""
    known = {field.name for field in fields(KINDS[kind])} | {f"demand.{field.name}" for field in fields(Demand)}
    assert OWN[kind] <= known


def event(n: int, obligation: Obligation, **more: Any) -> Event:
    """Return an event of an obligation."""
    told = ObligationTold(obligation, more.pop("revises", None))
    given = {"type": OPENED, "subject": obligation.machine, "correlation": obligation.id, "causation": "c", **more}
    return Event(f"{n:036x}", given.pop("type"), "m1", given.pop("subject"), 5, told, **given)


def sealed(events: list[Event]) -> tuple[list[bytes], set[str | None]]:
    """Return the whole bytes of events that are sealed together, and the frames."""
    found = list(seal_all(events, source=SOURCE, first=7, recorded=8))
    bodies = [own if frame is None else filled(frame, own.decode()).encode() for own, frame in found]
    return bodies, {frame for _, frame in found}


def one_by_one(events: list[Event]) -> list[bytes]:
    return [seal(one, source=SOURCE, sequence=n, recorded=8) for n, one in enumerate(events, 7)]


@QUIET
@given(obligations(), st.lists(values(Demand), min_size=1, max_size=3), FULL, st.none() | TEXT)
def test_events_sealed_together_are_those_sealed_one_by_one(
    first: Obligation, demands: list[Demand], text: str, revises: str | None
) -> None:
    """An ECN's obligations on machines and items of any name share one frame."""
    asked = [replace(demand, ecn=first.ecn) for demand in demands]
    mine = [
        replace(first, id=f"{text}{n}", machine=f"{text}{n % 2}", demand=one) for n, one in enumerate(asked * LEAST)
    ]
    events = [event(n, one, revises=revises, subject=text) for n, one in enumerate(mine)]
    bodies, frames = sealed(events)
    assert bodies == one_by_one(events)
    assert len(frames) == 1
    assert None not in frames


@pytest.mark.parametrize("name", [field.name for field in fields(Obligation)])
def test_one_that_differs_in_any_field_is_itself(name: str) -> None:
    """In the middle of many that are alike: no value of it is taken for theirs."""
    odd = replace(USUAL, **{name: getattr(OTHER, name)})
    assert getattr(odd, name) != getattr(USUAL, name)
    events = [event(n, one) for n, one in enumerate([USUAL] * LEAST + [odd] + [USUAL] * LEAST)]
    assert sealed(events)[0] == one_by_one(events)


def test_what_is_equal_and_written_otherwise_is_itself() -> None:
    """Stages in another order, and True where others have 1: in an event, and in the row, whose stages keep their order."""
    first = replace(USUAL, stages={"released": 5, "loaded": 5}, evidence={"n": 1})
    for odd in (replace(first, stages={"loaded": 5, "released": 5}), replace(first, evidence={"n": True})):
        assert odd == first
        mixed = [first] * LEAST + [odd] + [first] * LEAST
        events = [event(n, one) for n, one in enumerate(mixed)]
        assert sealed(events)[0] == one_by_one(events)
        written = alike(Obligation, OWN["obligation"])
        assert written.common(odd) != written.common(first)


def test_one_that_revises_another_verdict_is_itself() -> None:
    """The event that it corrects is part of its data."""
    events = [event(n, OBLIGATION, revises="e" if n == LEAST else None) for n in range(2 * LEAST)]
    assert sealed(events)[0] == one_by_one(events)


def test_one_that_differs_in_its_envelope_is_itself() -> None:
    """Another type, no subject, no correlation, another cause; and data that is no obligation at all."""
    more: list[dict[str, Any]] = [
        {},
        {"type": EventType.OBLIGATION_CLOSED},
        {"subject": ""},
        {"correlation": None},
        {"causation": None},
        {"causation": 'd"'},
    ]
    for length in (1, LEAST):
        events = [event(n, OBLIGATION, **given) for given in more for n in range(length)]
        events += [Event("x", EventType.GAP, "gateway", "g", 5, {"n": 1})] * length
        assert sealed(events)[0] == one_by_one(events)


def test_half_surrogates_are_replaced_alike() -> None:
    """In the frame and in the pieces."""
    bad = replace(OBLIGATION, file="caf\udce9", area="\udce9")
    events = [event(n, bad) for n in range(LEAST)]
    bodies, frames = sealed(events)
    assert (bodies, len(frames)) == (one_by_one(events), 1)
    assert b"caf?" in bodies[0]
