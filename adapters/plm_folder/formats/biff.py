"""The records of an XLS: what holds for the workbook, and each sheet's cells (MS-XLS 2.3.1, 2.4). Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.plm_folder.formats import biff_text
from adapters.plm_folder.formats.number_format import BUILT_IN, GENERAL
from adapters.plm_folder.formats.sheets import MOST_CELLS

_BOF, _EOF, _CONTINUE = 0x0809, 0x000A, 0x003C
_FILE_PASS, _DATE_1904, _CODE_PAGE, _FORMAT, _XF, _SHEET, _SHARED = 0x2F, 0x22, 0x42, 0x41E, 0xE0, 0x85, 0xFC
_NUMBER, _RK, _MULTIPLE_RK, _FORMULA, _BOOLEAN_OR_ERROR = 0x203, 0x27E, 0xBD, 0x06, 0x205
_LABEL, _RICH_LABEL, _SHARED_LABEL, _STRING, _MERGED = 0x204, 0xD6, 0xFD, 0x207, 0xE5
_IS_TEXT, _IS_TRUTH, _IS_ERROR = 0, 1, 2  # what a formula came to, where it is no number
_BIFF8 = 0x0600
_TABLE = 0  # of the kinds of sheets; charts and macros are the others
ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """One sheet as the workbook names it: where it begins, its name, whether it is hidden."""

    start: int
    name: str
    hidden: bool


@dataclass(slots=True)
class Globals:
    """What holds for the workbook. old: the encoding of texts before Excel 97, which had no Unicode."""

    from_1904: bool = False
    protected: bool = False
    old: str = ""
    sheets: list[Part] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Cells:
    """One sheet: numbers, each with its format, texts, errors, and what is merged: first row, column, last row, column."""

    numbers: dict[Place, tuple[float, str]] = field(default_factory=dict)
    texts: dict[Place, str] = field(default_factory=dict)
    errors: dict[Place, str] = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    end: int = 0
    asked: Place | None = None  # the formula whose text comes in a record of its own

    @property
    def count(self) -> int:
        """How many cells there are."""
        return len(self.numbers) + len(self.texts) + len(self.errors)


def read_globals(stream: bytes) -> Globals:
    """Return the first part of a workbook stream. Raises ValueError when it is damaged."""
    found = Globals(old="" if _begins(stream, 0) >= _BIFF8 else biff_text.encoding(1252))
    written: dict[int, str] = {}
    styles: list[int] = []
    shared: list[bytes] = []
    named: list[bytes] = []
    before = 0
    for kind, body, _ in _records(stream, 0):
        if kind == _FILE_PASS:
            found.protected = True
            return found  # all that follows is scrambled
        if kind == _DATE_1904:
            found.from_1904 = _unpack("<H", body, 0)[0] == 1
        elif kind == _CODE_PAGE and found.old:
            found.old = biff_text.encoding(_unpack("<H", body, 0)[0])
        elif kind == _FORMAT:
            written[_unpack("<H", body, 0)[0]] = _format_code(body, old=found.old)
        elif kind == _XF:
            styles.append(_unpack("<H", body, 2)[0])
        elif kind == _SHEET:
            named.append(body)
        elif kind == _SHARED or (kind == _CONTINUE and before == _SHARED):
            shared.append(body)
        before = before if kind == _CONTINUE else kind
    found.sheets = [_part(body, found.old) for body in named if _unpack("<B", body, 5)[0] == _TABLE]
    found.formats = [written.get(number) or BUILT_IN.get(number, GENERAL) for number in styles]
    found.texts = biff_text.shared(shared) if shared else []
    return found


def read_cells(stream: bytes, start: int, found: Globals) -> Cells:
    """Return the cells of the sheet that begins at `start`. Raises ValueError when it is damaged or too large."""
    cells = Cells()
    _begins(stream, start)
    for kind, body, end in _records(stream, start):
        cells.end = end
        if kind in (_NUMBER, _RK, _MULTIPLE_RK):
            for row, column, style, value in _numbers(kind, body):
                cells.numbers[row, column] = (value, _style(found, style))
        elif kind in (_FORMULA, _BOOLEAN_OR_ERROR):
            _result(kind, body, cells, found)
        elif kind == _MERGED:
            for at in range(_unpack("<H", body, 0)[0]):
                first, last, left, right = _unpack("<HHHH", body, 2 + 8 * at)
                cells.merged.append((first, left, last, right))
        else:
            _text(kind, body, cells, found)
        if max(cells.count, len(cells.merged)) > MOST_CELLS:
            raise OverflowError(MOST_CELLS)
    return cells


def _numbers(kind: int, body: bytes) -> Iterator[tuple[int, int, int, float]]:
    """Yield row, column, style and value of each number in a record."""
    row, column = _unpack("<HH", body, 0)
    if kind == _NUMBER:
        style, value = struct.unpack("<Hd", _sound(body, 4, 10))
        yield row, column, style, value
        return
    for at in range(4, 10 if kind == _RK else len(body) - 2, 6):
        style, packed = _unpack("<HI", body, at)
        yield row, column + (at - 4) // 6, style, _rk(packed)


def _result(kind: int, body: bytes, cells: Cells, found: Globals) -> None:
    """Take what a formula came to, or a truth value or an error that was typed."""
    row, column, style = _unpack("<HHH", body, 0)
    if kind == _FORMULA:
        is_number = _sound(body, 12, 2) != b"\xff\xff"
        what, value = (-1, 0) if is_number else (body[6], body[8])
        if is_number:
            cells.numbers[row, column] = (struct.unpack_from("<d", body, 6)[0], _style(found, style))
        elif what == _IS_TEXT:
            cells.asked = (row, column)
    else:
        value, is_error = _unpack("<BB", body, 6)
        what = _IS_ERROR if is_error else _IS_TRUTH
    if what == _IS_ERROR:
        cells.errors[row, column] = ERRORS.get(value, "#?")
    elif what == _IS_TRUTH:
        cells.texts[row, column] = "TRUE" if value else "FALSE"


def _text(kind: int, body: bytes, cells: Cells, found: Globals) -> None:
    """Take a text: shared, in the cell itself, or what a formula came to."""
    place: Place | None = None
    text = ""
    if kind == _SHARED_LABEL:
        row, column, _, number = _unpack("<HHHI", body, 0)
        if number >= len(found.texts):
            raise ValueError("a cell names a text that is not there")
        place, text = (row, column), found.texts[number]
    elif kind in (_LABEL, _RICH_LABEL):
        row, column = _unpack("<HH", body, 0)
        place, text = (row, column), biff_text.text(body, 6, found.old)
    elif kind == _STRING:
        place, cells.asked = cells.asked, None
        text = biff_text.text(body, 0, found.old)
    if place is not None and text:
        cells.texts[place] = text


def _part(body: bytes, old: str) -> Part:
    start, hidden, _ = _unpack("<IBB", body, 0)
    return Part(start, biff_text.text(body, 6, old, short=True), hidden=bool(hidden & 3))


def _style(found: Globals, number: int) -> str:
    return found.formats[number] if number < len(found.formats) else GENERAL


def _begins(stream: bytes, start: int) -> int:
    """Return the version that a part begins with."""
    kind, _, version = _unpack("<HHH", stream, start)
    if kind != _BOF:
        raise ValueError("a part of the workbook does not begin where it should")
    return int(version)


def _records(stream: bytes, start: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield (kind, body, its end) up to the end of the part; what is embedded in it, such as a chart, is skipped."""
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
                yield kind, body, at
                return
        elif depth == 1:
            yield kind, body, at


def _rk(packed: int) -> float:
    """Return a number that is packed into 30 bits: whole or the top of a double, perhaps in hundredths (MS-XLS 2.5.217)."""
    value: float
    if packed & 2:
        value = (packed >> 2) - (1 << 30 if packed & 0x80000000 else 0)
    else:
        value = struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))[0]
    return value / 100 if packed & 1 else value


def _format_code(body: bytes, *, old: str) -> str:
    return biff_text.text(body, 2, old, short=bool(old)) if len(body) > 2 else GENERAL


def _sound(body: bytes, at: int, size: int) -> bytes:
    found = body[at : at + size]
    if len(found) < size:
        raise ValueError("the workbook is cut off")
    return found


def _unpack(form: str, body: bytes, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, body, at)
    except struct.error as error:
        raise ValueError("the workbook is cut off") from error
