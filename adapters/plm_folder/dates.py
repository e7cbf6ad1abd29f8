"""Dates as a PLM writes them, to UTC. An unreadable date is a missing date: it never switches checking off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from edge_bridge.domain.instant import TimeQuality, When, from_datetime

_YEARS = range(2000, 2100)  # SAP's 3001-01-01 and 9999-12-31 mean "none"; before 2000 is a clock that was never set
_YEAR_FIRST = re.compile(
    r"(\d{4})\s?[-/.年]\s?(\d{1,2})\s?[-/.月]\s?(\d{1,2})\s?日?\.?"
    r"(?:[T\s]+(\d{1,2})[:时](\d{2})(?:[:分](\d{2})(?:[.,]\d+)?秒?|分)?)?",
    re.ASCII,
)
EPOCHS = {"epoch": 1, "epoch_ms": 1000}  # words beside strptime's formats: seconds, or ms, since 1970 in UTC
_TIME_DIRECTIVES = re.compile(r"%[-#]?[HIXcTR]")


def read_date(text: str, formats: Sequence[str], zone: ZoneInfo) -> When | None:
    """Return the instant a text means, or None when it cannot be read or its year is absurd.

    Without an offset it is local time in `zone`: the first of two (fold=0), and one that summer time skipped is moved
    forward by the gap. Without a time of day it is the start of that day, quality DAY.
    """
    word = text.strip()
    # one way of reading may give a year that cannot be: to ISO 8601, seconds since 1970 are a morning of the year 1712
    found = _credible(_iso(word)) or _formatted(word, formats) or _credible(_year_first(word))
    if found is None:
        return None
    moment, quality = found
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone, fold=0)
    return When(from_datetime(aware.astimezone(UTC)), quality, text)


def _credible(found: tuple[datetime, TimeQuality] | None) -> tuple[datetime, TimeQuality] | None:
    return found if found is not None and found[0].year in _YEARS else None


def _iso(word: str) -> tuple[datetime, TimeQuality] | None:
    try:
        day = date.fromisoformat(word)
    except ValueError:
        pass
    else:
        return datetime(day.year, day.month, day.day), TimeQuality.DAY
    try:
        return datetime.fromisoformat(word), TimeQuality.INSTANT
    except ValueError:
        return None


def _formatted(word: str, formats: Sequence[str]) -> tuple[datetime, TimeQuality] | None:
    for form in formats:
        if form in EPOCHS:
            counted = _counted(word, EPOCHS[form])
            found = None if counted is None else (counted, TimeQuality.INSTANT)
        else:
            found = _by_form(word, form)
        if _credible(found) is not None:
            return found
    return None


def _by_form(word: str, form: str) -> tuple[datetime, TimeQuality] | None:
    try:
        moment = datetime.strptime(word, form)
    except ValueError:
        return None
    return moment, TimeQuality.INSTANT if _TIME_DIRECTIVES.search(form) else TimeQuality.DAY


def _counted(word: str, parts: int) -> datetime | None:
    """Read seconds, or parts of them, since 1970. Fewer than nine digits are a date, not a count."""
    if not (word.isascii() and word.isdigit() and 9 <= len(word) <= 14):
        return None
    try:
        return datetime.fromtimestamp(int(word) / parts, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _year_first(word: str) -> tuple[datetime, TimeQuality] | None:
    """Read 2026/1/5, 2026.01.05 8:30, 2026年1月5日: the year comes first, so there is nothing to guess."""
    found = _YEAR_FIRST.fullmatch(word)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else 0 for part in found.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return moment, TimeQuality.INSTANT if found[4] else TimeQuality.DAY
