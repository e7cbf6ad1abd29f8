"""What a profile knows of a PLC's Modbus server, the texts with one character in each register, and the walk's bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.modbus.block import MOST, Stretch, stretch
from adapters.modbus.blocks import Span, plan
from adapters.modbus.decode import UndecodableError, raw_value
from adapters.modbus.meanings import entries
from adapters.modbus.options import PROFILES, RegisterOptions, modbus_options
from edge_bridge.errors import ConfigError
from edge_bridge.strict_yaml import load


def options(**changes: Any) -> dict[str, Any]:
    """Return the least a file may say, with changes."""
    registers = {"main_program": {"address": 100, "type": "uint32"}}
    return {"adapter": "modbus", "host": "plc", "zero_based": True, "registers": registers, **changes}


def register(kind: str, **more: Any) -> RegisterOptions:
    """Return a register of this type at address 0."""
    return RegisterOptions.model_validate({"address": 0, "type": kind, **more})


def refusal(settings: dict[str, Any]) -> ConfigError:
    """Return why these settings are refused."""
    with pytest.raises(ConfigError) as caught:
        modbus_options(settings)
    return caught.value


def test_fanuc_has_holding_registers_only(tmp_path: Path) -> None:
    """Another table is refused in a sentence that says why and what to do, at its place in the file."""
    file = tmp_path / "fanuc.yaml"
    file.write_text(
        "adapter: modbus\nprofile: fanuc-modbus\nhost: plc\nzero_based: true\nregisters:\n"
        "  main_program: {address: 1, type: uint16, table: input}\n"
    )
    with pytest.raises(ConfigError) as caught:
        modbus_options(load(file))
    text = str(caught.value)
    assert text.startswith(f"{file}:6:44: table input does not exist here: profile fanuc-modbus has holding only → ")
    assert "B-64414EN" in text


def test_a_site_may_know_better_than_a_profile() -> None:
    """Any part of it can be overridden, and the rest stays."""
    registers = {"main_program": {"address": 1, "type": "uint16", "table": "input"}}
    own = {"profile": "fanuc-modbus", "registers": registers, "limits": {"tables": ["holding", "input"]}, "port": 8193}
    checked = modbus_options(options(**own))
    assert (checked.port, checked.limits.tables, checked.limits.block) == (8193, ("holding", "input"), 125)


def test_every_profile_says_how_sure_it_is() -> None:
    """A limit without a source is a guess."""
    for file in PROFILES.glob("*.yaml"):
        limits = load(file).get("limits", {})
        assert not limits or (limits["sure"] in ("confirmed", "unconfirmed") and limits["source"]), file.name


def test_a_value_longer_than_one_request_is_refused() -> None:
    """It would be torn; where it fits, no request asks for more than the PLC bears."""
    registers = {"main_program": {"address": 1, "type": "ascii", "length": 42}}
    error = refusal(options(registers=registers, limits={"block": 20}))
    assert (error.key, error.what) == (
        ("registers", "main_program", "length"), "takes 21 registers, and one request brings at most 20",
    )  # fmt: skip
    spans = [Span("main_program", "holding", 0, 2), Span("version", "holding", 18, 8), Span("mode", "holding", 27, 1)]
    assert [block.size for block in plan(spans, 26)] == [26, 1]
    assert [block.size for block in plan(spans)] == [28]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"type": "uint16", "pad": "nul"}, "pad"),
        ({"type": "uint16", "encoding": "ascii"}, "encoding"),
        ({"type": "ascii_low", "length": 4, "byte_order": "little"}, "byte_order"),
        ({"type": "ascii_high", "length": 4, "word_order": "little"}, "word_order"),
        ({"type": "ascii_low", "length": 4, "format": "O{}"}, "format"),
        ({"type": "ascii_low", "length": 126}, "length"),
    ],
)
def test_what_does_not_belong_to_a_type(more: dict[str, Any], key: str) -> None:
    """Each setting that would mean nothing, or could not be asked for in one request, is refused."""
    error = refusal(options(registers={"main_program": {"address": 1, **more}}))
    assert (error.key, bool(error.hint)) == (("registers", "main_program", key), True)


def test_a_text_needs_its_length() -> None:
    """Nobody guesses where it ends."""
    assert (
        "`length` is missing" in refusal(options(registers={"main_program": {"address": 1, "type": "ascii_low"}})).what
    )


@pytest.mark.parametrize(
    ("given", "registers", "why"),
    [
        (register("ascii_low", length=4), [0x4142, 0x43], "the other byte of 0x4142 is not empty"),
        (register("ascii_high", length=4), [0x4142, 0x43], "the other byte of 0x4142 is not empty"),
        (register("ascii", length=4, encoding="ascii"), [0xC1E3, 0], "not ascii text: C1 E3"),
        (register("ascii", length=4, encoding="utf-8"), [0x41C1, 0], "not utf-8 text"),
        (register("ascii", length=4, pad="space"), [0x4100, 0x4242], "there is a 0x00 in it"),
    ],
)
def test_registers_that_hold_no_such_text(given: RegisterOptions, registers: list[int], why: str) -> None:
    """A wrong type is a fault: it never gives every other letter of a name."""
    with pytest.raises(UndecodableError) as caught:
        raw_value(given, registers)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("100", Stretch("holding", 100, 163, 0)),
        ("100-160", Stretch("holding", 100, 160, 0)),
        (" input : 1..2 ", Stretch("input", 1, 2, 0)),
        ("coil:65535", Stretch("coil", 65535, 65535, 0)),
        (None, Stretch("holding", 90, 111, 0)),
    ],
)
def test_where_a_walk_begins(start: str | None, found: Stretch) -> None:
    """As a technician writes it; without it around what is configured."""
    assert stretch(start, modbus_options(options())) == found


def test_a_walk_counts_as_the_file_does() -> None:
    """A manual that counts from 1 has no register 0."""
    from_one = modbus_options(options(zero_based=False))
    assert stretch("1-2", from_one) == Stretch("holding", 1, 2, 1)
    with pytest.raises(ConfigError, match="counts from 1 to 65536"):
        stretch("0", from_one)


@pytest.mark.parametrize(
    "start", ["x", "1-", "5-4", "65536", "1-99999", "word:1", f"0-{MOST}", "-1", "", "1-2-3", "1" * 30]
)
def test_a_start_that_is_none(start: str) -> None:
    """Refused with what to type, before anything is connected."""
    with pytest.raises(ConfigError) as caught:
        stretch(start, modbus_options(options()))
    assert caught.value.hint


def test_a_single_letter_is_shown_as_a_version() -> None:
    """A version is often one letter, in either byte."""
    (_, low, *_) = entries("holding", {1: 0x0042}, 1, 2)
    (_, high, *_) = entries("holding", {1: 0x4200}, 1, 2)
    assert (low.kind, low.value, low.yaml) == ("ascii_low", "'B'", "version: {address: 1, type: ascii_low, length: 1}")
    assert (high.kind, high.value, high.yaml) == ("ascii", "'B'", "version: {address: 1, type: ascii, length: 1}")


def test_a_number_is_no_text() -> None:
    """4711 is 0x1267: the g in it is nobody's version."""
    assert [entry.kind for entry in entries("holding", {1: 4711}, 1, 2)] == ["uint16", "bcd16"]
