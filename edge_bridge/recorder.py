"""Writes one batch of changes and events, and goes on trying until it is written: the one transaction of a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from edge_bridge.batch import Batch
from edge_bridge.domain.event import Event
from edge_bridge.domain.instant import MINUTE, Milliseconds
from edge_bridge.errors import StoreError
from edge_bridge.ports import Clock
from edge_bridge.store import Changes, Store, StoreCorrupt, StoreFull

RETRY_FIRST_S, RETRY_LAST_S = 0.2, 5.0
SHED_EVERY: Milliseconds = MINUTE

log = structlog.get_logger(__name__)


async def no_room() -> None:
    """Stand in where there is nothing to shed."""


class Recorder:
    """Holds one batch until it is committed. Being cancelled loses nothing: `finish` goes on where it was.

    make_room: asked now and then, while the disk is full, to delete what may be deleted.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        source: str,
        *,
        beat: Callable[[], None] = lambda: None,
        make_room: Callable[[], Awaitable[None]] = no_room,
    ) -> None:
        self.trouble: str | None = None  # why nothing can be committed now, in words
        self._store = store
        self._clock = clock
        self._source = source
        self._beat = beat
        self._make_room = make_room
        self._batch: Batch | None = None
        self._attempt: asyncio.Future[None] | None = None
        self._shed_at: Milliseconds | None = None

    @property
    def busy(self) -> bool:
        """Whether a batch is held."""
        return self._batch is not None

    def begin(self, changes: Changes, events: Sequence[Event]) -> None:
        """Take a portion of a batch whose rest is still in the making, and write it meanwhile. Nothing of it counts before
        `hold` has taken the rest."""
        batch = self._batch or self._new()
        batch.add(changes, events)
        if self._attempt is None:
            self._attempt = asyncio.ensure_future(self._store.run(self._write, batch))

    def hold(self, changes: Changes, events: Sequence[Event]) -> Batch:
        """Take the next batch, or the rest of one that was begun; return all of it."""
        batch = self._batch or self._new()
        batch.add(changes, events)
        batch.complete()
        return batch

    def abandon(self) -> None:
        """Let go of a batch that was begun and has no rest: nothing of it is written."""
        batch, self._batch = self._batch, None
        attempt, self._attempt = self._attempt, None
        if batch is not None:
            batch.abandon()
        if attempt is not None:
            attempt.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def finish(self) -> None:
        """Return when nothing is held any more. A full disk is waited for; a broken database ends the daemon, and the
        next start salvages it. Raises StoreCorrupt."""
        pause = RETRY_FIRST_S
        while self._batch is not None:
            try:
                await self._try()
            except StoreCorrupt:
                raise
            except StoreError as error:
                self._failed(error)
                if isinstance(error, StoreFull):
                    await self._shed()
                await self._clock.sleep(pause)
                pause = min(2 * pause, RETRY_LAST_S)
        if self.trouble is not None:
            log.info("recording again")
            self.trouble = None

    async def _try(self) -> None:
        """Commit once. A caller that is cancelled leaves the attempt running; the next one waits for its outcome."""
        assert self._batch is not None
        if self._attempt is None:
            self._attempt = asyncio.ensure_future(self._store.run(self._write, self._batch))
        await asyncio.wait({self._attempt})
        attempt, self._attempt = self._attempt, None
        attempt.result()
        self._batch = None

    def _new(self) -> Batch:
        self._batch = Batch(self._source, self._store.last_sequence + 1, self._clock.now().utc)
        return self._batch

    def _write(self, batch: Batch) -> None:
        """Commit, on the thread that writes: thousands of events must not hold up the loop while they are made bytes."""
        if batch.in_one:
            self._store.commit(*next(iter(batch)))
        else:
            self._store.commit_all(batch)

    def _failed(self, error: StoreError) -> None:
        if self.trouble is None:
            log.error("nothing can be recorded", error=error.what, hint=error.hint)
        self.trouble = str(error)
        self._beat()

    async def _shed(self) -> None:
        now = self._clock.now().boottime
        if self._shed_at is not None and now < self._shed_at:
            return
        self._shed_at = now + SHED_EVERY
        try:
            await self._make_room()
        except StoreError as error:
            log.warning("no room could be made", error=str(error))
