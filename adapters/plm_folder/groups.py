"""Files that wait for a parser process, and which of them are sent to it together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from adapters.plm_folder.answers import Drafts

TOGETHER, BYTES_TOGETHER = 32, 256_000  # files in one frame: a small one costs less to read than to send
Outcome = Drafts | Exception


@dataclass(eq=False, slots=True)
class Question:
    """A file to be read. tell: called once with its ECNs, Unreadable, or AdapterError when no process can be started. late:
    called when that takes long."""

    data: bytes
    settled: bool
    tell: Callable[[Outcome], None]
    late: Callable[[], None]


@dataclass(eq=False, slots=True)
class Group:
    """Files that are sent together. company: they are several. first: the number that the process gives to the first of those
    that are not answered. again: a process has ended over it."""

    questions: deque[Question]
    company: bool
    first: int = 0
    again: bool = False

    @classmethod
    def of(cls, questions: Sequence[Question]) -> Group:
        """Return the group of these files."""
        return cls(deque(questions), len(questions) > 1)

    def without(self, suspect: Question | None, *, kept: bool) -> list[Group]:
        """Return what is left of it in groups: a suspect alone if it is kept, what is before and behind it together; with no
        suspect everyone alone."""
        left = list(self.questions)
        if suspect is None:
            return [Group.of([question]) for question in left]
        at = left.index(suspect)
        parts = (left[:at], [suspect] if kept else [], left[at + 1 :])
        return [Group.of(part) for part in parts if part]


def grouped(questions: Iterable[Question]) -> list[Group]:
    """Return the files in groups, in the order given."""
    groups: list[Group] = []
    together: list[Question] = []
    size = 0
    for question in questions:
        if together and (len(together) == TOGETHER or size + len(question.data) > BYTES_TOGETHER):
            groups.append(Group.of(together))
            together, size = [], 0
        together.append(question)
        size += len(question.data)
    return [*groups, Group.of(together)] if together else groups
