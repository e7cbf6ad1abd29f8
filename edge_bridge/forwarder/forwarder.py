"""Keeps one session to the broker for as long as the daemon lives, and the outbox's position up to date."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from edge_bridge.config import MqttOptions
from edge_bridge.contract import Topics
from edge_bridge.domain.instant import SECOND
from edge_bridge.errors import ConfigError, PublishError, StoreError
from edge_bridge.forwarder.commands import Commands
from edge_bridge.forwarder.courier import FAILURE, Courier, Load, Urgent
from edge_bridge.forwarder.health import ForwarderHealth
from edge_bridge.forwarder.mirror import Mirror
from edge_bridge.forwarder.position import Position
from edge_bridge.forwarder.replay import ReplayError, Replays
from edge_bridge.forwarder.retained import NothingRetained, Retained, RetainedTopics
from edge_bridge.forwarder.status import Status
from edge_bridge.forwarder.stream import Stream
from edge_bridge.mqtt import BrokerRefusedError, Connector, Message, Session, Will
from edge_bridge.ports import Answer, Clock, Command, Outbox

FAREWELL_S = 1.0
REPLAY_PATIENCE_S = 5.0
SETTLED_MS = 10 * SECOND  # a session that lasted this long makes the next pause short again
REFUSED_MAX_S = 60.0
LAST_STRAW = 5  # connections in a row that ended while one and the same event was in flight
_FIRST_PAUSE_S = 0.2
_ANSWERS_KEPT = 1000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Whole seconds. probe_every: when nobody subscribes. status_every: a look whether the status changed.

    stalled_after: a broker that answers pings and acknowledges nothing is left.
    """

    probe_every: int = 30
    status_every: int = 5
    stalled_after: int = 30


class Connect(Protocol):
    """Opens sessions: mqtt.Connector, or a test's own."""

    async def open(self, will: Will, on_message: Callable[[Message], None]) -> Session:
        """Return a connected session. Raises PublishError, ConfigError."""


class Forwarder:
    """Sends the outbox in order and moves its position; see `run`.

    source: CloudEvents source of the outbox's events. about: what a birth says beside the forwarder's own facts (epoch,
    versions, config_hash, boot_id, health …), JSON-ready. next_session: stores and returns the number of the next birth.
    on_command: carries out a command. on_sent: told the sequence up to which everything is sent, before that is stored.
    on_parked: told the sequence and reason code of a row set aside.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        topics: Topics,
        source: str,
        options: MqttOptions,
        clock: Clock,
        client_id: str,
        next_session: Callable[[], Awaitable[int]],
        about: Callable[[], Mapping[str, Any]] = dict,
        retained: Retained | None = None,
        on_command: Callable[[Command], Awaitable[Answer]],
        on_sent: Callable[[int], None] = lambda _upto: None,
        on_parked: Callable[[int, int], None] = lambda _sequence, _code: None,
        connector: Connect | None = None,
        timing: Timing = Timing(),
    ) -> None:
        self._outbox = outbox
        self._topics = topics
        self._options = options
        self._clock = clock
        self._next_session = next_session
        self._timing = timing
        self._retained: Retained = retained or NothingRetained()
        self._connector: Connect = connector or Connector(options, client_id)
        self._mirror = Mirror(source)
        replays = Replays(outbox)
        self._load = Load(Stream(outbox, outbox.sent_upto), RetainedTopics(), replays, deque(maxlen=_ANSWERS_KEPT), [])
        self._commands = Commands(topics, clock, replays, on_command, self._send, wake=self.wake)
        self._status = Status(topics.status, about, clock)
        self._courier: Courier | None = None
        self._session: Session | None = None
        self._number: int | None = None
        self._since = clock.now().utc
        self._last_error: str | None = None
        self._refused = False
        self._told = False
        self._position = Position(outbox, self._load, clock, on_sent, on_parked)
        self._suspect: tuple[int, int] = (0, 0)  # sequence, connections lost with it in flight

    # -- for the rest of the daemon -------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Say that events were committed; cheap, call it after each commit."""
        if self._courier is not None:
            self._courier.schedule()

    def changed(self, topics: Mapping[str, bytes | None]) -> None:
        """Publish these retained topics (None: empty it); while offline the latest of each is kept."""
        for topic, body in topics.items():
            self._load.retained.put(topic, body)
        self.wake()

    async def replay(self, first: object, last: object, *, within: float = REPLAY_PATIENCE_S) -> Answer:
        """Send the sequences `first` to `last` again, for a person on this computer; say how far that came `within` s."""
        if self._session is None:
            return Answer("", False, f"no connection to the broker ({self._last_error or 'not connected yet'})")
        if type(first) is not int or type(last) is not int:
            return Answer("", False, "`from` and `to` are whole numbers")
        try:
            done = self._load.replays.ask(first, last)
            self.wake()
            async with asyncio.timeout(within):
                return Answer("", True, f"{await asyncio.shield(done)} events sent again")
        except TimeoutError:
            done.add_done_callback(lambda ended: log.info("replay ended", error=str(ended.exception() or "") or None))
            return Answer("", True, "the events are on their way; the log says when the last one was sent")
        except ReplayError as error:
            return Answer("", False, str(error))

    @property
    def health(self) -> ForwarderHealth:
        """Return the facts of this moment."""
        session, live = self._session, self._load.live
        return ForwarderHealth(
            connected=session is not None,
            since=self._since,
            broker=self._options.address,
            version=session.version if session else None,
            session=self._number,
            last_error=self._last_error,
            refused=self._refused,
            in_flight=session.in_flight if session else 0,
            sent_upto=live.position,
            unsent=max(0, self._outbox.last_sequence - live.position),
            nobody_subscribes=self._courier.nobody if self._courier else None,
            parked=self._position.parked,
            retained_waiting=len(self._load.retained),
            commands_waiting=self._commands.waiting,
            position_error=self._position.error,
        )

    async def run(self) -> None:
        """Forward until cancelled; being cancelled is the clean stop: death, DISCONNECT, position stored."""
        if self._options.open_to_listeners:
            log.warning("mqtt without TLS: whoever can listen reads it all", broker=self._options.address)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._position.keep())
            group.create_task(self._commands.work())
            await self._keep_connected()

    # -- connections ----------------------------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        attempt, number = 0, await self._new_number()
        while True:
            try:
                session = await self._connector.open(self._status.will(number), self._commands.receive)
            except (PublishError, ConfigError) as error:
                self._failed(str(error), refused=isinstance(error, BrokerRefusedError | ConfigError))
            else:
                began = self._clock.now()
                reason = await self._serve(session, number)
                self._failed(reason, refused=False)
                number = await self._new_number()
                if self._clock.now().since(began) >= SETTLED_MS:
                    attempt = 0
            await self._clock.sleep(self._pause(attempt))
            attempt += 1

    async def _new_number(self) -> int:
        """Return the number of the next session. An attempt that did not get there leaves it for the next attempt."""
        try:
            self._number = await self._next_session()
        except StoreError as error:
            log.warning("session number not stored", reason=str(error))
            self._number = (self._number or 0) + 1  # a full disk is a reason to send, not to stay silent
        return self._number

    def _pause(self, attempt: int) -> float:
        """Return the seconds until the next attempt: doubled each time, capped, with jitter so that gateways spread."""
        if self._refused:
            pause = min(REFUSED_MAX_S, 2.0 ** min(attempt + 1, 10))
        else:
            pause = min(self._options.reconnect_max / 1000, _FIRST_PAUSE_S * 2.0 ** min(attempt, 10))
        return pause * random.uniform(0.5, 1.0)

    def _failed(self, reason: str, *, refused: bool) -> None:
        """Note why there is no session; say so once for each outage, and once more when a person must act."""
        if not self._told or (refused and not self._refused):
            log.warning("broker refused" if refused else "broker lost", broker=self._options.address, reason=reason)
        self._told, self._refused, self._last_error = True, refused, reason

    async def _serve(self, session: Session, number: int) -> str:
        """Use one session until it is lost; return why. Cancelled: say goodbye first."""
        log.info("broker connected", broker=self._options.address, version=session.version, session=number)
        self._told = self._refused = False
        self._since = self._clock.now().utc
        self._session = session
        courier = self._begin(session, number)
        tasks = [asyncio.create_task(work) for work in (courier.run(), self._watch(session, courier, number))]
        ends: set[asyncio.Future[Any]] = {session.lost, *tasks}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # a defect of ours: let it be seen
            return await session.lost
        except asyncio.CancelledError:
            await self._farewell(session, courier, number)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._end(session, courier)

    def _begin(self, session: Session, number: int) -> Courier:
        sequence, times = self._suspect
        if times >= LAST_STRAW and sequence == self._load.live.position + 1:
            self._give_up_on(sequence)
        courier = Courier(
            session, self._load, self._topics, self._mirror, self._options.window, careful=self._suspect[1] > 0
        )
        courier.progress = self._position.note
        self._courier = courier
        session.subscribe([self._topics.commands, self._topics.receipt], self._subscribed)
        courier.greet(self._status.birth(number, self._facts()))
        try:
            self._load.retained.renew(self._retained.everything())
        except StoreError as error:
            log.warning("retained topics not read", reason=str(error))
        return courier

    def _end(self, session: Session, courier: Courier) -> None:
        session.abort("ended")
        suspect = self._load.live.oldest if courier.greeted else None
        if suspect is None:
            self._suspect = self._suspect if not courier.greeted else (0, 0)
        else:
            times = self._suspect[1] if self._suspect[0] == suspect else 0
            self._suspect = (suspect, times + 1)
        courier.lost()
        self._courier = self._session = None
        self._since = self._clock.now().utc

    def _give_up_on(self, sequence: int) -> None:
        """Set an event aside that no connection survived: kept and replayable, and the rest can go on."""
        live = self._load.live
        if (row := live.take()) is not None and row.sequence == sequence:
            self._load.parks.append((sequence, FAILURE, f"{LAST_STRAW} connections ended while it was in flight alone"))
            live.acknowledge(sequence)
        self._suspect = (0, 0)

    def _subscribed(self, codes: Any) -> None:
        if any(code >= FAILURE for code in codes):
            log.warning("subscription refused: commands do not arrive", topic=self._topics.commands)

    async def _farewell(self, session: Session, courier: Courier, number: int) -> None:
        """Death first, then DISCONNECT: a DISCONNECT makes the broker forget the will (MQTT 5 clause 3.14)."""
        if session.lost.done():
            return
        courier.close()
        acknowledged = asyncio.Event()
        courier.urgent(self._status.death(number, lambda _code: acknowledged.set()))
        try:
            await asyncio.wait_for(acknowledged.wait(), FAREWELL_S)
        except TimeoutError:
            log.warning("the broker did not acknowledge the goodbye")
        session.disconnect()

    async def _watch(self, session: Session, courier: Courier, number: int) -> None:
        """Once a second: probes, status, stalls, and a look at the outbox in case nobody called `wake`."""
        timing, seconds, rested, stalled = self._timing, 0, 0, 0
        seen = -1
        while True:
            await self._clock.sleep(1)
            seconds += 1
            stalled = stalled + 1 if session.in_flight and session.acknowledged == seen else 0
            seen = session.acknowledged
            if stalled >= timing.stalled_after:
                session.abort(f"nothing acknowledged for {timing.stalled_after} s")
                return
            rested = rested + 1 if courier.resting else 0
            if rested >= timing.probe_every:
                rested = 0
                courier.probe()
            if (
                seconds % timing.status_every == 0
                and (status := self._status.changed(number, self._facts())) is not None
            ):
                courier.urgent(status)
            courier.schedule()

    def _facts(self) -> dict[str, Any]:
        live, newest = self._load.live, self._outbox.last_sequence
        return {
            "last_sequence": newest,
            "oldest_unsent": live.position + 1 if live.position < newest else None,
            "nobody_subscribes": self._courier.nobody if self._courier else None,
            "parked": self._position.parked,
        }

    def _send(self, item: Urgent) -> None:
        """Queue an answer, for the next session when there is none."""
        if self._courier is not None:
            self._courier.urgent(item)
        else:
            self._load.urgent.append(item)
