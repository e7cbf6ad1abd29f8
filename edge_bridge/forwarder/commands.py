"""`cmd/{verb}` in, `cmdres` out. An allow-list; nothing that comes by MQTT changes trust, configuration or code."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from edge_bridge.contract import VERBS, Topics
from edge_bridge.domain.instant import Milliseconds, from_datetime
from edge_bridge.errors import EdgeBridgeError
from edge_bridge.forwarder.courier import Urgent
from edge_bridge.forwarder.mirror import of_answer
from edge_bridge.forwarder.replay import ReplayError, Replays
from edge_bridge.mqtt import Message
from edge_bridge.ports import Answer, Clock, Command

LARGEST_PAYLOAD = 65_536  # bytes
MOST_WAITING = 100
_REMEMBERED = 1000
_LONGEST_ID = 200
_LONGEST_RESPONSE_TOPIC = 1000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A message that is no command to carry out; id is "" when it has none that can be read."""

    id: str
    reason: str


def read_command(verb: str, payload: bytes, *, retained: bool, now: Milliseconds) -> Command | RefusedCommand:
    """Return the command in a message, or why it is refused. now: UTC ms, compared with `expires` (RFC 3339)."""
    if len(payload) > LARGEST_PAYLOAD:
        return RefusedCommand("", f"larger than {LARGEST_PAYLOAD} bytes")
    try:
        content = json.loads(payload, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return RefusedCommand("", "not JSON")
    if not isinstance(content, dict):
        return RefusedCommand("", "not a JSON object")
    identity = content.get("id")
    if not isinstance(identity, str) or not 0 < len(identity) <= _LONGEST_ID:
        return RefusedCommand("", f"`id` is missing, or no text of 1 to {_LONGEST_ID} characters")
    if retained:
        return RefusedCommand(identity, "a retained command is refused: it would come again at each connect")
    if verb not in VERBS:
        return RefusedCommand(identity, f"unknown command: known are {', '.join(sorted(VERBS))}")
    if (reason := _expired(content.get("expires"), now)) is not None:
        return RefusedCommand(identity, reason)
    return Command(verb, content, retained)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _expired(expires: object, now: Milliseconds) -> str | None:
    if expires is None:
        return None
    try:
        moment = datetime.fromisoformat(expires) if isinstance(expires, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        return "`expires` is no RFC 3339 time with a zone"
    return f"expired at {expires}" if from_datetime(moment) <= now else None


class Commands:
    """Takes messages from the session, has each command carried out in order, queues the answers.

    on_command: carries out everything but `replay`; EdgeBridgeError becomes a refusal. send: queues an answer. wake: has
    the window filled.
    """

    def __init__(
        self,
        topics: Topics,
        clock: Clock,
        replays: Replays,
        on_command: Callable[[Command], Awaitable[Answer]],
        send: Callable[[Urgent], None],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._topics = topics
        self._clock = clock
        self._replays = replays
        self._on_command = on_command
        self._send = send
        self._wake = wake
        self._queue: asyncio.Queue[tuple[Message, Command]] = asyncio.Queue(MOST_WAITING)
        self._answered: OrderedDict[str, Answer | None] = OrderedDict()
        self._receipts = False

    @property
    def waiting(self) -> int:
        """Return how many commands wait."""
        return self._queue.qsize()

    def receive(self, message: Message) -> None:
        """Take one message of ours; never raises, for it is called by the session."""
        verb = self._topics.verb(message.topic)
        if verb is None:
            if message.topic == self._topics.receipt and not self._receipts:
                self._receipts = True
                log.info("receipts are not used", delivery="puback")
            return
        if message.retained and not message.payload:
            return  # somebody clears a retained command
        found = read_command(verb, message.payload, retained=message.retained, now=self._clock.now().utc)
        if isinstance(found, Command):
            try:
                self._queue.put_nowait((message, found))
            except asyncio.QueueFull:
                found = RefusedCommand(
                    found.payload["id"], f"{MOST_WAITING} commands are waiting already: send it again later"
                )
        if isinstance(found, RefusedCommand):
            log.warning("command refused", verb=verb, id=found.id, reason=found.reason)
            self._answer(message, Answer(found.id, False, found.reason))

    async def work(self) -> None:
        """Carry out commands one after another, for ever; replays go on beside them."""
        async with asyncio.TaskGroup() as group:
            while True:
                message, command = await self._queue.get()
                if command.verb == "replay":
                    self._begin_replay(group, message, command)
                    continue
                try:
                    answer = await self._on_command(command)
                except EdgeBridgeError as error:
                    answer = Answer(command.payload["id"], False, str(error))
                log.info("command answered", verb=command.verb, id=answer.id, ok=answer.ok, reason=answer.reason)
                self._answer(message, answer)

    def _begin_replay(self, group: asyncio.TaskGroup, message: Message, command: Command) -> None:
        """Start a replay, or repeat the answer of one with the same id."""
        identity = command.payload["id"]
        if identity in self._answered:
            if (answer := self._answered[identity]) is not None:
                self._answer(message, answer)
            return  # still at work: its answer will come
        self._answered[identity] = None
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        group.create_task(self._replay(message, identity, command.payload))

    async def _replay(self, message: Message, identity: str, payload: Mapping[str, Any]) -> None:
        first, last = payload.get("from"), payload.get("to")
        try:
            if type(first) is not int or type(last) is not int:
                raise ReplayError("`from` and `to` are whole numbers")
            done = self._replays.ask(first, last)
            log.info("replay begins", id=identity, first=first, last=last)
            self._wake()
            answer = Answer(identity, True, f"{await done} events sent again")
        except ReplayError as error:
            answer = Answer(identity, False, str(error))
        log.info("replay answered", id=identity, ok=answer.ok, reason=answer.reason)
        self._answered[identity] = answer
        self._answer(message, answer)

    def _answer(self, message: Message, answer: Answer) -> None:
        body = json.dumps({"id": answer.id, "ok": answer.ok, "reason": answer.reason}, ensure_ascii=False).encode()
        properties = of_answer(message.correlation)
        self._send(Urgent(self._topics.results, body, False, properties))
        if self._may_answer_on(message.response_topic):
            self._send(Urgent(str(message.response_topic), body, False, properties))

    def _may_answer_on(self, topic: str | None) -> bool:
        """Tell whether the sender's response topic can be used: any plain topic, but none of this gateway's own.

        Its own topics are the gateway's word to the platform: a command must not write there (MQTT 5 clause 3.3.2.3.5
        asks for a topic without wildcards, clause 4.7.2 keeps `$` for the broker).
        """
        if not topic or len(topic) > _LONGEST_RESPONSE_TOPIC or topic.startswith("$"):
            return False
        return not set(topic) & set("+#\0") and not topic.startswith(f"{self._topics.prefix}/")
