"""What lay in the folder at connect, until all of it was dealt with: then, once, ScanDone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edge_bridge.domain.instant import SECOND, Milliseconds

LONGEST: Milliseconds = 10 * SECOND  # a file that is still being written then does not hold back ScanDone


class Progress(NamedTuple):
    """How far a scan is: files dealt with, of so many."""

    done: int
    files: int


class FirstScan:
    """Counts down the files of the first scan. Times are boottime in ms.

    held: how many files the core holds already, as they are: they count as dealt with.
    """

    def __init__(self, files: Iterable[str], began: Milliseconds, held: int = 0) -> None:
        self._open = set(files)
        self._untried = set(self._open)
        self._files = len(self._open) + held
        self._began = began
        self._ended = False
        self.delivered = 0

    @property
    def progress(self) -> Progress | None:
        """How far it is; None when it is through."""
        return None if self._ended else Progress(self._files - len(self._open), self._files)

    def is_open(self, name: str) -> bool:
        """Tell whether a file of the scan is still to be dealt with."""
        return name in self._open

    def try_now(self, name: str) -> None:
        """Note that a file is being read for the first time, whatever comes of it."""
        self._untried.discard(name)

    def holds_back(self, name: str) -> bool:
        """Tell whether a file must wait: of two that state one ECN the later one counts, so what lay here goes first."""
        return bool(self._untried) and name not in self._untried

    def decide(self, name: str, *, delivered: bool) -> None:
        """Note that a file was delivered or rejected, or that there is nothing to deliver."""
        self._untried.discard(name)
        if name in self._open and not self._ended:
            self._open.discard(name)
            self.delivered += delivered

    def ends(self, now: Milliseconds) -> bool:
        """Tell once that it is through; call it when nothing is left to read."""
        if self._ended or (self._open and now - self._began <= LONGEST):
            return False
        self._ended = True
        self._open.clear()
        self._untried.clear()
        return True
