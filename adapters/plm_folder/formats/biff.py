"""What a reader of values leaves out of an XLS: number formats, and the cells whose formula failed. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.plm_folder.formats.number_format import BUILT_IN, GENERAL

_BOF, _EOF = 0x0809, 0x000A
_FILE_PASS, _DATE_1904, _FORMAT, _XF, _SHEET = 0x2F, 0x22, 0x41E, 0xE0, 0x85
_NUMBER, _RK, _MULTIPLE_RK, _FORMULA, _BOOLEAN_OR_ERROR = 0x203, 0x27E, 0xBD, 0x06, 0x205
_BIFF8 = 0x0600
ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
Place = tuple[int, int]


@dataclass(slots=True)
class Numbers:
    """One sheet's numbers, each with its format, and its errors."""

    numbers: dict[Place, tuple[float, str]] = field(default_factory=dict)
    errors: dict[Place, str] = field(default_factory=dict)


@dataclass(slots=True)
class Globals:
    """What holds for the workbook: formats by style, where the sheets begin, the date system."""

    from_1904: bool = False
    protected: bool = False
    sheets: list[int] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)


def read_globals(stream: bytes) -> Globals:
    """Return the first part of a workbook stream. Raises ValueError when it is damaged."""
    found = Globals()
    written: dict[int, str] = {}
    styles: list[int] = []
    wide = _begins(stream, 0) >= _BIFF8
    for kind, body in _records(stream, 0):
        if kind == _FILE_PASS:
            found.protected = True
            return found  # all that follows is scrambled
        if kind == _DATE_1904:
            found.from_1904 = _unpack("<H", body, 0)[0] == 1
        elif kind == _FORMAT:
            written[_unpack("<H", body, 0)[0]] = _format_code(body, wide=wide)
        elif kind == _XF:
            styles.append(_unpack("<H", body, 2)[0])
        elif kind == _SHEET:
            found.sheets.append(_unpack("<I", body, 0)[0])
    found.formats = [written.get(number) or BUILT_IN.get(number, GENERAL) for number in styles]
    return found


def read_numbers(stream: bytes, start: int, formats: list[str]) -> Numbers:
    """Return the numbers and errors of the sheet that begins at `start`. Raises ValueError when it is damaged."""
    found = Numbers()

    def number(row: int, column: int, style: int, value: float) -> None:
        found.numbers[row, column] = (value, formats[style] if style < len(formats) else GENERAL)

    _begins(stream, start)
    for kind, body in _records(stream, start):
        if kind == _NUMBER:
            number(*_unpack("<HHHd", body, 0))
        elif kind == _RK:
            row, column, style, packed = _unpack("<HHHI", body, 0)
            number(row, column, style, _rk(packed))
        elif kind == _MULTIPLE_RK:
            row, first = _unpack("<HH", body, 0)
            for index in range((len(body) - 6) // 6):
                style, packed = _unpack("<HI", body, 4 + 6 * index)
                number(row, first + index, style, _rk(packed))
        elif kind == _FORMULA:
            row, column, style = _unpack("<HHH", body, 0)
            if body[12:14] != b"\xff\xff":
                number(row, column, style, _unpack("<d", body, 6)[0])
            elif body[6] == 2:
                found.errors[row, column] = ERRORS.get(body[8], "#?")
        elif kind == _BOOLEAN_OR_ERROR:
            row, column, _, value, is_error = _unpack("<HHHBB", body, 0)
            if is_error:
                found.errors[row, column] = ERRORS.get(value, "#?")
    return found


def _begins(stream: bytes, start: int) -> int:
    """Return the version that a part begins with."""
    kind, _, version = _unpack("<HHH", stream, start)
    if kind != _BOF:
        raise ValueError("a part of the workbook does not begin where it should")
    return int(version)


def _records(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield (kind, body) up to the end of the part; what is embedded in it, such as a chart, is skipped."""
    at, depth = start, 0
    while True:
        kind, length = _unpack("<HH", stream, at)
        body = stream[at + 4 : at + 4 + length]
        if len(body) < length:
            raise ValueError("the workbook is cut off")
        at += 4 + length
        if kind == _BOF:
            depth += 1
        elif kind == _EOF:
            depth -= 1
            if depth == 0:
                return
        elif depth == 1:
            yield kind, body


def _rk(packed: int) -> float:
    """Return a number that is packed into 30 bits: whole or the top of a double, perhaps in hundredths (MS-XLS 2.5.217)."""
    value: float
    if packed & 2:
        value = (packed >> 2) - (1 << 30 if packed & 0x80000000 else 0)
    else:
        value = struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))[0]
    return value / 100 if packed & 1 else value


def _format_code(body: bytes, *, wide: bool) -> str:
    if not wide:
        return body[3 : 3 + body[2]].decode("latin-1") if len(body) > 2 else GENERAL
    length, flags = _unpack("<HB", body, 2)
    return (
        body[5 : 5 + 2 * length].decode("utf-16-le", "replace") if flags & 1 else body[5 : 5 + length].decode("latin-1")
    )


def _unpack(form: str, body: bytes, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, body, at)
    except struct.error as error:
        raise ValueError("the workbook is cut off") from error
