"""The whole Modbus adapter against servers of two houses: libmodbus, which shares no line with ours, and pymodbus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from adapters.modbus.adapter import ModbusAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode, Reading
from edge_bridge.ports import Entry
from tests.integration.modbus_memory import MemoryServer, libmodbus, memory_server
from tests.integration.modbus_servers import settings

READING_FUNCTIONS = {1, 2, 3, 4}  # Modbus application protocol 1.1b3, 6.1 to 6.4


@pytest.fixture(params=["libmodbus", "pymodbus"])
def server(request: pytest.FixtureRequest) -> Iterator[MemoryServer]:
    """A server of this house; at the end it has been read from and nothing else."""
    if request.param == "libmodbus" and libmodbus() is None:
        pytest.skip("libmodbus is not installed: apt-get install libmodbus5, or scripts/system-packages")
    with memory_server(request.param) as running:
        yield running
        assert running.functions() <= READING_FUNCTIONS


def adapter(server: MemoryServer, **changes: Any) -> ModbusAdapter:
    """Return an adapter for this server."""
    return ModbusAdapter("lathe-07", settings(server.port, **changes), SystemClock())


async def once(lathe: ModbusAdapter) -> Reading:
    """Return one reading."""
    async with lathe.connect() as readings:
        return await anext(readings)


async def walked(lathe: ModbusAdapter, start: str | None) -> list[Entry]:
    """Return everything that is found."""
    async with lathe.browse(start, 1) as entries:
        return [entry async for entry in entries]


def packed(text: bytes) -> list[int]:
    """Return registers with two characters each, the first in the upper byte."""
    data = text + b"\0" * (len(text) % 2)
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


NUMBERS = [
    ({"type": "uint16"}, [4711], "4711"),
    ({"type": "uint16", "byte_order": "little"}, [0x6712], "4711"),
    ({"type": "uint32"}, [0x0001, 0x1267], str(0x00011267)),
    ({"type": "uint32", "word_order": "little"}, [0x1267, 0x0001], str(0x00011267)),
    ({"type": "bcd16"}, [0x4711], "4711"),
    ({"type": "bcd32"}, [0x0012, 0x4711], "124711"),
    ({"type": "bcd32", "word_order": "little"}, [0x4711, 0x0012], "124711"),
    ({"type": "uint16", "format": "O{:04d}"}, [7], "O0007"),
]
TEXTS: list[tuple[dict[str, Any], list[int], str]] = [
    ({"type": "ascii", "length": 8}, packed(b"PART-7"), "PART-7"),
    ({"type": "ascii", "length": 6, "byte_order": "little"}, packed(b"APTR7-"), "PART-7"),
    ({"type": "ascii_low", "length": 8}, [*b"PART-7", 0, ord("X")], "PART-7"),
    ({"type": "ascii_high", "length": 8}, [*(byte << 8 for byte in b"PART-7"), 0, ord("X") << 8], "PART-7"),
    ({"type": "ascii_low", "length": 4}, list(b"PART-7"), "PART"),
    ({"type": "ascii_low", "length": 4, "pad": "ff"}, [*b"AB", 0x00FF, ord("X")], "AB"),
    ({"type": "ascii", "length": 8, "pad": "nul"}, packed(b"AB\0XYZ"), "AB"),
    ({"type": "ascii", "length": 8, "pad": "ff"}, packed(b"AB\xffXYZ"), "AB"),
    ({"type": "ascii", "length": 8, "pad": "space"}, packed(b"AB      "), "AB"),
    ({"type": "ascii", "length": 8, "encoding": "gb18030"}, packed("零件7".encode("gb18030")), "零件7"),
    ({"type": "ascii", "length": 4, "encoding": "cp1252"}, packed("TÜR".encode("cp1252")), "TÜR"),
]


@pytest.mark.parametrize("at", [100, 290])
async def test_every_type(server: MemoryServer, at: int) -> None:
    """Each way of writing a program's number or name is read as written, at both ends of the memory."""
    for table in ("holding", "input"):
        for options, registers, expected in (*NUMBERS, *TEXTS):
            server.set(table, at, *registers)
            register = {"main_program": {"address": at, "table": table, **options}}
            reading = await once(adapter(server, registers=register))
            assert (reading.main_program, reading.faults) == (expected, ()), options


async def test_the_words_of_a_text_stay_in_order_beside_numbers_of_the_other_order(server: MemoryServer) -> None:
    """A PLC that stores numbers low word first stores texts like any other."""
    server.set("holding", 100, 0x1267, 0x0000, *packed(b"PART-7_B"))
    registers = {
        "main_program": {"address": 100, "type": "uint32", "word_order": "little"},
        "version": {"address": 102, "type": "ascii", "length": 8},
    }
    reading = await once(adapter(server, registers=registers))
    assert (reading.main_program, [piece.value for piece in reading.evidence]) == ("4711", ["PART-7_B"])


async def test_status_and_flags_of_all_four_tables(server: MemoryServer) -> None:
    """Functions 1 to 4, each for its table."""
    server.set("holding", 100, 9)
    server.set("input", 110, 1)
    server.set("discrete", 3, 1)
    registers = {
        "main_program": {"address": 100, "type": "uint16"},
        "execution": {"address": 110, "type": "uint16", "table": "input", "map": {1: "running", "default": "stopped"}},
        "mode": {"address": 5, "type": "bool", "table": "coil", "map": {0: "automatic", 1: "manual"}},
        "test": {"address": 3, "type": "bool", "table": "discrete"},
    }
    reading = await once(adapter(server, registers=registers))
    assert (reading.main_program, reading.execution, reading.mode, reading.test) == (
        "9", Execution.RUNNING, Mode.AUTOMATIC, True,
    )  # fmt: skip
    assert server.functions() == READING_FUNCTIONS


