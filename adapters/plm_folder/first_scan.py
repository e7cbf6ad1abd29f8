"""What lay in the folder at connect, until all of it was dealt with: then, once, ScanDone."""

from __future__ import annotations

from collections.abc import Iterable

from edge_bridge.domain.instant import SECOND, Milliseconds

LONGEST: Milliseconds = 10 * SECOND  # a file that is still being written then does not hold back ScanDone


class FirstScan:
    """Counts down the files of the first scan. Times are boottime in ms."""

    def __init__(self, files: Iterable[str], began: Milliseconds) -> None:
        self._open = set(files)
        self._began = began
        self._ended = False
        self.delivered = 0

    def decide(self, name: str, *, delivered: bool) -> None:
        """Note that a file was delivered or rejected, or that there is nothing to deliver."""
        if name in self._open and not self._ended:
            self._open.discard(name)
            self.delivered += delivered

    def ends(self, now: Milliseconds) -> bool:
        """Tell once that it is through; call it when nothing is left to read."""
        if self._ended or (self._open and now - self._began <= LONGEST):
            return False
        self._ended = True
        self._open.clear()
        return True
