"""Pure: what registers may hold, for an eye that looks for a program number: numbers in both word orders, BCD, texts.

Every register is shown as it is. Below it stands what else it could be the beginning of, where that makes sense.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adapters.modbus.decode import swapped
from edge_bridge.ports import Entry

BITS = ("coil", "discrete")
LONGEST_TEXT = 125  # registers
_PRINTABLE = frozenset(range(0x20, 0x7F))
_LETTERS = frozenset(ord(letter) for letter in string.ascii_letters)
_BLANKS = (0x00, 0x20, 0xFF)  # behind a letter that stands alone
_NO_PROGRAM = 100_000_000  # controls number programs with eight digits at most
_SHORT = 4  # characters: a version rather than a name


@dataclass(frozen=True, slots=True)
class _Text:
    kind: str
    text: str
    registers: int
    more: str = ""


def entries(table: str, values: Mapping[int, int], first: int, end: int) -> Iterator[Entry]:
    """Yield what stands in the registers `first` to `end` - 1; registers from `end` on are only looked at.

    values: by address, counted as the site's file counts. Runs of zeros are one entry.
    """
    at, told = first, first  # told: texts up to here are named already
    while at < end:
        zeros = _zeros(table, values, at, end)
        if zeros > 1:
            yield _entry(table, at, f"{zeros} × 0", "bool" if table in BITS else "uint16", last=at + zeros - 1)
            at += zeros
            continue
        yield _single(table, at, values[at])
        if table not in BITS:
            found = list(_texts(values, at)) if at >= told else []
            told = max([told, *(at + text.registers for text in found)])
            yield from (_text_entry(table, at, text) for text in found)
            if at >= told or (found and max(text.registers for text in found) == 1):
                yield from _numbers(table, values, at)
        at += 1


def _zeros(table: str, values: Mapping[int, int], at: int, end: int) -> int:
    """Return how many registers (or bits) from here are 0 and begin no number of two registers."""
    count = 0
    while at + count < end and values[at + count] == 0 and (table in BITS or not values.get(at + count + 1)):
        count += 1
    return count


def _single(table: str, at: int, value: int) -> Entry:
    if table in BITS:
        return _entry(table, at, str(value), "bool", f"test: {{address: {at}, type: bool, table: {table}}}")
    return _entry(table, at, f"{value} 0x{value:04X}", "uint16", _number(table, at, "uint16") if value else "")


def _numbers(table: str, values: Mapping[int, int], at: int) -> Iterator[Entry]:
    word, following = values[at], values.get(at + 1)
    if following is not None and (word or following):
        for order, number in (("big", word << 16 | following), ("little", following << 16 | word)):
            yaml = _number(table, at, "uint32", order) if number < _NO_PROGRAM else ""
            yield _entry(table, at, str(number), f"uint32 {order}", yaml, depth=1, last=at + 1)
            if number > 9 and f"{number:X}".isdecimal() and number > 0xFFFF:
                written = _number(table, at, "bcd32", order)
                yield _entry(table, at, f"{number:X}", f"bcd32 {order}", written, depth=1, last=at + 1)
    if word > 9 and f"{word:X}".isdecimal():
        yield _entry(table, at, f"{word:X}", "bcd16", _number(table, at, "bcd16"), depth=1)


def _number(table: str, at: int, kind: str, order: str = "big") -> str:
    less = "" if order == "big" else ", word_order: little"
    return f"main_program: {{address: {at}, type: {kind}{less}{_in(table)}}}"


def _texts(values: Mapping[int, int], at: int) -> Iterator[_Text]:
    """Yield the texts that may begin here, two characters in each register or one."""
    run: list[int] = []
    while at + len(run) in values and len(run) < LONGEST_TEXT:
        run.append(values[at + len(run)])
    for kind, more, data in (
        ("ascii", "", b"".join(word.to_bytes(2, "big") for word in run)),
        ("ascii", ", byte_order: little", b"".join(swapped(word).to_bytes(2, "big") for word in run)),
    ):
        text = _printable(data)
        alone = text and not more and ord(text[0]) in _LETTERS and data[1] in _BLANKS
        if len(text) > 1 or alone:
            yield _Text(kind, text, (len(text) + 1) // 2, more)
    for kind, shift in (("ascii_low", 0), ("ascii_high", 8)):
        data = bytes(word >> shift & 0xFF if not word >> (8 - shift) & 0xFF else 0 for word in run)
        text = _printable(data)
        if kind == "ascii_low" and text and (len(text) > 1 or ord(text) in _LETTERS):
            yield _Text(kind, text, len(text))
        if kind == "ascii_high" and len(text) > 1:  # a single one is an ascii text of one letter
            yield _Text(kind, text, len(text))


def _printable(data: bytes) -> str:
    """Return the printable text at the beginning, when it begins with no blank and has a letter or digit in it."""
    length = next((place for place, byte in enumerate(data) if byte not in _PRINTABLE), len(data))
    text = data[:length].decode("ascii").rstrip()
    return text if text[:1].strip() and any(character.isalnum() for character in text) else ""


def _text_entry(table: str, at: int, found: _Text) -> Entry:
    field = "version" if len(found.text) <= _SHORT else "main_program"
    length = len(found.text)
    yaml = f"{field}: {{address: {at}, type: {found.kind}, length: {length}{found.more}{_in(table)}}}"
    kind = f"{found.kind} little" if found.more else found.kind
    return _entry(table, at, repr(found.text), kind, yaml, depth=1, last=at + found.registers - 1)


def _in(table: str) -> str:
    return "" if table == "holding" else f", table: {table}"


def _entry(
    table: str, at: int, value: str, kind: str, yaml: str = "", *, depth: int = 0, last: int | None = None
) -> Entry:
    name = f"{at}" if last in (None, at) else f"{at}-{last}"
    return Entry(depth=depth, name=name, place=f"{table} {name}", kind=kind, value=value, yaml=yaml)
