"""What one ECN's item opened on many machines, while nothing has happened to any of it: one row for all.

An obligation and the register's row that came with it are on exactly one side: here, together with those of the other machines,
or each in the table of its kind. When something happens to one of them, all of them move there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Any, Final

import apsw
from pydantic import TypeAdapter, ValidationError

from edge_bridge.domain.frame import remembering
from edge_bridge.domain.opening import Opened, Opening
from edge_bridge.domain.routing import Demand, register_key
from edge_bridge.store import shared
from edge_bridge.store.encoding import unreadable, writer
from edge_bridge.store.inserting import Changes, Insertion

LEAST: Final = 5  # machines that a row is worth making for

Asked = Mapping[str, str | int | None]  # column → value

_INSERTION: Final = Insertion("untouched", ("program", "ecn", "doc", "opening"))
_OPENING: Final = TypeAdapter(Opening)
_write_demand, _write_opening = writer(Demand), remembering(writer(Opening), of=lambda opening: opening)


@dataclass(frozen=True, slots=True)
class _Doc:
    """A row. on: of each machine its id, its area, the obligation's id, and the id of the event that told of it."""

    demand: Demand
    on: list[tuple[str, str, str, str]]


_DOC: Final = TypeAdapter(_Doc)


@dataclass(frozen=True, slots=True)
class Together:
    """Some that are one row: by the register's key. opening, doc: as JSON."""

    opened: dict[str, Opened]
    program: str
    ecn: str
    opening: str
    doc: str


def gathered(changes: Changes) -> tuple[list[Together], Changes]:
    """Return what can be written together, and the rest of the changes."""
    owed: Mapping[str, object] = changes.get("obligation", {})
    runs: list[dict[str, Opened]] = []
    demand: Demand | None = None
    opening: Opening | None = None
    for key, row in changes.get("requirement", {}).items():
        if not isinstance(row, Opened) or owed.get(row.id) is not row:
            continue  # something has happened to one of the two already
        if row.demand is demand and row.opening is opening:
            runs[-1][key] = row
        else:
            demand, opening = row.demand, row.opening
            runs.append({key: row})
    made = (_together(run) for run in runs if len(run) >= LEAST)
    together = [one for one in made if one is not None]
    return together, _without(changes, together)


def keep(connection: apsw.Connection, together: Sequence[Together]) -> None:
    """Write these, inside the caller's transaction."""
    keys = [(key,) for one in together for key in one.opened]
    connection.executemany("DELETE FROM requirement WHERE key = ?", keys)  # what was in force before
    _INSERTION.run(connection, _bindings(connection, together))


def scattered(connection: apsw.Connection, changes: Changes) -> Changes:
    """Take out, inside the caller's transaction, the rows in which these change something; return what was in them beside
    that: it has to be written too, before what is written together. Raises StoreError."""
    if not connection.execute("SELECT EXISTS (SELECT 1 FROM untouched)").get:
        return {}
    required, owed = changes.get("requirement", {}), changes.get("obligation", {})
    programs = {*map(_program, required), *(row.demand.key for row in owed.values())}
    found: dict[str, dict[str, Any]] = {"requirement": {}, "obligation": {}}
    numbers = []
    asked = "program IN (SELECT value FROM json_each(?))"
    for number, opened in _read(connection, asked, (json.dumps(list(programs)),)):
        requires = {key: row for row in opened if (key := _key(row)) not in required}
        owes = {row.id: row for row in opened if row.id not in owed}
        if len(requires) < len(opened) or len(owes) < len(opened):
            numbers.append((number,))
            found["requirement"] |= requires
            found["obligation"] |= owes
    connection.executemany("DELETE FROM untouched WHERE id = ?", numbers)
    return found


