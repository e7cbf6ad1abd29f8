"""Envelope and topics: what the platform may rely on."""

from __future__ import annotations

import json

import pytest

from edge_bridge.contract import Topics, seal, source_urn
from edge_bridge.domain.event import Event, EventType
from edge_bridge.errors import ConfigError

EVENT = Event(
    id="6a4a4d0e-54b4-4a49-9a55-27c0f6a7a2f1",
    type=EventType.CARD_RAISED,
    origin="dmu50-01",
    subject="card-7",
    time=1_777_600_800_123,
    data={"title": {"zh-CN": "图纸变更未到机床", "en": "late"}},
    correlation="obligation-1",
)
SOURCE = source_urn("suzhou-1", "edge-01", "e1")


def test_envelope_has_every_attribute_of_the_contract():
    """CloudEvents 1.0 with our extensions, in the names and forms of the contract."""
    assert json.loads(seal(EVENT, source=SOURCE, sequence=42, recorded=1_777_600_801_000)) == {
        "specversion": "1.0",
        "id": EVENT.id,
        "source": "urn:edge-bridge:suzhou-1:edge-01:e1",
        "type": "edge-bridge.card.raised.v1",
        "subject": "card-7",
        "time": "2026-05-01T02:00:00.123Z",
        "recordedtime": "2026-05-01T02:00:01.000Z",
        "sequence": "00000000000000000042",
        "datacontenttype": "application/json",
        "dataschema": "urn:edge-bridge:schema:card.raised:v1",
        "correlationid": "obligation-1",
        "data": EVENT.data,
    }


def test_envelope_is_utf8_and_the_same_bytes_each_time():
    """Chinese stays readable in the payload; sealing is a pure function."""
    body = seal(EVENT, source=SOURCE, sequence=1, recorded=0)
    assert "图纸变更".encode() in body
    assert body == seal(EVENT, source=SOURCE, sequence=1, recorded=0)


def test_half_surrogate_does_not_stop_the_writer():
    """A name from a badly encoded file is replaced, not raised."""
    event = Event("1", EventType.ECN_REJECTED, "plm", "", 0, {"file": "caf\udce9.csv"})
    assert json.loads(seal(event, source=SOURCE, sequence=1, recorded=0))["data"] == {"file": "caf?.csv"}


def test_topics_are_those_of_the_contract():
    """Each address, below the prefix of site and gateway."""
    topics = Topics("edge-bridge", "suzhou-1", "edge-01")
    prefix = "edge-bridge/v1/suzhou-1/edge-01"
    assert topics.event("dmu50-01") == f"{prefix}/evt/dmu50-01"
    assert topics.state("dmu50-01") == f"{prefix}/state/dmu50-01"
    assert topics.card("c-1") == f"{prefix}/card/c-1"
    assert topics.kpi("weekly") == f"{prefix}/kpi/weekly"
    assert topics.command("ack") == f"{prefix}/cmd/ack"
    assert (topics.status, topics.results) == (f"{prefix}/status", f"{prefix}/cmdres")
    assert (topics.receipt, topics.commands) == (f"{prefix}/receipt", f"{prefix}/cmd/+")


def test_verb_is_read_back_from_a_command_topic_only():
    """The forwarder asks for the verb; anything else has none."""
    topics = Topics("plant/east/bridge", "s", "g")
    assert topics.verb(topics.command("replay")) == "replay"
    assert topics.verb(topics.receipt) is None
    assert topics.verb("other/v1/s/g/cmd/replay") is None


def test_deepest_topic_stays_within_seven_slashes():
    """AWS IoT refuses more."""
    assert Topics("a/b/c", "s", "g").event("gateway").count("/") <= 7


@pytest.mark.parametrize(
    ("root", "site", "gateway", "key"),
    [("a/b/c/d", "s", "g", "root"), ("a/+", "s", "g", "root"), ("r", "Süd", "g", "site"), ("r", "s", "G/1", "gateway")],
)
def test_unfit_names_are_refused_with_their_key(root, site, gateway, key):
    """A wildcard or slash in a name would write outside the prefix."""
    with pytest.raises(ConfigError) as caught:
        Topics(root, site, gateway)
    assert caught.value.key == (key,)


@pytest.mark.parametrize("name", ["a/b", "#", "+", "", "x" * 41, "Upper"])
def test_ids_that_cannot_be_a_topic_level_are_refused(name):
    """Ids come from files and messages: checked where the topic is made."""
    topics = Topics("edge-bridge", "s", "g")
    with pytest.raises(ValueError, match="topic"):
        topics.event(name)
