"""What falls due next: a heap on boottime, so that waiting for 100 000 deadlines costs nothing until one is due."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from enum import StrEnum

from edge_bridge.domain.instant import Milliseconds, Stamp


class Duty(StrEnum):
    """What has to be looked at when its time comes. The state decides then whether there is still something to do."""

    OBLIGATION = "obligation"
    ECN = "ecn"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    CARD = "card"


class Agenda:
    """Duties by boottime. Nothing is ever removed early: a duty whose reason has gone is dropped when it comes up."""

    def __init__(self) -> None:
        self._heap: list[tuple[Milliseconds, str, str]] = []

    def add(self, boottime: Milliseconds, duty: Duty, key: str) -> None:
        """Note a duty for an instant of this boot."""
        heapq.heappush(self._heap, (boottime, duty.value, key))

    def next_due(self) -> Milliseconds | None:
        """Return the boottime of the next duty, or None."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: Stamp) -> Iterator[tuple[Duty, str]]:
        """Take what is due by now, in order of time; what is added meanwhile and due already comes up too."""
        while self._heap and self._heap[0][0] <= now.boottime:
            _, duty, key = heapq.heappop(self._heap)
            yield Duty(duty), key

    def __len__(self) -> int:
        return len(self._heap)
