"""A number in a spreadsheet's cell as its format shows it: 1 in the format 00 is 01. Pure."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from adapters.plm_folder.damage import FORMAT, PRECISION

GENERAL = "General"
BUILT_IN = {  # ECMA-376 part 1, 18.8.30: the formats that a workbook uses without writing them down
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm", 19: "h:mm:ss", 20: "h:mm",
    21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((32, 33, 34, 35, 55, 56), "h:mm:ss"),
}  # fmt: skip
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|([- ()/:+$€£¥])')
_DIGITS = re.compile(r"([#0?,]+)(?:\.([0#?]+))?")
_BRACKET = re.compile(r"\[(?!h+\]|m+\]|s+\])[^\]]*\]", re.IGNORECASE)
_HARMLESS = re.compile(r"\[(?:black|blue|cyan|green|magenta|red|white|yellow|color\s*\d+|\$-[^\]]*)\]", re.IGNORECASE)
_PADDING = re.compile(r"_.|\*.")
_QUOTED = re.compile(r'"[^"]*"|\\.')
_MOST_DIGITS = 15
_LONGEST = 255  # characters of a format, as Excel has it; patterns of brackets take long over what never closes them
_DAY_ZERO = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}


def is_date(code: str) -> bool:
    """Tell whether a format shows a date or a time."""
    if len(code) > _LONGEST:
        return False
    bare = _BRACKET.sub("", _QUOTED.sub("", code.partition(";")[0])).casefold()
    return bare != GENERAL.casefold() and re.search("[dmyhs年月日]", bare) is not None


def date_text(value: str, code: str, *, from_1904: bool) -> str | None:
    """Return a date cell as ISO text: a day, or a day and a time where it has one; None when it is no date."""
    try:
        days = float(value)
    except ValueError:
        return None
    if not math.isfinite(days) or not 1 <= days < 2_958_466:  # 9999-12-31 is the last
        return None
    if days < 60 and not from_1904:
        days += 1  # the 29th of February 1900 never was
    moment = _DAY_ZERO[from_1904] + timedelta(milliseconds=round(days * 86_400_000))
    if moment.microsecond >= 999_000 or moment.microsecond <= 1_000:
        moment = (moment + timedelta(milliseconds=1)).replace(microsecond=0)
    timed = re.search("[hs]", _QUOTED.sub("", code).casefold()) is not None
    if timed or (moment.hour, moment.minute, moment.second) != (0, 0, 0):
        return moment.isoformat(" ", "milliseconds" if moment.microsecond else "seconds")
    return moment.date().isoformat()


def shown(value: str, code: str) -> tuple[str, str]:
    """Return (a number as its format shows it, why that cannot be trusted or nothing)."""
    try:
        number = Decimal(repr(float(value)))
    except (ValueError, InvalidOperation):
        return value, FORMAT
    if not number.is_finite():
        return value, FORMAT
    number = number or Decimal(0)  # not minus nothing
    plain = _plain(number)
    if len(plain.lstrip("-0.").replace(".", "")) > _MOST_DIGITS or abs(number) >= 10**_MOST_DIGITS:
        return plain, PRECISION
    if code.casefold() == GENERAL.casefold() or code == "@":
        return plain, ""
    if len(code) > _LONGEST:
        return plain, FORMAT
    return _formatted(number, plain, code)


def _formatted(number: Decimal, plain: str, code: str) -> tuple[str, str]:
    section, several, _ = _HARMLESS.sub("", code).partition(";")
    if "[" in section or (several and number <= 0):
        return plain, FORMAT  # conditions, Chinese numerals, sections of their own for what is not above nothing
    section = _PADDING.sub("", section).strip()
    text, at, used = "", 0, False
    while at < len(section):
        if literal := _LITERAL.match(section, at):
            text += next(part for part in literal.groups() if part is not None)
            at = literal.end()
        elif not used and (digits := _DIGITS.match(section, at)):
            rendered = _rendered(abs(number), digits[1], digits[2] or "")
            if rendered is None:
                return plain, FORMAT
            text, at, used = text + rendered, digits.end(), True
        else:
            return plain, FORMAT
    if not used:
        return plain, FORMAT
    return ("-" if number < 0 else "") + text.strip(), ""


def _rendered(number: Decimal, whole: str, fraction: str) -> str | None:
    """Return the digits as `000.0#` shows them, None when the format hides some of them. Groups are not marked."""
    rounded = round(number, len(fraction))
    if rounded != number:
        return None
    least = whole.count("0")
    left, _, right = f"{rounded:f}".partition(".")
    left = left.lstrip("0").zfill(least) if left.strip("0") else "0" * least
    right = right.ljust(len(fraction), "0")[: len(fraction)]
    needed = fraction.rstrip("#?")
    while len(right) > len(needed) and right.endswith("0"):
        right = right[:-1]
    return f"{left}.{right}" if right else left


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
