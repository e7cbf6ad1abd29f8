"""Writes down how far the outbox is sent, and which rows were set aside: soon, and not often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from edge_bridge.errors import StoreError
from edge_bridge.forwarder.courier import Load
from edge_bridge.ports import Clock, Outbox

MARK_EVERY_S = 0.2  # after a crash, what was delivered in this time is delivered once more
RETRY_S = 5.0

log = structlog.get_logger(__name__)


class Position:
    """Follows the load's live stream. on_sent: told each new position, on_parked: sequence and code of a row set aside.

    error: why the position cannot be stored now. parked: rows set aside by us.
    """

    def __init__(
        self,
        outbox: Outbox,
        load: Load,
        clock: Clock,
        on_sent: Callable[[int], None],
        on_parked: Callable[[int, int], None],
    ) -> None:
        self._outbox = outbox
        self._load = load
        self._clock = clock
        self._on_sent = on_sent
        self._on_parked = on_parked
        self._marked = self._told = outbox.sent_upto
        self._moved = asyncio.Event()
        self.error: str | None = None
        self.parked = 0

    def note(self) -> None:
        """Look whether there is something to write; cheap, called once for each batch of acknowledgements."""
        position = self._load.live.position
        if position > self._told:
            self._told = position
            self._on_sent(position)
        if position > self._marked or self._load.parks:
            self._moved.set()

    async def keep(self) -> None:
        """Write until cancelled, and once more then."""
        try:
            while True:
                await self._moved.wait()
                self._moved.clear()
                await self._store()
                await self._clock.sleep(MARK_EVERY_S if self.error is None else RETRY_S)
                self.note()
        finally:
            await self._store()

    async def _store(self) -> None:
        position, parks = self._load.live.position, self._load.parks  # every park below the position is in the list
        try:
            while parks:
                sequence, code, reason = parks[0]
                await self._outbox.park(sequence, code, reason)
                del parks[0]
                self.parked += 1
                log.warning("event parked", sequence=sequence, code=code, reason=reason)
                self._on_parked(sequence, code)
            if position > self._marked:
                await self._outbox.mark_sent(position)
                self._marked = position
        except StoreError as error:
            # Nothing is lost: what is not marked is sent again. The store itself raises the alarm about the disk.
            if self.error is None:
                log.warning("position not stored", reason=str(error))
            self.error = str(error)
        else:
            self.error = None
