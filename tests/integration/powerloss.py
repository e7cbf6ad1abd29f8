"""A disk that loses power: a SQLite VFS that knows which writes were never synced, and what a disk may make of them.

At the seeded crash point every further write fails. `remains` then writes out what a disk could hold: what was synced,
and of each write since then all, nothing, or some of its 512-byte sectors, whatever the order they were written in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import apsw

SECTOR = 512


@dataclass(slots=True)
class Image:
    """One file: its synced content (None: not even its name is sure) and what was done to it since."""

    synced: bytearray | None = None
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, data), or (size, None) = truncated

    def sync(self) -> None:
        """Make everything done so far durable."""
        self.synced = self._after(self.pending)
        self.pending = []

    def remains(self, random: Random) -> bytes | None:
        """Return what a disk could hold after the power went."""
        if self.synced is None and random.random() < 0.5:
            return None
        return bytes(self._after([part for done in self.pending for part in _torn(done, random)]))

    def _after(self, done: list[tuple[int, bytes | None]]) -> bytearray:
        content = bytearray(self.synced or b"")
        for offset, data in done:
            if data is None:
                del content[offset:]
            else:
                content.extend(bytes(max(0, offset - len(content))))
                content[offset : offset + len(data)] = data
        return content


def _torn(done: tuple[int, bytes | None], random: Random) -> Iterator[tuple[int, bytes | None]]:
    offset, data = done
    fate = random.choice(("kept", "lost", "torn"))
    if fate == "kept":
        yield done
    elif fate == "torn" and data is not None:
        for start in range(0, len(data), SECTOR):
            if random.random() < 0.5:
                yield offset + start, data[start : start + SECTOR]


class Disk(apsw.VFS):
    """The disk: loses power at its `power`-th write, sync, truncation or deletion. obeys: whether a sync means anything."""

    def __init__(self, name: str, power: int, *, obeys: bool = True) -> None:
        super().__init__(name, base="")
        self.called = name
        self.power = power
        self.obeys = obeys
        self.files: dict[str, Image] = {}

    def step(self) -> None:
        """Use up one operation. Raises apsw.IOError when the power is out."""
        self.power -= 1
        if self.power < 0:
            raise apsw.IOError("power is out")

    def remains(self, folder: Path, random: Random) -> None:
        """Write what a disk could hold into this folder."""
        for name, image in self.files.items():
            content = image.remains(random)
            if content is not None:
                (folder / Path(name).name).write_bytes(content)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        return DiskFile(self, filename, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        self.step()
        self.files.pop(name, None)
        super().xDelete(name, syncdir)


class DiskFile(apsw.VFSFile):
    """One open file on the disk."""

    def __init__(self, disk: Disk, filename: str | None, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self.disk = disk
        self.image = Image()
        if filename is not None:
            found = Path(filename).read_bytes()
            self.image = disk.files.setdefault(filename, Image(bytearray(found) if found else None))

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.step()
        self.image.pending.append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self.disk.step()
        self.image.pending.append((newsize, None))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.disk.step()
        if self.disk.obeys:
            self.image.sync()
        super().xSync(flags)


@contextmanager
def disk(name: str, power: int, *, obeys: bool = True) -> Iterator[Disk]:
    """Offer a disk as the SQLite VFS of this name."""
    made = Disk(name, power, obeys=obeys)
    try:
        yield made
    finally:
        made.unregister()
