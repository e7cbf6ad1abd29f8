"""Records to EcnDrafts: groups rows by number, refuses contradictions, keeps every value as written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from adapters.plm_folder import damage
from adapters.plm_folder.columns import HEAD_COLUMNS, ITEM_COLUMNS
from adapters.plm_folder.dates import read_date
from adapters.plm_folder.formats.table import Record, Row
from adapters.plm_folder.stages import stage_of
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.ports import Trace, TracedEcn

_SEPARATORS = re.compile(r"[,;、，；\r\n]+")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OF_ITEMS = frozenset(ITEM_COLUMNS)
_COMPARED = frozenset(damage.IDENTITY) - {"number"}
_FROM_SETTINGS = "defaults"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a site writes: its words for a status (case-folded), its date formats, its zone, its values for empty fields.

    from_spreadsheet: the file may have gone through one. as_written: columns whose values are right, whatever they look
    like. digits: how many digits a column's numbers have. halves: items may come without their ECN, whose status the default
    is then not.
    """

    words: Mapping[str, Status]
    date_formats: Sequence[str]
    zone: ZoneInfo
    defaults: Mapping[str, str] = field(default_factory=dict)
    from_spreadsheet: bool = False
    as_written: frozenset[str] = frozenset()
    digits: Mapping[str, int] = field(default_factory=dict)
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    halves: bool = False


@dataclass(slots=True)
class _Gathered:
    """One ECN while its rows come in: each field with the row it came from."""

    fields: dict[str, tuple[str, Row]] = field(default_factory=dict)
    items: dict[object, tuple[Item, Row]] = field(default_factory=dict)


def drafts(records: Sequence[Record], reading: Reading) -> tuple[EcnDraft, ...]:
    """Return the ECNs in order of first appearance. Raises Unreadable with the place."""
    return tuple(_draft(number, ecn, reading) for number, ecn in _gather(records, reading).items())


def traced(records: Sequence[Record], reading: Reading) -> tuple[TracedEcn, ...]:
    """Return the same with the origin of every field."""
    return tuple(
        TracedEcn(
            _draft(number, ecn, reading),
            {column: _trace(row, column, value) for column, (value, row) in ecn.fields.items()},
            tuple(_item_traces(row, reading) for _, row in ecn.items.values()),
        )
        for number, ecn in _gather(records, reading).items()
    )


def several(text: str) -> tuple[str, ...]:
    """Split a list: at comma, semicolon, 、 or line break; where there is none of these, at blanks."""
    parts = _SEPARATORS.split(text) if _SEPARATORS.search(text) else text.split()
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _gather(records: Sequence[Record], reading: Reading) -> dict[str, _Gathered]:
    gathered: dict[str, _Gathered] = {}
    widths = _widths(records, reading)
    for record in records:
        for row in record.items if record.items and record.items[0] is record.head else (record.head, *record.items):
            _check_text(row)
        number = _number(record.head, reading, widths)
        ecn = gathered.setdefault(number, _Gathered())
        _take_head(ecn, number, record, reading)
        for row in record.items:
            item = _item(row, reading, widths)
            change = (
                *(item.part, item.drawing, item.revision, item.program, item.version, item.sha256, item.machines),
                *(item.serial_from, item.serial_to, item.lot),
            )
            ecn.items.setdefault(change, (item, row))  # the same change twice is one change
    if not gathered:
        raise Unreadable("no_rows")
    for ecn in gathered.values():
        if len(ecn.items) > 1:
            _drop_own_line(ecn)
    return gathered


def _drop_own_line(ecn: _Gathered) -> None:
    """Take an ECN's own line off its items: it alone states the status, and the lines below it state the items.

    Where every line states the status, one without an item is an item that was lost on the way, and stays to be told.
    """
    own = [key for key, (_, row) in ecn.items.items() if "status" in row.values]
    if len(own) == 1 and _OF_ITEMS.isdisjoint(ecn.items[own[0]][1].values):
        del ecn.items[own[0]]


def _widths(records: Sequence[Record], reading: Reading) -> dict[str, int]:
    if not reading.from_spreadsheet:
        return dict(reading.digits)
    rows = (row.values for record in records for row in (record.items or (record.head,)))
    return damage.widths(rows, reading.digits)


def _check_text(row: Row) -> None:
    for column, value in row.values.items():
        if found := _NOT_TEXT.search(value):
            raise Unreadable("control", row.place, character=f"U+{ord(found[0]):04X}", field=f"`{column}`")


