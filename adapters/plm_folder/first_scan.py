"""What lay in the folder at connect, until all of it was dealt with: then, once, ScanDone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from edge_bridge.domain.instant import SECOND, Milliseconds

LONGEST: Milliseconds = 10 * SECOND  # a file that is still being written then does not hold back ScanDone


class Progress(NamedTuple):
    """How far a scan is: files dealt with, of so many."""

    done: int
    files: int


class FirstScan:
    """Holds the files of the first scan, once each, and counts them down. Times are boottime in ms.

    files: to be read now, in this order. fresh: those that may still be written, and come later. held: how many files the
    core holds already, as they are: they count as dealt with.
    """

    def __init__(self, files: Sequence[str], began: Milliseconds, *, fresh: Iterable[str] = (), held: int = 0) -> None:
        self._waiting = dict.fromkeys(reversed(files))  # the next one last
        self._untried = set(fresh)  # those that do not wait here, and were not read yet
        self._tried: set[str] = set()
        self._files = self._open + held
        self._began = began
        self._ended = False
        self.delivered = 0

    @property
    def progress(self) -> Progress | None:
        """How far it is; None when it is through."""
        return None if self._ended else Progress(self._files - self._open, self._files)

    @property
    def reading(self) -> bool:
        """Whether files wait here to be read."""
        return bool(self._waiting)

    def waits(self, name: str) -> bool:
        """Tell whether a file waits here to be read."""
        return name in self._waiting

    def next(self, most: int) -> list[str]:
        """Hand out the files that are to be read next."""
        names = [self._waiting.popitem()[0] for _ in range(min(most, len(self._waiting)))]
        self._untried.update(names)
        return names

    def put_back(self, name: str) -> bool:
        """Have a file wait here again, before all others, that was handed out and not read; tell whether it is one."""
        if self._ended or name not in self._untried:
            return False
        self._untried.discard(name)
        self._waiting[name] = None
        return True

    def is_open(self, name: str) -> bool:
        """Tell whether a file of the scan is still to be dealt with."""
        return name in self._tried or name in self._untried or name in self._waiting

    def try_now(self, name: str) -> None:
        """Note that a file is being read for the first time, whatever comes of it."""
        if name in self._untried:
            self._untried.discard(name)
            self._tried.add(name)

    def holds_back(self, name: str) -> bool:
        """Tell whether a file must wait: of two that state one ECN the later one counts, so what lay here goes first."""
        return bool(self._waiting or self._untried) and name not in self._untried

    def decide(self, name: str, *, delivered: bool) -> None:
        """Note that a file was delivered or rejected, or that there is nothing to deliver."""
        if self.is_open(name):
            self._tried.discard(name)
            self._untried.discard(name)
            self._waiting.pop(name, None)
            self.delivered += delivered

    def ends(self, now: Milliseconds) -> bool:
        """Tell once that it is through; call it when nothing is left to read."""
        if self._ended or (self._open and now - self._began <= LONGEST):
            return False
        self._ended = True
        self._waiting = {}  # not cleared: the room of a hundred thousand names is given back
        self._tried.clear()
        self._untried.clear()
        return True

    @property
    def _open(self) -> int:
        return len(self._waiting) + len(self._untried) + len(self._tried)
