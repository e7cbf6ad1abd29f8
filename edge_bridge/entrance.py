"""Who may bring a signal now: what a first scan brings must not stand between a machine and its verdict."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Protocol

from edge_bridge.alarm import Alarm
from edge_bridge.domain.instant import SECOND, Milliseconds
from edge_bridge.domain.signal import EcnNotice, FileRejected, Signal
from edge_bridge.ports import Clock

MOST_WAITING = 5000  # signals; beyond it, whoever brings one waits: a stalled disk stops sampling and loses nothing
MOST_NOTICES = 200  # ECN files of one source that wait for the ledger
MOST_UNSENT = 300  # events that wait for the broker: they are sent in order, so a verdict would stand behind them
FEW_UNSENT = 150  # who waits for the broker goes on from here: a commit for each few ECNs would cost more than they do
STUCK: Milliseconds = SECOND  # a position that did not move for so long: nobody is there whom a scan could wait for

_NOTICES = (EcnNotice, FileRejected)


class Written(Protocol):
    """What is written, and what was sent of it at the start: the store."""

    @property
    def last_sequence(self) -> int:
        """The sequence of the newest event."""

    @property
    def sent_upto(self) -> int:
        """The sequence up to which every event was delivered or parked."""


class Entrance:
    """Lets signals in while there is room for them. scanning: whether a source is still in its first scan."""

    def __init__(self, clock: Clock, outbox: Written, scanning: Callable[[str], bool]) -> None:
        self._clock = clock
        self._outbox = outbox
        self._scanning = scanning
        self._waiting = 0
        self._notices: Counter[str] = Counter()  # by source: one must not wait for another's
        self._room = _open()
        self._notice_room: defaultdict[str, asyncio.Event] = defaultdict(_open)
        self._sent, self._moved = outbox.sent_upto, clock.now().boottime - STUCK
        self._taken = asyncio.Event()
        self._alarm = Alarm(clock, self._taken.set)

    async def admit(self, signal: Signal) -> None:
        """Return when there is room for it."""
        if not isinstance(signal, _NOTICES):
            await _set(self._room)
            return
        await _set(self._notice_room[signal.source])
        while self._behind() and self._scanning(signal.source):
            await self._until_taken()
            await _set(self._notice_room[signal.source])

    def entered(self, signal: Signal) -> None:
        """Take note of one that waits from now on."""
        self._waiting += 1
        if isinstance(signal, _NOTICES):
            self._notices[signal.source] += 1
            if self._notices[signal.source] >= MOST_NOTICES:
                self._notice_room[signal.source].clear()
        if self._waiting >= MOST_WAITING:
            self._tell()

    def left(self, waiting: Iterable[Signal]) -> None:
        """Take note of those that still wait, after some were taken."""
        signals = list(waiting)
        self._waiting = len(signals)
        self._notices = Counter(signal.source for signal in signals if isinstance(signal, _NOTICES))
        self._tell()

    def sent(self, upto: int) -> None:
        """Take note of how far the broker has taken what was written: known long before it is written down."""
        if upto > self._sent:
            self._sent, self._moved = upto, self._clock.now().boottime
            if self._outbox.last_sequence - upto <= FEW_UNSENT:
                self._taken.set()

    def close(self) -> None:
        """Let nothing ring any more."""
        self._alarm.cancel()

    def _tell(self) -> None:
        """Let in whoever waits, or make wait whoever comes."""
        free = self._waiting < MOST_WAITING
        _allow(self._room, free)
        for source in {*self._notice_room, *self._notices}:
            _allow(self._notice_room[source], free and self._notices[source] < MOST_NOTICES)

    def _behind(self) -> bool:
        """Tell whether the broker takes events, and has many of them to take."""
        many = self._outbox.last_sequence - self._sent > MOST_UNSENT
        return many and self._clock.now().boottime - self._moved < STUCK

    async def _until_taken(self) -> None:
        """Return when the broker has taken most of it, or perhaps takes nothing any more."""
        self._alarm.set(self._moved + STUCK)
        self._taken.clear()
        await self._taken.wait()


def _open() -> asyncio.Event:
    room = asyncio.Event()
    room.set()
    return room


def _allow(room: asyncio.Event, free: bool) -> None:
    (room.set if free else room.clear)()


async def _set(room: asyncio.Event) -> None:
    while not room.is_set():
        await room.wait()
