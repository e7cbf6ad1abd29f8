"""Fixed-width text to records: columns by position, as set, or as the header line and its ruler show them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from adapters.plm_folder.columns import Wanted, familiar, find, require
from adapters.plm_folder.damage import IDENTITY
from adapters.plm_folder.formats.table import LONGEST_VALUE, MOST_ROWS, Positions, Record, Row
from adapters.plm_folder.unreadable import Unreadable

_RULER = re.compile(r"\s*[+|]?[-=─═_]{2}[-=─═_+|\s]*")
_SEGMENT = re.compile(r"[-=─═_]+")
_HEADER = re.compile(r"\S+(?: \S+)*")  # one blank belongs to a name, two end it
_LINE_END = re.compile(r"\r\n|\r|\n")
_BARS = "|│"
_BETWEEN = " \t|│\0\u3000"
_LOOKED_AT = 30  # lines in which the header is looked for
Span = tuple[int, int | None]
"""First character and the one after the last, from 0; None: to the end of the line."""


@dataclass(frozen=True, slots=True)
class Widths:
    """What a site says about its lines. positions: column → span; without, they are found. display: a Chinese character
    takes two places, as in a report made for a screen; else one.
    """

    positions: Mapping[str, Span] = field(default_factory=dict)
    header_row: int | None = None
    display: bool = False


def read_fixed_width(text: str, wanted: Wanted, widths: Widths, *, settled: bool) -> list[Record]:
    """Return one record per line that is not blank. Raises Unreadable with the line."""
    terminated = text.endswith(("\n", "\r", "\f"))
    if not (terminated or settled):
        raise Unreadable("unterminated", "last line")
    lines = [_spread(line.replace("\f", ""), display=widths.display) for line in _LINE_END.split(text)]
    at, spans, headers = _columns(lines, wanted, widths)
    layout = Positions(headers, {column: _shown(span) for column, span in spans.items()})
    title, packed = lines[at] if at >= 0 else None, _packed(widths.positions)
    barred = title is not None and all(_at_bars(title, span) for span in spans.values())
    records: list[Record] = []
    for number, line in enumerate(lines[at + 1 :], at + 2):
        if not line.strip() or line == title or _RULER.fullmatch(line):
            continue  # the header again on a new page
        if len(records) == MOST_ROWS:
            raise Unreadable("too_many", f"line {number}", limit=MOST_ROWS)
        if barred:
            _require_bars(line, number, spans)
        row = Row(f"line {number}", _values(line, number, spans, packed=packed), layout)
        records.append(Record(row, (row,)))
    if not terminated and records:
        _require_whole(lines, at, spans)
    return records


def _columns(lines: Sequence[str], wanted: Wanted, widths: Widths) -> tuple[int, dict[str, Span], dict[str, str]]:
    """Return (index of the header line, −1 for none; column → span; column → header)."""
    if widths.positions:
        at = (widths.header_row or 0) - 1
        return at, dict(widths.positions), dict.fromkeys(widths.positions, "positions")
    at = widths.header_row - 1 if widths.header_row else _likely_header(lines, wanted)
    line = lines[at] if at < len(lines) else ""
    below = lines[at + 1] if at + 1 < len(lines) else ""
    spans = _spans(line, below)
    names = [_text(line[start:end]) for start, end in spans]
    found = find(names, wanted)
    require(found, names, f"line {at + 1}", wanted)
    return at, {column: spans[names.index(name)] for column, name in found.items()}, found


def _likely_header(lines: Sequence[str], wanted: Wanted) -> int:
    """Return the line among the first ones in which most names are known."""

    def known(index: int) -> int:
        below = lines[index + 1] if index + 1 < len(lines) else ""
        return familiar([_text(lines[index][start:end]) for start, end in _spans(lines[index], below)], wanted)

    return max(range(min(_LOOKED_AT, len(lines))), key=known)


def _spans(header: str, below: str) -> list[Span]:
    """Return the columns: as the ruler below the header shows them, else as its bars do, else where its names begin."""
    ruled = _under(below) if _RULER.fullmatch(below) else []
    if len(ruled) > 1:
        return ruled
    bars = [at for at, character in enumerate(header) if character in _BARS]
    if len(bars) > 1:
        return [(left + 1, right) for left, right in pairwise(bars)]
    return ruled or _of_names(header)


def _under(ruler: str) -> list[Span]:
    """Return a column for each stroke of a ruler; the last one goes to the end of the line, unless a frame ends it."""
    found: list[Span] = [segment.span() for segment in _SEGMENT.finditer(ruler)]
    return found if ruler.rstrip()[-1] in "+|" else [*found[:-1], (found[-1][0], None)]


def _of_names(line: str) -> list[Span]:
    """Return a column from the start of each name to the start of the next."""
    starts = [name.start() for name in _HEADER.finditer(line)]
    return [(start, end) for start, end in zip(starts, [*starts[1:], None], strict=False)]


def _packed(positions: Mapping[str, Span]) -> bool:
    """Tell whether a site's columns touch: then nothing stands between the fields, and a border cannot be checked."""
    starts = {start for start, _ in positions.values()}
    return any(end in starts for _, end in positions.values())


