"""The system's clock: the only file that may ask the machine for the time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from edge_bridge.domain.instant import Stamp

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")


class SystemClock:
    """CLOCK_REALTIME for people, CLOCK_BOOTTIME (suspend counted) for deadlines."""

    def __init__(self) -> None:
        self._boot = _BOOT_ID.read_text().strip()

    def now(self) -> Stamp:
        """Return this moment on both clocks."""
        return Stamp(
            utc=time.time_ns() // 1_000_000,
            boottime=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
            boot=self._boot,
            synced=_SYNCHRONISED.exists(),
        )

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        await asyncio.sleep(seconds)
