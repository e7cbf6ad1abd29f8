"""The system's clock: as good as both clocks of the machine, whatever it saves itself."""

from __future__ import annotations

from time import CLOCK_BOOTTIME, CLOCK_REALTIME, clock_gettime_ns

from edge_bridge.clock import SystemClock
from edge_bridge.domain.instant import Stamp


def milliseconds(clock: int) -> int:
    """Return what one of the machine's clocks says."""
    return clock_gettime_ns(clock) // 1_000_000


def test_each_millisecond_is_told_anew() -> None:
    """Asked all the while for a tenth of a second, it is never behind either clock by more than the millisecond it tells."""
    clock, seen = SystemClock(), set[Stamp]()
    until = milliseconds(CLOCK_BOOTTIME) + 100
    while True:
        before = milliseconds(CLOCK_REALTIME), milliseconds(CLOCK_BOOTTIME)
        stamp = clock.now()
        after = milliseconds(CLOCK_REALTIME), milliseconds(CLOCK_BOOTTIME)
        assert before[0] - 1 <= stamp.utc <= after[0]
        assert before[1] <= stamp.boottime <= after[1]
        seen.add(stamp)
        if stamp.boottime >= until:
            break
    assert len(seen) == len({stamp.boottime for stamp in seen}) > 1
