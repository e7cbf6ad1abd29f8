"""Single OPC UA values as text, words and yes or no. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from asyncua import ua

from edge_bridge.domain import words
from edge_bridge.domain.instant import Milliseconds, from_datetime
from edge_bridge.domain.reading import blank
from edge_bridge.domain.text import decoded

Answer = ua.DataValue | str
"""What came back for one node; a text says why it could not even be asked for."""

_LEFT_OVER = {  # OPC 10000-8 7.2: values that the server keeps, was given or made up while its source does not answer
    "UncertainNoCommunicationLastUsableValue",
    "UncertainLastUsableValue",
    "UncertainSubstituteValue",
    "UncertainInitialValue",
}
_EXACT_INTEGERS = 2**53  # a Double holds every whole number below exactly


class NoValueError(Exception):
    """A node gave nothing that can be used, in words; the others go on."""


def usable(answer: Answer) -> object:
    """Return the value of an answer. OPC 10000-4 7.38.1: a bad value must not be used.

    An uncertain one may, unless it is no observation at all: a value left over from before says nothing of now.
    """
    if isinstance(answer, str):
        raise NoValueError(answer)
    status = status_of(answer)
    if status.is_bad():
        raise NoValueError(status.name)
    if status.name in _LEFT_OVER:
        raise NoValueError(f"{status.name}: the control does not know its present value")
    if answer.Value is None:
        return None
    if answer.Value.VariantType is ua.VariantType.Float and isinstance(answer.Value.Value, float):
        return float(f"{answer.Value.Value:.7g}")  # 32 bits hold seven digits: 2.1 is not 2.0999999046325684
    return answer.Value.Value


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
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        try:
            return blank(decoded(value))
        except ValueError as error:
            raise NoValueError(str(error)) from error
    if isinstance(value, float):
        value = _number(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, (int, float)):
        return None if value is None else str(value)
    raise NoValueError(f"is a {type(value).__name__}: text or a number was expected")


def word(value: object, map_: Mapping[str, object], known: Sequence[str]) -> str:
    """Return the word of a raw value."""
    return words.word(map_, text(value), known, number=_is_number(value))


def flag(value: object, map_: Mapping[str, object]) -> bool | None:
    """Return yes or no, None when the value is empty. Raises NoValueError for what is neither."""
    raw = text(value)
    found = words.flag(map_, raw, number=_is_number(value))
    if found is None and raw is not None:
        raise NoValueError(f"{raw!r} is neither true nor false: give it a map")
    return found


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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> float | int:
    if not math.isfinite(value):
        raise NoValueError(f"is {value}: a finite number was expected")
    return int(value) if value.is_integer() and abs(value) < _EXACT_INTEGERS else value
