"""What a spreadsheet does to a number it was not asked to change: recognised and named, never guessed back. Pure.

An item with such a value is delivered with its doubt and leads to no machine: a part or version that nobody meant must not
match anything by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from adapters.plm_folder.names import UNSEEN

SCIENTIFIC = "a spreadsheet wrote it in scientific notation"
DATE = "a spreadsheet made a date of it"
ERROR = "a spreadsheet formula failed"
NARROW = "a spreadsheet cut it off in a column that was too narrow"
ZEROS = "leading zeros seem to be lost"
PRECISION = "a spreadsheet keeps 15 digits of a number, the rest is lost"
FORMAT = "its cell is a number in a format that cannot be read as it is shown"
INVISIBLE = "it holds a character that nobody can see"
REASONS = (SCIENTIFIC, DATE, ERROR, NARROW, ZEROS, PRECISION, FORMAT, INVISIBLE)
HINT = "make the column text and export again, or list it under `as_written` if it is right"

IDENTITY = ("number", "part", "drawing", "revision", "program", "version")
"""The columns whose exact characters decide what is compared with what."""
_MONTH = r"(?:jan|feb|mar|mär|mrz|apr|may|mai|jun|jul|aug|sept?|oct|okt|nov|dec|dez)"  # as Excel writes it, English and German
_MONTHS_BEGIN = "jfmasondJFMASOND"
_LOOKS: tuple[tuple[str, str], ...] = (
    (r"[+-]?[1-9](?:[.,]\d+)?E[+-]?\d{1,3}", SCIENTIFIC),
    (rf"\d{{1,2}}[-. /]+{_MONTH}\.?(?:[-. /]+\d{{2,4}})?|{_MONTH}\.?[-. /]+\d{{2,4}}", DATE),
    (
        r"(?:\d{4}/\d{1,2}/\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2}\.\d{1,2}\.\d{4})(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?",
        DATE,
    ),
    (r"\d{1,2}月\d{1,2}日|\d{4}年\d{1,2}月(?:\d{1,2}日)?", DATE),
    (r"#(?:REF|NAME|VALUE|DIV/0|NUM|NULL|SPILL|CALC)[!?]?|#N/A", ERROR),
    (r"#{3,}", NARROW),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE | re.ASCII), reason) for pattern, reason in _LOOKS)
_UNSEEN = re.compile(f"[{UNSEEN}]")
_DIGITS = re.compile("[0-9]+")
_MOST_SHOWN = 40


def looks(value: str) -> str:
    """Return what a spreadsheet seems to have done to a value, or nothing."""
    if value[:1].isalpha() and (value[:1] not in _MONTHS_BEGIN or value[-1:].isalpha()):
        return ""  # the usual revision or part number: no pattern needs to be tried
    return next((reason for pattern, reason in _PATTERNS if pattern.fullmatch(value)), "")


def invisible(value: str) -> bool:
    """Tell whether a value looks the same as another one that it is not: copied from a web page, most likely."""
    return not value.isascii() and _UNSEEN.search(value) is not None


def widths(rows: Iterable[Mapping[str, str]], configured: Mapping[str, int]) -> dict[str, int]:
    """Return how many digits the numbers of a column have: as configured, or where some show it by their leading zeros.

    Columns with zero-led numbers of different widths have no width.
    """
    seen: dict[str, set[int]] = {column: set() for column in IDENTITY}
    for values in rows:
        for column, value in values.items():
            if value[:1] == "0" and column in seen and len(value) > 1 and _DIGITS.fullmatch(value):
                seen[column].add(len(value))
    shown = {column: found.pop() for column, found in seen.items() if len(found) == 1}
    return shown | dict(configured)


def too_short(value: str, width: int | None) -> bool:
    """Tell whether a number has fewer digits than its column's numbers have."""
    return width is not None and len(value) < width and _DIGITS.fullmatch(value) is not None


def told(column: str, value: str, reason: str) -> str:
    """Return a doubt as people read it."""
    return f"`{column}` {value[:_MOST_SHOWN]!r}: {reason} ({HINT})"
