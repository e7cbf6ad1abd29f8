"""The write-ahead log kept small: checkpoints after commits, on the writing connection alone."""

from __future__ import annotations

import apsw

CHECKPOINT_PAGES = 1000  # from here on, each commit moves what it can into the database file (4 MB)
LIMIT_PAGES = 4000  # from here on, wait a moment for readers to get out of the way, so that the log starts over (16 MB)
WAIT_MS = 100


class Wal:
    """Watches the length of the log of one connection. SQLite's own automatic checkpoint never waits for a reader: with
    readers always around, its log grows without end."""

    def __init__(self, writer: apsw.Connection, busy_timeout_ms: int) -> None:
        self._writer = writer
        self._busy_timeout_ms = busy_timeout_ms
        self._pages = 0
        self._wait_at = LIMIT_PAGES
        # The hook only takes note: an error inside it would make a commit that is already durable look failed.
        writer.set_wal_hook(self._note)

    def checkpoint_if_due(self) -> None:
        """Checkpoint when the log is long. A failure is left to the next time: the log holds everything."""
        if self._pages < CHECKPOINT_PAGES:
            return
        if self._pages >= self._wait_at:
            self.start_over()
            return
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:
            return

    def empty(self) -> None:
        """Move everything into the database file and cut the log to nothing. Raises apsw.Error."""
        self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def start_over(self) -> None:
        """Move everything into the database file and give the log's space back, if readers let go of it for a moment."""
        self._writer.set_busy_timeout(WAIT_MS)
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._wait_at = LIMIT_PAGES
        except apsw.Error:  # a reader that stays: ask again only after as much again, or each commit would wait
            self._wait_at = self._pages + LIMIT_PAGES
        finally:
            self._writer.set_busy_timeout(self._busy_timeout_ms)

    def _note(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK
