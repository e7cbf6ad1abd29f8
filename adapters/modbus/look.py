"""Pure: every value of one look with the registers it came from, for a person beside the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from adapters.modbus.decode import UndecodableError, as_flag, as_text, as_word, raw_value
from adapters.modbus.registers import BIT_TABLES, size
from edge_bridge.ports import Seen

if TYPE_CHECKING:
    from adapters.modbus.options import ModbusOptions, RegisterOptions

_MOST_SHOWN = 8  # registers of one value


def values(
    options: ModbusOptions, answers: Mapping[str, Sequence[int]], refusals: Mapping[str, str]
) -> tuple[Seen, ...]:
    """Return each configured value as it came and as it was understood."""
    return tuple(
        _seen(field, register, answers.get(field), refusals.get(field, ""))
        for field, register in options.registers.configured().items()
    )


def place(register: RegisterOptions) -> str:
    """Return where a value stands, counted as the site's file counts: `holding 100-101`."""
    last = register.address + size(register) - 1
    end = "" if last == register.address else f"-{last}"
    return f"{register.table} {register.address}{end}"


def _seen(field: str, register: RegisterOptions, registers: Sequence[int] | None, refusal: str) -> Seen:
    if registers is None:
        return Seen(field, place(register), None, fault=refusal)
    held = _hexadecimal(register, registers)
    try:
        raw = raw_value(register, registers)
    except UndecodableError as error:
        return Seen(field, place(register), held, fault=str(error))
    shown = repr(raw) if isinstance(raw, str) else str(raw)
    return Seen(field, place(register), f"{shown} {held}".strip(), _meaning(field, register, raw), refusal)


def _hexadecimal(register: RegisterOptions, registers: Sequence[int]) -> str:
    if register.table in BIT_TABLES:
        return ""
    more = " …" if len(registers) > _MOST_SHOWN else ""
    return f"[{' '.join(f'{word:04X}' for word in registers[:_MOST_SHOWN])}{more}]"


def _meaning(field: str, register: RegisterOptions, raw: str | int) -> str | None:
    if field in ("execution", "mode"):
        return as_word(register, raw)
    if field == "test":
        flag = as_flag(register, raw)
        return None if flag is None else str(flag).lower()
    return as_text(register, raw)
