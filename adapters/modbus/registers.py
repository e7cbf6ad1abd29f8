"""Pure: what no technician can have meant in a table of registers, and where each value stands on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from adapters.modbus.blocks import Span
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.domain.version import Extractor
from edge_bridge.options import missing_program

if TYPE_CHECKING:
    from adapters.modbus.options import ModbusOptions, RegisterOptions

Key = tuple[str | int, ...]
Problem = tuple[Key, str, str]  # key, what is wrong, what to do

REGISTERS_ON_THE_WIRE = 65536
TWO_REGISTERS = ("uint32", "bcd32")
TEXTS = ("ascii", "ascii_low", "ascii_high")
BIT_TABLES = ("coil", "discrete")
WORDS = {"execution": tuple(Execution), "mode": tuple(Mode), "test": ("true", "false")}


def spans(options: ModbusOptions) -> dict[str, Span]:
    """Return where each configured field stands on the wire, counted from 0."""
    shift = 0 if options.zero_based else 1
    return {
        field: Span(field, register.table, register.address - shift, size(register))
        for field, register in options.registers.configured().items()
    }


def size(register: RegisterOptions) -> int:
    """Return how many registers (or bits) a value takes."""
    if register.type == "ascii":
        return ((register.length or 1) + 1) // 2
    if register.type in TEXTS:
        return register.length or 1
    return 2 if register.type in TWO_REGISTERS else 1


def check_registers(options: ModbusOptions) -> list[Problem]:
    """Return every contradiction between the settings, each with its key and a hint."""
    problems: list[Problem] = []
    for field, register in options.registers.configured().items():
        key: Key = ("registers", field)
        problems += _type(key, register)
        problems += _words(key, field, register)
        problems += _range(key, register, zero_based=options.zero_based)
        problems += _limits(key, register, options)
    problems += _judged(options)
    problems += _extractors(options)
    return problems or list(_overlaps(options))


def _type(key: Key, register: RegisterOptions) -> Iterator[Problem]:
    given, kind = register.model_fields_set, register.type
    if kind in TEXTS and register.length is None:
        yield key, "`length` is missing", f"an {kind} value needs its number of characters"
    for name in ("length", "pad", "encoding"):
        if kind not in TEXTS and name in given:
            yield (*key, name), f"`{name}` does not belong to {kind}", "remove the line, or write `type: ascii`"
    if kind not in TWO_REGISTERS and "word_order" in given:
        what = f"`word_order` does not belong to {kind}: it orders the two registers of a number"
        yield (*key, "word_order"), what, "remove the line; letters swapped in pairs need `byte_order: little`"
    if (kind == "bool") != (register.table in BIT_TABLES):
        hint = "coil and discrete hold bits, which are read as `type: bool`; registers hold the other types"
        yield (*key, "table" if "table" in given else "type"), f"{kind} cannot stand in table {register.table}", hint
    if kind in ("bool", "ascii_low", "ascii_high") and "byte_order" in given:
        yield (*key, "byte_order"), f"`byte_order` does not belong to {kind}", "remove the line"
    if register.format is not None and kind in (*TEXTS, "bool"):
        yield (*key, "format"), f"`format` does not belong to {kind}", "it writes numbers; remove the line"


def _words(key: Key, field: str, register: RegisterOptions) -> Iterator[Problem]:
    known = WORDS.get(field)
    for entry, word in register.map.items():
        if known is not None and word not in known:
            yield (*key, "map", entry), f"`{word}` is not a word for {field}", f"one of {', '.join(known)}"
        if register.type not in TEXTS and entry != "default" and not entry.isdecimal():
            yield (*key, "map", entry), f"`{entry}` is not a number", "write the PLC's number, or `default`"
    if field in ("execution", "mode") and not register.map:
        yield key, f"`map` is missing: nobody knows what the PLC's numbers mean for {field}", "add one number per word"
    if field == "test" and register.type in TEXTS and not register.map:
        yield key, "`map` is missing: a text is neither true nor false", "add `map: {ON: true, default: false}`"
    if known is not None and register.format is not None:
        yield (*key, "format"), f"`format` does not belong to {field}", "it writes a program's name or version"


def _range(key: Key, register: RegisterOptions, *, zero_based: bool) -> Iterator[Problem]:
    first = register.address - (0 if zero_based else 1)
    if first < 0:
        yield (
            (*key, "address"),
            "address 0 does not exist when the manual counts from 1",
            "write `zero_based: true`, or 1 for the first register",
        )
    if first + size(register) > REGISTERS_ON_THE_WIRE:
        what = f"address {register.address} ends beyond the last register, 65535 on the wire"
        hint = (
            "write the number without the manual's table digit: 400101 is `address: 101` with `zero_based: false`, "
            "and 300101 the same with `table: input`"
        )
        yield (*key, "address"), what, hint


def _limits(key: Key, register: RegisterOptions, options: ModbusOptions) -> Iterator[Problem]:
    limits = options.limits
    if register.table not in limits.tables:
        what = (
            f"table {register.table} does not exist here: profile {options.profile} has {', '.join(limits.tables)} only"
        )
        hint = "remove the line, or say under `limits:` which `tables:` this control has" + (
            f" ({limits.source})" if limits.source else ""
        )
        yield (*key, "table"), what, hint
    elif register.table not in BIT_TABLES and size(register) > limits.block:
        what = f"takes {size(register)} registers, and one request brings at most {limits.block}"
        where = (*key, "length" if register.length else "type")
        yield where, what, "shorten it, or raise `block:` under `limits:`"


def _judged(options: ModbusOptions) -> Iterator[Problem]:
    if fields := missing_program(options.judge, options.registers.configured()):
        what = f"`judge: {options.judge}` needs the register {' or '.join(fields)}"
        yield ("registers",), what, "add the register that holds the program's number or name"


def _extractors(options: ModbusOptions) -> Iterator[Problem]:
    for index, entry in enumerate(options.version):
        key: Key = ("version", index)
        match entry.extractor:
            case Extractor.VARIABLE if entry.variable != "version":
                what = f"`variable: {entry.variable}` names no version register"
                yield (*key, "variable"), what, "write `variable: version`, and `version:` under `registers:`"
            case Extractor.VARIABLE if options.registers.version is None:
                yield (*key, "variable"), "there is no register `version`", "add `version:` under `registers:`"
            case Extractor.PATH if options.registers.program_path is None:
                yield (*key, "path"), "there is no register `program_path`", "add it under `registers:`"


def _overlaps(options: ModbusOptions) -> Iterator[Problem]:
    """Two fields may share a value (one status word, two maps); anything else that overlaps is a wrong address or length."""
    placed = sorted(spans(options).values(), key=lambda span: (span.table, span.first, span.end))
    for left, right in pairwise(placed):
        same = (left.first, left.end) == (right.first, right.end)
        if left.table == right.table and right.first < left.end and not same:
            what = f"`{right.field}` starts inside `{left.field}`, which takes {left.size} registers"
            yield ("registers", right.field, "address"), what, "check both addresses, and the type or length"
