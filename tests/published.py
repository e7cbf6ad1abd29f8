"""Holds what went over a broker to the published schemas, closed: a field that they do not name is a fault, too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from edge_bridge.contract import schemas

FORMATS = FormatChecker()
TOLD_BY_THE_GATEWAY = ("evt", "state", "card", "status", "cmdres")


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    """Without this, jsonschema accepts `yesterday`: it checks no format that it has no library for."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def closed(schema: Any) -> Any:
    """Return the schema with no room for fields that it does not name: consumers need it, the gateway must not."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return inner | {"additionalProperties": False} if inner.get("additionalProperties") is True else inner


@lru_cache(maxsize=64)
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(closed(schemas.documents()[name]), format_checker=FORMATS)


def faults(name: str, document: object) -> list[str]:
    """Return what is wrong with a document by the schema of this file name."""
    return [f"{name} {error.json_path}: {error.message}" for error in _validator(name).iter_errors(document)]


def message_faults(messages: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return what is wrong with what a gateway sent: (topic, payload); an emptied retained topic says nothing."""
    found: list[str] = []
    for topic, payload in messages:
        kind = topic.split("/")[4]
        if kind not in TOLD_BY_THE_GATEWAY or not payload:
            continue
        document = json.loads(payload)
        name = document["type"].removeprefix("edge-bridge.") if kind == "evt" else kind
        found += faults(f"{name}.json", document)
    return list(dict.fromkeys(found))
