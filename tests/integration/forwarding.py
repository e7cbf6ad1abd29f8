"""A forwarder at work on an outbox in memory, against whatever broker a test starts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from edge_bridge.clock import SystemClock
from edge_bridge.config import MqttOptions
from edge_bridge.contract import Topics
from edge_bridge.forwarder import Forwarder, Timing
from edge_bridge.ports import Answer, Command
from edge_bridge.testing import MemoryOutbox

TOPICS = Topics("edge-bridge", "site-1", "edge-01")
FAST = {"reconnect_max": "200ms"}
IMPATIENT = Timing(probe_every=1, status_every=1, stalled_after=2)


class RetainedTruth:
    """The retained topics as the store would have them."""

    def __init__(self) -> None:
        self.topics: dict[str, bytes | None] = {}

    def everything(self) -> dict[str, bytes | None]:
        return dict(self.topics)


class Gateway:
    """Runs from entering to leaving; `stop` is the daemon's clean stop, `crash` is the end without a word."""

    def __init__(
        self,
        url: str,
        outbox: MemoryOutbox | None = None,
        *,
        first_session: int = 1,
        connector: Any = None,
        **options: Any,
    ) -> None:
        self.outbox = outbox or MemoryOutbox()
        self.retained = RetainedTruth()
        self.commands: list[Command] = []
        self.parked: list[tuple[int, int]] = []
        self.told: list[tuple[int, int]] = []  # how far everything is sent, and what was written down of it by then
        self.sessions = first_session - 1
        self.forwarder = Forwarder(
            outbox=self.outbox,
            topics=TOPICS,
            source=self.outbox.source,
            options=MqttOptions.model_validate({"url": url, **FAST, **options}),
            clock=SystemClock(),
            client_id="edge-01",
            next_session=self._next_session,
            about=lambda: {"epoch": "e1", "versions": {"edge-bridge": "0"}},
            retained=self.retained,
            on_command=self._on_command,
            connector=connector,
            timing=IMPATIENT,
            on_sent=lambda upto: self.told.append((upto, self.outbox.sent_upto)),
            on_parked=lambda sequence, code: self.parked.append((sequence, code)),
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def health(self) -> Any:
        return self.forwarder.health

    def add(self, count: int, origin: str = "dmu50-01") -> None:
        for _ in range(count):
            self.outbox.add(origin, subject=origin)
        self.forwarder.wake()

    def sent(self) -> bool:
        return self.outbox.sent_upto == self.outbox.last_sequence

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def __aenter__(self) -> Gateway:
        self._task = asyncio.create_task(self.forwarder.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _next_session(self) -> int:
        self.sessions += 1
        return self.sessions

    async def _on_command(self, command: Command) -> Answer:
        self.commands.append(command)
        return Answer(command.payload["id"], True, "done")
