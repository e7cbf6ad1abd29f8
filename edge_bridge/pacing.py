"""When a machine is polled: every so often, on marks that all machines share, and seldomer when it is slow to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from edge_bridge.domain.instant import SECOND, Milliseconds
from edge_bridge.ports import Clock

SLOT: Milliseconds = 50  # polls start on these marks of boottime: machines share wake-ups, which cost more than a poll
SHARE = 4  # a control spends at most one part in so many on answering us
LONGEST_STRETCH: Milliseconds = 6 * SECOND  # but a machine that is read within this time never counts as silent


class Pace:
    """One connection's polls: the first at once, then one each `every`; what was missed is not made up for.

    A poll that takes long (`polled` tells its end) puts the next one off, so that a slow control is not hammered.
    phase: so long after the first comes the second, if that is less than `every`: machines that were connected together are
    then not all polled together, each second again.
    """

    def __init__(self, clock: Clock, every: Milliseconds, phase: Milliseconds = 0) -> None:
        self._clock = clock
        self._every = every
        self._phase = phase
        self._first: Milliseconds | None = None
        self._began: Milliseconds = 0
        self._took: Milliseconds = 0

    async def next_poll(
        self, keep_alive: Callable[[], Awaitable[None]] | None = None, keep_alive_every: Milliseconds = 0
    ) -> None:
        """Return when it is time to poll; meanwhile call `keep_alive` as often as the other side must hear from us."""
        if self._first is not None:
            due = self.due(self._clock.now().boottime)
            while (left := due - self._clock.now().boottime) > 0:
                if keep_alive is not None and left > keep_alive_every:
                    await self._clock.sleep(keep_alive_every / SECOND)
                    await keep_alive()
                else:
                    await self._clock.sleep(left / SECOND)
        self.polling()

    def polling(self) -> None:
        """Note that a poll begins now: for who does not wait in `next_poll`."""
        self._began = self._clock.now().boottime
        self._took = 0
        if self._first is None:
            self._first = self._began + self._phase % self._every

    def polled(self) -> None:
        """Note that the poll has its answers."""
        self._took = self._clock.now().boottime - self._began

    @property
    def soonest(self) -> Milliseconds:
        """The boottime before which another poll would be too much for the control, whatever the reason for it."""
        return self._began + min(SHARE * self._took, max(self._every, LONGEST_STRETCH))

    def due(self, now: Milliseconds) -> Milliseconds:
        """Return the boottime of the next poll after `now`."""
        if self._first is None:
            return now
        due = next_slot(self._first, self._every, now)
        if self.soonest > due:
            self._first = due = on_slot(self.soonest)  # a new grid: on the old one the next poll would come too soon
        return due


def on_slot(at: Milliseconds) -> Milliseconds:
    """Return the first mark that all machines share, from `at` on."""
    return -(-at // SLOT) * SLOT


def next_slot(first: Milliseconds, every: Milliseconds, now: Milliseconds) -> Milliseconds:
    """Return the boottime of the next poll after `now`: on the grid of `first` + n × `every`, moved up to a whole slot.

    A poll that took longer than `every` skips the slots it missed; polls never pile up.
    """
    return on_slot(first + ((now - first) // every + 1) * every)
