"""Files that are being parsed: they come out in the order they went in, and one that takes long is overtaken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from adapters.plm_folder.folder import Held
from adapters.plm_folder.groups import Outcome
from edge_bridge.domain.instant import Stamp

MOST_FILES = 128
MOST_BYTES = 8_000_000  # what is read but not parsed yet; one large file alone may be more
MOST_SLOW, MOST_SLOW_BYTES = 8, 40_000_000  # beyond it the others wait: to forget one would be to forget its order


@dataclass(eq=False, slots=True)
class Job:
    """One file on its way: its bytes, what they are, and whether this is the last try.

    turn: its place in the order. newer: numbers that files behind it have told meanwhile: of two files that state one ECN,
    the later one counts.
    """

    name: str
    held: Held
    digest: str
    at: Stamp
    final: bool
    outcome: Outcome | None = None
    slow: bool = False
    turn: int = 0
    newer: set[str] = field(default_factory=set)

    @property
    def done(self) -> bool:
        """Whether it is parsed, or refused."""
        return self.outcome is not None


class UnderWay:
    """The jobs in order. wake: called when one is done or is overtaken."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._ordered: deque[Job] = deque()
        self._slow: list[Job] = []
        self._names: set[str] = set()
        self._bytes = 0  # of those in order
        self._turn = 0

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._ordered) + len(self._slow)

    @property
    def room(self) -> int:
        """How many more files may be read."""
        if self._slow and (len(self._slow) >= MOST_SLOW or _bytes(self._slow) >= MOST_SLOW_BYTES):
            return 0
        return MOST_FILES - len(self._ordered) if self._bytes < MOST_BYTES else 0

    def begin(self, job: Job) -> None:
        """Take in a file that is to be parsed."""
        self._turn += 1
        job.turn = self._turn
        self._names.add(job.name)
        self._bytes += len(job.held.data)
        self._ordered.append(job)

    def parsed(self, job: Job, outcome: Outcome) -> None:
        """Note what came of a file."""
        job.outcome = outcome
        self._wake()

    def overtake(self, job: Job) -> None:
        """Let those behind a file go on without it."""
        if not job.slow and job in self._ordered:
            self._ordered.remove(job)
            self._bytes -= len(job.held.data)
            job.slow = True
            self._slow.append(job)
            self._wake()

    def next_done(self) -> Job | None:
        """Return the job that is to be dealt with now, if there is one; it stays until `end`."""
        if self._ordered and self._ordered[0].done:
            return self._ordered[0]
        return next((job for job in self._slow if job.done), None)

    def told(self, job: Job, numbers: Iterable[str]) -> None:
        """Note what a file stated, for those before it that are not through yet."""
        before = [slow for slow in self._slow if slow.turn < job.turn]
        for number in numbers if before else ():
            for slow in before:
                slow.newer.add(number)

    def end(self, job: Job) -> None:
        """Forget a job."""
        self._names.discard(job.name)
        if job.slow:
            self._slow.remove(job)
        else:
            self._ordered.remove(job)
            self._bytes -= len(job.held.data)


def _bytes(jobs: Iterable[Job]) -> int:
    return sum(len(job.held.data) for job in jobs)
