"""An obligation's data: written as JSON at once, and to the byte what the contract's names and a JSON library give."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_bridge.contract import seal
from edge_bridge.domain.event import Event, EventType
from edge_bridge.domain.instant import to_text, to_text_or_none
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.told_obligation import ObligationTold
from tests.unit.test_store_encoding import TEXT, values

SOURCE = "urn:edge-bridge:suzhou-1:edge-01:e1"
INSTANTS = st.integers(0, 4_000_000_000_000)
DURATIONS = st.integers(0, 10**12)
FULL = TEXT | st.sampled_from(["", "gateway_down", "NaN", '改 \u2028\x7f"\\\n\x01'])
SIDES = st.dictionaries(TEXT, st.none() | st.booleans() | FULL, max_size=3)


def seconds(duration: int | None) -> float | None:
    """Return a duration as the contract gives it."""
    return None if duration is None else duration / 1000


def as_data(o: Obligation, revises: str | None) -> dict[str, Any]:
    """Return what the contract says, field by field."""
    demand = o.demand
    return {
        "obligation": o.id,
        "ecn": demand.ecn,
        "machine": o.machine,
        "area": o.area,
        "part": demand.part,
        "drawing": demand.drawing,
        "revision": demand.revision,
        "program": demand.program,
        "required": demand.version,
        "required_sha256": demand.sha256,
        "observed": o.observed,
        "verdict": str(o.verdict),
        "reason": o.reason,
        "ended": o.ended or None,
        "t0": to_text(o.t0),
        "due": to_text(o.due.utc),
        "decided": to_text_or_none(o.decided),
        "lateness_s": seconds(o.lateness),
        "exposure_s": seconds(o.exposure),
        "unmet_since": to_text(o.unmet_since),
        "transport_delay_s": seconds(o.transport_delay),
        "within_release_limit": o.within_release_limit,
        "late_arrival": o.late_arrival,
        "time_quality": o.time_quality,
        "inferred": o.inferred,
        "confirmed_at": to_text_or_none(o.confirmed_at),
        "historical": o.reason == "gateway_down",
        "stages": {stage: to_text(at) for stage, at in o.stages.items()},
        "evidence": {
            "ecn": {"source": o.source, "file": o.file, "sha256": o.sha256, "row": demand.row},
            "machine": o.evidence or None,
        },
        **({"effectivity": demand.effectivity} if demand.effectivity else {}),
        **({"revises": revises} if revises else {}),
    }


@st.composite
def obligations(draw: st.DrawFn) -> Obligation:
    """Return obligations with instants that there are, and any text."""
    made: Obligation = draw(values(Obligation))
    release = draw(st.none() | INSTANTS)
    return replace(
        made,
        reason=draw(FULL),
        t0=draw(INSTANTS),
        due=replace(made.due, utc=draw(INSTANTS)),
        unmet_since=draw(INSTANTS),
        arrived=replace(made.arrived, utc=(release or 0) + draw(DURATIONS)),
        release=release,
        decided=draw(st.none() | INSTANTS),
        confirmed_at=draw(st.none() | INSTANTS),
        lateness=draw(st.none() | DURATIONS),
        exposure=draw(DURATIONS),
        evidence=draw(SIDES),
        stages=draw(st.dictionaries(FULL, INSTANTS, max_size=3)),
    )


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(obligations(), st.none() | FULL)
def test_the_json_is_that_of_the_contract(obligation: Obligation, revises: str | None) -> None:
    """Same names, same order, same bytes; and as a mapping it is what a consumer reads."""
    expected, told = as_data(obligation, revises), ObligationTold(obligation, revises)
    assert told.json() == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
    assert (dict(told), len(told), told["ecn"]) == (expected, len(expected), expected["ecn"])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(obligations(), FULL)
def test_an_event_is_the_same_whether_its_data_is_json_or_not(obligation: Obligation, subject: str) -> None:
    """Sealing knows two ways, and nobody can tell which was taken."""
    at_once = Event("1", EventType.OBLIGATION_OPENED, "m1", subject, 5, ObligationTold(obligation), "c", None)
    first = seal(at_once, source=SOURCE, sequence=7, recorded=8)
    assert first == seal(replace(at_once, data=as_data(obligation, None)), source=SOURCE, sequence=7, recorded=8)
    assert json.loads(first)["data"] == as_data(obligation, None)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(obligations())
def test_half_surrogates_do_not_stop_the_writer(obligation: Obligation) -> None:
    """A name from a badly encoded file is replaced, not raised."""
    told = ObligationTold(replace(obligation, file="caf\udce9.csv", evidence={"raw": "\udce9"}))
    event = Event("1", EventType.OBLIGATION_OPENED, "m1", "m1", 0, told)
    evidence = json.loads(seal(event, source=SOURCE, sequence=1, recorded=0))["data"]["evidence"]
    assert (evidence["ecn"]["file"], evidence["machine"]) == ("caf?.csv", {"raw": "?"})