def select(connection: apsw.Connection, kind: str, asked: Asked | None = None) -> Iterator[tuple[str, Opened]]:
    """Yield, with their keys, the rows of a kind that have these values in these columns, in the order in which they were
    opened. Raises StoreError.
    """
    if not connection.table_exists("main", "untouched"):
        return  # an older release has written it
    wanted = dict(asked or {})
    narrower = [_narrower(kind, column, value) for column, value in wanted.items() if isinstance(value, str)]
    where = " AND ".join(["true", *(condition for condition, _ in narrower)])
    for _, opened in _read(connection, where, tuple(value for _, value in narrower)):
        for row in opened:
            key = _key(row) if kind == "requirement" else row.id
            has = {"key": key, "machine": row.machine, "ecn": row.ecn, "closed": row.closed}
            if all(has[column] == value for column, value in wanted.items()):
                yield key, row


def unpacked(number: int, doc: str, shares: int, frame: str | None, openings: dict[int, Opening]) -> list[Opened]:
    """Return what is in a row. number: its own. shares, frame: the number of its opening, and that as JSON. openings: those of
    rows before, by number, for what came together to have one again. Raises StoreError."""
    if frame is None:
        raise shared.missing(shares)
    try:
        opening = openings.get(shares) or openings.setdefault(shares, _OPENING.validate_json(frame))
        row = _DOC.validate_json(doc)
    except ValidationError as error:
        raise unreadable(f"untouched {number}", error) from error
    return [Opened(opening, id, machine, row.demand, area, told) for machine, area, id, told in row.on]


def by_kind(opened: Iterable[Opened]) -> Changes:
    """Return the rows of both kinds by their keys."""
    rows = list(opened)
    return {"requirement": {_key(row): row for row in rows}, "obligation": {row.id: row for row in rows}}


def _without(changes: Changes, together: Iterable[Together]) -> Changes:
    keys = {key for one in together for key in one.opened}
    if not keys:
        return changes
    ids = {row.id for one in together for row in one.opened.values()}
    rest = {"requirement": keys, "obligation": ids}
    return {**changes} | {
        kind: {key: row for key, row in changes[kind].items() if key not in gone} for kind, gone in rest.items()
    }


def _together(opened: dict[str, Opened]) -> Together | None:
    """Return these as one row, None when a value is not of its declared type: each is written alone then, which says which."""
    rows = opened.values()
    first = next(iter(rows))
    try:
        opening, demand = _write_opening(first.opening), _write_demand(first.demand)
        on = [f"[{quoted(row.machine)},{quoted(row.area)},{quoted(row.id)},{quoted(row.last_event)}]" for row in rows]
        doc = f'{{"demand":{demand},"on":[{",".join(on)}]}}'
        for text in (doc, opening):
            if not text.isascii():
                text.encode()  # a half surrogate has no UTF-8
    except Exception:  # noqa: BLE001 - see above
        return None
    return Together(opened, first.demand.key, first.demand.ecn, opening, doc)


def _bindings(connection: apsw.Connection, together: Iterable[Together]) -> Iterator[tuple[Any, ...]]:
    known, number = None, 0
    for one in together:
        if one.opening is not known:
            known, number = one.opening, shared.keep(connection, one.opening)
        yield one.program, one.ecn, one.doc, number


def _read(connection: apsw.Connection, where: str, values: tuple[Any, ...]) -> Iterator[tuple[int, list[Opened]]]:
    """Yield the rows of which this is true, with their numbers."""
    openings: dict[int, Opening] = {}
    asked = (
        "SELECT untouched.id, doc, opening, frame FROM untouched LEFT JOIN shared ON shared.id = opening"
        f" WHERE {where} ORDER BY untouched.id"
    )
    for number, doc, shares, frame in connection.execute(asked, values):
        yield number, unpacked(number, doc, shares, frame, openings)


def _narrower(kind: str, column: str, value: str) -> tuple[str, str]:
    """Return what is true of every row that may hold what has this value in this column: the SQL, and what it binds."""
    if column == "ecn":
        return "ecn = ?", value
    if column == "key" and kind == "requirement":
        return "program = ?", _program(value)
    return "instr(doc, ?)", quoted(value)


def _key(row: Opened) -> str:
    return register_key(row.machine, row.demand.key)


def _program(key: str) -> str:
    return key.partition("|")[2]
