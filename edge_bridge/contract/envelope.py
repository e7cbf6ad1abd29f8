"""The envelope: CloudEvents 1.0 as structured JSON (the only form that MQTT 3.1.1 can carry too)."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from json.encoder import encode_basestring as quoted
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from edge_bridge.domain.event import Event, EventType
from edge_bridge.domain.instant import Milliseconds, to_text

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
MAJOR = 1  # of every type for now; a breaking change is a new type and a new schema
SEQUENCE_DIGITS = 20  # `sequence` is compared as text (CloudEvents extension "sequence"), so it is padded


def source_urn(site: str, gateway: str, epoch: str) -> str:
    """Return the CloudEvents source of one database: a new database is a new epoch, so sequences never collide."""
    return f"urn:edge-bridge:{site}:{gateway}:{epoch}"


@cache
def event_type(name: EventType) -> str:
    """Return the CloudEvents type of an event name."""
    return f"edge-bridge.{name}.v{MAJOR}"


@cache
def schema_urn(name: EventType) -> str:
    """Return the `dataschema` of an event name: the `$id` of its JSON Schema."""
    return f"urn:edge-bridge:schema:{name}:v{MAJOR}"


def sequence_text(sequence: int) -> str:
    """Return the 20 digits of a sequence number."""
    return f"{sequence:0{SEQUENCE_DIGITS}d}"


def seal(event: Event, *, source: str, sequence: int, recorded: Milliseconds) -> bytes:
    """Return the bytes that are stored, sent and sent again for ever.

    source: from `source_urn`. sequence: this event's number in the source. recorded: UTC ms of the commit. Raises
    ValueError for data that JSON has no word for (NaN).
    """
    data = _json(event.data) if isinstance(event.data, dict) else utf8(event.data.json())
    correlation = None if event.correlation is None else quoted(event.correlation)
    start = head(event, source, recorded, quoted(event.id), quoted(event.subject), sequence_text(sequence), correlation)
    return b"".join((utf8(start), data, b"}"))


def head(
    event: Event,
    source: str,
    recorded: Milliseconds,
    identity: str,
    subject: str,
    sequence: str,
    correlation: str | None,
) -> str:
    """Return all that comes before the data. What is an event's own among its like is given, quoted."""
    # CloudEvents 1.0, subject: a non-empty string when it is there
    about = f',"subject":{subject}' if event.subject else ""
    correlated = "" if correlation is None else f',"correlationid":{correlation}'
    caused = "" if event.causation is None else f',"causationid":{quoted(event.causation)}'
    return (
        f'{{"specversion":"1.0","id":{identity}{_told(source, event.type)}{about}{_times(event.time, recorded)}'
        f',"sequence":"{sequence}"{_described(event.type)}{correlated}{caused},"data":'
    )


@lru_cache(maxsize=64)
def _told(source: str, name: EventType) -> str:
    return f',"source":{quoted(source)},"type":{quoted(event_type(name))}'


@lru_cache(maxsize=64)
def _times(time: Milliseconds, recorded: Milliseconds) -> str:
    return f',"time":"{to_text(time)}","recordedtime":"{to_text(recorded)}"'


@cache
def _described(name: EventType) -> str:
    return f',"datacontenttype":"application/json","dataschema":{quoted(schema_urn(name))}'


def _json(data: dict[str, Any]) -> bytes:
    """Return compact JSON, by the quick way where it can say it."""
    try:
        quick = to_json(data)
    except PydanticSerializationError:
        quick = b"NaN"  # it has no word for something: the slow way finds out what
    if b"NaN" not in quick and b"Infinity" not in quick:
        return quick
    return utf8(json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def utf8(text: str) -> bytes:
    """Return the bytes. A half surrogate from a badly encoded file has no UTF-8: it becomes "?", for one bad name must not
    hold up the rest."""
    return text.encode("utf-8", "replace")
