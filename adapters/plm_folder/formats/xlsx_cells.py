"""What the parser says of a sheet and of the shared texts, gathered into cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.plm_folder.formats.number_format import GENERAL, date_text, is_date, shown
from adapters.plm_folder.formats.sheets import MOST_CELLS, Cell, Sheet
from adapters.plm_folder.unreadable import Unreadable

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_NOT_CALCULATED = "no value was calculated"


@dataclass(frozen=True, slots=True)
class Book:
    """What holds for all sheets of a workbook."""

    strings: Sequence[str]
    formats: Sequence[str]
    from_1904: bool


@dataclass(slots=True)
class StringsTarget:
    """Gathers shared strings: the runs of each, without the reading aids of East Asian texts (`rPh`)."""

    found: list[str] = field(default_factory=list)
    _runs: list[str] = field(default_factory=list)
    _in_text: bool = False
    _aids: int = 0

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        match name.rpartition("}")[2]:
            case "si":
                self._runs = []
            case "rPh":
                self._aids += 1
            case "t":
                self._in_text = not self._aids

    def data(self, text: str) -> None:
        if self._in_text:
            self._runs.append(text)

    def end(self, name: str) -> None:
        match name.rpartition("}")[2]:
            case "si":
                self.found.append(_unescaped("".join(self._runs)))
            case "rPh":
                self._aids -= 1
            case "t":
                self._in_text = False


@dataclass(slots=True)
class SheetTarget:
    """Gathers the cells of one sheet."""

    sheet: Sheet
    book: Book
    _row: int = -1
    _column: int = -1
    _kind: str = "n"
    _style: int = 0
    _value: list[str] = field(default_factory=list)
    _in_value: bool = False
    _aids: int = 0
    _has_formula: bool = False
    _count: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition("}")[2]:
            case "row":
                self._row = int(attributes["r"]) - 1 if "r" in attributes else self._row + 1
                self._column = -1
            case "c":
                self._start_cell(attributes)
            case "v":
                self._in_value = True
            case "t":
                self._in_value = not self._aids
            case "rPh":
                self._aids += 1
            case "f":
                self._has_formula = True
            case "mergeCell":
                self._merge(attributes["ref"])

    def data(self, text: str) -> None:
        if self._in_value:
            self._value.append(text)

    def end(self, name: str) -> None:
        match name.rpartition("}")[2]:
            case "v" | "t":
                self._in_value = False
            case "rPh":
                self._aids -= 1
            case "c":
                self._end_cell()

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._column += 1
        if "r" in attributes:
            self._row, self._column = _place(attributes["r"])
        self._kind = attributes.get("t", "n")
        self._style = int(attributes.get("s", "0"))
        self._value, self._has_formula = [], False

    def _end_cell(self) -> None:
        value = "".join(self._value)
        if not value and not (self._has_formula and self._kind == "n"):
            return
        self._count += 1
        if self._count > MOST_CELLS:
            raise Unreadable("too_many_parts", f"sheet {self.sheet.name}", limit=MOST_CELLS)
        self.sheet.rows.setdefault(self._row, {})[self._column] = self._cell(value)

    def _cell(self, value: str) -> Cell:
        match self._kind:
            case "s":
                return Cell(self.book.strings[int(value)])
            case "str" | "inlineStr":
                return Cell(_unescaped(value))
            case "b":
                return Cell("TRUE" if value == "1" else "FALSE")
            case "e":
                return Cell("", error=value)
            case "d":
                return Cell(value, is_date=True)
        return number_cell(value, self._format(), from_1904=self.book.from_1904) if value else _uncalculated()

    def _format(self) -> str:
        return self.book.formats[self._style] if self._style < len(self.book.formats) else GENERAL

    def _merge(self, reference: str) -> None:
        first, _, last = reference.partition(":")
        if len(self.sheet.merged) < MOST_CELLS:
            self.sheet.merged.append((*_place(first), *_place(last or first)))


def number_cell(value: str, code: str, *, from_1904: bool) -> Cell:
    """Return a number's cell as its format shows it."""
    if is_date(code) and (text := date_text(value, code, from_1904=from_1904)) is not None:
        return Cell(text, is_date=True)
    text, doubt = shown(value, code)
    return Cell(text, doubt)


def _uncalculated() -> Cell:
    return Cell("", error=_NOT_CALCULATED)


def _place(reference: str) -> tuple[int, int]:
    found = _REFERENCE.fullmatch(reference.replace("$", ""))
    if found is None:
        raise ValueError(f"{reference!r} names no cell")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]) - 1, column - 1


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
