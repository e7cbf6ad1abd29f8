"""What falls due next, in order of boottime, so that waiting for 100 000 deadlines costs nothing until one is due."""

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
    """Duties by boottime, those of one instant by kind and key. Nothing is ever removed early: a duty whose reason has gone is
    dropped when it comes up.

    One ECN brings 100 000 for one instant: they are put in order when that has come.
    """

    def __init__(self) -> None:
        self._times: list[Milliseconds] = []  # a heap
        self._at: dict[Milliseconds, list[tuple[Duty, str]]] = {}
        self._begun: Milliseconds | None = None  # the instant whose duties are a heap

    def add(self, boottime: Milliseconds, duty: Duty, key: str) -> None:
        """Note a duty for an instant of this boot."""
        waiting = self._at.get(boottime)
        if waiting is None:
            heapq.heappush(self._times, boottime)
            self._at[boottime] = [(duty, key)]
        elif boottime == self._begun:
            heapq.heappush(waiting, (duty, key))
        else:
            waiting.append((duty, key))

    def next_due(self) -> Milliseconds | None:
        """Return the boottime of the next duty, or None."""
        return self._times[0] if self._times else None

    def due(self, now: Stamp) -> Iterator[tuple[Duty, str]]:
        """Take what is due by now, in order of time; what is added meanwhile and due already comes up too."""
        while self._times and (first := self._times[0]) <= now.boottime:
            waiting = self._at[first]
            if self._begun != first:
                heapq.heapify(waiting)
                self._begun = first
            taken = heapq.heappop(waiting)
            if not waiting:
                heapq.heappop(self._times)
                del self._at[first]
                self._begun = None
            yield taken

    def __len__(self) -> int:
        return sum(map(len, self._at.values()))
