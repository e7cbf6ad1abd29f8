"""The envelope: CloudEvents 1.0 as structured JSON (the only form that MQTT 3.1.1 can carry too)."""

from __future__ import annotations

import json
from functools import cache
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
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": source,
        "type": event_type(event.type),
        "subject": event.subject,
        "time": to_text(event.time),
        "recordedtime": to_text(recorded),
        "sequence": sequence_text(sequence),
        "datacontenttype": "application/json",
        "dataschema": schema_urn(event.type),
    }
    if not event.subject:
        del envelope["subject"]  # CloudEvents 1.0, subject: a non-empty string when it is there
    if event.correlation is not None:
        envelope["correlationid"] = event.correlation
    if event.causation is not None:
        envelope["causationid"] = event.causation
    envelope["data"] = event.data
    return _json(envelope)


def _json(envelope: dict[str, Any]) -> bytes:
    """Return compact JSON, by the quick way where it can say it: one ECN may make 100 000 events."""
    try:
        quick = to_json(envelope)
    except PydanticSerializationError:
        quick = b"NaN"  # it has no word for something: the slow way finds out what
    if b"NaN" not in quick and b"Infinity" not in quick:
        return quick
    text = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A half surrogate from a badly encoded file has no UTF-8: it becomes "?", for one bad name must not hold up the rest.
    return text.encode("utf-8", "replace")
