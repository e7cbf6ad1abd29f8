"""SQLite's errors in plain words."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from edge_bridge.errors import StoreError
from edge_bridge.store import StoreCorrupt, StoreFull
from edge_bridge.store.faults import in_plain_words


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (apsw.SQLITE_FULL, StoreFull, "is full"),
        (apsw.SQLITE_IOERR_FSYNC, StoreError, "fails to read or write (SQLITE_IOERR_FSYNC)"),
        (apsw.SQLITE_READONLY_DBMOVED, StoreError, "cannot be written (SQLITE_READONLY_DBMOVED)"),
        (apsw.SQLITE_CORRUPT_INDEX, StoreCorrupt, "is damaged (SQLITE_CORRUPT_INDEX)"),
        (apsw.SQLITE_NOTADB, StoreCorrupt, "is damaged (SQLITE_NOTADB)"),
        (apsw.SQLITE_CANTOPEN_ISDIR, StoreError, "cannot be opened (SQLITE_CANTOPEN_ISDIR)"),
        (apsw.SQLITE_BUSY_SNAPSHOT, StoreError, "held by another program"),
        (apsw.SQLITE_MISUSE, StoreError, "SQLite says"),
    ],
)
def test_each_error_says_what_is_wrong(code: int, kind: type[StoreError], words: str) -> None:
    """The kind of error, the file, SQLite's own name of it, and a way out."""
    with pytest.raises(StoreError) as caught, in_plain_words(Path("/var/lib/store.db")):
        raise apsw.exception_for(code)
    assert type(caught.value) is kind
    assert words in caught.value.what
    assert "/var/lib/store.db" in caught.value.what
