"""Sheets of a workbook to records: finds the sheet and its header row, and names every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.plm_folder import damage
from adapters.plm_folder.columns import Wanted, familiar, find, require
from adapters.plm_folder.formats.table import LONGEST_VALUE, MOST_ROWS, Record, Row
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.ports import Trace

MOST_CELLS = 500_000
_LOOKED_AT = 50  # rows in which the header is looked for
_UNIMPORTANT = frozenset({"title", "designer"})  # a failed formula there changes no verdict
_ABOUT = frozenset({"part", "drawing", "program"})  # beside a number: items, though their status stands elsewhere
_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as it is shown. doubt: why it is not what was typed. error: the formula's error in place of a value.

    is_date: it was stored as a date.
    """

    text: str
    doubt: str = ""
    error: str = ""
    is_date: bool = False


@dataclass(slots=True)
class Sheet:
    """One sheet, sparse: row → column → cell, both from 0. merged: (first row, first column, last row, last column)."""

    name: str
    rows: dict[int, dict[int, Cell]] = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Cells:
    """The layout of a sheet's rows."""

    sheet: str
    headers: Mapping[str, str]
    letters: Mapping[str, str]

    def trace(self, row: Row, column: str) -> Trace | None:
        """Return `sheet ECN, cell C7`."""
        if column not in row.values or column not in self.letters:
            return None
        number = row.place.rpartition(" ")[2]
        return Trace(
            f"sheet {self.sheet}, cell {self.letters[column]}{number}", self.headers[column], row.values[column]
        )


def read_sheets(
    sheets: Sequence[Sheet], wanted: Wanted, *, named: Sequence[str] = (), header_row: int | None = None
) -> list[Record]:
    """Return one record per row of the named sheets, or of the only one that looks like a list of ECNs. Raises Unreadable."""
    records: list[Record] = []
    for sheet in _chosen(sheets, wanted, named, header_row):
        records.extend(_records(sheet, wanted, header_row))
        if len(records) > MOST_ROWS:
            raise Unreadable("too_many", f"sheet {sheet.name}", limit=MOST_ROWS)
    return records


def letters(column: int) -> str:
    """Return a column, counted from 0, as a spreadsheet names it: A, Z, AA."""
    found = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(65 + rest) + found
    return found


def _chosen(
    sheets: Sequence[Sheet], wanted: Wanted, named: Sequence[str], header_row: int | None
) -> Iterator[Sheet] | list[Sheet]:
    if named:
        return [_called(name, sheets) for name in named]
    shown = [sheet for sheet in sheets if not sheet.hidden and sheet.rows]
    if not shown:
        raise Unreadable("no_rows")
    likely = [sheet for sheet in shown if _is_list(sheet, wanted, header_row)]
    if len(likely) > 1:
        raise Unreadable("sheets", found=", ".join(sheet.name for sheet in likely[:_MOST_SHOWN]))
    return likely or [max(shown, key=lambda sheet: familiar(_headers(sheet, wanted, header_row), wanted))]


def _called(name: str, sheets: Sequence[Sheet]) -> Sheet:
    for sheet in sheets:
        if sheet.name.strip().casefold() == name.strip().casefold():
            return sheet
    raise Unreadable("no_sheet", sheet=name, found=", ".join(sheet.name for sheet in sheets[:_MOST_SHOWN]))


def _is_list(sheet: Sheet, wanted: Wanted, header_row: int | None) -> bool:
    try:
        found = find(_headers(sheet, wanted, header_row), wanted)
    except Unreadable:
        return True  # a header twice: it says so when it is read
    return all(column in found for column in wanted.required) or ("number" in found and bool(_ABOUT & found.keys()))


def _headers(sheet: Sheet, wanted: Wanted, header_row: int | None) -> list[str]:
    return _named(_header_cells(sheet, _header(sheet, wanted, header_row)))


def _header(sheet: Sheet, wanted: Wanted, header_row: int | None) -> int:
    """Return the header's row: as set, or the one among the first ones in which most names are known.

    Where such a name is merged downwards, the header has two rows or more, and its lowest one says what each column is.
    """
    if header_row is not None:
        return header_row - 1
    first = sorted(sheet.rows)[:_LOOKED_AT]
    best = max(first, key=lambda row: familiar(_names(sheet, row), wanted), default=0)
    names = {column: [cell.text] for column, cell in sheet.rows.get(best, {}).items()}
    lowest = [low for top, left, low, _ in sheet.merged if top == best and familiar(names.get(left, ()), wanted)]
    return max(lowest, default=best)


