"""Pure: registers to text and numbers. What registers hold is a convention of each PLC; each one is named here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_bridge.domain import words
from edge_bridge.domain.reading import blank
from edge_bridge.domain.text import decoded

if TYPE_CHECKING:
    from adapters.modbus.options import RegisterOptions


class UndecodableError(ValueError):
    """Registers that cannot hold what the technician said they hold."""


def raw_value(register: RegisterOptions, registers: Sequence[int]) -> str | int:
    """Return what stands in the registers: text for ascii, else a number. Raises UndecodableError for BCD that is none."""
    held = [swapped(word) for word in registers] if register.byte_order == "little" else list(registers)
    if register.type == "ascii":
        return text(held, register.length or 2 * len(held))
    if register.word_order == "little":
        held.reverse()
    number = 0
    for word in held:
        number = number << 16 | word
    return decimal(number) if register.type in ("bcd16", "bcd32") else number


def swapped(word: int) -> int:
    """Return a register with its two bytes exchanged."""
    return (word & 0xFF) << 8 | word >> 8


def text(registers: Sequence[int], length: int) -> str:
    """Return the text of registers, first character in the upper byte; it ends at `length` bytes, NUL or 0xFF.

    Raises UndecodableError for control characters: a wrong address, or a length that the PLC keeps before its text.
    """
    data = b"".join(word.to_bytes(2, "big") for word in registers)[:length]
    try:
        return decoded(data)
    except ValueError as error:
        raise UndecodableError(f"{error}; check address, length and byte order") from error


def decimal(number: int) -> int:
    """Return a number written in BCD, one decimal digit in each nibble."""
    digits = f"{number:X}"
    if not digits.isdecimal():
        raise UndecodableError(f"not BCD: 0x{digits}")
    return int(digits)


def as_text(register: RegisterOptions, raw: str | int) -> str | None:
    """Return a program's name or a version as text: mapped, formatted, else as it is; None when nothing is left."""
    if (word := words.meaning(register.map, str(raw), number=isinstance(raw, int))) is not None:
        return blank(word)
    if register.format is not None and isinstance(raw, int):
        return blank(register.format.format(raw))
    return blank(str(raw))


def as_word(register: RegisterOptions, raw: str | int) -> str:
    """Return the word the map has for a value, or `unknown`."""
    return words.word(register.map, str(raw), (), number=isinstance(raw, int))


def as_flag(register: RegisterOptions, raw: str | int) -> bool | None:
    """Return whether a flag is set: by its map, else any number but 0; None when the map does not know the value."""
    return words.flag(register.map, str(raw), number=isinstance(raw, int))
