"""CSV text to records: finds the delimiter, keeps real line numbers, and refuses what has been cut off."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import dropwhile

from adapters.plm_folder.columns import Wanted, familiar, find, require
from adapters.plm_folder.formats.table import LONGEST_VALUE, MOST_ROWS, Positions, Record, Row
from adapters.plm_folder.unreadable import Unreadable

_DELIMITERS = ",;\t|"
_EXCEL_HINT = re.compile(r"sep=(.)(?:\r\n|\r|\n)", re.IGNORECASE)  # first line that Excel writes and understands
Line = tuple[int, list[str]]


def read_csv(text: str, wanted: Wanted, *, settled: bool, header_row: int | None = None) -> list[Record]:
    """Return one record per row that is not blank. Raises Unreadable with the line.

    settled: the file has not changed for a while, so that a last line without its end is a habit of the PLM, not a file
    still being written; it then needs all its fields. header_row: the line of the header, when something stands above it.
    """
    terminated = text.endswith(("\n", "\r"))
    if not (terminated or settled):
        raise Unreadable("unterminated", "last line")
    lines = _from_header(text, _delimiter(text, wanted, header_row), header_row)
    place, headers = next(lines, (header_row or 1, []))
    where, layout = _columns(tuple(headers), place, wanted)
    records: list[Record] = []
    last = (place, headers)
    for place, fields in lines:
        last = (place, fields)
        if len(records) == MOST_ROWS:
            raise Unreadable("too_many", f"line {place}", limit=MOST_ROWS)
        if any(fields):
            row = _row(place, fields, headers, where, layout)
            records.append(Record(row, (row,)))
    if not terminated and 0 < len(last[1]) < len(headers):
        raise Unreadable("cut_off", f"line {last[0]}", count=len(last[1]), expected=len(headers))
    return records


@lru_cache(maxsize=4)  # a site's files have the same header, and there may be a hundred thousand
def _columns(headers: tuple[str, ...], place: int, wanted: Wanted) -> tuple[Mapping[str, int], Positions]:
    """Return where each column stands. Raises Unreadable when one that is needed does not, or stands there twice."""
    found = find(headers, wanted)
    require(found, headers, f"line {place}", wanted)
    where = {column: headers.index(header) for column, header in found.items()}
    return where, Positions(found, {column: f"column {at + 1}" for column, at in where.items()})


def _row(place: int, fields: list[str], headers: Sequence[str], where: Mapping[str, int], layout: Positions) -> Row:
    if any(fields[len(headers) :]):
        raise Unreadable("fields", f"line {place}", count=len(fields), expected=len(headers))
    values = {column: fields[at] for column, at in where.items() if at < len(fields) and fields[at]}
    for column, value in values.items():
        if len(value) > LONGEST_VALUE:
            raise Unreadable("too_long", f"line {place}", field=column, limit=LONGEST_VALUE)
    return Row(f"line {place}", values, layout)


def _from_header(text: str, delimiter: str, header_row: int | None) -> Iterator[Line]:
    return dropwhile(lambda line: line[0] < (header_row or 0), _lines(text, delimiter))


def _lines(text: str, delimiter: str) -> Iterator[Line]:
    """Yield (line where the row starts, trimmed fields) of each row that has any field."""
    hint = _EXCEL_HINT.match(text)
    skipped = 1 if hint else 0
    reader = csv.reader(io.StringIO(text[hint.end() :] if hint else text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for fields in reader:
            if fields:
                yield start + skipped, [_shown(field.strip()) for field in fields]
            start = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable("quotes", f"line {start + skipped}", detail=str(error)) from error


def _shown(field: str) -> str:
    """Return what a spreadsheet shows of `="01"`, which systems write so that no zero is lost."""
    return field[2:-1].strip() if field.startswith('="') and field.endswith('"') and len(field) > 2 else field


def _delimiter(text: str, wanted: Wanted, header_row: int | None) -> str:
    """Return the delimiter under which the header line shows the most known columns, then the most fields."""
    if (hint := _EXCEL_HINT.match(text)) and hint[1] in _DELIMITERS:
        return hint[1]
    present = [delimiter for delimiter in _DELIMITERS if delimiter in text]
    scores = {delimiter: _score(text, delimiter, wanted, header_row) for delimiter in present}
    best = max(scores, key=scores.__getitem__, default=_DELIMITERS[0])
    if scores.get(best, (0, 0)) >= (1, 2):
        return best  # under one that is not there a line is a single field
    return max(_DELIMITERS, key=lambda delimiter: scores.get(delimiter) or _score(text, delimiter, wanted, header_row))


def _score(text: str, delimiter: str, wanted: Wanted, header_row: int | None) -> tuple[int, int]:
    try:
        _, headers = next(_from_header(text, delimiter, header_row), (1, []))
        return familiar(headers, wanted), len(headers)
    except Unreadable:
        return -1, 0
