"""XML paths, fixed-width lines and workbooks, apart from the cases: rules, bounds, and a second opinion."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from datetime import datetime
from time import perf_counter

import pytest
import xlsxwriter
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from adapters.plm_folder.formats import xls, xlsx
from adapters.plm_folder.formats.number_format import is_date
from adapters.plm_folder.formats.sheets import letters
from adapters.plm_folder.formats.table import LONGEST_VALUE
from adapters.plm_folder.formats.xml_path import parse_path
from adapters.plm_folder.formats.xml_tree import MOST_ELEMENTS, Node, parse
from adapters.plm_folder.options import LARGEST_FILE, PlmFolderOptions
from adapters.plm_folder.reading import read_file
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.options import read_options
from tests.plm_hostile import book, old_book, record
from tests.plm_workbooks import old_as_shown
from tests.plm_workbooks import xls as old_workbook

DOCUMENT = parse(
    """<a xmlns:p="urn:p"><h id="H1"><no>7</no></h><p:b id="B1" ref="#H1 #B2" k="x"><c n="1">one</c><c n="2">two</c>
    <d><c n="3">three</c></d></p:b><b id="B2" k="y"/></a>"""
)


def values(path: str, start: Node = DOCUMENT) -> list[str]:
    by_id = {node.attributes["id"]: node for node in DOCUMENT.below() if "id" in node.attributes}
    return [value for value, _ in parse_path(path).values(start, DOCUMENT, by_id)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b/c", ["one", "two"]),
        ("//c", ["one", "two", "three"]),
        ("/a//c/@n", ["1", "2", "3"]),
        ("/a/b/c[@n='2']", ["two"]),
        ('/a/b/c[@n="2"]', ["two"]),
        ("/a/b/c[2]", ["two"]),
        ("/a/*/@k", ["x", "y"]),
        ("/a/b[@k='x'][c='one']/@id", ["B1"]),
        ("/a/b[d]/@id", ["B1"]),
        ("/a/b[@ref]/@id", ["B1"]),
        ("//d/../@id", ["B1"]),
        ("//d/c/ancestor::b/@id", ["B1"]),
        ("/a/b/id(@ref)/@id", ["H1", "B2"]),
        ("/a/b/id(@ref)[@k='y']/@id", ["B2"]),
        ("/a/p:b/q:c[@n='1']", ["one"]),
        ("/a/h/no/text()", ["7"]),
        ("/a/./h/no", ["7"]),
        ("/x", []),
        ("/a/b/c[9]", []),
    ],
)
def test_paths_lead_where_they_say(path: str, expected: list[str]) -> None:
    """The small part of XPath that is understood, names without namespaces."""
    assert values(path) == expected


@pytest.mark.parametrize("path", ["", "/", "a//", "a[", "a[@b=c]", "a b", "@a/b", "text()/a", "id(a)", "a[1.5]", "a]"])
def test_a_path_that_makes_no_sense_is_refused(path: str) -> None:
    """With the place, and what to write."""
    with pytest.raises(ValueError, match=r" → "):
        parse_path(path)


@given(st.text(alphabet="ab/@[]='.*():1 ", max_size=20))
def test_any_path_is_parsed_or_refused(path: str) -> None:
    """No other error; and what is parsed can be followed."""
    try:
        parsed = parse_path(path)
    except ValueError:
        return
    assert list(parsed.values(DOCUMENT, DOCUMENT, {})) is not None


def test_a_place_is_a_path_that_leads_there() -> None:
    """What is told to a technician can be pasted as a path."""
    for node in DOCUMENT.below():
        assert parse_path(node.path).elements(DOCUMENT, DOCUMENT, {}) == [node]


def test_too_many_elements_are_refused() -> None:
    """Bounded before memory is."""
    with pytest.raises(Unreadable) as caught:
        parse("<a>" + "<b/>" * (MOST_ELEMENTS + 1) + "</a>")
    assert caught.value.kind == "too_many_parts"


def options(**given: object) -> PlmFolderOptions:
    return read_options(PlmFolderOptions, {"adapter": "plm_folder", "path": ".", **given})


def test_many_rows_beside_a_header_do_not_take_the_square_of_the_time() -> None:
    """20 000 items that each look up to the same header: what many rows share is looked for once."""
    rows = "".join(f'<i p="P{number}"/>' for number in range(20_000))
    site = options(
        format="xml",
        xml={"rows": "/e/i"},
        columns={"number": "../h/@n", "status": "/e/h/@s", "part": "@p", "title": "ancestor::e/h/@t"},
    )
    start = perf_counter()
    (draft,) = read_file(f'<e><h n="EC-1" s="released" t="T"/>{rows}</e>'.encode(), site)
    assert len(draft.items) == 20_000
    assert perf_counter() - start < 30


def test_a_file_that_is_too_large_is_not_looked_into() -> None:
    """Whatever it is said to be."""
    with pytest.raises(Unreadable) as caught:
        read_file(b"PK\x03\x04" + b"\0" * LARGEST_FILE, options(format="auto"))
    assert caught.value.kind == "too_large"


def sparse(*cells: tuple[int, int, str]) -> bytes:
    """Return a workbook with these texts."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target)
    page = book.add_worksheet()
    for row, column, text in cells:
        page.write_string(row, column, text)
    book.close()
    return target.getvalue()


