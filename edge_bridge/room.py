"""Room on the disk: old history goes after its time, and sooner while the disk is full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from edge_bridge.config import StoreOptions
from edge_bridge.domain.event import EventType
from edge_bridge.ports import Clock
from edge_bridge.store import Store

log = structlog.get_logger(__name__)


class Room:
    """Deletes what may be deleted. options: asked each time, as a reload may change them. remark: puts it on record."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        options: Callable[[], StoreOptions],
        remark: Callable[[EventType, dict[str, Any]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._remark = remark

    async def retain(self) -> None:
        """Delete sent events that are older than they have to be kept. Raises StoreError."""
        options = self._options()
        await self._store.retain(self._clock.now().utc - options.retain, options.max_size)

    async def make(self) -> None:
        """On a full disk, forget a quarter of the history, the oldest sent events first: the platform has them.

        Raises StoreError.
        """
        options = self._options()
        size = min(options.max_size, self._store.counts().bytes * 3 // 4)
        dropped = await self._store.retain(self._clock.now().utc - options.retain, size)
        log.warning("disk full: sent events were deleted", events=dropped.events)
        if dropped.events:
            self._remark(EventType.GAP, {"reason": "disk_full", "what": "sent events", "count": dropped.events})
