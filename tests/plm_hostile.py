"""Texts and workbooks made to keep a reader busy: whatever is nested, repeated, unclosed, or the same thousands of times."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from tests.plm_workbooks import Book, Page, header, old_as_shown, xls, xlsx

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


SECTOR = 512
RECORDS = struct.Struct("<HH")


def old_workbooks(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield (name, old workbook) of about this many bytes: containers that lead in circles, records that promise too much."""
    yield from _containers(size)
    yield from _promises()
    yield from _long_streams(size)


def old_book(stream: bytes) -> bytes:
    """Return a container that holds just this workbook stream, which is as long as it says."""
    stream += bytes(max(4096 - len(stream), -len(stream) % SECTOR))  # less than 4096 would be a small stream
    count = len(stream) // SECTOR
    tables = -(-(count + 2) // (SECTOR // 4 - 1))  # each also names itself
    more = max(0, -(-(tables - 109) // (SECTOR // 4 - 1)))
    names = list(range(count + 1, count + 1 + tables))
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6))
    head += bytes(10) + struct.pack("<IIIIIII", tables, count, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE)
    head[68:76] = struct.pack("<II", count + 1 + tables if more else 0xFFFFFFFE, more)
    head += struct.pack("<109I", *(names + [0xFFFFFFFF] * 109)[:109])
    table = [*range(1, count), 0xFFFFFFFE, 0xFFFFFFFE, *([0xFFFFFFFD] * tables), *([0xFFFFFFFC] * more)]
    table += [0xFFFFFFFF] * (tables * SECTOR // 4 - len(table))
    rest = b""
    for number in range(more):
        piece = names[109 + 127 * number :][:127]
        following = count + tables + 2 + number if number + 1 < more else 0xFFFFFFFE
        rest += struct.pack("<128I", *piece, *[0xFFFFFFFF] * (127 - len(piece)), following)
    directory = _entry("Root Entry", 5, 0xFFFFFFFE, 0) + _entry("Workbook", 2, 0, len(stream)) + bytes(256)
    return bytes(head) + stream + directory + struct.pack(f"<{len(table)}I", *table) + rest


def book(sheets: bytes, starts: Callable[[int], list[int]] = lambda first: [first], shared: bytes = b"") -> bytes:
    """Return a workbook stream: what holds for all, then what is given as sheets. starts: where they begin."""
    count = len(starts(0))
    first = len(BEGIN) + (4 + 9) * count + len(shared) + len(END)
    named = b"".join(record(0x85, struct.pack("<IBBBB", start, 0, 0, 1, 0) + b"S") for start in starts(first))
    return BEGIN + named + shared + END + sheets


def record(kind: int, body: bytes = b"") -> bytes:
    """Return one record of a workbook stream."""
    return RECORDS.pack(kind, len(body)) + body


BEGIN = record(0x809, struct.pack("<HH", 0x600, 5))
END = record(0x0A)


def _entry(name: str, kind: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le")
    head = encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded) + 2, kind, 1, *[0xFFFFFFFF] * 3)
    return head + bytes(36) + struct.pack("<III", start, size, 0)


def _containers(size: int) -> Iterator[tuple[str, bytes]]:
    sound = xls(old_as_shown)
    at = SECTOR * (1 + struct.unpack_from("<I", sound, 76)[0])
    directory = SECTOR * (1 + struct.unpack_from("<I", sound, 48)[0])
    ring = bytearray(sound)
    for entry in range(at, at + SECTOR, 4):
        if struct.unpack_from("<I", ring, entry)[0] < 0xFFFFFFFA:
            struct.pack_into("<I", ring, entry, 0)
    yield "every sector leads to the first", bytes(ring)
    for name, place, value in (
        ("more sectors than the file has", 44, 0xFFFFFF),
        ("the table's table lies in the header", 68, 0),
        ("sectors of two bytes", 30, 1),
        ("small streams without an end", 56, 0xFFFFFFF0),
        ("the directory is its own table", 48, struct.unpack_from("<I", sound, 76)[0]),
        ("a table far outside", 76, 0xFFFFFFF0),
        ("a stream that begins far outside", directory + 128 + 116, 0xFFFFFF0),
        ("a stream of four thousand million bytes", directory + 128 + 120, 0xFFFFFFF0),
    ):
        changed = bytearray(sound)
        struct.pack_into("<I", changed, place, value)
        yield name, bytes(changed)
    long = bytearray(sound + bytes(size // SECTOR * SECTOR))
    count = len(long) // SECTOR - 1
    struct.pack_into("<I", long, 44, count)
    struct.pack_into("<I", long, 68, count - 1)
    struct.pack_into("<I", long, len(long) - 4, count - 1)
    yield "a table of tables that names itself", bytes(long)
    streams = _entry("Root Entry", 5, 0xFFFFFFFE, 0) + _entry("Workbook", 2, 0, size) * (size // 128)
    yield "one stream thousands of times", _with_directory(old_book(bytes(size)), streams)


def _with_directory(container: bytes, directory: bytes) -> bytes:
    """Return a container whose stream is its own directory."""
    count = struct.unpack_from("<I", container, 48)[0]
    changed = bytearray(container)
    struct.pack_into("<I", changed, 48, 0)
    place = directory[: count * SECTOR]
    changed[SECTOR : SECTOR + len(place)] = place
    return bytes(changed)


def _promises() -> Iterator[tuple[str, bytes]]:
    """Records that say more than there is; a reader that makes room for it falls."""
    label = record(0x204, struct.pack("<HHHHB", 0xFFFF, 0xFFFF, 0, 1, 0) + b"x")
    huge = record(0x200, struct.pack("<IIHHH", 0, 0xFFFFFFFF, 0, 0xFFFF, 0))
    yield "a cell in the farthest corner", old_book(book(BEGIN + label + END))
    yield "four thousand million rows", old_book(book(BEGIN + huge + label + END))
    shared = record(0xFC, struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF))
    yield "four thousand million texts", old_book(book(BEGIN + END, shared=shared))
    shared = record(0xFC, struct.pack("<IIHB", 1, 1, 0xFFFF, 1) + b"x\0")
    yield "a text that goes on behind the end", old_book(book(BEGIN + END, shared=shared))
    shared = record(0xFC, struct.pack("<IIHBI", 1, 1, 1, 4, 0xFFFFFFFF) + b"x")
    yield "four thousand million reading aids", old_book(book(BEGIN + END, shared=shared))
    merged = record(0xE5, struct.pack("<HHHHH", 0xFFFF, 0, 0xFFFF, 0, 0xFFFF))
    yield "sixty thousand merged ranges in one", old_book(book(BEGIN + merged + END))
    yield "a part that begins far outside", old_book(book(BEGIN + END, lambda _: [0xFFFFFFF0]))
    yield "a record that is cut off", old_book(book(BEGIN))[:-1600]


def _long_streams(size: int) -> Iterator[tuple[str, bytes]]:
    """Streams that are long, and repeat themselves."""
    row = record(0x204, struct.pack("<HHHHB", 1, 1, 0, 1, 0) + b"x")
    sheet = BEGIN + row * (size // len(row)) + END
    yield "one cell again and again", old_book(book(sheet))
    yield "one sheet thousands of times", old_book(book(sheet, lambda first: [first] * (size // 26)))
    nested = size // 2 // len(BEGIN + END)
    yield (
        "sheets in sheets",
        old_book(book(BEGIN * nested + END * nested, lambda first: [first + len(BEGIN) * n for n in range(nested)])),
    )
    merged = record(0xE5, struct.pack("<H", 1000) + struct.pack("<HHHH", 0, 0xFFFF, 0, 0xFF) * 1000)
    yield "merged again and again", old_book(book(BEGIN + row + merged * (size // len(merged)) + END))
    texts = record(0xFC, struct.pack("<II", size // 3, size // 3) + b"\0\0\0" * 2000)
    more = record(0x3C, b"\0\0\0" * 2000) * (size // 6000)
    yield "empty texts without number", old_book(book(BEGIN + END, shared=texts + more))
    tiny = record(0xFC, struct.pack("<IIHB", 1, 1, 0xFFFF, 0)) + record(0x3C, b"\0x") * min(size // 6, 0xFFFF)
    yield "a text in thousands of pieces", old_book(book(BEGIN + END, shared=tiny))
    runs = record(0xFC, struct.pack("<IIHBH", 1, 1, 0, 8, 0xFFFF)) + record(0x3C) * (size // 4)
    yield "a table continued by nothing", old_book(book(BEGIN + END, shared=runs))
    yield "nothing but records", old_book(BEGIN + record(0xE0, bytes(4)) * (size // 8))