def _values(line: str, number: int, spans: Mapping[str, Span], *, packed: bool) -> dict[str, str]:
    values: dict[str, str] = {}
    for column, (start, end) in spans.items():
        if not packed and (_crosses(line, start) or (end is not None and _crosses(line, end))):
            shown = _text(line[max(0, start - 10) : (end or start) + 10])
            raise Unreadable("crosses", f"line {number}", column=column, value=shown)
        value = _text(line[start:end])
        if not packed and column in IDENTITY and "  " in value:  # two values, of which one stands left of its header
            raise Unreadable("crosses", f"line {number}", column=column, value=value[:40])
        if len(value) > LONGEST_VALUE:
            raise Unreadable("too_long", f"line {number}", field=column, limit=LONGEST_VALUE)
        if value:
            values[column] = value
    return values


def _at_bars(line: str, span: Span) -> bool:
    start, end = span
    return end is not None and 0 < start <= end < len(line) and line[start - 1] in _BARS and line[end] in _BARS


def _require_bars(line: str, number: int, spans: Mapping[str, Span]) -> None:
    """Refuse a line whose bars are not below those of the header: its values are others than they seem."""
    for column, span in spans.items():
        if not _at_bars(line, span):
            raise Unreadable("crosses", f"line {number}", column=column, value=_text(line[span[0] : span[1]])[:40])


def _crosses(line: str, border: int) -> bool:
    """Tell whether there is text on both sides of a border: half a value is a wrong value."""
    return 0 < border < len(line) and line[border - 1] not in _BETWEEN and line[border] not in _BETWEEN


def _require_whole(lines: Sequence[str], at: int, spans: Mapping[str, Span]) -> None:
    """Refuse a last line without its end that is shorter than the lines before it: it may have been cut off."""
    written = [line for line in lines[at + 1 :] if line.strip()]
    ends = [end for _, end in spans.values() if end is not None]
    expected = max(len(line.rstrip()) for line in written[:-1]) if len(written) > 1 else max(ends, default=0)
    if len(written[-1]) < expected:
        raise Unreadable("short_line", f"line {len(lines)}", count=len(written[-1]), expected=expected)


def _text(part: str) -> str:
    return part.replace("\0", "").strip()


def _spread(line: str, *, display: bool) -> str:
    """Return a line in which each place is one character: a wide one is followed by a NUL where it takes two."""
    if not display or line.isascii():
        return line
    return "".join(c + "\0" if unicodedata.east_asian_width(c) in "WF" else c for c in line)


def _shown(span: Span) -> str:
    start, end = span
    return f"characters {start + 1}-{end if end is not None else ''}"
