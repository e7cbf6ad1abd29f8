"""The system's clock: the only file that may ask the machine for the time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from edge_bridge.domain.instant import Stamp

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_LOOK_AGAIN = 1000  # ms; a look at the file costs ten times as much as both clocks


class SystemClock:
    """CLOCK_REALTIME for people, CLOCK_BOOTTIME (suspend counted) for deadlines."""

    def __init__(self) -> None:
        self._boot = _BOOT_ID.read_text().strip()
        self._synced = False
        self._looked = -_LOOK_AGAIN
        self._last: Stamp | None = None

    def now(self) -> Stamp:
        """Return this moment on both clocks."""
        boottime = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        last = self._last
        if last is not None and last.boottime == boottime:
            return last  # asked a dozen times for each file and each reading: one look at the other clock a millisecond
        if boottime - self._looked >= _LOOK_AGAIN:
            self._synced, self._looked = _SYNCHRONISED.exists(), boottime
        self._last = Stamp(utc=time.time_ns() // 1_000_000, boottime=boottime, boot=self._boot, synced=self._synced)
        return self._last

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        await asyncio.sleep(seconds)
