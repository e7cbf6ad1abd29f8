"""XLSX to sheets, read directly: cells as their formats show them, and formulas' errors, which readers of values drop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from adapters.plm_folder.formats.archive import Archive, open_archive
from adapters.plm_folder.formats.number_format import BUILT_IN, GENERAL
from adapters.plm_folder.formats.sheets import Sheet
from adapters.plm_folder.formats.text import decode_xml
from adapters.plm_folder.formats.xlsx_cells import Book, SheetTarget, StringsTarget
from adapters.plm_folder.formats.xml_tree import Node, parse
from adapters.plm_folder.unreadable import Unreadable

_CHUNK = 1 << 16
_MOST_SHEETS = 200


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
    book = Book(
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
    target = StringsTarget()
    _stream(_text(archive, name), target.start, target.data, target.end)
    return target.found


def _sheet(archive: Archive, name: str, title: str, book: Book, *, hidden: bool) -> Sheet:
    target = SheetTarget(Sheet(title, hidden=hidden), book)
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
