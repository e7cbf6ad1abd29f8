"""The published schemas: made from the code, strict where they must be, and true of what the ledger says."""

from __future__ import annotations

import copy
import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from edge_bridge.contract import Topics, asyncapi, schemas, seal, source_urn
from edge_bridge.domain.event import Event, EventType
from tests.published import FORMATS

SHA = "0" * 64
AT = "2026-05-01T02:00:00.000Z"
BOTH = {"zh-CN": "一", "en": "one"}
ECN = {
    "ecn": "ECN-1", "title": "孔", "category": None, "designer": "Li", "status": "released", "released": AT,
    "effective_from": None, "late_arrival": False, "file": "a.csv", "sha256": SHA,
    "items": [{"part": "EL-1", "drawing": None, "revision": "B", "program": "P1", "required": "B", "machines": ["m1"]}],
}  # fmt: skip
OBLIGATION = {
    "obligation": "o1", "ecn": "ECN-1", "machine": "m1", "area": "mc-1", "part": None, "drawing": None, "revision": "B",
    "program": "P1", "required": "B", "observed": None, "verdict": "pending", "reason": "", "t0": AT, "due": AT,
    "decided": None, "lateness_s": None, "exposure_s": 1.5, "unmet_since": AT, "transport_delay_s": None,
    "within_release_limit": None, "late_arrival": False, "stages": {"released": AT},
    "evidence": {"ecn": {"file": "a.csv", "sha256": SHA, "row": "line 2"}, "machine": None},
}  # fmt: skip
CARD = {
    "card_id": "c1", "kind": "overdue", "severity": "high", "machine": "m1", "ecn": None, "program": "P1",
    "parties": ["cell_leader"], "active": True, "revision": 1, "raised": AT, "title": BOTH, "text": BOTH, "next_step": BOTH,
    "acks": {"cell_leader": {"by": "Wang", "at": AT, "revision": 1, "comment": ""}},
}  # fmt: skip
PROGRAM = {
    "machine": "m1", "main_program": "P1", "active_program": None, "version": "B", "extractor": "name",
    "execution": "running", "mode": "automatic",
}  # fmt: skip
SAMPLES = {
    "ecn.rejected": {"file": "x", "sha256": SHA, "reason": "r", "where": "3"},
    "ecn.unrouted": {"ecn": "E", "file": "x", "items": [{"part": None, "reason": "no route"}]},
    "program.changed": PROGRAM,
    "program.outdated_run": {"machine": "m1", "program": "P", "required": "B", "observed": "A", "ecn": "E"},
    "baseline.taken": {"source": "plm"},
    "clock.step": {"from": AT, "to": AT, "delta_s": -3.5},
}


def sample(name):
    """Return data of this type as the contract has it."""
    family = {"ecn": ECN, "obligation": OBLIGATION, "card": CARD}.get(name.split(".")[0], {})
    if name.startswith("machine."):
        family = {"machine": "m1", "since": AT, "error": ""}
    elif name.startswith("source."):
        family = {"source": "plm", "since": AT, "error": "gone"}
    return copy.deepcopy(SAMPLES.get(name, family))


def sealed(name):
    """Return an event of this type as it goes over the wire, read back."""
    event = Event("6a4a4d0e-54b4-4a49-9a55-27c0f6a7a2f1", name, "m1", "m1", 0, sample(name), "o1", "cause")
    return json.loads(seal(event, source=source_urn("s", "g", "e1"), sequence=1, recorded=0))


def problems(schema, message):
    """Return what a validator finds."""
    return [error.message for error in Draft202012Validator(schema, format_checker=FORMATS).iter_errors(message)]


@pytest.mark.parametrize("name", list(schemas.documents()))
def test_schema_files_are_valid_self_contained_and_up_to_date(name):
    """Run `python -m edge_bridge.contract.schemas` after a change of the contract."""
    document = schemas.documents()[name]
    Draft202012Validator.check_schema(document)
    assert (schemas.FOLDER / name).read_text(encoding="utf-8") == schemas.written(document)
    assert "$ref" not in schemas.written(document)
    assert {file.name for file in schemas.FOLDER.glob("*.json")} == set(schemas.documents())


@pytest.mark.parametrize("name", list(EventType))
def test_event_fits_its_schema_and_the_envelope(name):
    """What is sealed is what was published."""
    message = sealed(name)
    assert problems(schemas.envelope(name), message) == []
    assert problems(schemas.envelope(), message) == []
    assert problems(schemas.envelope(name), message | {"data": sample(name) | {"more": 1, "historical": True}}) == []


@pytest.mark.parametrize("name", list(EventType))
def test_each_field_of_the_contract_is_missed_when_it_is_missing(name):
    """A schema that finds nothing is no schema."""
    schema, message = schemas.envelope(name), sealed(name)
    for field in schema["required"]:
        assert problems(schema, {key: value for key, value in message.items() if key != field})
    for field in schema["properties"]["data"]["required"]:
        data = {key: value for key, value in message["data"].items() if key != field}
        assert problems(schema, message | {"data": data}), field


@pytest.mark.parametrize(
    "wrong",
    [
        {"time": "yesterday"},
        {"time": "2026-05-01T02:00:00Z"},
        {"time": "2026-13-01T02:00:00.000Z"},
        {"id": "1"},
        {"sequence": "1"},
        {"sequence": 1},
        {"type": "edge-bridge.card.closed.v1"},
        {"source": "urn:other:s:g:e"},
        {"subject": ""},
        {"typo": 1},
    ],
)
def test_envelope_is_closed_and_exact(wrong):
    """A wrong form or an unknown attribute of the envelope is found."""
    name = EventType.CARD_RAISED
    assert problems(schemas.envelope(name), sealed(name) | wrong)


def test_asyncapi_is_up_to_date_and_its_addresses_are_the_topic_builders():
    """Filling the addresses in gives the topics that the code uses."""
    assert asyncapi.FILE.read_text(encoding="utf-8") == asyncapi.written()
    channels = yaml.safe_load(asyncapi.written())["channels"]
    topics = Topics("edge-bridge", "suzhou-1", "edge-01")
    filled = {
        name: channel["address"].format(
            root="edge-bridge", site="suzhou-1", gateway="edge-01", origin="m1", machine="m1", card_id="c1"
        )
        for name, channel in channels.items()
    }
    assert filled == {
        "event": topics.event("m1"),
        "state": topics.state("m1"),
        "card": topics.card("c1"),
        "status": topics.status,
        "cmdres": topics.results,
        **{f"cmd_{verb}": topics.command(verb) for verb in ("ack", "waive", "replay", "health")},
    }


def test_asyncapi_points_at_files_that_exist():
    """Every reference, inside the document and to the schemas."""
    document = yaml.safe_load(asyncapi.written())
    messages = document["components"]["messages"]
    for message in messages.values():
        assert (asyncapi.FILE.parent / message["payload"]["schema"]["$ref"]).is_file()
    for channel in document["channels"].values():
        for key, reference in channel["messages"].items():
            assert reference["$ref"] == f"#/components/messages/{key}"
            assert key in messages
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]
