"""Texts of an XLS: names, labels and the shared strings, which go on from record to record (MS-XLS 2.5.240, 2.5.293). Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_WIDE, _EXTENDED, _RICH = 1, 4, 8  # flags of a string
FULL = 8224  # bytes, the most that a record holds
CODE_PAGES = {367: "ascii", 1200: "utf-16-le", 10000: "mac_roman", 32768: "mac_roman", 32769: "cp1252"}
"""Code pages by number, where Python's name is not simply cp and the number."""


def encoding(code_page: int) -> str:
    """Return the encoding of a code page; Western where nobody knows it."""
    name = CODE_PAGES.get(code_page, f"cp{code_page}")
    try:
        "".encode(name)
    except LookupError:
        return "cp1252"
    return name


def text(body: bytes, at: int, old: str = "", *, short: bool = False) -> str:
    """Return the text that stands in a record. old: its encoding before Excel 97. short: its length is one byte.

    Of one that goes on in the next record only the beginning, which is longer than any value may be. Raises ValueError when
    it is cut off.
    """
    lengths = struct.Struct("<B" if short else "<H")
    try:
        (count,) = lengths.unpack_from(body, at)
        at += lengths.size
        if old:
            return _in_code_page(_sound(body[at : at + count], count), old)
        flags = body[at]
    except (struct.error, IndexError) as error:
        raise ValueError("the workbook is cut off") from error
    at += 1 + (2 if flags & _RICH else 0) + (4 if flags & _EXTENDED else 0)
    width = 2 if flags & _WIDE else 1
    there = len(body) - at
    size = there // width * width if len(body) == FULL and there < count * width else count * width
    return _decoded(_sound(body[at : at + size], size), wide=bool(flags & _WIDE))


def shared(records: Sequence[bytes]) -> list[str]:
    """Return the strings of a table and the records that continue it. Raises ValueError when they are cut off."""
    reader = _Reader(records)
    (_, count) = struct.unpack("<II", reader.take(8))
    # no room is made for what is only said to be there
    return [reader.string() for _ in range(count)]


class _Reader:
    """Reads on from one record into the next."""

    def __init__(self, records: Sequence[bytes]) -> None:
        self._records, self._number, self._at = records, 0, 0

    def string(self) -> str:
        """Return the next string, without its fonts and reading aids."""
        count, flags = struct.unpack("<HB", self.take(3))
        runs = struct.unpack("<H", self.take(2))[0] if flags & _RICH else 0
        more = struct.unpack("<I", self.take(4))[0] if flags & _EXTENDED else 0
        found = self._characters(count, wide=bool(flags & _WIDE))
        self.take(4 * runs)
        self.take(more)
        return found

    def take(self, size: int) -> bytes:
        """Return the next bytes, wherever they lie."""
        found = b""
        while size:
            piece = self._here()[:size]
            found += piece
            self._at += len(piece)
            size -= len(piece)
        return found

    def _characters(self, count: int, *, wide: bool) -> str:
        """Return characters. Where they go on in the next record, its first byte says anew how wide they are."""
        pieces: list[str] = []
        while count:
            if self._at == len(self._records[self._number]):
                wide = bool(self.take(1)[0] & _WIDE)
            width = 2 if wide else 1
            piece = self._here()[: count * width]
            if len(piece) % width:
                raise ValueError("the workbook is cut off")
            self._at += len(piece)
            pieces.append(_decoded(piece, wide=wide))
            count -= len(piece) // width
        return "".join(pieces)

    def _here(self) -> bytes:
        """Return what is left of this record, or the next one."""
        while self._number < len(self._records):
            if self._at < len(self._records[self._number]):
                return self._records[self._number][self._at : self._at + 65536]
            self._number, self._at = self._number + 1, 0
        raise ValueError("the workbook is cut off")


def _decoded(found: bytes, *, wide: bool) -> str:
    """Return characters; half of a pair stays one, and is no text for those who look at values."""
    return found.decode("utf-16-le", "surrogatepass") if wide else found.decode("latin-1")


def _in_code_page(found: bytes, name: str) -> str:
    try:
        return found.decode(name)
    except UnicodeDecodeError as error:
        raise ValueError("a text is not in the code page that the workbook names") from error


def _sound(found: bytes, size: int) -> bytes:
    if len(found) < size:
        raise ValueError("the workbook is cut off")
    return found
