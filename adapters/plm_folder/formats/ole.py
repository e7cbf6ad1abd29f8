"""The container of old Office files (compound file binary): the one stream in it that holds the workbook. Pure."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER = 512
_END = 0xFFFFFFFA  # this and above are marks, not sectors
_ENTRY = 128
_STREAM = 2
_ROOT = 5


def streams(data: bytes) -> dict[str, bytes]:
    """Return the streams by name. Raises ValueError when the container is damaged."""
    try:
        return _Container(data).streams()
    except (struct.error, IndexError) as error:
        raise ValueError("the container is cut off") from error


class _Container:
    """Sectors, chained by a table; small streams lie in sectors of their own inside the root's stream."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        shift, small_shift = struct.unpack_from("<HH", data, 30)
        if shift not in (9, 12) or not 3 <= small_shift <= shift:
            raise ValueError("the container has sectors of an unknown size")
        self._size, self._small_size = 1 << shift, 1 << small_shift
        self._most = len(data) // self._size + 2
        table_count, self._directory = struct.unpack_from("<I", data, 44)[0], struct.unpack_from("<I", data, 48)[0]
        self._cutoff, small_table = struct.unpack_from("<II", data, 56)
        self._table = self._numbers(self._table_sectors(table_count))
        self._small_table = self._numbers(list(self._chain(small_table, self._table, self._size)))

    def streams(self) -> dict[str, bytes]:
        """Read the directory, and each stream that it names."""
        directory = b"".join(map(self._whole_sector, self._chain(self._directory, self._table, self._size)))
        entries = [directory[at : at + _ENTRY] for at in range(0, len(directory) - _ENTRY + 1, _ENTRY)]
        root = next((self._whole(entry) for entry in entries if entry[66] == _ROOT), b"")
        found: dict[str, bytes] = {}
        for entry in entries:
            if entry[66] == _STREAM:
                length = struct.unpack_from("<H", entry, 64)[0]
                name = entry[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
                size = struct.unpack_from("<I", entry, 120)[0]
                if name in ("Workbook", "Book", "EncryptedPackage"):
                    if name in found:
                        raise ValueError("the container names a stream twice")
                    found[name] = self._small(entry, root) if size < self._cutoff else self._whole(entry)
                    if len(found[name]) < size:
                        raise ValueError("the container is cut off")
        return found

    def _whole(self, entry: bytes) -> bytes:
        start, size = struct.unpack_from("<II", entry, 116)
        return b"".join(self._sector(number) for number in self._chain(start, self._table, self._size))[:size]

    def _small(self, entry: bytes, root: bytes) -> bytes:
        start, size = struct.unpack_from("<II", entry, 116)
        chain = self._chain(start, self._small_table, self._small_size)
        return b"".join(root[n * self._small_size : (n + 1) * self._small_size] for n in chain)[:size]

    def _sector(self, number: int) -> bytes:
        start = max(_HEADER, self._size) + number * self._size
        return self._data[start : start + self._size]

    def _whole_sector(self, number: int) -> bytes:
        """Return a sector that must be there to its end; the last one of a stream need not be."""
        sector = self._sector(number)
        if len(sector) < self._size:
            raise ValueError("the container is cut off")
        return sector

    def _numbers(self, sectors: Sequence[int]) -> Sequence[int]:
        """Return the numbers in sectors, in four bytes each: a table as long as the file is not ten times as large."""
        found = array("I", b"".join(map(self._whole_sector, sectors)))
        if sys.byteorder == "big":
            found.byteswap()
        return found

    def _table_sectors(self, count: int) -> list[int]:
        """Return the sectors of the table: the first 109 stand in the header, the rest in sectors that name the next."""
        if count > self._most:
            raise ValueError("the container names more sectors than there are")
        names = list(struct.unpack_from("<109I", self._data, 76))
        following = struct.unpack_from("<I", self._data, 68)[0]
        while following < _END and len(names) < count:
            more = struct.unpack(f"<{self._size // 4}I", self._sector(following))
            names += more[:-1]
            following = more[-1]
        used = [name for name in names[:count] if name < _END]
        if len(set(used)) < len(used):
            raise ValueError("the container names a sector twice")
        return used

    def _chain(self, start: int, table: Sequence[int], size: int) -> Iterator[int]:
        """Yield the numbers of a chain. size: of its sectors; a chain with more of them than fit into the file is a ring."""
        number, seen, most = start, 0, min(len(table), len(self._data) // size + 2)
        while number < _END:
            if number >= len(table) or seen > most:
                raise ValueError("a chain of sectors leads nowhere")
            yield number
            number, seen = table[number], seen + 1
