"""The vocabulary of our JSON Schemas: draft 2020-12, only what every validator and rule engine understands."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]

_INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def text(description: str = "", *, longest: int | None = None, shortest: int = 0) -> Schema:
    """Return text."""
    return _told({"type": "string"} | _if(minLength=shortest or None, maxLength=longest), description)


def identifier(description: str = "") -> Schema:
    """Return an id that may be part of a topic."""
    return _told({"type": "string", "pattern": "^[a-z0-9-]{1,40}$"}, description)


def instant(description: str = "") -> Schema:
    """Return an instant: RFC 3339, UTC, milliseconds, Z. The pattern holds where a validator leaves formats alone."""
    return _told({"type": "string", "format": "date-time", "pattern": _INSTANT}, description)


def number(description: str = "") -> Schema:
    """Return a number."""
    return _told({"type": "number"}, description)


def whole(description: str = "", least: int = 0) -> Schema:
    """Return a whole number."""
    return _told({"type": "integer", "minimum": least}, description)


def yes_no(description: str = "") -> Schema:
    """Return true or false."""
    return _told({"type": "boolean"}, description)


def one_of(words: Iterable[str] | type[StrEnum], description: str = "") -> Schema:
    """Return one word of a closed list."""
    return _told({"type": "string", "enum": [str(word) for word in words]}, description)


def constant(value: str) -> Schema:
    """Return exactly this text."""
    return {"const": value}


def maybe(schema: Schema) -> Schema:
    """Return the same, or null: not known."""
    changed = schema | {"type": [schema["type"], "null"]}
    if "enum" in schema:
        changed["enum"] = [*schema["enum"], None]
    return changed


def many(items: Schema, description: str = "") -> Schema:
    """Return a list."""
    return _told({"type": "array", "items": items}, description)


def each(values: Schema, description: str = "") -> Schema:
    """Return an object with any names and values of one kind."""
    return _told({"type": "object", "additionalProperties": values}, description)


def record(required: dict[str, Schema], optional: dict[str, Schema] | None = None, *, open: bool = True) -> Schema:
    """Return an object. open: whether more fields may follow (a consumer must bear them)."""
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": open,
    }


def _told(schema: Schema, description: str) -> Schema:
    return schema | {"description": description} if description else schema


def _if(**keywords: int | None) -> Schema:
    return {name: value for name, value in keywords.items() if value is not None}
