"""Some space set aside beside the database: on a full disk, even deleting needs space, and so does starting."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

BYTES = 2 * 1024 * 1024  # the WAL of some slices of retention, with their checkpoint


def make(database: Path) -> None:
    """Set the space aside if it is not yet and there is any."""
    path = _path(database)
    if path.exists():
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BYTES)
        finally:
            os.close(descriptor)
    except OSError:  # no space now: the next retention tries again
        release(database)


def release(database: Path) -> bool:
    """Give the space back; tell whether there was any."""
    with suppress(OSError):
        _path(database).unlink()
        return True
    return False


def _path(database: Path) -> Path:
    return database.with_name(database.name + ".reserve")
