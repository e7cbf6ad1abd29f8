"""Pure: what one round of block reads brought, as a Reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from adapters.modbus.decode import UndecodableError, as_flag, as_text, as_word, raw_value
from edge_bridge.domain.extract import from_names, from_paths
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Evidence, Execution, Fault, Mode, Reading, without_empty
from edge_bridge.domain.version import Extractor

if TYPE_CHECKING:
    from adapters.modbus.options import ModbusOptions, RegisterOptions

Word = TypeVar("Word", Execution, Mode)

_TEXTS = ("main_program", "active_program", "program_path", "version")


def reading(
    machine: str,
    at: Stamp,
    options: ModbusOptions,
    answers: Mapping[str, Sequence[int]],
    refusals: Mapping[str, str],
) -> Reading:
    """Return one look at one machine.

    answers: the registers of each field that was read, most significant first as they came. refusals: why a field could
    not be read, in the PLC's own words. A field that cannot be decoded is a fault and has no value.
    """
    registers = options.registers.configured()
    raw: dict[str, str | int] = {}
    faults = [Fault(field, error) for field, error in refusals.items()]
    for field, words in answers.items():
        try:
            raw[field] = raw_value(registers[field], words)
        except UndecodableError as error:
            faults.append(Fault(field, str(error)))
    texts = {field: as_text(registers[field], raw[field]) for field in _TEXTS if field in raw}
    return Reading(
        machine=machine,
        at=at,
        main_program=texts.get("main_program"),
        active_program=texts.get("active_program"),
        program_path=texts.get("program_path"),
        execution=_word(Execution, "execution", registers, raw),
        mode=_word(Mode, "mode", registers, raw),
        test=as_flag(registers["test"], raw["test"]) if "test" in raw else None,
        evidence=without_empty(evidence(options, texts, raw)),
        faults=tuple(sorted(faults, key=lambda fault: list(registers).index(fault.field))),
    )


def _word(
    kind: Callable[[str], Word], field: str, registers: Mapping[str, RegisterOptions], raw: Mapping[str, str | int]
) -> Word | None:
    return kind(as_word(registers[field], raw[field])) if field in raw else None


def evidence(
    options: ModbusOptions, texts: Mapping[str, str | None], raw: Mapping[str, str | int]
) -> Iterator[Evidence | None]:
    """Yield every extractor's answer in the configured order; without a list, the `version` register's alone."""
    register = options.registers.version
    if not options.version and register is not None:
        yield _variable(texts, raw, bound=register.bound == "always")
    for entry in options.version:
        match entry.extractor:
            case Extractor.VARIABLE if register is not None:
                said = entry.bound if "bound" in entry.model_fields_set else register.bound
                yield _variable(texts, raw, bound=said == "always")
            case Extractor.NAME if entry.name is not None:
                yield from from_names(entry.name, texts, exact=options.names == "exact")
            case Extractor.PATH if entry.path is not None:
                yield from from_paths(entry.path, texts, exact=options.names == "exact")


def _variable(texts: Mapping[str, str | None], raw: Mapping[str, str | int], *, bound: bool) -> Evidence | None:
    value = texts.get("version")
    if value is None:
        return None
    return Evidence(Extractor.VARIABLE, value, str(raw["version"]), "version", bound=bound)