def _header_cells(sheet: Sheet, at: int) -> dict[int, Cell]:
    """Return the cells of the header's row, with those that are merged down to it."""
    cells = dict(sheet.rows.get(at, {}))
    for top, left, bottom, _ in sheet.merged:
        if top < at <= bottom and (merged := sheet.rows.get(top, {}).get(left)) is not None:
            cells[left] = merged
    return dict(sorted(cells.items()))


def _names(sheet: Sheet, row: int) -> list[str]:
    return _named(sheet.rows.get(row, {}))


def _named(cells: Mapping[int, Cell]) -> list[str]:
    return [cell.text.strip() for cell in cells.values() if cell.text.strip()]


def _require_one_column(sheet: Sheet, at: int, where: Mapping[str, int], wanted: Wanted) -> None:
    """Refuse a name that stands over several columns with values: which one it means is a guess."""
    used = set(where.values())
    tops = {top for top, left, bottom, _ in sheet.merged if top < at <= bottom and left in used}
    for top, left, bottom, right in sheet.merged:
        cell = sheet.rows.get(top, {}).get(left)
        if left == right or cell is None or not (top <= at <= bottom or top in tops):
            continue
        meant = [column for column in find([cell.text.strip()], wanted) if column not in _UNIMPORTANT]
        others = range(left if bottom < at else left + 1, min(right, left + _MOST_SHOWN) + 1)
        below = (cells for row, cells in sheet.rows.items() if row > at)
        if any(where.get(column, left) == left for column in meant) and any(
            number in cells and cells[number].text.strip() for cells in below for number in others
        ):
            place = f"sheet {sheet.name}, cell {letters(left)}{top + 1}"
            raise Unreadable("header_over", place, column=meant[0], values=f"{letters(left)}-{letters(right)}")


def _records(sheet: Sheet, wanted: Wanted, header_row: int | None) -> Iterator[Record]:
    at = _header(sheet, wanted, header_row)
    cells = _header_cells(sheet, at)
    names = _named(cells)
    found = find(names, wanted)
    require(found, names, f"sheet {sheet.name}, row {at + 1}", wanted)
    columns = {cell.text.strip(): column for column, cell in cells.items()}
    where = {column: columns[header] for column, header in found.items()}
    _require_one_column(sheet, at, where, wanted)
    layout = Cells(sheet.name, found, {column: letters(number) for column, number in where.items()})
    spread = _spread(sheet)
    for number in sorted(row for row in sheet.rows if row > at):
        own = sheet.rows[number]
        if not any(cell.text.strip() or cell.error for cell in own.values()):
            continue
        row = _row(number, own, spread.get(number, {}), where, layout)
        if row.values:
            yield Record(row, (row,))


def _row(
    number: int, own: Mapping[int, Cell], spread: Mapping[int, Cell], where: Mapping[str, int], layout: Cells
) -> Row:
    values: dict[str, str] = {}
    doubts: dict[str, str] = {}
    for column, at in where.items():
        cell = own.get(at)
        if cell is None or not (cell.text.strip() or cell.error):
            cell = spread.get(at)
        if cell is None:
            continue
        place = f"sheet {layout.sheet}, cell {layout.letters[column]}{number + 1}"
        if cell.error:
            if column not in _UNIMPORTANT:
                raise Unreadable("formula", place, column=column, value=cell.error[:40])
            continue
        value = cell.text.strip()
        if len(value) > LONGEST_VALUE:
            raise Unreadable("too_long", place, field=column, limit=LONGEST_VALUE)
        if value:
            values[column] = value
            if doubt := cell.doubt or (damage.DATE if cell.is_date else ""):
                doubts[column] = doubt
    return Row(f"sheet {layout.sheet}, row {number + 1}", values, layout, doubts=doubts)


def _spread(sheet: Sheet) -> dict[int, dict[int, Cell]]:
    """Return what cells merged downwards show in the rows below their first."""
    found: dict[int, dict[int, Cell]] = {}
    count = 0
    for top, left, bottom, _ in sheet.merged:
        cell = sheet.rows.get(top, {}).get(left)
        if cell is None:
            continue
        for row in range(top + 1, min(bottom, top + MOST_ROWS) + 1):
            count += 1
            if count > MOST_CELLS:
                raise Unreadable("too_many_parts", f"sheet {sheet.name}", limit=MOST_CELLS)
            if row in sheet.rows:
                found.setdefault(row, {})[left] = cell
    return found