def test_a_cell_in_the_farthest_corner_costs_nothing() -> None:
    """A reader of whole rectangles would ask for terabytes: what is not there takes no room."""
    data = sparse((0, 0, "number"), (0, 1, "status"), (1, 0, "EC-1"), (1, 1, "released"), (1_048_575, 16_383, "x"))
    (draft,) = read_file(data, options(format="xlsx"))
    assert draft.number == "EC-1"


def test_columns_are_named_as_a_spreadsheet_names_them() -> None:
    """At the turns."""
    assert [letters(column) for column in (0, 25, 26, 701, 702, 16_383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("General", False),
        ("0.00", False),
        ("yyyy-mm-dd", True),
        ("d.m.yyyy;@", True),
        ('"day "0', False),
        ("[h]:mm", True),
        ("[Red]0", False),
        ("[$-804]yyyy年m月d日", True),
        ("#,##0\\d", False),
    ],
)
def test_date_formats_are_told_from_numbers(code: str, expected: bool) -> None:
    """Quoted letters, colours and locales are no dates."""
    assert is_date(code) is expected


VALUES = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF), min_size=1, max_size=20),
    st.integers(-(10**9), 10**9),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 4)),
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda value: value.replace(microsecond=0)),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(st.none() | VALUES, max_size=5), max_size=6))
def test_workbooks_are_read_as_another_reader_reads_them(rows: list[list[object]]) -> None:
    """Our XLSX reader and calamine agree on every text, number, date and truth value of any sheet."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"strings_to_formulas": False, "strings_to_urls": False})
    page = book.add_worksheet("S")
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for row, cells in enumerate(rows):
        for column, value in enumerate(cells):
            if isinstance(value, datetime):
                page.write_datetime(row, column, value, moment)
            elif isinstance(value, bool):
                page.write_boolean(row, column, value)
            elif isinstance(value, str):
                page.write_string(row, column, value)
            elif isinstance(value, int | float):
                page.write_number(row, column, value)
    book.close()
    (sheet,) = xlsx.read_workbook(target.getvalue())
    ours = {
        (row, column): cell.text.removesuffix(" 00:00:00") if cell.is_date else cell.text
        for row, cells in sheet.rows.items()
        for column, cell in cells.items()
    }
    with CalamineWorkbook.from_filelike(io.BytesIO(target.getvalue())) as other:
        theirs = dict(_as_text(other.get_sheet_by_index(0).to_python(skip_empty_area=False)))
    assert ours == theirs


LONG_TEXTS = st.one_of(
    VALUES,
    st.text(st.characters(min_codepoint=32, max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1).map(
        lambda text: (text * 5000)[:30_000]
    ),
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(st.none() | LONG_TEXTS, max_size=5), max_size=6))
def test_old_workbooks_are_read_as_another_reader_reads_them(rows: list[list[object]]) -> None:
    """Our XLS reader and calamine agree on every text, number and truth value; texts go on over many records."""
    book = xlwt.Workbook()
    page = book.add_sheet("S")
    for row, cells in enumerate(rows):
        for column, value in enumerate(cells):
            if value is not None and not isinstance(value, datetime):
                page.write(row, column, value)
    target = io.BytesIO()
    book.save(target)
    (sheet,) = xls.read_workbook(target.getvalue())
    ours = {(row, column): cell.text for row, cells in sheet.rows.items() for column, cell in cells.items()}
    with CalamineWorkbook.from_filelike(io.BytesIO(target.getvalue())) as other:
        assert ours == dict(_as_text(other.get_sheet_by_index(0).to_python(skip_empty_area=False)))


def _as_text(rows: list[list[object]]) -> Iterator[tuple[tuple[int, int], str]]:
    for row, cells in enumerate(rows):
        for column, value in enumerate(cells):
            if value == "" and not isinstance(value, bool):
                continue
            if isinstance(value, bool):
                text = str(value).upper()
            elif isinstance(value, float):
                text = str(int(value)) if value == int(value) else f"{value!r}"
            else:
                text = str(value)
            yield (row, column), text


def test_an_old_workbook_shows_what_a_reader_of_values_drops() -> None:
    """Formats of numbers are there; calamine alone gives 1.0 and 1.1."""
    (sheet,) = xls.read_workbook(old_workbook(old_as_shown))
    assert sheet.rows[1][4].text == "01"
    assert sheet.rows[1][5].text == "1.10"
    assert sheet.merged == [(1, 0, 2, 0)]


def test_a_workbook_from_before_unicode() -> None:
    """Excel 5 and 95: texts in the code page of the workbook, here that of China; a formula's text stands behind it."""
    begin = record(0x809, struct.pack("<HH", 0x500, 5))

    def label(row: int, column: int, text: str) -> bytes:
        written = text.encode("gbk")
        return record(0x204, struct.pack("<HHHH", row, column, 0, len(written)) + written)

    formula = record(0x06, struct.pack("<HHHBxxxxxHxxxxxx", 1, 2, 0, 0, 0xFFFF))
    truth = record(0x205, struct.pack("<HHHBB", 1, 3, 0, 1, 0))
    cells = label(0, 0, "变更单号") + label(0, 1, "状态") + label(1, 0, "变更-1") + label(1, 1, "已发布")
    cells += formula + record(0x207, struct.pack("<H", 5) + "版本B".encode("gbk")) + truth
    name = "表".encode("gbk")
    head = begin + record(0x42, struct.pack("<H", 936))
    start = len(head) + 4 + 7 + len(name) + 4
    head += record(0x85, struct.pack("<IBBB", start, 1, 0, len(name)) + name) + record(0x0A)
    (sheet,) = xls.read_workbook(old_book(head + begin + cells + record(0x0A)))
    assert (sheet.name, sheet.hidden) == ("表", True)
    assert [cell.text for cell in sheet.rows[0].values()] == ["变更单号", "状态"]
    assert [cell.text for cell in sheet.rows[1].values()] == ["变更-1", "已发布", "版本B", "TRUE"]
    damaged = old_book(head + begin + label(0, 0, "变").replace("变".encode("gbk"), b"\xff\xff") + record(0x0A))
    with pytest.raises(Unreadable, match="code page"):
        xls.read_workbook(damaged)


def test_a_long_text_of_a_formula_costs_only_its_own_cell() -> None:
    """It goes on in the next record: too long for any value, and no reason to refuse a file that asks nothing of it."""
    begin, end = record(0x809, struct.pack("<HH", 0x600, 5)), record(0x0A)
    formula = record(0x06, struct.pack("<HHHBxxxxxHxxxxxx", 0, 1, 0, 0, 0xFFFF))
    label = record(0x204, struct.pack("<HHHHB", 0, 0, 0, 2, 0) + b"ok")
    long = record(0x207, struct.pack("<HB", 9000, 0) + b"x" * 8221) + record(0x3C, b"\0" + b"x" * 779)
    (sheet,) = xls.read_workbook(old_book(book(begin + label + formula + long + end)))
    assert sheet.rows[0][0].text == "ok"
    assert len(sheet.rows[0][1].text) > LONGEST_VALUE
    with pytest.raises(Unreadable):
        xls.read_workbook(
            old_book(book(begin + label + formula + record(0x207, struct.pack("<HB", 9000, 0) + b"x") + end))
        )
