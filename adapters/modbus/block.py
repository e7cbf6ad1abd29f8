"""Pure: which block of registers is to be walked through, as a technician types it: `100`, `100-160`, `input:100-160`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.modbus.registers import REGISTERS_ON_THE_WIRE, spans
from edge_bridge.errors import ConfigError

if TYPE_CHECKING:
    from adapters.modbus.options import ModbusOptions

USUAL = 64  # registers from a start without an end
MOST = 2000  # in one walk: some sixteen requests
AROUND = 10  # registers on each side of those that are configured
_START = re.compile(
    r"\s*(?:(?P<table>[a-z]+)\s*[:\s]\s*)?(?P<first>\d{1,9})\s*(?:(?:-|–|\.\.)\s*(?P<last>\d{1,9}))?\s*", re.IGNORECASE
)
_EXAMPLES = "write it as 100, 100-160 or input:100-160"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one table. first, last: counted as the site's file counts; shift: what the wire counts less."""

    table: str
    first: int
    last: int
    shift: int


def stretch(start: str | None, options: ModbusOptions) -> Stretch:
    """Return what to walk through; without a start, around what is configured. Raises ConfigError with what to type."""
    shift = 0 if options.zero_based else 1
    if start is None:
        return _configured(options, shift)
    found = _START.fullmatch(start)
    if found is None:
        raise ConfigError(f"{start!r} is no block of registers", _EXAMPLES)
    table = (found["table"] or "holding").lower()
    if table not in options.limits.tables:
        raise ConfigError(f"there is no table {table!r} here", f"one of {', '.join(options.limits.tables)}")
    first = int(found["first"])
    top = REGISTERS_ON_THE_WIRE - 1 + shift
    last = int(found["last"]) if found["last"] else min(first + USUAL - 1, top)
    if not shift <= first <= last or last > top:
        hint = f"{_EXAMPLES}; this file counts from {shift} to {top} (`zero_based: {str(options.zero_based).lower()}`)"
        raise ConfigError(f"{start!r} is no block of registers", hint)
    if last - first >= MOST:
        raise ConfigError(f"{start!r} is {last - first + 1} registers", f"walk through at most {MOST} at a time")
    return Stretch(table, first, last, shift)


def _configured(options: ModbusOptions, shift: int) -> Stretch:
    placed = list(spans(options).values())
    table = placed[0].table
    inside = [span for span in placed if span.table == table]
    first = max(0, min(span.first for span in inside) - AROUND)
    last = min(REGISTERS_ON_THE_WIRE, max(span.end for span in inside) + AROUND) - 1
    return Stretch(table, first + shift, min(last, first + MOST - 1) + shift, shift)
