"""Signals in, one transaction out: the one place where state changes, and the only caller of the ledger.

Whatever waits is taken together, the pure ledger says what it means, and state and events are committed in one
transaction. Only then does anything count as accepted: answers are given, retained topics and the forwarder are told.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from edge_bridge.contract import seal, source_urn
from edge_bridge.domain.event import Event
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.plant import Plant
from edge_bridge.domain.signal import Acknowledge, Signal, Waive
from edge_bridge.domain.state import CommandAnswer
from edge_bridge.errors import StoreError
from edge_bridge.ports import Answer, Clock
from edge_bridge.store import Store, StoreCorrupt, StoredEvent

MOST_TOGETHER = 500  # signals in one turn: bounds how long a turn keeps the loop from everything else
MOST_WAITING = 5000  # signals; beyond it, whoever brings one waits: a stalled disk stops sampling and loses nothing
RETRY_FIRST_S, RETRY_LAST_S = 0.2, 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit changed: rows by kind and key, and whose retained topics have to be told."""

    changes: Mapping[str, Mapping[str, Any]]
    machines: frozenset[str]
    cards: frozenset[str]
    events: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A signal on its way in; a command has an id and somebody who waits for the answer."""

    signal: Signal
    identity: str = ""
    answered: asyncio.Future[Answer] | None = None


class Pipeline:
    """The queue in front of the ledger and the transaction behind it."""

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        clock: Clock,
        *,
        on_commit: Callable[[Committed], None] = lambda _committed: None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        plant = ledger.books.plant
        self.ledger = ledger
        self.trouble: str | None = None  # why nothing can be committed now, in words
        self._store = store
        self._clock = clock
        self._on_commit = on_commit
        self._beat = beat
        self._source = source_urn(plant.site, plant.gateway, store.epoch)
        self._queue: deque[_Waiting] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._wake = asyncio.Event()
        self._alarm: tuple[Milliseconds, asyncio.Task[None]] | None = None
        self._reconfigured: tuple[Plant, asyncio.Future[None]] | None = None

    async def offer(self, signal: Signal) -> None:
        """Bring a signal; return when there is room for it."""
        await self._room.wait()
        self.note(signal)

    def note(self, signal: Signal) -> None:
        """Bring a signal that must not wait: the gateway's own."""
        self._push(_Waiting(signal))

    async def ask(self, identity: str, signal: Acknowledge | Waive) -> Answer:
        """Carry out a command; return its answer once it is committed. The same id again repeats the answer."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._push(_Waiting(signal, identity, answered))
        return await answered

    async def configure(self, plant: Plant) -> None:
        """Take a new configuration in, between two turns; return when it is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reconfigured = (plant, done)
        self._wake.set()
        await done

    async def run(self) -> None:
        """Take turns until cancelled."""
        await self._commit()  # what the start itself found out
        while True:
            self._set_alarm()
            await self._wake.wait()
            self._wake.clear()
            await self.turn()

    async def turn(self) -> None:
        """Take what waits, judge what is due, commit, and only then answer."""
        self._beat()
        reconfigured, self._reconfigured = self._reconfigured, None
        if reconfigured is not None:
            self.ledger.configure(reconfigured[0], self._clock.now())
        taken = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_TOGETHER))]
        answers = [self._take(waiting) for waiting in taken]
        self.ledger.advance(self._clock.now())
        if len(self._queue) < MOST_WAITING:
            self._room.set()
        if self._queue:
            self._wake.set()
        await self._commit()
        for waiting, answer in zip(taken, answers, strict=True):
            if waiting.answered is not None and not waiting.answered.done():
                waiting.answered.set_result(answer)
        if reconfigured is not None:
            reconfigured[1].set_result(None)

    async def close(self) -> None:
        """Take what still waits, and keep what is only in memory."""
        if self._alarm is not None:
            self._alarm[1].cancel()
        while self._queue:
            await self.turn()
        self.ledger.save()
        await self._commit()

    def _push(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        if len(self._queue) >= MOST_WAITING:
            self._room.clear()
        self._wake.set()

    def _take(self, waiting: _Waiting) -> Answer:
        """Apply one signal. A command that was answered before is not carried out again."""
        commands = self.ledger.books.state.command
        if waiting.identity and (before := commands.get(waiting.identity)) is not None:
            return Answer(before.id, before.ok, before.reason)
        refused = self.ledger.apply(waiting.signal)
        answer = Answer(waiting.identity, refused is None, refused or "")
        if waiting.identity:
            commands[answer.id] = CommandAnswer(answer.id, answer.ok, answer.reason, self._clock.now())
        return answer

    def _set_alarm(self) -> None:
        """Wake up when the next deadline falls due. The tick job is a second way in, should this one oversleep."""
        due = self.ledger.next_due()
        if self._alarm is not None:
            if self._alarm[0] == due and not self._alarm[1].done():
                return
            self._alarm[1].cancel()
            self._alarm = None
        if due is not None:
            self._alarm = (due, asyncio.create_task(self._ring(due), name="next deadline"))

    async def _ring(self, due: Milliseconds) -> None:
        await self._clock.sleep(max(0, due - self._clock.now().boottime) / 1000)
        self._wake.set()

    async def _commit(self) -> None:
        """Commit what the ledger changed. Until that succeeds nothing else is taken in, and nothing is forgotten."""
        books = self.ledger.books
        changes = books.state.take_changes()
        events = books.take_events()
        machines, cards = frozenset(books.touched), frozenset(books.cards_told)
        books.touched.clear()
        books.cards_told.clear()
        if not changes and not events:
            return
        await self._write(changes, self._sealed(events))
        self._on_commit(Committed(changes, machines, cards, len(events)))

    def _sealed(self, events: list[Event]) -> list[StoredEvent]:
        recorded = self._clock.now().utc
        first = self._store.last_sequence + 1
        return [
            StoredEvent(
                sequence=sequence,
                id=event.id,
                type=str(event.type),
                origin=event.origin,
                subject=event.subject,
                body=seal(event, source=self._source, sequence=sequence, recorded=recorded),
                time=event.time,
                recorded=recorded,
            )
            for sequence, event in enumerate(events, first)
        ]

    async def _write(self, changes: Mapping[str, Mapping[str, Any]], events: list[StoredEvent]) -> None:
        """Write until it is written. A full disk is waited for; a broken database ends the daemon, which salvages it."""
        pause = RETRY_FIRST_S
        while True:
            try:
                await self._store.run(self._store.commit, changes, events)
            except StoreCorrupt:
                raise
            except StoreError as error:
                if self.trouble is None:
                    log.error("nothing can be recorded", error=error.what, hint=error.hint)
                self.trouble = str(error)
                self._beat()
                await self._clock.sleep(pause)
                pause = min(2 * pause, RETRY_LAST_S)
            else:
                if self.trouble is not None:
                    log.info("recording again")
                self.trouble = None
                return
