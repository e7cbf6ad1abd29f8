"""Opening a database: check what is there, save what can be saved of a damaged one, settle whose it is."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import apsw

from edge_bridge.errors import StoreError
from edge_bridge.store import outbox, reserve, salvage, schema
from edge_bridge.store.faults import StoreCorrupt, StoreFull, in_plain_words
from edge_bridge.store.rows import Codec
from edge_bridge.store.schema import MetaValue


@dataclass(frozen=True, slots=True)
class Opened:
    """What was found: the writing connection, `meta`, the newest sequence, and what was saved of a damaged file."""

    writer: apsw.Connection
    meta: dict[str, MetaValue]
    last_sequence: int
    recovered: str | None


def open_database(path: Path, codec: Codec, site: str, gateway: str, vfs: str | None = None) -> Opened:
    """Open or make the database of this gateway. The caller holds the lock. Raises StoreError."""
    recovered = None
    salvage.finish(path)
    try:
        writer = _open_with_room(path, vfs)
    except StoreCorrupt as damage:
        recovered = salvage.rebuild(path, codec, damage.what)
        writer = _open_with_room(path, vfs)
    try:
        with in_plain_words(path):
            meta = _settle(writer, path, site, gateway)
            last = max(outbox.newest(writer), int(meta["sent_upto"]))
    except (StoreError, OSError):
        schema.abandon(writer)
        raise
    return Opened(writer, meta, last, recovered)


def _open_with_room(path: Path, vfs: str | None) -> apsw.Connection:
    """Return the connection, with the reserved space given up where the disk has no other."""
    try:
        return _open_checked(path, vfs)
    except StoreFull:
        if not reserve.release(path):
            raise
        return _open_checked(path, vfs)


def _open_checked(path: Path, vfs: str | None) -> apsw.Connection:
    """Return the connection to a file that is sound as far as is known: after an unclean stop, every page is read."""
    try:
        with in_plain_words(path):
            writer = schema.connect(path, vfs=vfs)
            try:
                schema.prepare(writer, path)
                if not schema.read_meta(writer).get("clean", 0):
                    schema.check_integrity(writer, path)
            except (apsw.Error, StoreError):
                schema.abandon(writer)
                raise
    except OSError as error:
        raise StoreError(
            f"cannot make {path}: {error.strerror}", f"the user of the service must be able to write in {path.parent}"
        ) from error
    return writer


def _settle(writer: apsw.Connection, path: Path, site: str, gateway: str) -> dict[str, MetaValue]:
    """Write what a new database lacks, refuse one of another gateway, and note that it is in use."""
    found = schema.read_meta(writer)
    for name, wanted in (("site", site), ("gateway", gateway)):
        if found.get(name, wanted) != wanted:
            raise StoreError(
                f"{path} belongs to {name} {found[name]!r}, not {wanted!r}",
                f"set `{name}` back, or give this gateway a database of its own (`store.path`)",
            )
    meta: dict[str, MetaValue] = {
        "site": site,
        "gateway": gateway,
        "epoch": secrets.token_hex(6),
        "sent_upto": 0,
        "session": 0,
        **found,
        "clean": 0,
    }
    with schema.transaction(writer):
        schema.write_meta(writer, meta)
    return meta
