"""Fills one session's window: fair between events, retained topics and replays, and never above what the broker takes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from edge_bridge.contract import Topics
from edge_bridge.errors import StoreError
from edge_bridge.forwarder.mirror import JSON, Mirror
from edge_bridge.forwarder.replay import Replay, Replays
from edge_bridge.forwarder.retained import RetainedTopics
from edge_bridge.forwarder.stream import Stream
from edge_bridge.mqtt import Session
from edge_bridge.mqtt.properties import NO_PROPERTIES
from edge_bridge.ports import OutboxRow

NO_MATCHING_SUBSCRIBERS = 0x10  # MQTT 5 clause 3.4.2.1: a success code, and yet nobody gets the message
FAILURE = 0x80
PACKET_TOO_LARGE = 0x95
_ROOM_FOR_HEAD = 8192  # more than topic and properties of an event ever need

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Urgent:
    """A status or an answer: goes before everything else. done: called with the reason code."""

    topic: str
    body: bytes
    retain: bool
    properties: bytes = JSON
    done: Callable[[int], None] | None = None


@dataclass(slots=True)
class Load:
    """Everything that waits to be sent; it outlives the sessions. parks: (sequence, code, reason) to be set aside."""

    live: Stream
    retained: RetainedTopics
    replays: Replays
    urgent: deque[Urgent]
    parks: list[tuple[int, int, str]]


class Courier:
    """Sends what waits through one session.

    window: most messages in flight. careful: after a loss with an event in flight, send birth, then that event alone, so
    that a message which makes the broker hang up is found out. nobody: the topic that nobody subscribes to. proven: an
    event was delivered in this session, so the window may be used.
    """

    def __init__(
        self, session: Session, load: Load, topics: Topics, mirror: Mirror, window: int, *, careful: bool = False
    ) -> None:
        self.session = session
        self.window = max(1, min(window, session.receive_maximum))
        self.nobody: str | None = None
        self.proven = False
        self.greeted = False
        self.progress: Callable[[], None] = lambda: None
        self._load = load
        self._topics = topics
        self._mirror = mirror
        self._careful = careful
        self._resting = self._replays_rest = False
        self._closing = False
        self._due = asyncio.Event()
        self._turn = 0
        self._said: dict[int, Urgent] = {}
        self._sure_size = session.maximum_packet_size - _ROOM_FOR_HEAD
        self._turns = (self._send_event, self._send_retained, self._send_event, self._send_again)

    async def run(self) -> None:
        """Fill the window whenever there may be something to send, until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                self._fill()
            except StoreError as error:
                log.warning("outbox not read", reason=str(error))  # and again at the next wake, a second later at most
            self.progress()

    def schedule(self) -> None:
        """Have the window filled once whatever is being read or committed now is through."""
        self._due.set()

    def urgent(self, item: Urgent) -> None:
        """Send this before everything else."""
        self._load.urgent.append(item)
        self.schedule()

    def greet(self, birth: Urgent) -> None:
        """Send the birth before everything else; in careful mode nothing goes out before the broker has it."""
        self._load.urgent.appendleft(
            Urgent(birth.topic, birth.body, birth.retain, birth.properties, lambda _code: self._greeted())
        )
        self.schedule()

    def probe(self) -> None:
        """Try again what nobody subscribed to a while ago."""
        self._resting = self._replays_rest = False
        self.schedule()

    def close(self) -> None:
        """Send nothing but urgent messages from here on."""
        self._closing = True

    def lost(self) -> None:
        """Put back what the broker did not acknowledge. Old statuses go: the next birth says more."""
        load = self._load
        answers = [item for item in (*self._said.values(), *load.urgent) if not item.retain]
        self._said.clear()
        load.urgent.clear()
        load.urgent.extend(answers)
        load.live.rewind()
        load.retained.rewind()
        load.replays.rewind()

    @property
    def resting(self) -> bool:
        """Tell whether events or replays wait for a probe."""
        return self._resting or self._replays_rest

    def _greeted(self) -> None:
        self.greeted = True

    def _fill(self) -> None:
        session, load = self.session, self._load
        if session.lost.done():
            return
        free = self.window - session.in_flight
        while free > 0 and load.urgent:
            item = load.urgent.popleft()
            self._said[id(item)] = item
            session.publish(
                item.topic, item.body, partial(self._urgent_done, item), retain=item.retain, properties=item.properties
            )
            free -= 1
        if not self._closing and (self.greeted or not self._careful):
            self._share(free)

    def _share(self, free: int) -> None:
        """Give every kind its turn: half of the window to events, the rest by quarters, all of it to whoever is alone."""
        turns, turn, idle = self._turns, self._turn, 0
        while free > 0 and idle < 4:
            turn = (turn + 1) & 3
            if turns[turn]():
                free -= 1
                idle = 0
            else:
                idle += 1
        self._turn = turn

    def _urgent_done(self, item: Urgent, code: int) -> None:
        self._said.pop(id(item), None)
        if code >= FAILURE:
            log.warning("message refused", topic=item.topic, code=code)
        if item.done is not None:
            item.done(code)
        self.schedule()

    # -- events ---------------------------------------------------------------------------------------------------------

    def _send_event(self) -> bool:
        live = self._load.live
        if not self.proven and (live.flying or self._resting):
            return False  # one event alone, until it is known that somebody gets it
        if self.nobody is not None and self.proven:
            return False  # what is in flight comes back first
        row = live.take()
        if row is None:
            return False
        try:
            topic, properties = self._topics.event(row.origin), self._mirror.of(row)
        except ValueError as error:
            return self._unfit(row, FAILURE, str(error))
        if len(row.body) > self._sure_size and not self.session.fits(topic, row.body, properties):
            largest = self.session.maximum_packet_size
            return self._unfit(row, PACKET_TOO_LARGE, f"larger than the broker's {largest} bytes")
        self.session.publish(topic, row.body, partial(self._event_done, row.sequence, topic), properties=properties)
        return True

    def _unfit(self, row: OutboxRow, code: int, reason: str) -> bool:
        """Set an event aside that cannot be sent at all."""
        self._park(row.sequence, code, reason)
        self._load.live.acknowledge(row.sequence)
        self.schedule()
        return True

    def _event_done(self, sequence: int, topic: str, code: int) -> None:
        live = self._load.live
        if code == NO_MATCHING_SUBSCRIBERS:
            live.give_back()
            if self.nobody is None:
                log.warning("nobody subscribes", topic=topic, sequence=sequence)
            self.nobody = topic
        else:
            if code >= FAILURE:
                self._park(sequence, code, f"the broker refused it on {topic} (0x{code:02x})")
            elif not self.proven:
                self._delivered()
            live.acknowledge(sequence)
        if self.nobody is not None and not live.flying:
            self.proven = False
            self._resting = True
            live.rewind()
        self._due.set()

    def _delivered(self) -> None:
        self.proven = True
        self._careful = False
        if self.nobody is not None:
            log.info("somebody subscribes again", topic=self.nobody)
            self.nobody = None

    def _park(self, sequence: int, code: int, reason: str) -> None:
        self._load.parks.append((sequence, code, reason))

    # -- the rest -------------------------------------------------------------------------------------------------------

    def _send_retained(self) -> bool:
        if self._careful or (taken := self._load.retained.take()) is None:
            return False
        topic, body = taken
        if not self.session.fits(topic, body or b"", JSON):
            self._retained_done(topic, body, PACKET_TOO_LARGE)
            return True
        self.session.publish(
            topic,
            body or b"",
            partial(self._retained_done, topic, body),
            retain=True,
            properties=JSON if body else NO_PROPERTIES,
        )
        return True

    def _retained_done(self, topic: str, body: bytes | None, code: int) -> None:
        if code >= FAILURE:
            log.warning("retained topic refused", topic=topic, code=code)
        self._load.retained.acknowledge(topic, body)
        self.schedule()

    def _send_again(self) -> bool:
        if self._careful or self._replays_rest or (taken := self._load.replays.take()) is None:
            return False
        replay, row = taken
        try:
            topic, properties = self._topics.event(row.origin), self._mirror.of(row)
            if not self.session.fits(topic, row.body, properties):
                raise ValueError("too large for the broker")
        except ValueError as error:
            self._load.replays.acknowledge(replay, row.sequence, f"sequence {row.sequence}: {error}")
            self.schedule()
            return True
        self.session.publish(topic, row.body, partial(self._again_done, replay, row), properties=properties)
        return True

    def _again_done(self, replay: Replay, row: OutboxRow, code: int) -> None:
        replays = self._load.replays
        if code == NO_MATCHING_SUBSCRIBERS:
            self._replays_rest = True
            replays.give_back(replay)
        elif code >= FAILURE:
            replays.acknowledge(replay, row.sequence, f"the broker refused sequence {row.sequence} (0x{code:02x})")
        else:
            replays.acknowledge(replay, row.sequence)
        self.schedule()
