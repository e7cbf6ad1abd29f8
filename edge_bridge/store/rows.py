"""The ledger's rows as JSON: one table a kind, told at opening which dataclass each kind is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import apsw
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from edge_bridge.domain.frame import LEAST
from edge_bridge.domain.opening import Opened
from edge_bridge.domain.state import KINDS
from edge_bridge.errors import StoreError
from edge_bridge.store import earlier, shared, untouched
from edge_bridge.store.encoding import Alike, Write, alike, unreadable, writer
from edge_bridge.store.inserting import Changes, Insertion

# kind → the columns that people may ask for
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "ecn": (),
    "requirement": ("machine", "ecn"),
    "obligation": ("machine", "ecn", "closed"),
    "card": ("machine", "kind", "active", "closed"),
    "machine": (),
    "source": (),
    "file": ("source",),
    "available": (),
    "known": (),
    "observation": ("machine", "since"),
    "command": (),
}
# those that are asked of the row and written beside its JSON: there they may be properties, which are no part of it
BOUND: Final[Mapping[str, tuple[str, ...]]] = {
    "requirement": ("machine", "ecn"),
    "obligation": ("closed", "machine", "ecn"),
    "card": ("active", "closed"),
}
# what is each row's own where an ECN brings thousands that have all else in common, which is then stored once
_ITEM: Final = (
    "program",
    "key",
    "version",
    "sha256",
    "part",
    "drawing",
    "revision",
    "row",
    "item",
    "route",
    "effectivity",
)
_DEMANDED: Final = frozenset({"machine", *(f"demand.{name}" for name in _ITEM)})
OWN: Final[Mapping[str, frozenset[str]]] = {
    "requirement": _DEMANDED | {"obligation"},
    "obligation": _DEMANDED | {"id", "area", "last_event"},
}
_MADE: Final[Mapping[str, Callable[[Opened], Any]]] = {
    "requirement": Opened.as_requirement,
    "obligation": Opened.as_obligation,
}
HISTORY: Final = frozenset({"observation"})  # written, never loaded


class Codec:
    """Turns rows of the known kinds into JSON and back, and writes and reads their tables."""

    def __init__(self, kinds: Mapping[str, Any]) -> None:
        for kind in kinds:
            check_kind(kind)
        self._adapters = {kind: TypeAdapter[Any](row_type) for kind, row_type in kinds.items()}
        self._types = dict(kinds)
        self._writers: dict[str, Write] = {}  # made when first needed: who only reads does without

    def __contains__(self, kind: str) -> bool:
        return kind in self._adapters

    def encode(self, kind: str, key: str, row: Any) -> str:
        """Return the row as JSON. Raises StoreError when a field is not of its declared type: it could not be read back."""
        row = _whole(kind, row)
        try:
            doc = (self._writers.get(kind) or self._writer(kind))(row)
            if doc.isascii():
                return doc
            doc.encode()  # a half surrogate has no UTF-8
            return doc
        except Exception:  # noqa: BLE001 - a value that is not of its declared type; pydantic says which one
            return self._encode_slowly(kind, key, row)

    def _writer(self, kind: str) -> Write:
        return self._writers.setdefault(kind, writer(self._types[kind]))

    def _encode_slowly(self, kind: str, key: str, row: Any) -> str:
        try:
            return self._adapter(kind).dump_json(row, exclude_defaults=True, warnings="error").decode()
        except PydanticSerializationError as error:
            raise StoreError(f"{kind} {key} cannot be stored: {error}", "a defect: report it with this text") from error

    def decode(self, kind: str, key: str, doc: str | bytes) -> Any:
        """Return the row. Raises StoreError when the JSON does not fit the kind's type."""
        try:
            return self._adapter(kind).validate_json(doc)
        except ValidationError as error:
            if kind in OWN and (today := earlier.lifted(doc)) is not None:
                return self.decode(kind, key, today)
            raise unreadable(f"{kind} {key}", error) from error

    def write(self, connection: apsw.Connection, changes: Changes) -> None:
        """Set and delete rows, inside the caller's transaction."""
        together, rest = untouched.gathered(changes)
        self._write_each(connection, untouched.scattered(connection, rest))
        self._write_each(connection, rest)
        untouched.keep(connection, together)

    def _write_each(self, connection: apsw.Connection, changes: Changes) -> None:
        for kind, rows in changes.items():
            self._adapter(kind)
            gone = [(key,) for key, row in rows.items() if row is None]
            kept = [(key, row) for key, row in rows.items() if row is not None]
            if gone:
                connection.executemany(f'DELETE FROM "{kind}" WHERE key = ?', gone)
            if kept:
                keep = partial(shared.keep, connection)
                _INSERTIONS[kind].run(
                    connection, self._sharing(kind, kept, keep) if kind in OWN else self._whole(kind, kept)
                )

    def load(self, connection: apsw.Connection, kind: str) -> dict[str, Any]:
        """Return the kind's rows by key: of obligations and cards the open ones, of history none. Of what nothing has happened to
        yet comes what it was opened as."""
        self._adapter(kind)
        if kind in HISTORY:
            return {}
        if "closed" not in COLUMNS[kind]:
            rows = dict(self.select(connection, kind))
        else:  # of decades of obligations and cards, those that are open are found by the index of the open ones alone
            rows = dict(self.select(connection, kind, "closed = 0", hint=f'INDEXED BY "{kind}_open"'))
        return rows | dict(untouched.select(connection, kind)) if kind in OWN else rows

    def select_untouched(
        self, connection: apsw.Connection, kind: str, asked: untouched.Asked
    ) -> Iterator[tuple[str, Any]]:
        """Yield the rows that are written together with their like, and have these values in these columns; as `select` does."""
        stranger = None if kind in self else TypeAdapter[Any](KINDS[kind])
        for key, opened in untouched.select(connection, kind, asked):
            row = _MADE[kind](opened)
            yield key, row if stranger is None else stranger.dump_python(row, mode="json", exclude_defaults=True)

    def select(
        self, connection: apsw.Connection, kind: str, where: str = "true", values: tuple[Any, ...] = (), hint: str = ""
    ) -> Iterator[tuple[str, Any]]:
        """Yield the rows of which this is true, oldest first, with their keys; those of a kind not told of as plain dicts. Those
        that are written together with their like are not among them: see `select_untouched`."""
        beside, tables = shared.joined(connection, kind, hint) if kind in OWN else ("NULL, NULL", f'"{kind}" {hint}')
        asked = f'SELECT key, doc, {beside} FROM {tables} WHERE {where} ORDER BY "{kind}".rowid'
        for key, own, number, frame in connection.execute(asked, values):
            doc = shared.whole(own, number, frame)
            yield key, self.decode(kind, key, doc) if kind in self else json.loads(doc)

    def _adapter(self, kind: str) -> TypeAdapter[Any]:
        if kind not in self._adapters:
            raise StoreError(f"the store was not told of rows of kind {kind!r}", "name its type when opening the store")
        return self._adapters[kind]

    def _whole(self, kind: str, rows: Iterable[tuple[str, Any]]) -> Iterator[tuple[Any, ...]]:
        """Yield what each row binds, one at a time: the JSON of 100 000 rows is never in memory together."""
        bound = BOUND.get(kind, ())
        for key, row in rows:
            yield key, self.encode(kind, key, row), *[getattr(row, column) for column in bound]

    def _sharing(
        self, kind: str, rows: Iterable[tuple[str, Any]], keep: Callable[[str], int]
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the same of rows that may have most in common."""
        written, beside = alike(self._types[kind], OWN[kind]), attrgetter(*BOUND[kind])

        def common(pair: tuple[str, Any]) -> object:
            row = pair[1]
            if isinstance(row, Opened):
                return row.common
            try:
                return written.common(row)
            except AttributeError:  # no row of this kind: written alone, which says what is wrong
                return pair

        for _, group in groupby(rows, common):
            together = list(group)
            packed = _packed(written, kind, together) if len(together) >= LEAST else None
            if packed is None:
                for key, row in together:
                    yield key, self.encode(kind, key, row), *beside(row), None
                continue
            frame, owns = packed
            number = keep(frame)
            yield from [(key, own, *beside(row), number) for (key, row), own in zip(together, owns, strict=True)]


def _whole(kind: str, row: Any) -> Any:
    """Return the row that is meant by what may be what it is made of."""
    return _MADE[kind](row) if isinstance(row, Opened) else row


def _packed(written: Alike, kind: str, rows: Sequence[tuple[str, Any]]) -> tuple[str, list[str]] | None:
    """Return the frame of these rows and what each has of its own, None when a value is not of its declared type."""
    try:
        frame, owns = written.frame(_whole(kind, rows[0][1])), [written.own(row) for _, row in rows]
        all_of_it = "".join((frame, *owns))
        if not all_of_it.isascii():
            all_of_it.encode()  # a half surrogate has no UTF-8
    except Exception:  # noqa: BLE001 - each is written alone then, which says which one it is
        return None
    return frame, owns


def check_kind(kind: str) -> None:
    """Raise StoreError unless there is a table for rows of this kind."""
    if kind not in COLUMNS:
        raise StoreError(f"there is no table for rows of kind {kind!r}", f"known kinds: {', '.join(sorted(COLUMNS))}")


_INSERTIONS: Final = {
    kind: Insertion(kind, ("key", "doc", *BOUND.get(kind, ()), *["shared"] * (kind in OWN)), upsert=True)
    for kind in COLUMNS
}