async def test_a_block_of_125_registers_and_one_that_ends_where_the_memory_does(server: MemoryServer) -> None:
    """The longest request is answered; what does not exist is a fault of its own field only."""
    server.set("holding", 100, *packed(b"A" * 250))
    registers = {
        "program_path": {"address": 100, "type": "ascii", "length": 250},
        "main_program": {"address": 298, "type": "uint32"},
        "version": {"address": 300, "type": "uint16"},
    }
    server.set("holding", 298, 0, 12)
    reading = await once(adapter(server, registers=registers))
    assert (reading.program_path, reading.main_program) == ("A" * 250, "12")
    assert [(fault.field, fault.error) for fault in reading.faults] == [("version", "illegal data address")]


async def test_one_connection_for_as_long_as_it_lasts(server: MemoryServer) -> None:
    """Polls share one connection; a look and a walk take one each."""
    server.set("holding", 100, 0, 4711)
    lathe = adapter(server, registers={"main_program": {"address": 100, "type": "uint32"}})
    async with lathe.connect() as readings:
        for _ in range(3):
            assert (await anext(readings)).main_program == "4711"
    assert server.accepted() == 1
    look = await lathe.probe()
    assert look.reading.main_program == "4711"
    assert list(look.took) == ["connect", "read", "close"]
    assert server.accepted() == 2
    await walked(lathe, None)
    assert server.accepted() == 3


async def test_a_look_shows_the_registers_behind_each_value(server: MemoryServer) -> None:
    """What came stands beside what it means; what cannot be read or decoded says why."""
    server.set("holding", 100, 0, 4711, 0xABCD, 7)
    registers = {
        "main_program": {"address": 101, "type": "uint32"},
        "version": {"address": 103, "type": "bcd16"},
        "execution": {"address": 104, "type": "uint16", "map": {1: "running"}},
        "mode": {"address": 400, "type": "uint16", "map": {1: "automatic"}},
    }
    look = await adapter(server, zero_based=False, registers=registers).probe()
    program, version, execution, mode = look.values
    assert (program.place, program.raw, program.meaning) == ("holding 101-102", "4711 [0000 1267]", "4711")
    assert (version.raw, version.meaning, version.fault) == ("[ABCD]", None, "not BCD: 0xABCD")
    assert (execution.raw, execution.meaning) == ("7 [0007]", "unknown")
    assert (mode.raw, mode.fault) == (None, "illegal data address")


async def test_a_walk_finds_a_program_number_in_every_form(server: MemoryServer) -> None:
    """Whatever way the PLC writes 4711 or PART-7, a line of the walk says it and can be pasted."""
    server.set("holding", 120, 4711, 0, 0, 0, 0x4711, 0, 0, *packed(b"PART-7"), 0, *b"PART-7", 0, 0x1267, 0x0012)
    entries = await walked(adapter(server), "120-150")
    found = {(entry.name, entry.kind): entry.value for entry in entries}
    assert found[("120", "uint16")] == "4711 0x1267"
    assert found[("120-121", "uint32 little")] == "4711"
    assert found[("124", "bcd16")] == "4711"
    assert found[("127-129", "ascii")] == "'PART-7'"
    assert found[("131-136", "ascii_low")] == "'PART-7'"
    assert found[("121-122", "uint16")] == "2 × 0"
    pasted = {entry.yaml for entry in entries}
    assert "main_program: {address: 127, type: ascii, length: 6}" in pasted
    for line in filter(None, pasted):
        adapter(server, registers=_as_options(line))


def _as_options(line: str) -> dict[str, Any]:
    """Return a pasted line as the registers of a file, with the program that every file needs."""
    return {"main_program": {"address": 299, "type": "uint16"}, **yaml.safe_load(line)}


async def test_a_number_across_two_requests_is_found(server: MemoryServer) -> None:
    """The walk reads 125 registers at a time; a number or text may lie across."""
    server.set("holding", 224, 0x0001, 0x1267)
    entries = await walked(adapter(server), "100-260")
    assert ("224-225", "uint32 big", str(0x00011267)) in [(e.name, e.kind, e.value) for e in entries]


async def test_what_is_not_there_is_narrowed_down(server: MemoryServer) -> None:
    """A stretch that is refused is cut until the registers that are missing stand alone."""
    server.set("holding", 299, 5)
    entries = await walked(adapter(server), "90-310")
    unreadable = [(entry.name, entry.value) for entry in entries if entry.kind == "unreadable"]
    assert unreadable == [("90-99", "illegal data address"), ("300-310", "illegal data address")]
    assert ("299", "5 0x0005") in [(entry.name, entry.value) for entry in entries]


async def test_bits_are_walked_through_too(server: MemoryServer) -> None:
    """Coils and discrete inputs as they are."""
    server.set("discrete", 4, 1)
    entries = await walked(adapter(server), "discrete:0-7")
    assert [(e.name, e.value) for e in entries] == [("0-3", "4 × 0"), ("4", "1"), ("5-7", "3 × 0")]


async def test_a_fanuc_control_is_asked_for_holding_registers_only(server: MemoryServer) -> None:
    """The profile's limits hold for polls, looks and walks: function 3 and no other."""
    server.set("holding", 100, 0, 4711)
    fanuc = adapter(server, profile="fanuc-modbus", registers={"main_program": {"address": 100, "type": "uint32"}})
    assert (await once(fanuc)).main_program == "4711"
    await fanuc.probe()
    await walked(fanuc, None)
    assert server.functions() == {3}
