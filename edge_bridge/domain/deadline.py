"""Deadlines: fixed in UTC for people, kept on boottime within one boot, so that no clock step moves them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.making import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant to come: `utc` as it is told to people, `anchor` the moment at which the two clocks were compared."""

    utc: Milliseconds
    anchor: Stamp

    @classmethod
    def after(cls, start: Stamp, wait: Milliseconds) -> Deadline:
        """Return the deadline `wait` milliseconds after a stamp."""
        return cls(start.utc + wait, start)

    @property
    def boottime(self) -> Milliseconds:
        """When it falls due on the boottime of its anchor's boot."""
        return self.anchor.boottime + (self.utc - self.anchor.utc)

    def remaining(self, now: Stamp) -> Milliseconds:
        """Return the milliseconds left, negative when it is past: by boottime within one boot, by UTC across boots."""
        if now.boot == self.anchor.boot:
            return self.boottime - now.boottime
        return self.utc - now.utc

    def laid_over(self, here: Stamp, last: Stamp) -> Deadline:
        """Return the same deadline on the clock of a new boot.

        last: the last stamp on record. If the wall clock was set since the anchor, in the anchor's boot, what was
        promised in UTC is that much off: boottime, which nobody sets, said when it would be.
        """
        stepped = 0
        if last.boot == self.anchor.boot:
            stepped = (last.utc - self.anchor.utc) - (last.boottime - self.anchor.boottime)
        return replace(self, anchor=replace(here, utc=here.utc - stepped))

    def anchored(self, now: Stamp) -> Deadline:
        """Return the same deadline for this boot: after a restart of the machine, UTC decides what is left."""
        return self if now.boot == self.anchor.boot else self.rebased(now)

    def rebased(self, now: Stamp) -> Deadline:
        """Return the same deadline by what the wall clock says now, whatever was thought before."""
        return replace(self, anchor=now)
