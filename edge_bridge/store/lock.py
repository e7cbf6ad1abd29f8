"""One daemon per database: an advisory lock that the kernel lets go of when its owner dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from edge_bridge.errors import StoreError


class Lock:
    """A held lock on `<database>.lock`, which contains the owner's pid. The file is never deleted: deleting a lock file
    lets two owners hold two different files of the same name."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, database: Path) -> Lock:
        """Return the lock on this database. Raises StoreError when another daemon holds it or it cannot be made."""
        path = database.with_name(database.name + ".lock")
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot write in {database.parent}: {error.strerror}",
                "create the folder and give it to the user of the service, or set `store.path` to another place",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreError(
                f"{database} is in use by another edge-bridge (process {owner})",
                "stop it first, or give this one a database of its own (`store.path`)",
            ) from error
        with suppress(OSError):  # a full disk: the pid is only for the other one's error text
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let go. Calling it again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
