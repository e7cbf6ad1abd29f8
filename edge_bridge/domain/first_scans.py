"""First scans: what the end of one has to tell, gathered on the way, so that nobody has to look for it among all the rest."""

from __future__ import annotations

from collections import Counter, defaultdict

from edge_bridge.domain.books import Books
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.state import FileMemory


class FirstScans:
    """Of each source: how many ECNs its baseline has; and until its first scan ends, which ECNs lead nowhere in part, and
    which files were not understood. All of it can be had from the state again, so that a restart in between loses nothing."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._baseline: Counter[str] = Counter()
        self._lost: dict[str, str] = {}  # ECN → source
        self._files: defaultdict[str, dict[str, FileMemory]] = defaultdict(dict)
        for source in books.state.source:
            if self.going_on(source):
                for key, memory in books.state.file.items(source=source):
                    self.note_file(key, memory)

    def going_on(self, source: str) -> bool:
        """Tell whether a source has not been gone through yet."""
        known = self._books.state.source.get(source)
        return known is not None and known.scanned is None

    def begin_anew(self) -> None:
        """Forget the ECNs: every one is about to be noted again."""
        self._baseline.clear()
        self._lost.clear()

    def note(self, ecn: Ecn, held: Ecn | None = None) -> None:
        """Count an ECN; held: as it was before."""
        if held is not None and held.baseline:
            self._baseline[held.source] -= 1
        if ecn.baseline:
            self._baseline[ecn.source] += 1

    def note_lost(self, ecn: Ecn) -> bool:
        """Note an ECN with an item that leads nowhere; return whether it is told at the end of a first scan."""
        waits = self.going_on(ecn.source)
        if waits:
            self._lost[ecn.number] = ecn.source
        else:
            self._lost.pop(ecn.number, None)
        return waits

    def note_found(self, number: str) -> None:
        """Note an ECN that leads nowhere no longer."""
        self._lost.pop(number, None)

    def note_file(self, key: str, memory: FileMemory) -> None:
        """Note a file."""
        if (memory.rejected or memory.unknown) and self.going_on(memory.source):
            self._files[memory.source][key] = memory
        else:
            self._files[memory.source].pop(key, None)

    def baseline(self, source: str) -> int:
        """Return how many ECNs were there before anybody watched."""
        return self._baseline[source]

    def end(self, source: str) -> tuple[list[str], list[FileMemory]]:
        """Return the ECNs that lead nowhere and the files that were not understood, once."""
        lost = [number for number, whose in self._lost.items() if whose == source]
        for number in lost:
            del self._lost[number]
        return lost, list(self._files.pop(source, {}).values())
