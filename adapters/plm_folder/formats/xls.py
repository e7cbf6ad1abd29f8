"""XLS to sheets: texts through calamine, numbers with their formats and failed formulas through `biff`."""

from __future__ import annotations

import io
from collections.abc import Iterator

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetVisibleEnum

from adapters.plm_folder.formats import ole
from adapters.plm_folder.formats.biff import Globals, Numbers, read_globals, read_numbers
from adapters.plm_folder.formats.sheets import MOST_CELLS, Cell, Sheet
from adapters.plm_folder.formats.xlsx_cells import number_cell
from adapters.plm_folder.unreadable import Unreadable


def read_workbook(data: bytes) -> list[Sheet]:
    """Return every sheet. Raises Unreadable."""
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
        numbers = [read_numbers(stream, start, found.formats) for start in found.sheets]
    except ValueError as error:
        raise Unreadable("workbook", detail=str(error)) from error
    return _sheets(data, found, numbers)


def _sheets(data: bytes, found: Globals, numbers: list[Numbers]) -> list[Sheet]:
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            names = book.sheet_names
            if len(names) != len(numbers):
                raise Unreadable("workbook", detail="it holds sheets that are no tables")
            hidden = [about.visible != SheetVisibleEnum.Visible for about in book.sheets_metadata]
            return [
                _sheet(book.get_sheet_by_name(name), numbers[at], found, hidden=hidden[at])
                for at, name in enumerate(names)
            ]
    except PasswordError as error:
        raise Unreadable("password") from error
    except CalamineError as error:
        raise Unreadable("workbook", detail=str(error)[:120]) from error
    except BaseException as error:
        # the library is written in Rust: what it did not foresee arrives as a PanicException, which is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise Unreadable("workbook", detail="it is damaged") from error


def _sheet(source: CalamineSheet, numbers: Numbers, found: Globals, *, hidden: bool) -> Sheet:
    sheet = Sheet(source.name, hidden=hidden)
    for place, text in _texts(source):
        _put(sheet, place, Cell(text))
    for place, (value, code) in numbers.numbers.items():
        _put(sheet, place, number_cell(repr(value), code, from_1904=found.from_1904))
    for place, error in numbers.errors.items():
        _put(sheet, place, Cell("", error=error))
    if sum(map(len, sheet.rows.values())) > MOST_CELLS:
        raise Unreadable("too_many_parts", f"sheet {sheet.name}", limit=MOST_CELLS)
    sheet.merged = [(*first, *last) for first, last in source.merged_cell_ranges or ()]
    return sheet


def _texts(source: CalamineSheet) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the texts and truth values; numbers and dates come with their formats from elsewhere."""
    for row, values in enumerate(source.to_python(skip_empty_area=False)):
        for column, value in enumerate(values):
            if isinstance(value, bool):
                yield (row, column), "TRUE" if value else "FALSE"
            elif isinstance(value, str) and value:
                yield (row, column), value


def _put(sheet: Sheet, place: tuple[int, int], cell: Cell) -> None:
    row, column = place
    sheet.rows.setdefault(row, {})[column] = cell
