"""Makes the workbooks in tests/cases/plm_folder: `python -m tests.plm_workbooks` writes those that are not there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import xlsxwriter
import xlwt

CASES = Path(__file__).parent / "cases" / "plm_folder"
HEADERS = ("ECN No", "Status", "Release Date", "Part No", "Rev", "Program Version")
SECRET = "EncryptedPackage".encode("utf-16-le")
Book = xlsxwriter.Workbook
Page = xlsxwriter.workbook.Worksheet


def xlsx(fill: Callable[[Book, Page], None], **options: bool) -> bytes:
    """Return a workbook with one sheet, filled."""
    target = io.BytesIO()
    book = Book(target, {"in_memory": True, **options})
    book.set_properties({"created": datetime(2026, 1, 1)})
    fill(book, book.add_worksheet("ECN"))
    book.close()
    return target.getvalue()


def xls(fill: Callable[[xlwt.Workbook, xlwt.Worksheet], None]) -> bytes:
    """Return an old workbook with one sheet, filled."""
    book = xlwt.Workbook()
    fill(book, book.add_sheet("ECN"))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def header(page: Page, row: int = 0) -> None:
    """Write the headers."""
    for column, name in enumerate(HEADERS):
        page.write_string(row, column, name)


def as_shown(book: Book, page: Page) -> None:
    """Numbers whose format says more than their value: 01, 1.10, P-0007; texts stay texts."""
    header(page)
    rows = [
        ("01", 1, "00", 1.1, "0.00"),
        ("EL-2", 1, "General", 2, "0.0"),
        (7, 12, "0", 3.5, "General"),
    ]
    for at, (part, revision, revision_format, version, version_format) in enumerate(rows, 1):
        page.write_string(at, 0, "EC-1")
        page.write_string(at, 1, "Released")
        page.write_datetime(at, 2, datetime(2026, 1, 5, 14, 30), book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))
        if isinstance(part, str):
            page.write_string(at, 3, part)
        else:
            page.write_number(at, 3, part, book.add_format({"num_format": '"P-"0000'}))
        page.write_number(at, 4, revision, book.add_format({"num_format": revision_format}))
        page.write_number(at, 5, version, book.add_format({"num_format": version_format}))


def dates(book: Book, page: Page) -> None:
    """A day, a day with a time, and a part number that became a date."""
    header(page)
    day = book.add_format({"num_format": "d.m.yyyy"})
    for at, number in enumerate(("EC-1", "EC-2", "EC-3"), 1):
        page.write_string(at, 0, number)
        page.write_string(at, 1, "Released")
        page.write_string(at, 3, f"EL-{at}")
    page.write_datetime(1, 2, date(2026, 1, 5), day)
    page.write_datetime(2, 2, datetime(2026, 1, 5, 23, 59, 59), book.add_format({"num_format": "yyyy/m/d h:mm;@"}))
    page.write_string(3, 2, "2026年1月5日")
    page.write_datetime(3, 4, date(2026, 4, 3), book.add_format({"num_format": "d-mmm"}))


def title_rows(book: Book, page: Page) -> None:
    """A title, an empty row, the header in row 4 from column B on; empty rows between; numbers merged downwards."""
    page.merge_range(0, 0, 0, 6, "ECN report 2026", book.add_format())
    for column, name in enumerate(HEADERS, 1):
        page.write_string(3, column, name)
    page.merge_range(4, 1, 5, 1, "EC-1", book.add_format())
    page.merge_range(4, 2, 5, 2, "Released", book.add_format())
    page.write_string(4, 4, "EL-1")
    page.write_string(5, 4, "EL-2")
    page.write_blank(6, 1, None, book.add_format({"bold": True}))
    page.write_string(8, 1, "EC-2")
    page.write_string(8, 2, "Released")
    page.write_string(8, 4, "EL-3")


def failed_formula(_book: Book, page: Page) -> None:
    """A version that a formula should have looked up."""
    header(page)
    for column, value in enumerate(("EC-1", "Released", "", "EL-1", "B")):
        page.write_string(1, column, value)
    page.write_formula(1, 5, "=VLOOKUP(D2,X!A:B,2,0)", None, "#REF!")


def failed_title(_book: Book, page: Page) -> None:
    """A title that a formula should have looked up: nothing hangs on it."""
    for column, name in enumerate(("ECN No", "Status", "Part No", "Title")):
        page.write_string(0, column, name)
    for column, value in enumerate(("EC-1", "Released", "EL-1")):
        page.write_string(1, column, value)
    page.write_formula(1, 3, "=VLOOKUP(D2,X!A:B,2,0)", None, "#N/A")


def formula_text(_book: Book, page: Page) -> None:
    """A part number that a formula puts together."""
    header(page)
    for column, value in enumerate(("EC-1", "Released", "", "", "B")):
        page.write_string(1, column, value)
    page.write_formula(1, 3, '="EL-"&1', None, "EL-1")


def damage(_book: Book, page: Page) -> None:
    """A number of more than 15 digits, and one whose format cannot be followed."""
    header(page)
    for at, part in enumerate((12345678901234567890, 12.5), 1):
        page.write_string(at, 0, "EC-1")
        page.write_string(at, 1, "Released")
        page.write_number(at, 3, part, _book.add_format({"num_format": "0.00E+00"}) if at == 2 else None)


def two_lists(book: Book, page: Page) -> None:
    """Two sheets that look alike: one of them would be lost."""
    for sheet in (page, book.add_worksheet("2025")):
        header(sheet)
        for column, value in enumerate(("EC-1" if sheet is page else "EC-2", "Released", "", "EL-1")):
            sheet.write_string(1, column, value)


def hidden_list(book: Book, page: Page) -> None:
    """A hidden sheet with an old list, and one that is no list."""
    two_lists(book, page)
    book.get_worksheet_by_name("2025").hide()
    book.add_worksheet("Notes").write_string(0, 0, "nothing here")


def chinese(book: Book, page: Page) -> None:
    """Headers and words in Chinese, rich text, a line break in a cell."""
    for column, name in enumerate(("变更单号", "状态", "零件号", "版本")):
        page.write_string(0, column, name)
    page.write_string(1, 0, "变更-1")
    page.write_string(1, 1, "已发布")
    page.write_rich_string(1, 2, "EL", book.add_format({"bold": True}), "-1")
    page.write_string(1, 3, "B\n")


def no_header(_book: Book, page: Page) -> None:
    """Rows without a header."""
    for column, value in enumerate(("EC-1", "Released", "EL-1")):
        page.write_string(0, column, value)


def old_as_shown(_book: xlwt.Workbook, page: xlwt.Worksheet) -> None:
    """The same in an old workbook: formats, dates, texts."""
    for column, name in enumerate(HEADERS):
        page.write(0, column, name)
    page.write_merge(1, 2, 0, 0, "EC-1")
    for at in (1, 2):
        page.write(at, 1, "Released")
        page.write(at, 2, datetime(2026, 1, 5, 14, 30), xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm"))
    page.write(1, 3, "01")
    page.write(2, 3, 7, xlwt.easyxf(num_format_str='"P-"0000'))
    page.write(1, 4, 1, xlwt.easyxf(num_format_str="00"))
    page.write(2, 4, 1)
    page.write(1, 5, 1.1, xlwt.easyxf(num_format_str="0.00"))
    page.write(2, 5, 1.1)


def old_failed_formula(_book: xlwt.Workbook, page: xlwt.Worksheet) -> None:
    """An error in an old workbook, which readers of values take for an empty cell."""
    for column, name in enumerate(HEADERS):
        page.write(0, column, name)
    for column, value in enumerate(("EC-1", "Released", "", "EL-1", "B")):
        page.write(1, column, value)
    page.row(1).set_cell_error(5, "#REF!")


def bomb() -> bytes:
    """A workbook whose sheet unpacks to a thousand times its size."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 30_000_000)
    return target.getvalue()


