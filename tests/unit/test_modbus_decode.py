"""Registers to values: every type in every order, and what must never be read out of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.decode import UndecodableError, as_flag, as_text, as_word, raw_value, swapped
from adapters.modbus.options import RegisterOptions

ORDERS = st.sampled_from(["big", "little"])


def register(kind: str, **more: Any) -> RegisterOptions:
    """Return a register of this type at address 0."""
    return RegisterOptions.model_validate({"address": 0, "type": kind, **more})


def written(number: int, registers: int, word_order: str, byte_order: str) -> list[int]:
    """Return what a PLC with these orders holds for a number: the definition, the other way round."""
    words = [number >> 16 * place & 0xFFFF for place in reversed(range(registers))]
    if word_order == "little":
        words.reverse()
    return [swapped(word) for word in words] if byte_order == "little" else words


@pytest.mark.parametrize(
    ("kind", "options", "registers", "value"),
    [
        ("uint16", {}, [0x1267], 0x1267),
        ("uint16", {"byte_order": "little"}, [0x6712], 0x1267),
        ("uint32", {}, [0x0001, 0x0002], 0x00010002),
        ("uint32", {"word_order": "little"}, [0x0002, 0x0001], 0x00010002),
        ("uint32", {"byte_order": "little"}, [0x0100, 0x0200], 0x00010002),
        ("uint32", {"byte_order": "little", "word_order": "little"}, [0x0200, 0x0100], 0x00010002),
        ("bcd16", {}, [0x4711], 4711),
        ("bcd32", {}, [0x0012, 0x4711], 124711),
        ("bcd32", {"word_order": "little"}, [0x4711, 0x0012], 124711),
        ("bool", {"table": "coil"}, [1], 1),
    ],
)
def test_numbers_in_every_order(kind: str, options: dict[str, str], registers: list[int], value: int) -> None:
    """Word order is which register comes first, byte order swaps inside each; they are independent."""
    assert raw_value(register(kind, **options), registers) == value


@given(number=st.integers(0, 2**32 - 1), word_order=ORDERS, byte_order=ORDERS)
def test_any_uint32_comes_back(number: int, word_order: str, byte_order: str) -> None:
    """What a PLC wrote in any order is read as written."""
    registers = written(number, 2, word_order, byte_order)
    assert raw_value(register("uint32", word_order=word_order, byte_order=byte_order), registers) == number


@given(number=st.integers(0, 2**16 - 1), byte_order=ORDERS)
def test_any_uint16_comes_back(number: int, byte_order: str) -> None:
    """One register, in either byte order."""
    assert raw_value(register("uint16", byte_order=byte_order), written(number, 1, "big", byte_order)) == number


@given(number=st.integers(0, 99_999_999), word_order=ORDERS, byte_order=ORDERS)
def test_any_bcd32_comes_back(number: int, word_order: str, byte_order: str) -> None:
    """Eight digits, one in each nibble."""
    registers = written(int(str(number), 16), 2, word_order, byte_order)
    assert raw_value(register("bcd32", word_order=word_order, byte_order=byte_order), registers) == number


@given(word=st.integers(0, 0xFFFF))
def test_bcd_is_a_number_or_refused(word: int) -> None:
    """A nibble above 9 is never read as some number."""
    if all(digit in "0123456789" for digit in f"{word:04x}"):
        assert raw_value(register("bcd16"), [word]) == int(f"{word:04x}")
    else:
        with pytest.raises(UndecodableError, match=rf"not BCD: 0x{word:X}"):
            raw_value(register("bcd16"), [word])


def registers_of(data: bytes, byte_order: str = "big") -> list[int]:
    """Return a text's registers, first character in the upper byte unless the PLC swaps them."""
    padded = data + b"\0" * (len(data) % 2)
    return [int.from_bytes(padded[at : at + 2], byte_order) for at in range(0, len(padded), 2)]  # type: ignore[arg-type]


@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40), byte_order=ORDERS)
def test_any_ascii_text_comes_back(text: str, byte_order: str) -> None:
    """Text in either byte order; word order does not exist for it."""
    value = raw_value(register("ascii", length=40, byte_order=byte_order), registers_of(text.encode(), byte_order))
    assert value == text


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20), ORDERS)
def test_registers_are_text_or_refused(registers: list[int], byte_order: str) -> None:
    """Whatever a PLC holds gives text without control characters, or is refused with a reason."""
    try:
        value = raw_value(register("ascii", length=2 * len(registers), byte_order=byte_order), registers)
    except UndecodableError:
        return
    assert isinstance(value, str)
    assert not re.search(r"[\x00-\x1f\x7f]", value)


def test_a_length_in_front_of_a_text_is_refused_not_read_as_a_version() -> None:
    """A Siemens STRING has its two lengths before its text."""
    with pytest.raises(UndecodableError, match="0x10"):
        raw_value(register("ascii", length=4), registers_of(b"\x10\x01C\0"))


def test_a_text_key_keeps_its_leading_zeros() -> None:
    """A PLC that says its status as the text 01 is understood; a number has none."""
    words = register("ascii", length=2, map={"01": "running", "default": "stopped"})
    assert [as_word(words, raw) for raw in ("01", "1")] == ["running", "stopped"]


@pytest.mark.parametrize(
    ("data", "length", "text"),
    [
        (b"AB\0\0", 4, "AB"),
        (b"  B7  ", 6, "B7"),
        (b"B\0XY", 4, "B"),
        (b"B\xffXY", 4, "B"),
        (b"\0\0\0\0", 4, ""),
        (b"ABCD", 3, "ABC"),
        ("轴-B".encode(), 5, "轴-B"),
        ("轴承".encode("gb18030"), 4, "轴承"),
        (b"\x80", 1, "€"),
        (b"M\x81", 2, "M\ufffd"),
    ],
)
def test_text_ends_where_the_plc_ends_it(data: bytes, length: int, text: str) -> None:
    """NUL, 0xFF or the length end a text, blanks around it go, and foreign characters are decoded somehow."""
    assert raw_value(register("ascii", length=length), registers_of(data)) == text


@pytest.mark.parametrize(
    ("options", "raw", "text"),
    [
        ({}, 4711, "4711"),
        ({}, 0, "0"),
        ({"format": "O{:04d}"}, 7, "O0007"),
        ({"map": {0: ""}}, 0, None),
        ({"map": {0: "", 3: "C"}, "format": "O{}"}, 3, "C"),
        ({"map": {"default": "A"}}, 9, "A"),
    ],
)
def test_names_and_versions_as_text(options: dict[str, Any], raw: int, text: str | None) -> None:
    """A number has no leading zeros but by `format`; a map comes first, and its empty word means nothing."""
    assert as_text(register("uint16", **options), raw) == text


def test_words_and_flags() -> None:
    """A map's word, its default's, or unknown; a flag is any number but 0 unless its map says otherwise."""
    with_default = register("uint16", map={"1": "running", "default": "stopped"})
    assert [as_word(with_default, raw) for raw in (1, 2)] == ["running", "stopped"]
    assert as_word(register("uint16", map={"01": "running"}), 1) == "running"
    assert as_word(register("uint16", map={"1": "running"}), 2) == "unknown"
    assert [as_flag(register("uint16"), raw) for raw in (0, 1, 256)] == [False, True, True]
    mapped = register("uint16", map={5: True, 6: "false"})
    assert [as_flag(mapped, raw) for raw in (5, 6, 7)] == [True, False, None]
