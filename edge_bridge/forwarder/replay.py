"""`cmd/replay`: stored events go out again, byte by byte the same, without moving the live position."""

from __future__ import annotations

import asyncio
from collections import deque

from edge_bridge.errors import EdgeBridgeError
from edge_bridge.forwarder.stream import Stream
from edge_bridge.ports import Outbox, OutboxRow

LARGEST = 10_000_000  # events of one command
MOST_WAITING = 4


class ReplayError(EdgeBridgeError):
    """This replay cannot be carried out, or not to its end."""


class Replay:
    """One range on its way. done: the number of events delivered, or ReplayError."""

    def __init__(self, outbox: Outbox, first: int, last: int) -> None:
        self.stream = Stream(outbox, first - 1, last)
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.delivered = 0
        self.failure: str | None = None

    def settle(self) -> bool:
        """Tell whether it is over; if so, `done` is."""
        if self.stream.flying or (self.failure is None and self.stream.waiting):
            return False
        if not self.done.done():
            if self.failure is None:
                self.done.set_result(self.delivered)
            else:
                self.done.set_exception(ReplayError(f"{self.failure}; {self.delivered} events were sent before that"))
        return True


class Replays:
    """The replays that wait, one at work at a time."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._jobs: deque[Replay] = deque()

    def ask(self, first: int, last: int) -> asyncio.Future[int]:
        """Queue the sequences `first` to `last`, both included. Raises ReplayError when they cannot be had."""
        newest = self._outbox.last_sequence
        if not 1 <= first <= last:
            raise ReplayError("`from` must be at least 1 and at most `to`")
        if first > newest:
            raise ReplayError(f"the newest sequence is {newest}")
        if last - first >= LARGEST:
            raise ReplayError(f"more than {LARGEST} events in one command")
        if len(self._jobs) >= MOST_WAITING:
            raise ReplayError(f"{MOST_WAITING} replays are waiting already")
        held = self._outbox.rows(first - 1, 1)
        if not held or held[0].sequence != first:
            begins = f": what is held begins at {held[0].sequence}" if held else ""
            raise ReplayError(f"sequence {first} is not held any more{begins}")
        job = Replay(self._outbox, first, min(last, newest))
        self._jobs.append(job)
        return job.done

    def take(self) -> tuple[Replay, OutboxRow] | None:
        """Return the next event to send again."""
        while self._jobs:
            job = self._jobs[0]
            row = job.stream.take() if job.failure is None else None
            if row is not None:
                return job, row
            if not job.settle():
                return None
            self._jobs.popleft()
        return None

    def acknowledge(self, job: Replay, sequence: int, failure: str | None = None) -> None:
        """Note the broker's word on one event; a failure ends the replay."""
        if failure is None:
            job.delivered += 1
            job.stream.acknowledge(sequence)
        else:
            job.failure = job.failure or failure
            job.stream.give_back()
        if job.settle() and self._jobs and self._jobs[0] is job:
            self._jobs.popleft()

    def give_back(self, job: Replay) -> None:
        """Note that nobody got one event: when the others in flight are through, it goes on from there."""
        job.stream.give_back()
        if not job.stream.flying:
            job.delivered -= job.stream.rewind()

    def rewind(self) -> None:
        """Send again what was in flight when the connection was lost."""
        for job in self._jobs:
            job.delivered -= job.stream.rewind()