def many_entries() -> bytes:
    """A workbook of three thousand parts."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(3000):
            archive.writestr(f"{number}", b"")
    return target.getvalue()


def other_archive() -> bytes:
    """A ZIP archive that is no workbook."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("readme.txt", b"hello")
    return target.getvalue()


def lying() -> bytes:
    """A workbook that declares a small shared part which unpacks to a large one."""
    sound = bytearray(xlsx(formula_text))
    with zipfile.ZipFile(io.BytesIO(bytes(sound))) as archive:
        info = archive.getinfo("xl/worksheets/sheet1.xml")
    at = sound.rfind(b"xl/worksheets/sheet1.xml") - 46
    sound[at + 24 : at + 28] = (info.file_size - 100).to_bytes(4, "little")
    return bytes(sound)


def protected() -> bytes:
    """What is left of a workbook with a password for one that has none: a container with an encrypted package."""
    sound = xls(old_failed_formula)
    return sound.replace("Workbook".encode("utf-16-le") + b"\0" * 16, SECRET).replace(
        b"\x12\0\x02", (len(SECRET) + 2).to_bytes(2, "little") + b"\x02"
    )


MADE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "xlsx_as_shown": ("xlsx", lambda: xlsx(as_shown)),
    "xlsx_dates": ("xlsx", lambda: xlsx(dates)),
    "xlsx_dates_1904": ("xlsx", lambda: xlsx(dates, date_1904=True)),
    "xlsx_title_and_merged_cells": ("xlsx", lambda: xlsx(title_rows)),
    "xlsx_failed_formula": ("xlsx", lambda: xlsx(failed_formula)),
    "xlsx_failed_title": ("xlsx", lambda: xlsx(failed_title)),
    "xlsx_formula_text": ("xlsx", lambda: xlsx(formula_text)),
    "xlsx_damage": ("xlsx", lambda: xlsx(damage)),
    "xlsx_two_lists": ("xlsx", lambda: xlsx(two_lists)),
    "xlsx_named_sheet": ("xlsx", lambda: xlsx(two_lists)),
    "xlsx_both_sheets": ("xlsx", lambda: xlsx(two_lists)),
    "xlsx_wrong_sheet": ("xlsx", lambda: xlsx(two_lists)),
    "xlsx_hidden_sheet": ("xlsx", lambda: xlsx(hidden_list)),
    "xlsx_chinese": ("xlsx", lambda: xlsx(chinese)),
    "xlsx_no_header": ("xlsx", lambda: xlsx(no_header)),
    "xlsx_bomb": ("xlsx", bomb),
    "xlsx_many_entries": ("xlsx", many_entries),
    "xlsx_other_archive": ("xlsx", other_archive),
    "xlsx_lying_size": ("xlsx", lying),
    "xlsx_cut_off": ("xlsx", lambda: xlsx(as_shown)[:3000]),
    "xlsx_password": ("xlsx", protected),
    "xls_as_shown": ("xls", lambda: xls(old_as_shown)),
    "xls_failed_formula": ("xls", lambda: xls(old_failed_formula)),
    "xls_cut_off": ("xls", lambda: xls(old_as_shown)[:3000]),
    "xls_named_xlsx": ("xlsx", lambda: xls(old_as_shown)),
    "auto_workbook": ("xlsx", lambda: xlsx(formula_text)),
}


def main() -> None:
    """Write the workbooks that are not there."""
    for name, (ending, make) in MADE.items():
        file = CASES / name / f"input.{ending}"
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(make())


if __name__ == "__main__":
    main()
