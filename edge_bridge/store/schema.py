"""Opening the file: connections, pragmas, the schema and its migrations."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

import apsw

from edge_bridge.errors import StoreError
from edge_bridge.store.faults import StoreCorrupt
from edge_bridge.store.migrations import MIGRATIONS

APPLICATION_ID = 0x45444247  # "EDBG" in the file's header: `file` and we can tell whose database it is
BUSY_TIMEOUT_MS = 5000
CACHE_KIB, LARGE_CACHE_KIB = -8000, -64_000  # negative: SQLite's way to say KiB instead of pages

MetaValue = str | int


def connect(path: Path, *, vfs: str | None = None) -> apsw.Connection:
    """Return the connection that writes, making the file (mode 0600) if there is none. WAL, FULL: a commit survives power
    loss. Raises apsw.Error, OSError."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        sync_folder(path.parent)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.pragma(
            "auto_vacuum", "INCREMENTAL"
        )  # before anything else: it cannot be changed once there are pages
        connection.pragma("journal_mode", "WAL")
        connection.pragma("synchronous", "FULL")
        connection.pragma("foreign_keys", True)
        connection.pragma("cache_size", CACHE_KIB)
        connection.pragma("temp_store", "MEMORY")
        connection.pragma("journal_size_limit", 16 * 1024 * 1024)  # what a burst leaves of the WAL
    except apsw.Error:
        abandon(connection)
        raise
    return connection


def abandon(connection: apsw.Connection) -> None:
    """Close and touch nothing: what is to be saved stays as it was found, the WAL too."""
    with suppress(apsw.Error):
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close(True)


def connect_reader(path: Path, *, vfs: str | None = None, immutable: bool = False) -> apsw.Connection:
    """Return a connection that cannot write and does not checkpoint. immutable: nobody writes, so take no locks and make
    no files beside it. Raises apsw.Error."""
    flags = apsw.SQLITE_OPEN_READONLY
    name = str(path)
    if immutable:
        flags |= apsw.SQLITE_OPEN_URI
        name = path.absolute().as_uri() + "?immutable=1"
    connection = apsw.Connection(name, flags=flags, vfs=vfs)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    return connection


def prepare(connection: apsw.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Make the schema, or bring an older one up to date, in one transaction. Raises StoreError for a database of a newer
    program or of another one, apsw.Error."""
    newest = len(migrations) + 1
    with transaction(connection):
        version = connection.pragma("user_version")
        if version == 0:
            if connection.execute("SELECT count(*) FROM sqlite_schema").get:
                raise not_ours(path)
            connection.execute(resources.files(__package__).joinpath("schema.sql").read_text("utf-8"))
            connection.pragma("application_id", APPLICATION_ID)
        else:
            check_version(connection, path, newest)
            for script in migrations[version - 1 :]:
                connection.execute(script)
        connection.pragma("user_version", newest)


def check_version(connection: apsw.Connection, path: Path, newest: int = len(MIGRATIONS) + 1) -> None:
    """Raise StoreError unless this is one of our databases and not of a newer program."""
    if connection.pragma("application_id") != APPLICATION_ID:
        raise not_ours(path)
    version = connection.pragma("user_version")
    if version > newest:
        raise StoreError(
            f"{path} was written by a newer edge-bridge (schema {version}, this one knows {newest})",
            "install that version again, or start with a new database (`store.path`)",
        )


def not_ours(path: Path) -> StoreError:
    """Return the error for a SQLite file of another program."""
    return StoreError(f"{path} is not a database of edge-bridge", "set `store.path` to a file of its own")


def check_integrity(connection: apsw.Connection, path: Path) -> None:
    """Read every page. Raises StoreCorrupt with SQLite's first finding; about a second per GB."""
    finding = connection.execute("PRAGMA quick_check(1)").get
    if finding != "ok":
        raise StoreCorrupt(f"{path} is damaged: {' '.join(str(finding).split())}")


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Commit what is done inside, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has rolled back by itself after some I/O errors
            connection.execute("ROLLBACK")
        raise


@contextmanager
def without_sync(connection: apsw.Connection) -> Iterator[None]:
    """Commit inside without waiting for the disk: consistent and in order, but a power cut may take it back."""
    connection.pragma("synchronous", "NORMAL")
    try:
        yield
    finally:
        connection.pragma("synchronous", "FULL")


@contextmanager
def larger_cache(connection: apsw.Connection) -> Iterator[None]:
    """Keep the pages of a large transaction in memory: with random keys, each would be written and read many times."""
    connection.pragma("cache_size", LARGE_CACHE_KIB)
    try:
        yield
    finally:
        connection.pragma("cache_size", CACHE_KIB)
        connection.release_memory()


def read_meta(connection: apsw.Connection) -> dict[str, MetaValue]:
    """Return all of `meta`."""
    return {str(key): value for key, value in connection.execute("SELECT key, value FROM meta")}


def write_meta(connection: apsw.Connection, values: Mapping[str, MetaValue]) -> None:
    """Set these keys of `meta`, inside the caller's transaction."""
    connection.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", list(values.items()))


def size_on_disk(path: Path) -> int:
    """Return the bytes that the database takes, with its WAL."""
    size = 0
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            size += path.with_name(path.name + suffix).stat().st_size
    return size


def sync_folder(folder: Path) -> None:
    """Make the names in this folder survive power loss. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