def _number(row: Row, reading: Reading, widths: Mapping[str, int]) -> str:
    """Return the number. One in doubt rejects the file: two ECNs may have become one, and a withdrawal would miss its own."""
    number = row.values.get("number") or reading.defaults.get("number", "")
    if not number:
        raise Unreadable("number", row.place)
    if "\n" in number or "\r" in number:
        raise Unreadable("line_break", row.place)
    if reason := _damage(row, "number", reading, widths):
        raise Unreadable("damaged_number", row.place, value=number[:40], reason=reason)
    return number


def _take_head(ecn: _Gathered, number: str, record: Record, reading: Reading) -> None:
    """Take the fields of the ECN itself: an empty one says nothing, a different one contradicts."""
    row, defaults = record.head, reading.defaults
    if reading.halves and "status" in defaults and _is_half(record):
        defaults = {column: value for column, value in defaults.items() if column != "status"}
    for column in HEAD_COLUMNS:
        if not (value := row.values.get(column) or defaults.get(column)):
            continue
        known, earlier = ecn.fields.setdefault(column, (value, row))
        if known != value:
            raise Unreadable(
                "conflict",
                row.place,
                field=column,
                number=number,
                value=value[:80],
                other=known[:80],
                place=earlier.place,
            )


def _is_half(record: Record) -> bool:
    """Tell whether a row states an item, and nothing describes its ECN."""
    items = record.items
    return bool(items) and items[0].place == record.head.place and not _OF_ITEMS.isdisjoint(items[0].values)


def _item(row: Row, reading: Reading, widths: Mapping[str, int]) -> Item:
    values = _item_values(row, reading)
    digest = values.get("sha256")
    if digest is not None:
        digest = digest.lower()
        if not _SHA256.fullmatch(digest):
            raise Unreadable("sha256", row.place, value=digest[:80])
    return Item(
        part=values.get("part"),
        drawing=values.get("drawing"),
        revision=values.get("revision"),
        program=values.get("program"),
        version=values.get("version"),
        sha256=digest,
        machines=several(values.get("machines", "")),
        row=row.place,
        doubt=_doubt(row, reading, widths),
        serial_from=values.get("serial_from"),
        serial_to=values.get("serial_to"),
        lot=values.get("lot"),
    )


def _item_values(row: Row, reading: Reading) -> dict[str, str]:
    """Return an item's values; the site's own for what is empty, where the row states an item at all."""
    values = {column: value for column, value in row.values.items() if column in _OF_ITEMS}
    if not values or not reading.defaults:
        return values
    return {column: value for column, value in reading.defaults.items() if column in _OF_ITEMS} | values


def _doubt(row: Row, reading: Reading, widths: Mapping[str, int]) -> str:
    """Return why this item cannot be what was meant, or nothing."""
    for column, value in row.values.items():
        if column in _COMPARED and (reason := _damage(row, column, reading, widths)):
            return damage.told(column, value, reason)
    return ""


def _damage(row: Row, column: str, reading: Reading, widths: Mapping[str, int]) -> str:
    value = row.values.get(column)
    if value is None or column in reading.as_written:
        return ""
    reason = row.doubts.get(column, "") or (damage.INVISIBLE if damage.invisible(value) else "")
    if not reason and reading.from_spreadsheet:
        reason = damage.looks(value)
    return reason or (damage.ZEROS if damage.too_short(value, widths.get(column)) else "")


def _item_traces(row: Row, reading: Reading) -> dict[str, Trace]:
    return {column: _trace(row, column, value) for column, value in _item_values(row, reading).items()}


def _trace(row: Row, column: str, value: str) -> Trace:
    return row.trace(column) or Trace(_FROM_SETTINGS, column, value)


def _draft(number: str, ecn: _Gathered, reading: Reading) -> EcnDraft:
    said = {column: value for column, (value, _) in ecn.fields.items()}
    word = said.get("status", "")
    released, effective = (
        read_date(said[column], reading.date_formats, reading.zone) if column in said else None
        for column in ("released", "effective_from")
    )
    return EcnDraft(
        number=number,
        status=reading.words.get(word.casefold()),
        status_word=word,
        items=tuple(item for item, _ in ecn.items.values()),
        title=said.get("title"),
        category=said.get("category"),
        designer=said.get("designer"),
        released=released,
        effective_from=effective,
        supersedes=several(said.get("supersedes", "")),
        stage=stage_of(said.get("stage"), word, reading.stages),
        stage_date=read_date(said["stage_date"], reading.date_formats, reading.zone) if "stage_date" in said else None,
    )
