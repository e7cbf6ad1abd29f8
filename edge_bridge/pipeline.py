"""Signals in, one transaction out: the one place where state changes, and the only caller of the ledger.

Whatever waits is taken together, the pure ledger says what it means, and state and events are committed in one
transaction. Only then does anything count as accepted: answers are given, retained topics and the forwarder are told.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

import structlog

from edge_bridge.alarm import Alarm
from edge_bridge.batch import Committed
from edge_bridge.contract import source_urn
from edge_bridge.defects import SetAside, name_of
from edge_bridge.domain.agenda import Duty
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import to_text
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.plant import Plant
from edge_bridge.domain.portions import finished
from edge_bridge.domain.signal import Acknowledge, Remark, Signal, Waive
from edge_bridge.domain.state import CommandAnswer
from edge_bridge.entrance import Entrance
from edge_bridge.errors import ConfigError
from edge_bridge.patience import Patience
from edge_bridge.ports import Answer, Clock
from edge_bridge.recorder import Recorder, no_room
from edge_bridge.store import Store, StoreCorrupt

MOST_TOGETHER = 500  # signals in one turn: bounds how long a turn keeps the loop from everything else
MOST_ANSWERS = 1000  # command ids remembered
PORTION = 2000  # events; of one signal that brings more, what is there is written while the rest is in the making
DEFECT = "this is a defect in edge-bridge: see its log"

log = structlog.get_logger(__name__)


@quickly_made
@dataclass(frozen=True, slots=True)
class _Waiting:
    """A signal on its way in; a command has an id and somebody who waits for the answer."""

    signal: Signal
    identity: str = ""
    answered: asyncio.Future[Answer] | None = None


class Pipeline:
    """The queue in front of the ledger and the transaction behind it.

    reopen: makes a ledger of what is committed, for the plant given: the way back when the ledger meets a defect.
    """

    def __init__(
        self,
        reopen: Callable[[Plant], Ledger],
        plant: Plant,
        store: Store,
        clock: Clock,
        *,
        on_commit: Callable[[Committed], None] = lambda _committed: None,
        make_room: Callable[[], Awaitable[None]] = no_room,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.ledger = reopen(plant)
        self._reopen = reopen
        self._clock = clock
        self._on_commit = on_commit
        self._beat = beat
        source = source_urn(plant.site, plant.gateway, store.epoch)
        self._one_look = store.one_look
        self._recorder = Recorder(store, clock, source, beat=beat, make_room=make_room)
        self._queue: deque[_Waiting] = deque()
        self._entrance = Entrance(clock, store, self._scanning)
        self._wake = asyncio.Event()
        self._alarm = Alarm(clock, self._wake.set)
        self._reconfigured: tuple[Plant, asyncio.Future[None]] | None = None
        self._telling: Committed | None = None
        self._answering: list[tuple[asyncio.Future[Any], Any]] = []
        self._broken = False  # the ledger is half way through, and there is no other
        self._aside = SetAside()
        self._excused: dict[tuple[Duty, str], None] = {}
        self._patience = Patience(clock, self._pause)

    @property
    def trouble(self) -> str | None:
        """Say why nothing can be committed now; None when all is well."""
        return self._recorder.trouble

    @property
    def defects(self) -> str | None:
        """Say what is set aside because it met a defect, None when nothing is."""
        parts = [str(self._aside)] if len(self._aside) else []
        parts += [f"{duty} {key}" for duty, key in self._excused]
        return f"set aside: {', '.join(parts)}" if parts else None

    async def offer(self, signal: Signal) -> None:
        """Bring a signal; return when there is room for it."""
        await self._entrance.admit(signal)
        self.note(signal)

    def note(self, signal: Signal) -> None:
        """Bring a signal that must not wait: the gateway's own."""
        self._push(_Waiting(signal))

    def wake(self) -> None:
        """Have a turn taken now: time went on."""
        self._wake.set()

    def sent(self, upto: int) -> None:
        """Take note that the broker has all events up to this sequence: a first scan goes no faster than that."""
        self._entrance.sent(upto)

    async def ask(self, identity: str, signal: Acknowledge | Waive) -> Answer:
        """Carry out a command; return its answer once it is committed. The same id again repeats the answer."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._push(_Waiting(signal, identity, answered))
        return await answered

    async def configure(self, plant: Plant) -> None:
        """Take a new configuration in, between two turns; return when it is committed. One at a time.

        Raises ConfigError when it meets a defect: then the old one is in force.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reconfigured = (plant, done)
        self._wake.set()
        await done

    async def run(self) -> None:
        """Take turns until cancelled. What a cancelled turn has not committed is committed by `close`."""
        await self._commit()  # what the start itself found out
        while True:
            self._alarm.set(self.ledger.next_due())
            await self._wake.wait()
            self._wake.clear()
            await self.turn()

    async def turn(self) -> None:
        """Take what waits, judge what is due, commit, and only then answer."""
        self._beat()
        await self._settle()  # what a cancelled turn left
        self._configure()
        taken: list[_Waiting] = []
        answers: list[Answer] = []
        try:
            due_is_judged = await self._take_what_waits(taken, answers)
        except Exception:  # a defect in judging one file must not stop the judging of all others
            log.error("a defect: going back to what is committed, and on one by one", exc_info=True)
            self._recorder.abandon()
            self._go_back()
            self._queue.extendleft(reversed(taken))
            await self._one_by_one(len(taken))
            self._patience.end_if_asked()
            return
        except BaseException:
            self._recorder.abandon()  # or the thread that writes would wait for the rest for ever
            raise
        self._after_taking()
        if not due_is_judged:  # thousands fall due at once: adapters and broker get their turn in between
            self._wake.set()
        self._answer_later(taken, answers)
        await self._commit()
        self._patience.end_if_asked()

    async def _take_what_waits(self, taken: list[_Waiting], answers: list[Answer]) -> bool:
        """Take signals, each after what fell due before it; return whether everything that is due by now is judged.

        Evidence that still waits has to be heard before what falls due after it, so time goes on from signal to signal.
        """
        with self._patience.at_work(), self._one_look():
            while self._queue and len(taken) < MOST_TOGETHER:
                if not self.ledger.advance(self._queue[0].signal.at, MOST_TOGETHER):
                    return False
                taken.append(self._queue.popleft())
                answers.append(await self._patience.through(self._steps(taken[-1])))
        return bool(self._queue) or self.ledger.advance(self._clock.now(), MOST_TOGETHER)

    async def close(self) -> None:
        """Take what still waits, and keep what is only in memory."""
        self._alarm.cancel()
        self._entrance.close()
        if self._broken:
            return
        await self._settle()
        while self._queue:
            await self.turn()
        self.ledger.save()
        await self._commit()

    def _push(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._entrance.entered(waiting.signal)
        self._wake.set()

    def _after_taking(self) -> None:
        self._entrance.left(waiting.signal for waiting in self._queue)
        if self._queue:
            self._wake.set()

    def _scanning(self, source: str) -> bool:
        known = self.ledger.books.state.source.get(source)
        return known is None or known.scanned is None

    def _take(self, waiting: _Waiting) -> Answer:
        """Apply one signal at once."""
        return finished(self._steps(waiting))

    def _steps(self, waiting: _Waiting) -> Generator[None, None, Answer]:
        """Apply one signal. A command that was answered before is not carried out again."""
        commands = self.ledger.books.state.command
        if waiting.identity and (before := commands.get(waiting.identity)) is not None:
            return Answer(before.id, before.ok, before.reason)
        if self._aside.rests(waiting.signal, self._clock.now()):
            return Answer(waiting.identity, False, DEFECT)
        refused = yield from self.ledger.steps(waiting.signal)
        self._aside.passed(waiting.signal)
        answer = Answer(waiting.identity, refused is None, refused or "")
        if waiting.identity:
            commands[answer.id] = CommandAnswer(answer.id, answer.ok, answer.reason, self._clock.now())
            if len(commands) > MOST_ANSWERS:
                del commands[min(commands, key=lambda identity: commands[identity].at.utc)]
        return answer

    def _configure(self) -> None:
        """Take a new configuration in, if there is one."""
        if self._reconfigured is None:
            return
        (plant, done), self._reconfigured = self._reconfigured, None
        old = self.ledger.books.plant
        try:
            self.ledger.configure(plant, self._clock.now())
        except Exception as defect:  # the old configuration has to go on whatever the new one meets
            log.error("a defect: the new configuration cannot be taken in", exc_info=True)
            self._go_back(old)
            if not done.done():
                done.set_exception(ConfigError(f"{type(defect).__name__}: {defect}", DEFECT))
            return
        self._answering.append((done, None))

    # -- after a defect -------------------------------------------------------------------------------------------------

    def _go_back(self, plant: Plant | None = None) -> None:
        """Make the ledger anew of what is committed: what the defect left half done is forgotten as a whole."""
        self._broken = True
        self.ledger = self._reopen(plant or self.ledger.books.plant)
        self._broken = False
        self.ledger.excused = frozenset(self._excused)

    async def _one_by_one(self, count: int) -> None:
        """Take signals singly, each with its own commit, so that only the one with the defect is left out."""
        for _ in range(count):
            waiting = self._queue.popleft()
            answer = self._take_carefully(waiting)
            self._answer_later([waiting], [answer])
            await self._commit()
        if not self._queue:
            self._carefully(lambda: self.ledger.advance(self._clock.now()))
        self._after_taking()
        await self._commit()

    def _take_carefully(self, waiting: _Waiting) -> Answer:
        found: list[Answer] = []
        defect = self._carefully(lambda: found.append(self._take(waiting)))
        if defect is None:
            return found[0]
        if self._aside.add(waiting.signal, self._clock.now()):
            self._tell_defect(name_of(waiting.signal), defect)
        return Answer(waiting.identity, False, DEFECT)

    def _carefully(self, work: Callable[[], object]) -> Exception | None:
        """Do it; return the defect it met, with nothing done. A duty that meets one is excused, and the rest goes on."""
        while True:
            try:
                work()
            except StoreCorrupt:  # what is at rest cannot be read: the next start salvages it
                self._broken = True
                raise
            except Exception as defect:  # noqa: BLE001 - see turn; whoever calls logs it
                duty = self.ledger.doing
                if duty is not None:
                    self._excused[duty] = None
                self._go_back()
                if duty is None:
                    return defect
                self._tell_defect(f"{duty[0]} {duty[1]}", defect)
            else:
                return None

    def _tell_defect(self, what: str, defect: Exception) -> None:
        """Log it with its traceback, and put into the record what was not judged."""
        log.error("set aside after a defect", what=what, exc_info=defect)
        now = self._clock.now()
        facts = {"reason": "defect", "what": what, "error": type(defect).__name__, "since": to_text(now.utc)}
        self.note(Remark(now, EventType.GAP, facts))

    # -- the transaction ------------------------------------------------------------------------------------------------

    def _answer_later(self, taken: list[_Waiting], answers: list[Answer]) -> None:
        pairs = zip(taken, answers, strict=True)
        self._answering += [(waiting.answered, answer) for waiting, answer in pairs if waiting.answered is not None]

    def _pause(self) -> None:
        """In the middle of a signal: give a sign of life, and have written meanwhile what is there already."""
        self._beat()
        books = self.ledger.books
        if len(books.events) >= PORTION:
            self._recorder.begin(books.state.take_changes(), books.take_events())

    async def _commit(self) -> None:
        """Commit what the ledger changed. Until that succeeds nothing else is taken in, and nothing is forgotten."""
        books = self.ledger.books
        changes = books.state.take_changes()
        events = books.take_events()
        machines, cards = frozenset(books.touched), frozenset(books.cards_told)
        books.touched.clear()
        books.cards_told.clear()
        if changes or events or self._recorder.busy:
            batch = self._recorder.hold(changes, events)
            self._telling = Committed(batch.changes(), machines, cards, batch.events)
        await self._settle()

    async def _settle(self) -> None:
        """Finish the batch in hand, then tell and answer."""
        await self._recorder.finish()
        self.ledger.books.state.settled()
        telling, self._telling = self._telling, None
        if telling is not None:
            self._tell(telling)
        answering, self._answering = self._answering, []
        for answered, answer in answering:
            if not answered.done():
                answered.set_result(answer)

    def _tell(self, committed: Committed) -> None:
        try:
            self._on_commit(committed)
        except Exception:  # it is committed; the retained topics are made anew at the next connect
            log.error("a defect: what was committed could not be told", exc_info=True)
