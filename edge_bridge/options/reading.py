"""From plain values to a typed model, and from pydantic's findings to sentences with file, line, column and fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options.values import duration_text, size_in_bytes, size_text
from edge_bridge.strict_yaml import ENTRIES, Key, Section

Model = TypeVar("Model", bound=BaseModel)
_ABSENT = object()
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list: each entry starts with `- `",
    "tuple_type": "a list: each entry starts with `- `",
    "set_type": "a list: each entry starts with `- `",
    "dict_type": "`key: value` lines under it",
    "model_type": "`key: value` lines under it",
    "model_attributes_type": "`key: value` lines under it",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def read_options(model: type[Model], options: Mapping[str, Any], *, at: Key = ()) -> Model:
    """Return `options` as `model`. Raises ConfigError(s) that name the key, and file:line:column when it came from a file.

    at: where `options` stands inside its file, when it is a part of one.
    """
    section = options if isinstance(options, Section) else None
    try:
        return model.model_validate(dict(options), context={"root": section.root} if section else {})
    except ValidationError as error:
        problems = explain(error, model, section, at, options)
        raise problems[0] if len(problems) == 1 else ConfigErrors(problems) from error


def explain(
    error: ValidationError,
    model: type[BaseModel],
    section: Section | None,
    at: Key = (),
    options: Mapping[str, Any] | None = None,
) -> Sequence[ConfigError]:
    """Turn pydantic's findings into sentences for a technician, with the place of each, in the file's order."""
    given = options if options is not None else section if section is not None else {}
    details = [(_written(detail, given), detail) for detail in error.errors(include_url=False)]
    problems: list[ConfigError] = []
    for key, detail in _telling(details):
        raw = key[-1] if "[key]" in detail["loc"] else _at(given, key)
        what, hint = _sentence(detail, key, model, raw)
        whole = (*at, *key)
        if detail["type"] == "missing" and _misspelt(key, details, model):
            continue
        problems.append(ConfigError(what, hint, key=whole, where=section.where(whole) if section is not None else ""))
    return problems


def _misspelt(missing: Key, details: list[tuple[Key, ErrorDetails]], model: type[BaseModel]) -> bool:
    """Tell whether an unknown key beside it is the missing one in another spelling: one slip is one problem."""
    return any(
        detail["type"] == "extra_forbidden"
        and key[:-1] == missing[:-1]
        and _nearest(str(key[-1]), _known_keys(model, key)) == missing[-1]
        for key, detail in details
    )


def _written(detail: ErrorDetails, given: object) -> Key:
    """Return the path as the technician wrote it: pydantic puts in a part for each branch of a union."""
    key: list[str | int] = []
    parts = [part for part in detail["loc"] if part != "[key]"]
    for index, part in enumerate(parts):
        inside = _at(given, (part,))
        if inside is not _ABSENT:
            key.append(part)
            given = inside
        elif index == len(parts) - 1 and (detail["type"] == "missing" or not isinstance(given, Mapping | list)):
            key += [part] if detail["type"] == "missing" else []
    return tuple(key)


def _at(given: object, key: Key) -> object:
    for part in key:
        inside = isinstance(given, list | tuple) and isinstance(part, int) and part < len(given)
        if not inside and not (isinstance(given, Mapping) and part in given):
            return _ABSENT
        given = given[part]  # type: ignore[index]
    return given


def _telling(details: list[tuple[Key, ErrorDetails]]) -> Iterator[tuple[Key, ErrorDetails]]:
    """Leave out what another branch of the same union says better: one problem for each key, the most precise one."""
    for index, (key, detail) in enumerate(details):
        wrong_kind = detail["type"] in _KINDS
        others = [(other, found) for place, (other, found) in enumerate(details) if place != index]
        if wrong_kind and any(len(other) > len(key) and other[: len(key)] == key for other, _ in others):
            continue
        if wrong_kind and any(other == key and found["type"] not in _KINDS for other, found in others):
            continue
        if any(other == key for other, found in details[:index] if (found["type"] in _KINDS) == wrong_kind):
            continue
        yield key, detail


def _sentence(detail: ErrorDetails, key: Key, model: type[BaseModel], raw: object) -> tuple[str, str]:
    name, kind, context = _name(key), detail["type"], detail.get("ctx", {})
    secret = "credential" in name or "password" in name or "@" in str(raw)  # `mqtt://user:secret@host`
    shown = raw if isinstance(raw, str) and not secret else None
    if kind == "extra_forbidden":
        return _unknown(str(key[-1]), _known_keys(model, key))
    if kind == "missing":
        field = _fields_beside(model, key).get(str(key[-1]))
        return f"`{name}` is missing", f"add it: {field.description}" if field and field.description else "add it"
    if kind in ("value_error", "assertion_error"):
        return _refused(name, str(context.get("error", detail["msg"])), shown)
    if raw is None:
        return f"`{name}` has no value", "write one after the colon, or remove the line"
    said = f"`{name}` cannot be {shown!r}" if shown is not None else f"`{name}` cannot be this"
    if kind in ("literal_error", "enum"):
        return said, f"one of {context.get('expected', '')}"
    if kind in _BOUNDS:
        which, words = _BOUNDS[kind]
        return said, f"{words} {_in_units(context[which], raw)}"
    if kind in _KINDS:
        return said, _quoted(raw) if kind == "string_type" and isinstance(raw, Mapping) else f"write {_KINDS[kind]}"
    if kind in ("string_too_short", "too_short") and raw in ("", []):
        return f"`{name}` is empty", "write a value, or remove the line"
    return said, detail["msg"][:1].lower() + detail["msg"][1:]


def _name(key: Key) -> str:
    """Return a key's path as people say it: `nodes.execution.map.3`; entries of lists are found by line and column."""
    names = [str(part) for part in key if not isinstance(part, int)]
    if key[:1] == (ENTRIES,):
        names[:1] = [] if len(names) > 1 else ["entry"]
    return ".".join(names)


