"""XLSX to sheets, read directly: cells as their formats show them, and formulas' errors, which readers of values drop."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from adapters.plm_folder.formats.archive import Archive, open_archive
from adapters.plm_folder.formats.number_format import BUILT_IN, GENERAL, date_text, is_date, shown
from adapters.plm_folder.formats.sheets import MOST_CELLS, Cell, Sheet
from adapters.plm_folder.formats.text import decode_xml
from adapters.plm_folder.formats.xml_tree import Node, parse
from adapters.plm_folder.unreadable import Unreadable

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_CHUNK = 1 << 16
_MOST_SHEETS = 200
_NOT_CALCULATED = "no value was calculated"


@dataclass(frozen=True, slots=True)
class _Book:
    """What holds for all sheets of a workbook."""

    strings: Sequence[str]
    formats: Sequence[str]
    from_1904: bool


def read_workbook(data: bytes) -> list[Sheet]:
    """Return every sheet. Raises Unreadable."""
    archive = open_archive(data)
    try:
        return _sheets(archive)
    except (ValueError, IndexError, KeyError) as error:  # a number or a reference that is none: the file is damaged
        raise Unreadable("workbook", detail="its parts do not fit together") from error


def _sheets(archive: Archive) -> list[Sheet]:
    main = _main_part(archive)
    top = _part(archive, main)
    targets = _relations(archive, main)
    book = _Book(
        _strings(archive, _target(targets, "sharedStrings")),
        _formats(archive, _target(targets, "styles")),
        any(node.attributes.get("date1904", "0") in ("1", "true") for node in top.below() if node.name == "workbookPr"),
    )
    sheets: list[Sheet] = []
    listed = [node for node in top.below() if node.name == "sheet"]
    if len(listed) > _MOST_SHEETS:
        raise Unreadable("too_many_parts", limit=_MOST_SHEETS)
    for node in listed:
        kind, target = targets[node.attributes["id"]]
        if kind == "worksheet":
            hidden = node.attributes.get("state", "visible") != "visible"
            sheets.append(_sheet(archive, target, node.attributes["name"], book, hidden=hidden))
    return sheets


def _main_part(archive: Archive) -> str:
    found = _target(_relations(archive, ""), "officeDocument")
    if found is None:
        raise Unreadable("workbook", detail="it is another kind of archive")
    return found


def _relations(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """Return {id: (kind, name of the part)} of what a part refers to."""
    folder, _, name = part.rpartition("/")
    content = archive.read(join(folder, "_rels", f"{name}.rels"))
    if content is None:
        raise Unreadable("workbook", detail="it is another kind of archive")
    found: dict[str, tuple[str, str]] = {}
    for node in parse(decode_xml(content, "auto")).below():
        if node.name == "Relationship" and node.attributes.get("TargetMode", "Internal") == "Internal":
            target = node.attributes["Target"]
            whole = target.lstrip("/") if target.startswith("/") else normpath(join(dirname(part), target))
            found[node.attributes["Id"]] = (node.attributes["Type"].rpartition("/")[2], whole)
    return found


def _target(relations: Mapping[str, tuple[str, str]], kind: str) -> str | None:
    return next((target for found, target in relations.values() if found == kind), None)


def _part(archive: Archive, name: str) -> Node:
    return parse(_text(archive, name))


def _text(archive: Archive, name: str) -> str:
    content = archive.read(name)
    if content is None:
        raise Unreadable("workbook", detail=f"{name[:80]!r} is missing inside")
    return decode_xml(content, "auto")


def _formats(archive: Archive, name: str | None) -> list[str]:
    """Return the number format of each style that a cell may have."""
    if name is None:
        return []
    top = _part(archive, name)
    own = {int(n.attributes["numFmtId"]): n.attributes["formatCode"] for n in top.below() if n.name == "numFmt"}
    styles = next((node for node in top.below() if node.name == "cellXfs"), None)
    numbers = [int(xf.attributes.get("numFmtId", "0")) for xf in (styles.inside if styles else ())]
    return [own.get(number) or BUILT_IN.get(number, GENERAL) for number in numbers]


def _strings(archive: Archive, name: str | None) -> list[str]:
    if name is None:
        return []
    target = _StringsTarget()
    _stream(_text(archive, name), target.start, target.data, target.end)
    return target.found


def _sheet(archive: Archive, name: str, title: str, book: _Book, *, hidden: bool) -> Sheet:
    target = _SheetTarget(Sheet(title, hidden=hidden), book)
    _stream(_text(archive, name), target.start, target.data, target.end)
    return target.sheet


def _stream(
    text: str, start: Callable[[str, dict[str, str]], None], data: Callable[[str], None], end: Callable[[str], None]
) -> None:
    parser = XMLParser(target=_Target(start, data, end), forbid_dtd=True)
    try:
        for at in range(0, len(text), _CHUNK):
            parser.feed(text[at : at + _CHUNK])
        parser.close()
    except DefusedXmlException as error:
        raise Unreadable("dtd") from error
    except ParseError as error:
        raise Unreadable("workbook", detail="a sheet inside is damaged") from error


@dataclass(frozen=True, slots=True)
class _Target:
    start: Callable[[str, dict[str, str]], None]
    data: Callable[[str], None]
    end: Callable[[str], None]

    def close(self) -> None:
        """Nothing is left to do."""


@dataclass(slots=True)
class _StringsTarget:
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
class _SheetTarget:
    """Gathers the cells of one sheet."""

    sheet: Sheet
    _book: _Book
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
                return Cell(self._book.strings[int(value)])
            case "str" | "inlineStr":
                return Cell(_unescaped(value))
            case "b":
                return Cell("TRUE" if value == "1" else "FALSE")
            case "e":
                return Cell("", error=value)
            case "d":
                return Cell(value, is_date=True)
        return number_cell(value, self._format(), from_1904=self._book.from_1904) if value else _uncalculated()

    def _format(self) -> str:
        return self._book.formats[self._style] if self._style < len(self._book.formats) else GENERAL

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
