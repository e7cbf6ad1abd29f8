"""The dates in an ECN: which instant counts as its release, and what is said when they cannot be right."""

from __future__ import annotations

from dataclasses import dataclass

from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.domain.instant import DAY, Milliseconds, TimeQuality, When
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.plant import Plant


@quickly_made
@dataclass(frozen=True, slots=True)
class Timing:
    """What the dates mean, at the moment A when the gateway held the file.

    release: R in UTC ms, or None when the file gives no instant that can be trusted: then A counts. waits_until: it is
    effective later. skew: ms by which R lay ahead and was taken as now. suspect: it claims to be released in the future.
    """

    release: Milliseconds | None
    waits_until: Milliseconds | None = None
    skew: Milliseconds = 0
    suspect: bool = False
    quality: TimeQuality = TimeQuality.NONE

    def late(self, arrived: Milliseconds, limit: Milliseconds) -> bool:
        """Tell whether the file came later after the release than the whole time limit."""
        return self.release is not None and arrived - self.release > limit


def timing(draft: EcnDraft, arrived: Milliseconds, plant: Plant) -> Timing:
    """Read an ECN's dates. A bad date never switches checking off: at worst the arrival counts."""
    latest = arrived + plant.skew_tolerance
    effective, released = draft.effective_from, draft.released
    suspect = released is not None and released.utc > latest
    if effective is not None and effective.utc > latest:
        return Timing(effective.utc, waits_until=effective.utc, suspect=suspect, quality=effective.quality)
    if suspect:
        return Timing(None, suspect=True)
    newest = effective
    if newest is None or (released is not None and released.utc > newest.utc):
        newest = released
    if newest is None:
        return Timing(None)
    if newest.quality is not TimeQuality.INSTANT:
        return Timing(None, quality=newest.quality)
    return Timing(min(newest.utc, arrived), skew=max(0, newest.utc - arrived), quality=newest.quality)


def older_than(draft: EcnDraft, instant: Milliseconds) -> bool:
    """Tell whether an ECN was released before an instant; one without a date counts as old, a day ends at midnight."""
    date: When | None = draft.effective_from or draft.released
    if date is None or date.quality is TimeQuality.NONE:
        return True
    return date.utc + (DAY if date.quality is TimeQuality.DAY else 0) < instant
