"""A damaged database: moved aside, and what can be read is saved, so that the service goes on without a person.

A power cut at any step is mended by the next opening: the new file is made beside the old one and takes its name only
when it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from edge_bridge.errors import StoreError
from edge_bridge.store import schema, shared, untouched
from edge_bridge.store.faults import in_plain_words
from edge_bridge.store.rows import BOUND, COLUMNS, OWN, Codec

_EVENT = "sequence, id, type, origin, subject, time, recorded, body"
_PARKED = "sequence, code, reason, at"
Frames = dict[int, str] | None
"""What rows have in common, as far as it is readable; None where the schema is older than that."""

_META: Mapping[str, type] = {"site": str, "gateway": str, "epoch": str, "sent_upto": int, "session": int}


@dataclass(slots=True)
class Saved:
    """What was saved.

    unreadable: rows of state with garbled content. torn: tables with pages that could not be read. gaps: sequences
    missing between saved ones, first and last. tail: the newest event was readable.
    """

    events: int = 0
    unsent: int = 0
    rows: int = 0
    unreadable: int = 0
    torn: list[str] = field(default_factory=list)
    first: int = 0
    last: int = 0
    tail: bool = True
    gaps: list[tuple[int, int]] = field(default_factory=list)
    new_epoch: bool = False

    def __str__(self) -> str:
        text = f"saved {self.events} events ({self.unsent} not yet sent) and {self.rows} rows of state"
        if self.unreadable:
            text += f"; {self.unreadable} more were garbled"
        if self.torn:
            text += f"; unreadable pages in: {', '.join(self.torn)}"
        if self.gaps:
            text += "; events missing: " + ", ".join(f"{first}-{last}" for first, last in self.gaps)
        return text + ("; a new epoch begins" if self.new_epoch else "")


def rebuild(path: Path, codec: Codec, damage: str) -> str:
    """Put a new database in the place of a damaged one, with what can be read of it; return what happened.

    Needs as much free space as there is to save. Raises StoreError.
    """
    fresh = _beside(path, ".salvage")
    with in_plain_words(path), closing(schema.connect(fresh)) as target:
        schema.prepare(target, fresh)
        saved = _copy(path, target, codec)
        target.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    os.replace(fresh, _beside(path, ".salvaged"))
    schema.sync_folder(path.parent)
    aside = finish(path)
    return f"{damage}. It was moved to {aside}; {saved}"


def finish(path: Path) -> Path | None:
    """Complete a rebuilding that was interrupted, if there is one; return where the damaged file went."""
    complete = _beside(path, ".salvaged")
    for suffix in (".salvage", ".salvage-wal", ".salvage-shm"):
        _beside(path, suffix).unlink(missing_ok=True)
    if not complete.exists():
        return None
    aside = next(a for n in range(1, 10_000) if not (a := _beside(path, f".corrupt-{n}")).exists())
    # The WAL first: left beside the new file, SQLite would replay it into that.
    for suffix in ("-wal", ""):
        with suppress(FileNotFoundError):
            os.replace(_beside(path, suffix), _beside(aside, suffix))
    _beside(path, "-shm").unlink(missing_ok=True)
    schema.sync_folder(path.parent)
    os.replace(complete, path)
    schema.sync_folder(path.parent)
    return aside


def _copy(path: Path, target: apsw.Connection, codec: Codec) -> Saved:
    saved = Saved()
    with closing(schema.connect_reader(path)) as source, schema.transaction(target):
        meta = _read_meta(source)
        frames = _read_frames(source, saved)
        _copy_events(source, target, frames, saved)
        _copy_parked(source, target, saved)
        for kind in COLUMNS:
            _copy_rows(source, target, frames, codec, kind, saved)
        _copy_untouched(source, target, frames, codec, saved)
        # A sequence must never name two events. Where the newest ones are unknown, only a new epoch is sure of that.
        saved.new_epoch = "epoch" not in meta or "sent_upto" not in meta or not saved.tail
        if saved.new_epoch:
            meta.pop("epoch", None)
        # Not known what was sent: all of it again. The platform knows duplicates by their id.
        sent_upto = int(meta.setdefault("sent_upto", max(saved.first - 1, 0)))
        saved.unsent = int(target.execute("SELECT count(*) FROM event WHERE sequence > ?", (sent_upto,)).get)
        schema.write_meta(target, meta)
    return saved


def _read_meta(source: apsw.Connection) -> dict[str, schema.MetaValue]:
    found: dict[str, schema.MetaValue] = {}
    with suppress(apsw.Error):
        for key, value in source.execute("SELECT key, value FROM meta"):
            found[key] = value
    return {key: value for key, value in found.items() if isinstance(value, _META.get(key, ()))}


def _read_frames(source: apsw.Connection, saved: Saved) -> Frames:
    if not _is_there(source, "shared"):
        return None
    return {int(number): str(frame) for number, frame in _readable(source, "shared", "id, frame", saved)}


def _copy_events(source: apsw.Connection, target: apsw.Connection, frames: Frames, saved: Saved) -> None:
    """Copy events, each with its whole body."""
    for *row, own, number in _readable(source, "event", f"{_EVENT}, {_number(frames)}", saved):
        with suppress(StoreError, UnicodeError, apsw.ConstraintError):  # bytes that are not what the column holds
            body = _whole(own, number, frames)
            target.execute(f"INSERT INTO event ({_EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, body))
    saved.events, saved.first, saved.last = target.execute(
        "SELECT count(*), coalesce(min(sequence), 0), coalesce(max(sequence), 0) FROM event"
    ).get
    gaps: list[tuple[Any, ...]] = target.execute(
        """SELECT previous + 1, sequence - 1 FROM
            (SELECT sequence, lag(sequence) OVER (ORDER BY sequence) AS previous FROM event)
            WHERE sequence > previous + 1"""
    ).fetchall()
    saved.gaps = [(first, last) for first, last in gaps]
    try:
        saved.tail = source.execute("SELECT coalesce(max(sequence), 0) FROM event").get == saved.last
    except apsw.Error:
        saved.tail = False


def _copy_parked(source: apsw.Connection, target: apsw.Connection, saved: Saved) -> None:
    for row in _readable(source, "parked", _PARKED, saved):
        with suppress(apsw.ConstraintError):
            target.execute(f"INSERT INTO parked ({_PARKED}) VALUES (?, ?, ?, ?)", row)


def _copy_rows(
    source: apsw.Connection, target: apsw.Connection, frames: Frames, codec: Codec, kind: str, saved: Saved
) -> None:
    """Copy what fits its type. What is written beside a document is written anew: an older schema has it nowhere else."""
    bound = BOUND.get(kind, ())
    columns = ("key", "doc", *bound)
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    told = kind in codec
    of = _number(frames if kind in OWN else None)
    for _, number, key, own, *beside in _readable(source, kind, f"rowid, {of}, {'key, doc' if told else names}", saved):
        try:
            doc = _whole(own, number, frames)
            row = codec.decode(kind, str(key), str(doc)) if told else None
            values = [getattr(row, column) for column in bound] if told else beside
            target.execute(f'INSERT INTO "{kind}" ({names}) VALUES ({marks})', (key, doc, *values))
            saved.rows += 1
        except (StoreError, UnicodeError, apsw.ConstraintError):
            saved.unreadable += 1


def _copy_untouched(
    source: apsw.Connection, target: apsw.Connection, frames: Frames, codec: Codec, saved: Saved
) -> None:
    """Copy what is kept together and fits its type, a row at a time."""
    if "requirement" not in codec or not _is_there(source, "untouched"):
        return
    for number, doc, shares in _readable(source, "untouched", "id, doc, opening", saved):
        try:
            rows = untouched.unpacked(number, str(doc), shares, (frames or {}).get(shares), {})
            codec.write(target, untouched.by_kind(rows))
            saved.rows += 2 * len(rows)
        except (StoreError, UnicodeError):
            saved.unreadable += 1


def _is_there(source: apsw.Connection, table: str) -> bool:
    try:
        return source.table_exists("main", table)
    except apsw.Error:
        return False


def _number(frames: Frames) -> str:
    """Return the SQL of the number of a row's frame."""
    return "NULL" if frames is None else "shared"


def _whole(own: Any, number: int | None, frames: Frames) -> Any:
    frame = None if number is None or frames is None else frames.get(number)
    return shared.whole(own, number, frame)


def _readable(source: apsw.Connection, table: str, columns: str, saved: Saved) -> Iterator[tuple[Any, ...]]:
    """Yield what can be read of a table, rowid first: from the first row to the damage, then from the last back to it."""
    reached = None
    try:
        for row in source.execute(f'SELECT {columns} FROM "{table}" NOT INDEXED ORDER BY rowid'):
            reached = row[0]
            yield row
    except apsw.Error:
        saved.torn.append(table)
        with suppress(apsw.Error):
            for row in source.execute(f'SELECT {columns} FROM "{table}" NOT INDEXED ORDER BY rowid DESC'):
                if reached is not None and row[0] <= reached:
                    break
                yield row


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
