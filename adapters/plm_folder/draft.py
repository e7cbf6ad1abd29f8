"""Records to EcnDrafts: groups rows by number, refuses contradictions, keeps every value as written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from adapters.plm_folder import columns
from adapters.plm_folder.dates import read_date
from adapters.plm_folder.options import stage_of
from adapters.plm_folder.table import Record, Row
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft, Item, Status

_SEPARATORS = re.compile(r"[,;、，；\r\n]+")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a site writes: its words for a status (case-folded), its date formats, its zone."""

    words: Mapping[str, Status]
    date_formats: Sequence[str]
    zone: ZoneInfo
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Gathered:
    """One ECN while its rows come in: each field with the place it came from."""

    fields: dict[str, tuple[str, str]] = field(default_factory=dict)
    items: dict[Item, Item] = field(default_factory=dict)


def drafts(records: Iterable[Record], reading: Reading) -> tuple[EcnDraft, ...]:
    """Return the ECNs in order of first appearance. Raises Unreadable with the place."""
    gathered: dict[str, _Gathered] = {}
    for record in records:
        for row in (record.head, *record.items):
            _check_text(row)
        number = _number(record.head)
        ecn = gathered.setdefault(number, _Gathered())
        _take_head(ecn, number, record.head)
        for row in record.items:
            item = _item(row)
            ecn.items.setdefault(replace(item, row=""), item)  # the same change twice is one change
    if not gathered:
        raise Unreadable("no_rows")
    return tuple(_draft(number, ecn, reading) for number, ecn in gathered.items())


def several(text: str) -> tuple[str, ...]:
    """Split a list: at comma, semicolon, 、 or line break; where there is none of these, at blanks."""
    parts = _SEPARATORS.split(text) if _SEPARATORS.search(text) else text.split()
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _check_text(row: Row) -> None:
    for column, value in row.values.items():
        if found := _NOT_TEXT.search(value):
            raise Unreadable("control", row.place, character=f"U+{ord(found[0]):04X}", field=f"`{column}`")


def _number(row: Row) -> str:
    number = row.values.get("number", "")
    if not number:
        raise Unreadable("number", row.place)
    if "\n" in number or "\r" in number:
        raise Unreadable("line_break", row.place)
    return number


def _take_head(ecn: _Gathered, number: str, row: Row) -> None:
    """Take the fields of the ECN itself: an empty one says nothing, a different one contradicts."""
    for column in columns.HEAD_COLUMNS:
        if not (value := row.values.get(column)):
            continue
        known, place = ecn.fields.setdefault(column, (value, row.place))
        if known != value:
            raise Unreadable(
                "conflict", row.place, field=column, number=number, value=value[:80], other=known[:80], place=place
            )


def _item(row: Row) -> Item:
    values = row.values
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
        serial_from=values.get("serial_from"),
        serial_to=values.get("serial_to"),
        lot=values.get("lot"),
    )


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
        items=tuple(ecn.items.values()),
        title=said.get("title"),
        category=said.get("category"),
        designer=said.get("designer"),
        released=released,
        effective_from=effective,
        supersedes=several(said.get("supersedes", "")),
        stage=stage_of(said.get("stage"), word, reading.stages),
        stage_date=read_date(said["stage_date"], reading.date_formats, reading.zone) if "stage_date" in said else None,
    )
