"""Notices an edited configuration folder, once the edit is still: a file that is being saved is not read half."""

from __future__ import annotations

from pathlib import Path

PATTERNS = ("*.yaml", "*.[cC][sS][vV]", "tables/*.[cC][sS][vV]", "adapters/*.yaml", "cards/*.yaml")
Signature = tuple[tuple[str, int, int, int], ...]


class Edits:
    """What the folder looked like when it was last taken in, and at the last look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = self._taken = _signature(folder)

    def due(self) -> bool:
        """Look; tell whether there is an edit that has been still for two looks and was not taken in yet."""
        before, self._seen = self._seen, _signature(self._folder)
        return self._seen == before and self._seen != self._taken

    def take(self) -> None:
        """Note that the folder is taken in, or refused, as it is now. Call it before reading: a later edit is a new one."""
        self._taken = _signature(self._folder)


def _signature(folder: Path) -> Signature:
    """Return what tells an edited configuration: names, times, sizes and inodes of its files."""
    found = []
    for file in sorted({file for pattern in PATTERNS for file in folder.glob(pattern)}):
        try:
            status = file.stat()
        except OSError:
            continue  # it went away between the two looks; the next look tells
        found.append((str(file), status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)
