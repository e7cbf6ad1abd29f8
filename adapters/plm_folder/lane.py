"""One parser process and the files that wait for it, in order. It is replaced when it dies or takes too long."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Sequence
from math import inf

import structlog

from adapters.plm_folder.answers import Understood
from adapters.plm_folder.groups import Group, Outcome, Question, grouped
from adapters.plm_folder.nursery import Nursery
from adapters.plm_folder.parser import Parser, Watch
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.errors import AdapterError

log = structlog.get_logger(__name__)


class Lane:
    """Files go in and come out in order. wall, patience: seconds for one file, by the clock, and of computing or sleep (see
    `Watch`). overdue: told of a file that takes longer, instead of the file itself.

    idle: seconds until an unused process is ended; without it the process stays.
    """

    def __init__(
        self,
        nursery: Nursery,
        overdue: Callable[[Question], None],
        *,
        wall: float,
        patience: float = inf,
        idle: float | None = None,
    ) -> None:
        self._overdue = overdue
        self._nursery, self._order, self._idle = nursery, nursery.order, idle
        self._wall, self._patience = wall, patience
        self._groups: deque[Group] = deque()
        self._asked = asyncio.Event()
        self._parser: Parser | None = None
        self._understood = Understood(self._order.memory, self._defect)
        self._serving: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process that reads now, if there is one."""
        return self._parser.pid if self._parser is not None else None

    def ask(self, questions: Sequence[Question]) -> None:
        """Have files read. Small ones that come together are sent together."""
        for group in grouped(questions):
            self._groups.append(group)
            if self._parser is not None:
                _send(self._parser, group)
        self.warm()
        self._asked.set()

    def warm(self) -> None:
        """Have a process started before the first file comes."""
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), name=f"parser of {self._order.source}")
            self._serving.add_done_callback(self._ended)

    async def close(self) -> None:
        """End the process, whatever it is doing. Who still waits is told nothing."""
        self._groups.clear()
        if self._serving is not None:
            serving, self._serving = self._serving, None
            serving.cancel()
            await asyncio.wait({serving})
        await self._end()

    async def _serve(self) -> None:
        """Answer one group after another, until nobody has asked for a while."""
        try:
            while True:
                if self._parser is None and (self._groups or self._idle is None):
                    await self._start()
                if self._groups:
                    await self._answer_first()
                    continue
                self._asked.clear()
                async with asyncio.timeout(self._idle):
                    await self._asked.wait()
        except TimeoutError:
            await self._end()
        except (AdapterError, OSError) as error:
            await self._end()
            self._refuse_all(error)

    def _ended(self, serving: asyncio.Task[None]) -> None:
        """Let nobody wait for a task that is over; whoever asked while it ended gets a new one."""
        if serving is not self._serving:
            return
        self._serving = None
        if serving.cancelled():
            return
        if (defect := serving.exception()) is not None:
            self._refuse_all(defect)
        elif self._groups:
            self.warm()

    def _refuse_all(self, error: BaseException) -> None:
        why = AdapterError(f"the program that reads files cannot be started: {error}", "see the log before this line")
        groups, self._groups = self._groups, deque()
        for question in (question for group in groups for question in group.questions):
            question.tell(why)

    # what the process says, and what is made of its end

    async def _answer_first(self) -> None:
        assert self._parser is not None
        group, parser = self._groups[0], self._parser
        watch = Watch(parser, self._wall, self._patience)
        try:
            while group.questions:
                self._take(group, self._understood.take(*await parser.next_frame()))
                if group.questions:
                    await asyncio.sleep(0)  # noqa: TID251 - no time passes: the loop gets its turn between two pieces
            self._groups.popleft()
        except _OutOfMemory:
            await self._end()  # what it could not get back from the system is better begun anew
            self._regroup(group, group.questions[0] if group.questions else None)
        except (EOFError, ConnectionError, ValueError) as error:  # what it says is no answer: it is as good as dead
            code = await self._end(dying=True)
            cause = None if watch.overdue else self._cause(code, error)
            self._after_death(group, parser.begun - group.first, cause)
        finally:
            watch.cancel()

    def _take(self, group: Group, outcomes: Sequence[Outcome]) -> None:
        """Tell what is known now. Raises ValueError for more answers than files; _OutOfMemory when the process is spoilt."""
        if len(outcomes) > len(group.questions):
            raise ValueError("more answers than files")
        for outcome in outcomes:
            spoilt = isinstance(outcome, Unreadable) and outcome.kind == "too_much_memory"
            if not (spoilt and group.company):
                group.questions.popleft().tell(outcome)
                group.first += 1
            if spoilt:
                raise _OutOfMemory

    def _after_death(self, group: Group, at: int, cause: Unreadable | None) -> None:
        """Put the blame where it belongs: on a file that was alone, or else nowhere before it has been.

        at: which of the group's files the process says it was at: enough to try that one alone, or to let it be overtaken.
        cause: None where it was ended because it took too long.
        """
        suspect = group.questions[at] if 0 <= at < len(group.questions) else None
        if suspect is not None and cause is None:
            self._regroup(group, suspect, kept=False)
            self._overdue(suspect)
        elif len(group.questions) > 1:
            self._regroup(group, suspect)
        elif isinstance(cause, _Killed) and not group.again:
            group.again = True  # somebody else ended it, perhaps before this file came: that proves nothing
        else:
            self._groups.popleft()
            if cause is None:
                self._overdue(group.questions[0])
            else:
                group.questions[0].tell(cause)

    def _regroup(self, group: Group, suspect: Question | None, *, kept: bool = True) -> None:
        """Have what is left of a group sent again, in its order."""
        self._groups.popleft()
        self._groups.extendleft(reversed(group.without(suspect, kept=kept)))

    def _cause(self, code: int | None, error: Exception) -> Unreadable:
        """Return why a process ended while it read a file."""
        if code == -signal.SIGXCPU:
            return Unreadable("too_slow", limit=self._order.seconds)
        if code == -signal.SIGKILL:
            return _Killed("crashed", detail=signal.Signals.SIGKILL.name)
        if code is not None and code < 0:
            return Unreadable("crashed", detail=signal.Signals(-code).name)
        return Unreadable("crashed", detail=f"{type(error).__name__}, exit code {code}")

    def _defect(self, text: str) -> None:
        log.error("a defect: a file cannot be read", adapter=self._order.source, traceback=text)

    # the process

    async def _start(self) -> None:
        """Put a process to work on all that waits. Raises AdapterError, OSError."""
        self._parser = await self._nursery.parser()
        self._understood = Understood(self._order.memory, self._defect)
        for group in self._groups:
            _send(self._parser, group)

    async def _end(self, *, dying: bool = False) -> int | None:
        """End the process if there is one; return what it ended with. dying: it seems to end by itself."""
        parser, self._parser = self._parser, None
        return await parser.end(dying=dying) if parser is not None else None


class _OutOfMemory(Exception):
    """The process could not get memory, and has less than a new one."""


class _Killed(Unreadable):
    """Ended by a signal that others may have sent."""


def _send(parser: Parser, group: Group) -> None:
    group.first = parser.send([(question.data, question.settled) for question in group.questions])
