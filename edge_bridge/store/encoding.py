"""JSON of frozen dataclasses, as pydantic writes it without defaults, in a third of the time: by a function for each type.

One ECN may bring 100 000 rows of some sixty values each. What a type needs to know of each value is known beforehand, so
it becomes part of the function: strings are quoted by C, and a part that the row before had too (when the ECN came, how
versions are compared) is not written anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from json.encoder import encode_basestring as quoted
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

Write = Callable[[Any], str]

_KNOWN: Final[Mapping[str, Any]] = {"quoted": quoted, "digits": int.__repr__, "TRUTH": {True: "true", False: "false"}}
_PLAIN: Final = {str: "quoted({})", int: "digits({})", bool: "TRUTH[{}]"}
_MUTABLE: Final = (dict, list, set)


@cache
def writer(row_type: type[Any]) -> Write:
    """Return the function that gives the JSON of such a row. What has its default is left out: reading puts it back. For a
    value that is not of its declared type it raises whatever that meets."""
    known = dict(_KNOWN)
    hints = get_type_hints(row_type)
    required, others = [], []
    for field in dataclasses.fields(row_type):
        value, hint = f"row.{field.name}", hints[field.name]
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append((field.name, _expression(value, hint, known)))
        else:
            others.append(_unless_default(field, value, hint, known))
    start = ",".join(f'"{name}":%s' for name, _ in required)
    fields = f"'{start}{'%s' * len(others)}' % ({', '.join([value for _, value in required] + others)},)"
    text = f"({fields})" if required else f"({fields})[1:]"  # without the comma before the first
    source = f"def write(row):\n    return '{{' + {text} + '}}'\n"
    exec(compile(source, f"<JSON of {row_type.__name__}>", "exec"), known)  # as dataclasses make theirs
    made: Write = known["write"]
    return made


def _unless_default(field: dataclasses.Field[Any], value: str, hint: Any, known: dict[str, Any]) -> str:
    """Return the source of a field with its comma, or of nothing where it has its default."""
    if field.default is None:
        given = [option for option in get_args(hint) if option is not NoneType]
        hint = given[0] if len(given) == 1 else hint
        usual = f"{value} is None"
    else:
        factory = field.default_factory
        known[f"usual_{field.name}"] = field.default if factory is dataclasses.MISSING else factory()
        usual = f"{value} == usual_{field.name}"
    return f"'' if {usual} else ',\"{field.name}\":' + ({_expression(value, hint, known)})"


def _expression(value: str, hint: Any, known: dict[str, Any]) -> str:
    """Return the source of what gives a value's JSON; what that calls is put among the known names."""
    if hint in _PLAIN:
        return _PLAIN[hint].format(value)
    given = [option for option in get_args(hint) if option is not NoneType]
    if get_origin(hint) in (Union, UnionType) and len(given) == 1:
        return f'"null" if {value} is None else {_expression(value, given[0], known)}'
    if get_origin(hint) in (dict, Mapping) and get_args(hint)[0] is str and get_args(hint)[1] in _PLAIN:
        entry = f"quoted(name) + ':' + {_PLAIN[get_args(hint)[1]].format('entry')}"
        return f"'{{' + ','.join([{entry} for name, entry in {value}.items()]) + '}}'"
    name = f"part{len(known)}"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        known[name] = {member: quoted(member.value) for member in hint}
        return f"{name}[{value}]"
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        known[name] = writer(hint) if _changes(hint) else _remembering(writer(hint))
    else:
        known[name] = _by_pydantic(hint)
    return f"{name}({value})"


def _by_pydantic(hint: Any) -> Write:
    """Return what writes a value of any other type."""
    adapter = TypeAdapter[Any](hint)
    empty: Any = {} if get_origin(hint) in (dict, Mapping) else ()

    def write(value: Any) -> str:
        if value == empty:
            return "{}" if empty == {} else "[]"
        return adapter.dump_json(value, exclude_defaults=True, warnings="error").decode()

    return write


def _changes(hint: Any) -> bool:
    """Tell whether an object of this type may hold something else later: a dict in a frozen row is no frozen dict."""
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return any(_changes(hints[field.name]) for field in dataclasses.fields(hint))
    return (get_origin(hint) or hint) in (*_MUTABLE, Any) or any(_changes(option) for option in get_args(hint))


def _remembering(write: Write) -> Write:
    """Return the same with a memory of the newest value: thousands of rows in a row share it."""
    newest: tuple[Any, str] = (None, "")

    def remembered(value: Any) -> str:
        nonlocal newest
        known, text = newest
        if known is not value:
            text = write(value)
            newest = value, text
        return text

    return remembered
