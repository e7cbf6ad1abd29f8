"""Where files are parsed: in a process of its own with limits, and a second one for what takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from adapters.plm_folder.groups import Outcome, Question
from adapters.plm_folder.lane import Lane
from adapters.plm_folder.nursery import Nursery, Order
from adapters.plm_folder.unreadable import Unreadable

READER = "adapters.plm_folder.reading:read_file"
LARGE = 250_000  # bytes: what takes a while to read without being hostile
STUCK = 25  # times its patience by the clock, and a file is taken for slow whatever the process seems to do


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take. patience: seconds of computing or sleep after which the files behind it go on without it.

    processor, wall: seconds altogether, of computing and by the clock. memory: MB above what an idle process has.
    """

    patience: float = 0.1
    processor: int = 60
    wall: float = 180.0
    memory: int = 300
    idle: float = 60.0


class Sandbox:
    """Parses the files of one source. Files come out in the order they went in, except those that take long."""

    def __init__(self, source: str, options: Mapping[str, Any], root: str, limits: Limits, entry: str = READER) -> None:
        self._limits = limits
        self._nursery = Nursery(Order(source, entry, options, root, limits.memory, limits.processor))
        self._quick = Lane(self._nursery, self._ask_again, wall=STUCK * limits.patience, patience=limits.patience)
        self._slow = Lane(self._nursery, self._too_slow, wall=limits.wall, idle=limits.idle)

    @property
    def pids(self) -> tuple[int, ...]:
        """The parser processes that run now."""
        return tuple(pid for lane in (self._quick, self._slow) if (pid := lane.pid) is not None)

    def warm(self) -> None:
        """Have the first process started, so that the next file does not wait for it."""
        self._quick.warm()

    def ask(self, questions: Sequence[Question]) -> None:
        """Have files read; each is told what came of it, later."""
        for question in questions:
            if len(question.data) > LARGE:
                self._ask_patiently(question)
        self._quick.ask([question for question in questions if len(question.data) <= LARGE])

    async def close(self) -> None:
        """End all processes."""
        await self._quick.close()
        await self._slow.close()
        await self._nursery.close()

    def _ask_patiently(self, question: Question) -> None:
        timer = asyncio.get_running_loop().call_later(self._limits.patience, question.late)
        self._slow.ask([replace(question, tell=partial(_found_at_last, question, timer))])

    def _ask_again(self, question: Question) -> None:
        """Have a file read for which the others were to wait too long."""
        question.late()
        self._slow.ask([question])

    def _too_slow(self, question: Question) -> None:
        question.tell(Unreadable("too_slow", limit=f"{self._limits.wall:g}"))


def _found_at_last(question: Question, timer: asyncio.TimerHandle, outcome: Outcome) -> None:
    timer.cancel()
    question.tell(outcome)
