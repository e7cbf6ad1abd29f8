"""XLS to sheets: what its records say, as it is shown."""

from __future__ import annotations

from adapters.plm_folder.formats import ole
from adapters.plm_folder.formats.biff import Cells, Globals, read_cells, read_globals
from adapters.plm_folder.formats.sheets import Cell, Sheet
from adapters.plm_folder.formats.xlsx_cells import number_cell
from adapters.plm_folder.unreadable import Unreadable


def read_workbook(data: bytes) -> list[Sheet]:
    """Return every sheet that is a table. Raises Unreadable."""
    try:
        streams = ole.streams(data)
        if "EncryptedPackage" in streams:
            raise Unreadable("password")
        stream = streams.get("Workbook") or streams.get("Book")
        if stream is None:
            raise Unreadable("workbook", detail="it is another kind of Office file")
        found = read_globals(stream)
        if found.protected:
            raise Unreadable("password")
        return _sheets(stream, found)
    except ValueError as error:
        raise Unreadable("workbook", detail=str(error)) from error


def _sheets(stream: bytes, found: Globals) -> list[Sheet]:
    """Read one sheet after another; together they are no longer than the stream, or it would be read again and again."""
    sheets: list[Sheet] = []
    left = len(stream)
    for part in found.sheets:
        try:
            cells = read_cells(stream, part.start, found)
        except OverflowError as error:
            raise Unreadable("too_many_parts", f"sheet {part.name}", limit=error.args[0]) from error
        left -= cells.end - part.start
        if left < 0:
            raise ValueError("the sheets lie over each other")
        sheets.append(_sheet(part.name, cells, found, hidden=part.hidden))
    return sheets


def _sheet(name: str, cells: Cells, found: Globals, *, hidden: bool) -> Sheet:
    sheet = Sheet(name, merged=cells.merged, hidden=hidden)
    for place, text in cells.texts.items():
        _put(sheet, place, Cell(text))
    for place, (value, code) in cells.numbers.items():
        _put(sheet, place, number_cell(repr(value), code, from_1904=found.from_1904))
    for place, error in cells.errors.items():
        _put(sheet, place, Cell("", error=error))
    return sheet


def _put(sheet: Sheet, place: tuple[int, int], cell: Cell) -> None:
    row, column = place
    sheet.rows.setdefault(row, {})[column] = cell
