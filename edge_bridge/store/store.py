"""The store: one file, one writing connection, one transaction for state and events together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar, TypeVarTuple

import apsw

from edge_bridge.domain.instant import Milliseconds
from edge_bridge.errors import StoreError
from edge_bridge.ports import OutboxRow
from edge_bridge.store import outbox, reserve, retention, schema
from edge_bridge.store.archive import Archive
from edge_bridge.store.faults import StoreCorrupt, StoreFull, in_plain_words
from edge_bridge.store.inserting import Changes
from edge_bridge.store.lock import Lock
from edge_bridge.store.opening import Opened, open_database
from edge_bridge.store.outbox import Counts, Parked, SealedEvent
from edge_bridge.store.retention import Retained
from edge_bridge.store.rows import Codec
from edge_bridge.store.wal import Wal

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")
MANY_EVENTS = 10_000  # in one transaction: a large ECN


class Store:
    """The open database of one gateway; fits the Outbox port.

    `commit` and `load` work where they are called; `run` takes a function to the thread that writes, as a commit waits
    for the disk. One lock a connection, so that both ways of calling may be mixed.
    epoch: random, made with the database. recovered: what happened to a damaged database at opening, else None.
    """

    def __init__(self, path: Path, codec: Codec, lock: Lock, opened: Opened, reader: apsw.Connection) -> None:
        self.path = path
        self.epoch = str(opened.meta["epoch"])
        self.recovered = opened.recovered
        self._last_sequence = opened.last_sequence
        self._sent_upto = int(opened.meta["sent_upto"])
        self._session = int(opened.meta["session"])
        self._parked = outbox.count_parked(reader)
        self._damaged = False
        self._codec = codec
        self._lock = lock
        self._writer = opened.writer
        self._wal = Wal(opened.writer, schema.BUSY_TIMEOUT_MS)
        self._reader = reader
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._closed = False

    @classmethod
    def open(cls, path: Path, kinds: Mapping[str, Any], *, site: str, gateway: str, vfs: str | None = None) -> Store:
        """Open the database of this gateway, making it if there is none.

        kinds: ledger kind → the dataclass of its rows. vfs: a SQLite VFS, for fault tests. A damaged file is moved aside
        and what can be read is saved: see `recovered`. Raises StoreError: in use, not writable, disk full, of another
        gateway, of a newer program.
        """
        codec = Codec(kinds)
        lock = Lock.take(path)
        try:
            opened = open_database(path, codec, site, gateway, vfs)
            try:
                with in_plain_words(path):
                    reader = schema.connect_reader(path, vfs=vfs)
                    store = cls(path, codec, lock, opened, reader)
            except StoreError:
                schema.abandon(opened.writer)
                raise
        except BaseException:
            lock.release()
            raise
        reserve.make(path)
        return store

    @property
    def last_sequence(self) -> int:
        """The sequence of the newest event, 0 when there was none."""
        return self._last_sequence

    @property
    def sent_upto(self) -> int:
        """The sequence up to which every event was delivered or parked."""
        return self._sent_upto

    def load(self, kind: str) -> dict[str, Any]:
        """Return the kind's rows by key, as last committed: of obligations and cards only the open ones, of observations
        none. Raises StoreError."""
        with self._reading, self._faults():
            return self._codec.load(self._reader, kind)

    def archive(self, kind: str) -> Archive:
        """Return the kind's rows where they lie, to be read when they are asked for."""
        return Archive(kind, self._codec, self._reader, self._reading, self._faults)

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Answer all that is read inside as of the first question. Who asks for hundreds of rows, one by one, would else have
        SQLite find out each time what was committed meanwhile. Raises StoreError."""
        with self._reading, self._faults():
            self._reader.execute("BEGIN")
        try:
            yield
        finally:
            with self._reading, self._faults():
                if self._reader.in_transaction:  # SQLite ends it by itself after some I/O errors
                    self._reader.execute("COMMIT")

    def rows(self, after: int, limit: int) -> Sequence[OutboxRow]:
        """Return the events with a sequence above `after`, in order, parked ones too. Raises StoreError."""
        with self._reading, self._faults():
            return outbox.read(self._reader, after, limit)

    def commit(self, changes: Changes, events: Sequence[SealedEvent] = ()) -> None:
        """Write state and events in one transaction: on return they survive power loss, on StoreError nothing changed.

        changes: kind → key → row, None to delete it. events: going on from `last_sequence` without a gap.
        """
        with self._writing, self._faults():
            if not events and not any(changes.values()):
                return
            if len(events) >= MANY_EVENTS:
                self.commit_all([(changes, events)])
                return
            self._last_sequence = self._transact(lambda: self._write([(changes, events)]))
            self._wal.checkpoint_if_due()

    def commit_all(self, portions: Iterable[tuple[Changes, Sequence[SealedEvent]]]) -> None:
        """Do the same with many portions, in one transaction. Each is asked for when those before it are written, so it may
        still be in the making; after a full disk they are asked for from the first one on. What is raised instead of a
        portion is raised here, and nothing changed."""
        with self._writing, self._faults():
            with schema.larger_cache(self._writer):
                self._last_sequence = self._transact(lambda: self._write(portions))
            with suppress(RuntimeError):  # it is being closed, which moves everything
                self._thread.submit(self._checkpoint)  # safe in the log: whoever waits is answered before that is moved

    async def run(self, function: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """Return what the function returns when called on the thread that writes, in order of asking.

        A caller that is cancelled leaves the function running: what it commits stays committed.
        """
        if self._closed:
            raise StoreError(f"{self.path} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    async def mark_sent(self, upto: int) -> None:
        """Move the position: everything up to this sequence was delivered or parked. It never moves back."""
        await self._with_reserve(lambda: self.run(self._mark_sent, upto))  # what is not marked cannot be deleted

    async def park(self, sequence: int, code: int, reason: str, at: Milliseconds | None = None) -> None:
        """Set one event aside with the broker's reason code. at: UTC ms."""
        await self.run(self._park, Parked(sequence, code, reason, at))

    async def next_session(self) -> int:
        """Return the number of the next MQTT session: one more than the last, across restarts."""
        return await self.run(self._next_session)

    def counts(self) -> Counts:
        """Return how full the store is, from counters and file sizes: cheap."""
        return Counts(self._last_sequence - self._sent_upto, self._parked, schema.size_on_disk(self.path))

    async def retain(self, older_than: Milliseconds, max_bytes: int) -> Retained:
        """Delete old history in short steps, between which commits get their turn: see retention.sweep.

        older_than: UTC ms. max_bytes: of data in the file. On a full disk it uses the space set aside for it. Raises
        StoreError; what was deleted before stays deleted.
        """
        try:
            return await self._with_reserve(lambda: self._sweep(older_than, max_bytes))
        finally:
            reserve.make(self.path)

    def close(self) -> None:
        """Finish what was asked for, empty the WAL into the file, let go of the lock. Calling it again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._thread.shutdown()
        try:
            with self._writing, self._reading:
                self._reader.close()
                with suppress(
                    apsw.Error
                ):  # everything committed is safe in the WAL; the next opening goes on from there
                    if not self._damaged:
                        with schema.transaction(self._writer):
                            schema.write_meta(self._writer, {"clean": 1})
                    self._wal.empty()
                with suppress(apsw.Error):
                    self._writer.close(True)
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, portions: Iterable[tuple[Changes, Sequence[SealedEvent]]]) -> int:
        """Write what was asked for; return the sequence of the newest event then."""
        last = self._last_sequence
        for changes, events in portions:
            outbox.check_order(events, last)
            self._codec.write(self._writer, changes)
            outbox.append(self._writer, events)
            last += len(events)
        return last

    def _transact(self, work: Callable[[], Result]) -> Result:
        """Do the work in one transaction. On a full disk, the space of the WAL is the first to be used again."""
        try:
            with schema.transaction(self._writer):
                return work()
        except apsw.FullError:
            self._wal.start_over()
            with schema.transaction(self._writer):
                return work()

    def _checkpoint(self) -> None:
        with self._writing:
            self._wal.checkpoint_if_due()

    def _mark_sent(self, upto: int) -> None:
        with self._writing, self._faults():
            if upto > self._last_sequence:
                raise StoreError(f"sent up to {upto}, but {self._last_sequence} is the newest event")
            if upto <= self._sent_upto:
                return
            # A position lost to a power cut costs a few recognisable duplicates; waiting for the disk would cost each
            # batch a sync. Whatever is committed later makes it durable, so no deletion can outlive it.
            with schema.without_sync(self._writer):
                self._transact(lambda: schema.write_meta(self._writer, {"sent_upto": upto}))
            self._sent_upto = upto
            self._wal.checkpoint_if_due()

    def _park(self, parked: Parked) -> None:
        with self._writing, self._faults():
            self._parked += self._transact(lambda: outbox.park(self._writer, parked))

    def _next_session(self) -> int:
        with self._writing, self._faults():
            self._transact(lambda: schema.write_meta(self._writer, {"session": self._session + 1}))
            self._session += 1
            return self._session

    async def _with_reserve(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do what makes room again, on a full disk with the space set aside for it."""
        try:
            return await work()
        except StoreFull:
            if not reserve.release(self.path):
                raise
            return await work()

    async def _sweep(self, older_than: Milliseconds, max_bytes: int) -> Retained:
        steps = retention.sweep(self._writer, self._sent_upto, older_than, max_bytes)
        total = Retained()
        while (done := await self.run(self._step, steps)) is not None:
            total += done
        return total

    def _step(self, steps: Iterator[Retained]) -> Retained | None:
        with self._writing, self._faults():
            done = next(steps, None)
            if done is None:
                self._wal.start_over()
            else:
                self._wal.checkpoint_if_due()
            return done

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Raise StoreError for what SQLite raises, and remember damage, so that the next opening looks at every page."""
        try:
            with in_plain_words(self.path):
                yield
        except StoreCorrupt:
            self._damaged = True
            raise