def _unknown(name: str, known: list[str]) -> tuple[str, str]:
    near = _nearest(name, known)
    return f"unknown key `{name}`", f"did you mean `{near}`?" if near else f"known here: {', '.join(known)}"


def _nearest(name: str, known: list[str]) -> str | None:
    near = get_close_matches(name, known, n=1, cutoff=0.6) or [other for other in known if other.startswith(f"{name}_")]
    return near[0] if near else None


def _refused(name: str, message: str, shown: str | None) -> tuple[str, str]:
    what, _, hint = message.partition(" → ")
    if what == "has no value":
        return f"`{name}` has no value", hint or "write one after the colon, or remove the line"
    found = f" (found {shown!r})" if shown is not None else ""
    return f"`{name}`: {what}{found}" if name else what, hint


def _in_units(bound: object, raw: object) -> str:
    """Return a bound in the unit family that the technician wrote the value in."""
    if not isinstance(raw, str) or not isinstance(bound, int) or raw.strip().replace(".", "").lstrip("-").isdigit():
        return f"{bound}"
    try:
        size_in_bytes(raw)
    except ValueError:
        return duration_text(bound)
    return size_text(bound)


def _quoted(raw: Mapping[Any, Any]) -> str:
    """Say how to write text that begins with a brace: YAML reads `{revision}` as a key without a value."""
    if len(raw) == 1 and list(raw.values()) == [None]:
        return f"put it in quotes: '{{{next(iter(raw))}}}'"
    return "write text"


def _known_keys(model: type[BaseModel], key: Key) -> list[str]:
    """Return the keys allowed beside the last part of `key`."""
    return sorted(_fields_beside(model, key))


def _fields_beside(model: type[BaseModel], key: Key) -> dict[str, FieldInfo]:
    """Return what is known of the keys allowed beside the last part of `key`."""
    types: list[Any] = [model]
    for part in key[:-1]:
        types = [found for inside in types for found in _inside(inside, part)]
    models = [found for found in types if isinstance(found, type) and issubclass(found, BaseModel)]
    return {field.alias or name: field for found in models for name, field in found.model_fields.items()}


def _inside(annotation: Any, part: str | int) -> Iterator[Any]:
    """Yield the types that a value at `part` may have inside a value of this type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if isinstance(part, str) and part in annotation.model_fields:
            yield from _branches(annotation.model_fields[part].annotation)
        return
    inner = [found for found in get_args(annotation) if found is not Ellipsis]
    if inner:
        yield from _branches(inner[-1])


def _branches(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _branches(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for branch in get_args(annotation):
            yield from _branches(branch)
    else:
        yield annotation
