"""Ids of things that are made together: they follow each other, so that an index of thousands of them grows at one end."""

from __future__ import annotations

from collections.abc import Callable

_START = 24  # digits of a UUID with their dashes; the twelve after them are counted
_BLOCK = 4096  # ids whose ends are made beforehand: to write a number costs more than all else about an id
_ENDS = tuple(f"{number:03x}" for number in range(_BLOCK))


class Series:
    """Makes ids that begin as a new random one does, and end in a number. Each is as unique as that one: 74 of its bits are
    random. For people, who type how an id begins, they are all alike: cards have ids of their own.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._occasion: object = None
        self._start = self._block = ""
        self._count = 0

    def two(self, occasion: object) -> tuple[str, str]:
        """Return two new ids: the next ones for the same occasion, or the first of a new one."""
        if occasion is not self._occasion:
            self._occasion, self._start, self._count = occasion, self._new_id()[:_START], 0
        number, end = divmod(self._count, _BLOCK)
        if end == 0:
            self._block = f"{self._start}{number:09x}"
        self._count += 2
        return self._block + _ENDS[end], self._block + _ENDS[end + 1]
