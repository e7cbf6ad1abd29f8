"""Writes one batch of changes and events, and goes on trying until it is written: the one transaction of a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from edge_bridge.contract import seal
from edge_bridge.domain.event import Event
from edge_bridge.domain.instant import MINUTE, Milliseconds
from edge_bridge.errors import StoreError
from edge_bridge.ports import Clock
from edge_bridge.store import Store, StoreCorrupt, StoredEvent, StoreFull

RETRY_FIRST_S, RETRY_LAST_S = 0.2, 5.0
SHED_EVERY: Milliseconds = MINUTE

log = structlog.get_logger(__name__)


async def no_room() -> None:
    """Stand in where there is nothing to shed."""


class _Batch:
    """What one transaction writes. first: the sequence of its first event. recorded: UTC ms. Bytes are made once."""

    def __init__(
        self, changes: Mapping[str, Mapping[str, Any]], events: Sequence[Event], first: int, recorded: Milliseconds
    ) -> None:
        self.changes = changes
        self._events, self._first, self._recorded = events, first, recorded
        self._sealed: list[StoredEvent] | None = None

    def sealed(self, source: str) -> list[StoredEvent]:
        """Return the events as they are stored."""
        if self._sealed is None:
            numbered = enumerate(self._events, self._first)
            self._sealed = [self._seal(event, sequence, source) for sequence, event in numbered]
            self._events = ()
        return self._sealed

    def _seal(self, event: Event, sequence: int, source: str) -> StoredEvent:
        return StoredEvent(
            sequence=sequence,
            id=event.id,
            type=str(event.type),
            origin=event.origin,
            subject=event.subject,
            body=seal(event, source=source, sequence=sequence, recorded=self._recorded),
            time=event.time,
            recorded=self._recorded,
        )


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
        self._batch: _Batch | None = None
        self._attempt: asyncio.Future[None] | None = None
        self._shed_at: Milliseconds | None = None

    @property
    def busy(self) -> bool:
        """Whether a batch is held."""
        return self._batch is not None

    def hold(self, changes: Mapping[str, Mapping[str, Any]], events: Sequence[Event]) -> None:
        """Take the next batch; the one before must be finished."""
        assert self._batch is None, "one batch at a time: the next is made of what this one left"
        self._batch = _Batch(changes, events, self._store.last_sequence + 1, self._clock.now().utc)

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

    def _write(self, batch: _Batch) -> None:
        """Commit, on the thread that writes: thousands of events must not hold up the loop while they are made bytes."""
        self._store.commit(batch.changes, batch.sealed(self._source))

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
