"""JSON text to records: numbers stay as written, each object knows its path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from adapters.plm_folder.columns import ITEM_COLUMNS, Wanted, find, plain, require
from adapters.plm_folder.formats.table import LONGEST_VALUE, MOST_ROWS, Record, Row
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.ports import Trace

Finder = Callable[[tuple[str, ...]], dict[str, str]]
"""From the keys of an object to {column: key}."""
_LISTS = frozenset({"machines", "supersedes"})
_ITEMS = "items"
_NAMED_BY = frozenset({"part", "drawing", "program"})  # what an item is about


@dataclass(frozen=True, slots=True)
class Keys:
    """The layout of one object: which key holds which column."""

    keys: Mapping[str, str]

    def trace(self, row: Row, column: str) -> Trace | None:
        """Return `[0].items[2].part`."""
        if column not in self.keys:
            return None
        path = "" if row.place == "." else row.place
        return Trace(_join(path, self.keys[column]), self.keys[column], row.values[column])


def read_json(text: str, wanted: Wanted) -> list[Record]:
    """Return one record per object: flat, or with `items`. Raises Unreadable with line and column, or the path."""
    objects = list(_objects(_parse(text)))

    @lru_cache(maxsize=256)
    def finder(keys: tuple[str, ...]) -> dict[str, str]:
        return find([key for key in keys if plain(key) != _ITEMS], wanted)

    if objects:
        keys = tuple(dict.fromkeys(key for _, found in objects for key in found))
        require({column for _, found in objects for column in finder(tuple(found))}, keys, "keys", wanted)
    records, rows = [], 0
    for path, found in objects:
        record = _record(path, found, finder)
        rows += max(len(record.items), 1)
        if rows > MOST_ROWS:
            raise Unreadable("too_many", path, limit=MOST_ROWS)
        records.append(record)
    return records


def _parse(text: str) -> Any:
    try:
        return json.loads(
            text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_without_repeats, strict=False
        )
    except json.JSONDecodeError as error:
        raise Unreadable("json", f"line {error.lineno} column {error.colno}", detail=error.msg) from error
    except RecursionError as error:
        raise Unreadable("json", detail="nested too deeply") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise Unreadable("key_twice", key=next(key for key in keys if keys.count(key) > 1)[:60])
    return found


def _objects(content: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, object) of each ECN or flat row."""
    prefix = ""
    if isinstance(content, dict):
        if not isinstance(content.get("ecns"), list):
            yield "", content
            return
        prefix, content = "ecns", content["ecns"]
    if not isinstance(content, list):
        raise Unreadable("shape", "top", detail="neither an object nor a list")
    for index, entry in enumerate(content):
        path = f"{prefix}[{index}]"
        if not isinstance(entry, dict):
            raise Unreadable("shape", path, detail="not an object")
        yield path, entry


def _record(path: str, found: dict[str, Any], find: Finder) -> Record:
    head = _row(path, found, find)
    keys = [key for key in found if plain(key) == _ITEMS]
    if len(keys) > 1:
        raise Unreadable("key_twice", path, key=keys[1])
    if not keys:
        _refuse_other_lists(path, found, find)
        return Record(head, (head,))
    items, at = found[keys[0]], _join(path, keys[0])
    if not isinstance(items, list):
        raise Unreadable("shape", at, detail="`items` is not a list")
    shared = {column: value for column, value in head.values.items() if column in ITEM_COLUMNS}
    rows = []
    for index, item in enumerate(items):
        place = f"{at}[{index}]"
        if not isinstance(item, dict):
            raise Unreadable("shape", place, detail="not an object")
        own = _row(place, item, find)
        rows.append(Row(place, shared | dict(own.values), own.layout, head))
    return Record(head, tuple(rows))


def _refuse_other_lists(path: str, found: dict[str, Any], find: Finder) -> None:
    """Refuse a list of items under another name: they would be left out in silence."""
    for key, value in found.items():
        for entry in value if isinstance(value, list) else ():
            if isinstance(entry, dict) and _NAMED_BY & find(tuple(entry)).keys():
                raise Unreadable("other_list", _join(path, key), key=key[:60])


def _row(path: str, found: dict[str, Any], find: Finder) -> Row:
    values, keys = {}, {}
    for column, key in find(tuple(found)).items():
        value = _text(found[key], _join(path, key), column)
        if value:
            values[column] = value
            keys[column] = key
    return Row(path or ".", values, Keys(keys))


def _text(value: Any, place: str, column: str) -> str:
    """Return a value as written; a list only where several are meant."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            if len(value) > LONGEST_VALUE:
                raise Unreadable("too_long", place, field=column, limit=LONGEST_VALUE)
            return value.strip()
        case list() if column in _LISTS:
            return "\n".join(_text(part, place, "") for part in value)
    raise Unreadable("shape", place, detail="text is expected here")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
