"""Texts and workbooks made to keep a reader busy: whatever is nested, repeated, unclosed, or the same thousands of times."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.plm_workbooks import Book, Page, header, xlsx

PIECES = (
    '"', "<", "[", "{", ",", ";", "|", "\t", "\n", "\r", " ", "a", "0", "=", "&", "'", "\\", "-", ".", "é", "\u3000", '""',
    "[[", '{"a":', '"a",', "a,b\n", '",\n', "<a>", "<a ", "<!--", "<![CDATA[", "&#x41;", "&lt;", "\\u0041", "--- ", "1E5,",
    "2026/1/5,",
)  # fmt: skip
"""What an input may consist of and nothing else."""
HEAD = "number,status,part\n"


def texts(size: int) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of about this many characters each."""
    for piece in PIECES:
        yield f"nothing but {piece!r}", repeated(piece, size)
        yield f"a field of {piece!r}", f"{HEAD}EC-1,released,{repeated(piece, size)}\nEC-2,released,P\n"
    yield from _lines(size)
    yield from _json(size)
    yield from _xml(size)


def repeated(piece: str, size: int) -> str:
    """Return a piece again and again."""
    return (piece * (size // len(piece) + 1))[:size]


def _lines(size: int) -> Iterator[tuple[str, str]]:
    side = int(size**0.5)
    values = ("EC-1,released,", "0", "9", " ", "2026-", "1E", "Jan-", "#", "月", "m1;", "A、")
    yield "many columns", f"number,status,{','.join(f'c{n}' for n in range(size // 6))}\nEC-1,released\n"
    yield (
        "as many columns as rows",
        HEAD[:-1] + ",x" * side + "\n" + ("EC-1,released,P" + ",x" * side + "\n") * (side // 2),
    )
    yield "rows of one ECN", HEAD + "".join(f"EC-1,released,P{n}\n" for n in range(size // 20))
    yield "one row again and again", HEAD + "EC-1,released,P\n" * (size // 16)
    yield "a row for each ECN", HEAD + "".join(f"EC-{n},released,P\n" for n in range(size // 20))
    for piece in values:
        for column in ("part", "released", "machines", "supersedes", "stage_date"):
            row = f'EC-1,released,"{repeated(piece, 3900)}"\n'
            yield f"{column} of {piece!r}", f"number,status,{column}\n{row * max(1, size // len(row))}"
    yield "a long line of fixed width", "number      status      part\nEC-1        released    " + repeated("x ", size)
    yield "many fixed columns", f"number  status  {'  '.join(f'c{n}' for n in range(size // 8))}\nEC-1    released\n"


def _json(size: int) -> Iterator[tuple[str, str]]:
    begin = '[{"number": "EC-1", "status": "released", '
    keys = ", ".join(f'"k{n}": "v"' for n in range(size // 12))
    parts = ", ".join(f'{{"part": "P{n}"}}' for n in range(size // 16))
    yield "lists in lists", "[" * (size // 2) + "]" * (size // 2)
    yield "objects in objects", '{"a":' * (size // 6) + "1" + "}" * (size // 6)
    yield "many keys", begin + keys + "}]"
    yield "a long number", '[{"number": ' + repeated("1", size) + "}]"
    yield "many items", begin + '"items": [' + parts + "]}]"


def _xml(size: int) -> Iterator[tuple[str, str]]:
    begin, end = "<e s='released'>", "</e>"
    yield "elements in elements", "<e>" * (size // 7) + "</e>" * (size // 7)
    yield "deep again and again", begin + ("<a>" * 90 + "<i n='1'/>" + "</a>" * 90) * (size // 640) + end
    yield "one ECN for each element", begin + "".join(f"<i n='{n}'/>" for n in range(size // 14)) + end
    yield "many attributes", begin + "<i n='1' " + " ".join(f"a{n}='1'" for n in range(size // 9)) + "/>" + end
    yield "a long value", begin + "<i n='" + repeated("a", size) + "'/>" + end
    yield "text in pieces", f"{begin}<i n='1'>{'a<b/>' * (size // 5)}</i>{end}"
    yield "many namespaces", begin + "".join(f"<p{n}:i xmlns:p{n}='u{n}' n='1'/>" for n in range(size // 30)) + end
    yield "comments", begin + "<!-- x -->" * (size // 10) + "<i n='1'/>" + end
    yield (
        "references",
        "<e s='released'>" + "".join(f"<i id='x{n}' n='{n}' r='#x{n}'/>" for n in range(size // 28)) + end,
    )


def workbooks() -> Iterator[tuple[str, bytes]]:
    """Yield (name, workbook)."""
    for piece in ("[", "[$-", '"', "_", "#", "0", "\\", "[h"):
        yield f"number format of {piece!r}", xlsx(_formatted(repeated(piece, 20_000)))
    yield "many columns", xlsx(_wide)
    yield "long texts", xlsx(_long)


def _formatted(code: str) -> Callable[[Book, Page], None]:
    def fill(book: Book, page: Page) -> None:
        header(page)
        shape = book.add_format({"num_format": code})
        for row in range(1, 200):
            page.write_row(row, 0, ("EC-1", "Released"))
            page.write_number(row, 3, row, shape)

    return fill


def _wide(_book: Book, page: Page) -> None:
    header(page)
    for column in range(6, 16_000):
        page.write_string(0, column, f"c{column}")
    for row in range(1, 10):
        page.write_row(row, 0, ("EC-1", "Released", "", f"P{row}"))
        page.write_string(row, 15_999, "x")


def _long(_book: Book, page: Page) -> None:
    header(page)
    for row in range(1, 200):
        page.write_row(row, 0, ("EC-1", "Released", repeated("2026-", 30_000), repeated("0", 30_000)))
