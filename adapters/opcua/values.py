"""Single OPC UA values as text, words and yes or no. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from asyncua import ua

from edge_bridge.domain.instant import Milliseconds, from_datetime
from edge_bridge.domain.reading import blank

Answer = ua.DataValue | str
"""What came back for one node; a text says why it could not even be asked for."""

_TRUTH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
_EXACT_INTEGERS = 2**53  # a Double holds every whole number below exactly


class NoValueError(Exception):
    """A node gave nothing that can be used, in words; the others go on."""


def usable(answer: Answer) -> object:
    """Return the value of an answer; `uncertain` is usable. OPC 10000-4 7.38.1: a bad value must not be used."""
    if isinstance(answer, str):
        raise NoValueError(answer)
    status = status_of(answer)
    if status.is_bad():
        raise NoValueError(status.name)
    return answer.Value.Value if answer.Value is not None else None


def status_of(answer: ua.DataValue) -> ua.StatusCode:
    """Return the status; one that is not on the wire is Good: OPC 10000-6 5.2.2.17."""
    return answer.StatusCode or ua.StatusCode()


def text(value: object) -> str | None:
    """Return a value as people would write it, or None when it is empty. Raises NoValueError for what is no text.

    Numbers lose leading zeros and a fraction of nothing: an R parameter is a Double, and revision 3 is not `3.0`.
    """
    if isinstance(value, (list, tuple)):
        raise NoValueError(f"is an array of {len(value)}: name one element of it")
    if isinstance(value, (ua.LocalizedText, ua.QualifiedName)):
        value = value.Text if isinstance(value, ua.LocalizedText) else value.Name
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, float):
        value = _number(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, (str, int, float)):
        return blank(None if value is None else str(value))
    raise NoValueError(f"is a {type(value).__name__}: text or a number was expected")


def word(value: object, words: Mapping[str, object], known: Sequence[str]) -> str:
    """Return the word of a raw value: by the map, else by the map's default, else when the value is a word itself."""
    raw = text(value)
    if raw is None:
        return "unknown"
    if raw in words:
        return str(words[raw])
    if not words and raw.lower() in known:
        return raw.lower()
    return str(words.get("default", "unknown"))


def flag(value: object, words: Mapping[str, object]) -> bool | None:
    """Return yes or no, None when the value is empty: by the map, else as booleans and numbers are commonly meant."""
    raw = text(value)
    if raw is None:
        return None
    known = words.get(raw, words.get("default")) if words else _TRUTH.get(raw.lower())
    if known is None and not words and isinstance(value, (int, float)):
        known = value != 0
    if known is None:
        raise NoValueError(f"{raw!r} is neither true nor false: give it a map")
    return bool(known)


def any_set(flags: Sequence[bool | None]) -> bool | None:
    """Tell whether any flag is set; None when none is and one could not be read, or when there is none."""
    if True in flags:
        return True
    return None if not flags or None in flags else False


def utc(moment: datetime | None) -> Milliseconds | None:
    """Return UTC ms of an OPC UA time, which has no zone and is UTC; None before 1970: a control without a clock."""
    if moment is None:
        return None
    found = from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return found if found > 0 else None


def _number(value: float) -> float | int:
    if not math.isfinite(value):
        raise NoValueError(f"is {value}: a finite number was expected")
    return int(value) if value.is_integer() and abs(value) < _EXACT_INTEGERS else value
