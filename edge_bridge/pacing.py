"""When a machine is polled: every so often, on marks that all machines share. For adapters that poll."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from edge_bridge.domain.instant import SECOND, Milliseconds
from edge_bridge.ports import Clock

SLOT: Milliseconds = 50  # polls start on these marks of boottime: machines share wake-ups, which cost more than a poll


class Pace:
    """One connection's polls: the first at once, then one each `every`; what was missed is not made up for."""

    def __init__(self, clock: Clock, every: Milliseconds) -> None:
        self._clock = clock
        self._every = every
        self._first: Milliseconds | None = None

    async def next_poll(
        self, keep_alive: Callable[[], Awaitable[None]] | None = None, keep_alive_every: Milliseconds = 0
    ) -> None:
        """Return when it is time to poll; meanwhile call `keep_alive` as often as the other side must hear from us."""
        now = self._clock.now().boottime
        if self._first is None:
            self._first = now
            return
        due = next_slot(self._first, self._every, now)
        while (left := due - self._clock.now().boottime) > 0:
            if keep_alive is not None and left > keep_alive_every:
                await self._clock.sleep(keep_alive_every / SECOND)
                await keep_alive()
            else:
                await self._clock.sleep(left / SECOND)


def next_slot(first: Milliseconds, every: Milliseconds, now: Milliseconds) -> Milliseconds:
    """Return the boottime of the next poll after `now`: on the grid of `first` + n × `every`, moved up to a whole slot.

    A poll that took longer than `every` skips the slots it missed; polls never pile up.
    """
    due = first + ((now - first) // every + 1) * every
    return -(-due // SLOT) * SLOT
