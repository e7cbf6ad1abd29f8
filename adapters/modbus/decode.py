"""Pure: registers to text and numbers. What registers hold is a convention of each PLC; each one is named here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edge_bridge.domain.reading import blank

if TYPE_CHECKING:
    from adapters.modbus.options import RegisterOptions

ENCODINGS = ("utf-8", "gb18030", "cp1252")  # PLC texts carry no encoding: the strict ones first


class UndecodableError(ValueError):
    """Registers that cannot hold what the technician said they hold."""


def raw_value(register: RegisterOptions, registers: Sequence[int]) -> str | int:
    """Return what stands in the registers: text for ascii, else a number. Raises UndecodableError for BCD that is none."""
    words = [swapped(word) for word in registers] if register.byte_order == "little" else list(registers)
    if register.type == "ascii":
        return text(words, register.length or 2 * len(words))
    if register.word_order == "little":
        words.reverse()
    number = 0
    for word in words:
        number = number << 16 | word
    return decimal(number) if register.type in ("bcd16", "bcd32") else number


def swapped(word: int) -> int:
    """Return a register with its two bytes exchanged."""
    return (word & 0xFF) << 8 | word >> 8


def text(words: Sequence[int], length: int) -> str:
    """Return the text of registers, first character in the upper byte; it ends at `length` bytes, NUL or 0xFF."""
    data = b"".join(word.to_bytes(2, "big") for word in words)[:length]
    for end in (b"\0", b"\xff"):
        data = data.split(end, 1)[0]
    for encoding in ENCODINGS:
        try:
            return data.decode(encoding).strip()
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", "replace").strip()


def decimal(number: int) -> int:
    """Return a number written in BCD, one decimal digit in each nibble."""
    digits = f"{number:X}"
    if not digits.isdecimal():
        raise UndecodableError(f"not BCD: 0x{digits}")
    return int(digits)


def as_text(register: RegisterOptions, raw: str | int) -> str | None:
    """Return a program's name or a version as text: mapped, formatted, else as it is; None when nothing is left."""
    if (word := mapped(register.map, raw)) is not None:
        return blank(word)
    if register.format is not None and isinstance(raw, int):
        return blank(register.format.format(raw))
    return blank(str(raw))


def as_word(register: RegisterOptions, raw: str | int) -> str:
    """Return the word the map has for a value, or `unknown`."""
    return mapped(register.map, raw) or "unknown"


def as_flag(register: RegisterOptions, raw: str | int) -> bool | None:
    """Return whether a flag is set: by its map, else any number but 0; None when the map does not know the value."""
    if register.map:
        word = mapped(register.map, raw)
        return None if word is None else word == "true"
    return bool(raw)


def mapped(words: Mapping[str, str], raw: str | int) -> str | None:
    """Return the word for a value, the default's, or None when the map has neither."""
    return words.get(str(raw), words.get("default"))
