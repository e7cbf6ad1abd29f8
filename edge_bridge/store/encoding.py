"""JSON of frozen dataclasses, as pydantic writes it without defaults, in a third of the time: by a function for each type.

One ECN may bring 100 000 rows of some sixty values each. What a type needs to know of each value is known beforehand, so
it becomes part of the function: strings are quoted by C, and a part that the row before had too (when the ECN came, how
versions are compared) is not written anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import groupby
from json.encoder import encode_basestring as quoted
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from edge_bridge.domain.frame import SEPARATOR, mark, remembering
from edge_bridge.errors import StoreError

Write = Callable[[Any], str]

_KNOWN: Final[Mapping[str, Any]] = {"quoted": quoted, "digits": int.__repr__, "TRUTH": {True: "true", False: "false"}}
_PLAIN: Final = {str: "quoted({})", int: "digits({})", bool: "TRUTH[{}]"}
_MUTABLE: Final = (dict, list, set)


@cache
def writer(row_type: type[Any]) -> Write:
    """Return the function that gives the JSON of such a row. What has its default is left out: reading puts it back. For a
    value that is not of its declared type it raises whatever that meets."""
    source = _Source()
    return source.made(row_type, f"return {source.object(row_type)}")


@dataclass(frozen=True, slots=True)
class Alike:
    """Writes rows that differ only in what each has of its own.

    common: all the rest of a row; rows of which it is equal have the same frame. frame: their JSON with marks. own: the
    pieces for the marks. `filled(frame, own)` is what `writer` writes.
    """

    common: Callable[[Any], object]
    frame: Write
    own: Write


@cache
def alike(row_type: type[Any], own: frozenset[str]) -> Alike:
    """Return it for a type. own: fields as `id`, and as `demand.machine` those of a part; others are not looked at."""
    source = _Source(own)
    frame = f"return {source.object(row_type)}"
    pieces = source.joined(row_type)
    made = (source.made(row_type, body) for body in (f"return ({', '.join(source.common)},)", frame, pieces))
    return Alike(*made)


def unreadable(what: str, error: ValidationError) -> StoreError:
    """Return the error for JSON in the database that does not fit its type. what: the row."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return StoreError(
        f"{what} in the database cannot be read: {where or 'document'}: {problem['msg']}",
        "a defect of an upgrade: go back to the version before, and report it with this text",
    )


class _Source:
    """The source of the functions for one type, and the names that it needs."""

    def __init__(self, own: frozenset[str] = frozenset()) -> None:
        self.known = dict(_KNOWN)
        self._pieces: list[tuple[str, str]] = []  # what gives each piece of a row's own, with the part that it is of
        self.common: list[str] = []  # what gives each value that is not
        self._own = own

    def made(self, row_type: type[Any], body: str) -> Write:
        """Return the function of a row that does this."""
        source = f"def write(row):\n    {body}\n"
        exec(compile(source, f"<JSON of {row_type.__name__}>", "exec"), self.known)  # as dataclasses make theirs
        made: Write = self.known["write"]
        return made

    def joined(self, row_type: type[Any]) -> str:
        """Return what gives a row's own pieces, joined; those of a part, which many rows in a row share, are remembered."""
        found = []
        for part, pieces in groupby(self._pieces, itemgetter(0)):
            given = [expression for _, expression in pieces]
            together = f"return {SEPARATOR.join(['%s'] * len(given))!r} % ({', '.join(given)},)"
            if part:
                name = f"own{len(self.known)}"
                self.known[name] = remembering(self.made(row_type, together), of=attrgetter(part))
                given = [f"{name}(row)"]
            found += given
        return f"return {SEPARATOR.join(['%s'] * len(found))!r} % ({', '.join(found)},)"

    def object(self, row_type: type[Any], value: str = "row", path: str = "") -> str:
        """Return the source of the JSON of the object that `value` gives."""
        hints = get_type_hints(row_type)
        required, others = [], []
        for field in dataclasses.fields(row_type):
            of, where, hint = f"{value}.{field.name}", f"{path}{field.name}", hints[field.name]
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                required.append((field.name, self._placed(where, of, hint, self._expression(of, hint, where))))
            else:
                others.append(self._placed(where, of, hint, self._unless_default(field, of, hint, where)))
        start = ",".join(f'"{name}":%s' for name, _ in required)
        fields = f"'{start}{'%s' * len(others)}' % ({', '.join([value for _, value in required] + others)},)"
        text = f"({fields})" if required else f"({fields})[1:]"  # without the comma before the first
        return f"'{{' + {text} + '}}'"

    def _placed(self, where: str, value: str, hint: Any, expression: str) -> str:
        """Return what stands in the frame for a field: its text, or the mark of a piece of the row's own."""
        if where in self._own:
            self._pieces.append((where.rpartition(".")[0], expression))
            return repr(mark(len(self._pieces)))
        if not self._has_own(where):
            self.common.append(_comparable(value, hint, expression))
        return expression

    def _has_own(self, where: str) -> bool:
        return any(name.startswith(f"{where}.") for name in self._own)

    def _unless_default(self, field: dataclasses.Field[Any], value: str, hint: Any, where: str) -> str:
        """Return the source of a field with its comma, or of nothing where it has its default."""
        if field.default is None:
            given = [option for option in get_args(hint) if option is not NoneType]
            hint = given[0] if len(given) == 1 else hint
            usual = f"{value} is None"
        else:
            factory, name = field.default_factory, f"usual{len(self.known)}"
            self.known[name] = field.default if factory is dataclasses.MISSING else factory()
            usual = f"{value} == {name}"
        return f"('' if {usual} else ',\"{field.name}\":' + ({self._expression(value, hint, where)}))"

    def _expression(self, value: str, hint: Any, where: str) -> str:
        """Return the source of what gives a value's JSON; what that calls is put among the known names."""
        if hint in _PLAIN:
            return _PLAIN[hint].format(value)
        given = [option for option in get_args(hint) if option is not NoneType]
        if get_origin(hint) in (Union, UnionType) and len(given) == 1:
            return f'("null" if {value} is None else {self._expression(value, given[0], where)})'
        if get_origin(hint) in (dict, Mapping) and get_args(hint)[0] is str and get_args(hint)[1] in _PLAIN:
            entry = f"quoted(name) + ':' + {_PLAIN[get_args(hint)[1]].format('entry')}"
            return f"'{{' + ','.join([{entry} for name, entry in {value}.items()]) + '}}'"
        if dataclasses.is_dataclass(hint) and self._has_own(where):
            assert isinstance(hint, type)
            return self.object(hint, value, f"{where}.")
        name = f"part{len(self.known)}"
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            self.known[name] = {member: quoted(member.value) for member in hint}
            return f"{name}[{value}]"
        if dataclasses.is_dataclass(hint):
            assert isinstance(hint, type)
            self.known[name] = writer(hint) if _changes(hint) else remembering(writer(hint), of=_itself)
        else:
            self.known[name] = _by_pydantic(hint)
        return f"{name}({value})"


def _comparable(value: str, hint: Any, expression: str) -> str:
    """Return the source of what is equal where a value's JSON is: dicts are equal in whatever order, and theirs is kept."""
    if get_origin(hint) not in (dict, Mapping):
        return value
    return f"tuple({value}.items())" if get_args(hint)[1] in _PLAIN else f"{value} and ({expression})"


def _itself(value: Any) -> Any:
    return value


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
