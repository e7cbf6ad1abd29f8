"""Gives systemd a sign of life only while the core loops really turn."""

from __future__ import annotations

import asyncio

import structlog

from edge_bridge import systemd
from edge_bridge.ports import Clock
from edge_bridge.progress import Progress

log = structlog.get_logger(__name__)


async def feed(progress: Progress, clock: Clock) -> None:
    """Feed systemd's watchdog until cancelled; do nothing where it asks for no signs of life."""
    interval = systemd.watchdog_interval()
    if interval is None:
        await asyncio.Event().wait()
        return
    hungry: tuple[str, ...] = ()
    while True:
        late = progress.late(clock.now().boottime)
        if not late:
            systemd.watchdog()
        elif late != hungry:
            log.error("no progress: the watchdog is not fed", loops=late)
        hungry = late
        await clock.sleep(interval)
