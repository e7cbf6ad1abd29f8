"""Pure: registers to text and numbers. What registers hold is a convention of each PLC; each one is named here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_bridge.domain import words
from edge_bridge.domain.reading import blank
from edge_bridge.domain.text import ENCODINGS, ENDS, decoded

if TYPE_CHECKING:
    from adapters.modbus.options import RegisterOptions


_ENDS = {"auto": ENDS, "nul": (b"\0",), "ff": (b"\xff",), "space": ()}
_ONE_EACH = {"ascii_low": 0, "ascii_high": 8}  # how far the character stands from the register's lower end, in bits
_EMPTY_HALVES = (0x00, 0xFF)


class UndecodableError(ValueError):
    """Registers that cannot hold what the technician said they hold."""


def raw_value(register: RegisterOptions, registers: Sequence[int]) -> str | int:
    """Return what stands in the registers: text for the ascii types, else a number. Raises UndecodableError."""
    if register.type in _ONE_EACH:
        return _text(register, one_each(registers, _ONE_EACH[register.type], _ENDS[register.pad]))
    held = [swapped(word) for word in registers] if register.byte_order == "little" else list(registers)
    if register.type == "ascii":
        return _text(register, packed(held)[: register.length])
    if register.word_order == "little":
        held.reverse()
    number = 0
    for word in held:
        number = number << 16 | word
    return decimal(number) if register.type in ("bcd16", "bcd32") else number


def swapped(word: int) -> int:
    """Return a register with its two bytes exchanged."""
    return (word & 0xFF) << 8 | word >> 8


def packed(registers: Sequence[int]) -> bytes:
    """Return the bytes of registers that hold two characters each, the first one in the upper byte."""
    return b"".join(word.to_bytes(2, "big") for word in registers)


def one_each(registers: Sequence[int], shift: int, ends: Sequence[bytes] = ENDS) -> bytes:
    """Return the bytes of registers that hold one character each, up to the one that ends the text.

    shift: where it stands, in bits. Raises UndecodableError when the other byte is not empty: then they hold two.
    """
    data = b""
    for word in registers:
        character, other = bytes([word >> shift & 0xFF]), word >> (8 - shift) & 0xFF
        if character in ends:
            break
        if other not in _EMPTY_HALVES:
            what = f"not one character in each register: the other byte of 0x{word:04X} is not empty"
            raise UndecodableError(f"{what}; check address and type")
        data += character
    return data


def _text(register: RegisterOptions, data: bytes) -> str:
    """Return bytes as text; it ends where `pad` says. Raises UndecodableError for what is none: a wrong address, say."""
    encodings = ENCODINGS if register.encoding == "auto" else (register.encoding,)
    try:
        return decoded(data, ends=_ENDS[register.pad], encodings=encodings)
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
