"""A table of routes in CSV, for sites with thousands of parts: each row a rule, each problem with its line."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, get_args

from edge_bridge.errors import ConfigError

Column = Literal["part", "drawing", "category", "machines", "program", "version", "scheme", "limit"]
COLUMNS: tuple[Column, ...] = get_args(Column)
MATCHED: tuple[Column, ...] = ("part", "drawing", "category")
SEVERAL: tuple[Column, ...] = ("machines", "program")
USUAL: Mapping[Column, tuple[str, ...]] = {
    "part": ("part", "part number", "part no", "item number", "零件号", "零件编号", "物料编码", "物料号", "件号"),
    "drawing": ("drawing", "drawing number", "drawing no", "图号", "图纸编号", "图纸号"),
    "category": ("category", "change category", "变更类型", "变更类别"),
    "machines": ("machines", "machine", "机床", "机床编号", "机床名称", "设备", "设备编号"),
    "program": ("program", "programs", "nc program", "程序号", "程序名", "程序名称", "NC程序", "加工程序"),
    "version": ("version", "program version", "程序版本", "程序版本号"),
    "scheme": ("scheme", "版本规则"),
    "limit": ("limit", "时限"),
}
MOST_ROWS = 100_000
LARGEST_FILE = 20_000_000  # bytes
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_SEPARATORS = re.compile(r"[,;、，；\r\n]+")
_DECORATION = str.maketrans("", "", " \t_-./:#*\u3000")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row that says something: its line in the file, and its cells by column; empty ones are left out."""

    line: int
    cells: Mapping[Column, str]

    def several(self, column: Column) -> tuple[str, ...]:
        """Return a cell's values: separated by comma, semicolon, 、 or line break."""
        return tuple(part.strip() for part in _SEPARATORS.split(self.cells.get(column, "")) if part.strip())


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read. sha256: of its bytes."""

    file: Path
    rows: tuple[TableRow, ...]
    sha256: str

    def where(self, line: int) -> str:
        """Return the place of a line, as every problem names it."""
        return f"{self.file}:{line}:1"


def read_table(file: Path, encoding: str, columns: Mapping[Column, str]) -> Table:
    """Read a table. columns: the site's own headings. Raises ConfigError with file:line."""
    data = _bytes_of(file)
    text = _text_of(file, data, encoding)
    lines = _lines(file, text)
    first = next(lines, None)
    if first is None:
        raise ConfigError("the table is empty", "write the headings in its first line", where=f"{file}:1:1")
    line, headings = first
    places = _places(file, line, headings, columns)
    rows: list[TableRow] = []
    for line, fields in lines:
        if any(fields[len(headings) :]):
            what = f"{len(fields)} fields under {len(headings)} headings"
            raise ConfigError(what, "put a field with the delimiter in it in quotes", where=f"{file}:{line}:1")
        cells = {column: fields[at] for column, at in places.items() if at < len(fields) and fields[at]}
        if cells:
            rows.append(TableRow(line, cells))
        if len(rows) > MOST_ROWS:
            raise ConfigError(f"more than {MOST_ROWS} rows", "split the table", where=f"{file}:{line}:1")
    return Table(file, tuple(rows), hashlib.sha256(data).hexdigest())


def _bytes_of(file: Path) -> bytes:
    try:
        if file.exists() and not file.is_file():
            raise ConfigError("not a file", "put a table in its place", where=f"{file}:1:1")
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigError("the table is missing", "put it into the configuration folder", where=f"{file}:1:1") from None
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ConfigError(what, "check its owner and mode", where=f"{file}:1:1") from error
    if len(data) > LARGEST_FILE:
        raise ConfigError(f"larger than {LARGEST_FILE} bytes", "split the table", where=f"{file}:1:1")
    return data


def _text_of(file: Path, data: bytes, encoding: str) -> str:
    """Return the text: a byte order mark says most, then `encoding`; auto tries UTF-8, then GB18030."""
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return _decoded(file, data[len(mark) :], (marked,))
    return _decoded(file, data, ("utf-8", "gb18030") if encoding == "auto" else (encoding,))


def _decoded(file: Path, data: bytes, encodings: Sequence[str]) -> str:
    problem: UnicodeDecodeError | None = None
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            problem = problem or error
    assert problem is not None
    line = data.count(b"\n", 0, problem.start) + 1
    tried = " and not ".join(name.upper() for name in encodings)
    raise ConfigError(
        f"not {tried} text", "say `encoding:`, or save it as UTF-8", where=f"{file}:{line}:1"
    ) from problem


def _lines(file: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, trimmed fields) of each line with something in it; the first one decides the delimiter."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t|", key=lambda mark: (_familiar(head.split(mark)), head.count(mark)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for fields in reader:
            trimmed = [field.strip() for field in fields]
            if any(trimmed):
                yield start, trimmed
            start = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(
            f"quotes that do not match: {error}", "look at this line", where=f"{file}:{start}:1"
        ) from error


def _places(file: Path, line: int, headings: Sequence[str], columns: Mapping[Column, str]) -> dict[Column, int]:
    """Return where each column stands. Raises ConfigError for a heading that is missing, unknown or there twice."""
    known = {_plain(name): column for column in COLUMNS if column not in columns for name in USUAL[column]}
    known |= {_plain(name): column for column, name in columns.items()}
    where, places = f"{file}:{line}:1", dict[Column, int]()
    for at, heading in enumerate(headings):
        column = known.get(_plain(heading))
        if column is None:
            continue  # a site's table may hold more than routes need
        if column in places:
            raise ConfigError(f"two headings for `{column}`: {heading!r} is the second", "remove one", where=where)
        places[column] = at
    for column, name in columns.items():
        if column not in places:
            near = get_close_matches(name, headings, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"found: {', '.join(filter(None, headings))}"
            raise ConfigError(f"no heading {name!r} for `{column}`", hint, where=where)
    if not any(column in places for column in MATCHED):
        found = ", ".join(filter(None, headings)) or "none"
        raise ConfigError(
            "no heading for part, drawing or category", f"name it in `columns:` (found: {found})", where=where
        )
    return places


def _familiar(headings: Sequence[str]) -> int:
    names = {_plain(name) for names in USUAL.values() for name in names}
    return sum(_plain(heading.strip('"')) in names for heading in headings)


def _plain(name: str) -> str:
    """Return a heading as it is compared: width, case and punctuation do not matter."""
    return unicodedata.normalize("NFKC", name).casefold().translate(_DECORATION)
