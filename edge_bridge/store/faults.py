"""What SQLite's errors mean to a person: every one becomes a StoreError with plain words and a way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from edge_bridge.errors import StoreError


class StoreFull(StoreError):
    """The disk has no space left. Nothing was changed; the same commit works once there is space."""


class StoreCorrupt(StoreError):
    """The file is damaged. The next opening moves it aside and saves what can be read."""


@contextmanager
def in_plain_words(path: Path) -> Iterator[None]:
    """Raise StoreError about the database at `path` for whatever SQLite raises inside."""
    try:
        yield
    except apsw.Error as error:
        raise told(error, path) from error


def told(error: apsw.Error, path: Path) -> StoreError:
    """Return the StoreError that says what this SQLite error means for the database at `path`."""
    match error:
        case apsw.FullError():
            return StoreFull(f"the disk of {path} is full", "free some space there; the write is tried again")
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreCorrupt(
                f"{path} is damaged ({code(error)})",
                "restart edge-bridge: it moves the file aside, saves what can be read and goes on",
            )
        case apsw.IOError():
            return StoreError(
                f"the disk of {path} fails to read or write ({code(error)})", "check the disk: dmesg, smartctl"
            )
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return StoreError(f"{path} cannot be written ({code(error)})", _writable_hint(path))
        case apsw.CantOpenError():
            return StoreError(f"{path} cannot be opened ({code(error)})", _writable_hint(path))
        case apsw.BusyError() | apsw.LockedError():
            return StoreError(f"{path} is held by another program", f"find it with: fuser {path}")
        case _:
            return StoreError(f"{path}: SQLite says: {error} ({code(error)})")


def code(error: apsw.Error) -> str:
    """Return SQLite's name of the error, such as `SQLITE_IOERR_FSYNC`, for those who search for it."""
    number = getattr(error, "extendedresult", -1)
    names = {**apsw.mapping_result_codes, **apsw.mapping_extended_result_codes}
    return str(names.get(number, type(error).__name__))


def _writable_hint(path: Path) -> str:
    return f"the user of the service must be able to write in {path.parent}"
