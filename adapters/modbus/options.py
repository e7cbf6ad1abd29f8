"""What a PLC's file may say, and the profile it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from adapters.modbus.blocks import LARGEST_BLOCK
from adapters.modbus.registers import check_registers
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options import ControllerOptions, Options, YesNo, read_options
from edge_bridge.strict_yaml import Section, load, merged

PROFILES = Path(__file__).parent / "profiles"
DEFAULT_PROFILE = "generic-plc"
LONGEST_NAME = 200  # characters a `format` may give for the number 1
_ZERO_BASED_HINT = (
    "write `zero_based: true` when address 0 is the first register on the wire, "
    "`zero_based: false` when the manual counts registers from 1 (or 40001, which is then address 1); "
    "a wrong guess would read the neighbour"
)


def _words(value: object) -> object:
    """Return a map's keys and words as text, as they stand in YAML."""
    if not isinstance(value, Mapping):
        return value
    return {str(key).strip(): str(word).lower() if isinstance(word, bool) else word for key, word in value.items()}


def _number_format(value: object) -> str:
    """Accept a format with exactly one `{}` that can write a number, such as `O{:04d}`."""
    text = str(value)
    try:
        fields = [(name, conversion) for _, name, _, conversion in Formatter().parse(text) if name is not None]
        written = text.format(1) if fields in ([("", None)], [("0", None)]) else ""
    except (ValueError, LookupError) as error:
        raise ValueError(f"cannot write a number with it ({error}); write it like 'O{{:04d}}'") from None
    if not written or len(written) > LONGEST_NAME:
        raise ValueError("a format has exactly one {}, like 'O{:04d}'")
    return text


Words = Annotated[dict[str, str], BeforeValidator(_words)]
NumberFormat = Annotated[str, BeforeValidator(_number_format)]


class RegisterOptions(Options):
    """One value in the PLC: where it stands and how it is written there."""

    address: int = Field(description="number of its first register, counted as `zero_based` says", ge=0)
    type: Literal["uint16", "uint32", "bcd16", "bcd32", "ascii", "ascii_low", "ascii_high", "bool"] = Field(
        description="how the value is written"
    )
    length: int | None = Field(
        None,
        description="characters of a text; ascii has two in one register, ascii_low and ascii_high one",
        ge=1,
        le=250,
    )
    pad: Literal["auto", "nul", "ff", "space"] = Field(
        "auto", description="what stands behind a text and ends it; auto: NUL or 0xFF, whichever comes first"
    )
    encoding: Literal["auto", "utf-8", "gb18030", "cp1252", "ascii"] = Field(
        "auto", description="how a text is encoded; auto: UTF-8, else GB18030, else CP1252"
    )
    word_order: Literal["big", "little"] = Field(
        "big", description="which register of a number of two comes first; it never touches strings"
    )
    byte_order: Literal["big", "little"] = Field(
        "big", description="little: the two bytes (or characters) of each register are swapped"
    )
    table: Literal["holding", "input", "coil", "discrete"] = Field(
        "holding", description="which table it stands in; coil and discrete hold values of type bool"
    )
    map: Words = Field(default_factory=dict, description="what a value means, in a word; `default` for all others")
    format: NumberFormat | None = Field(None, description="how a number is written as a name, such as 'O{:04d}'")


class VersionRegisterOptions(RegisterOptions):
    """The register that holds the program's version."""

    bound: Literal["always", "by_run"] = Field(
        "always",
        description="always: the PLC writes it when it loads the program; by_run: trusted once that program ran",
    )


class RegistersOptions(Options):
    """The values of one machine; what is not here is not known and not required."""

    main_program: RegisterOptions | None = Field(None, description="the selected main program")
    active_program: RegisterOptions | None = Field(None, description="the program executing now, maybe a subprogram")
    program_path: RegisterOptions | None = Field(None, description="the program's path")
    version: VersionRegisterOptions | None = Field(None, description="the program's version")
    execution: RegisterOptions | None = Field(None, description="running interrupted stopped idle unknown, by its map")
    mode: RegisterOptions | None = Field(None, description="automatic mdi manual edit unknown, by its map")
    test: RegisterOptions | None = Field(None, description="program test or dry run: not 0, or by its map")

    def configured(self) -> dict[str, RegisterOptions]:
        """Return the registers that the file gives, by field, in a fixed order."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: register for name, register in found.items() if register is not None}


class LimitsOptions(Options):
    """What the PLC's Modbus server bears; a profile knows it, and a site's file may know better."""

    tables: tuple[Literal["holding", "input", "coil", "discrete"], ...] = Field(
        ("holding", "input", "coil", "discrete"), description="the tables that it has", min_length=1
    )
    block: int = Field(LARGEST_BLOCK["holding"], description="registers in one request at most", ge=1, le=125)
    sessions: str = Field("", description="how many connections it takes, all clients together")
    sure: Literal["confirmed", "unconfirmed"] = Field("confirmed", description="whether a public source says so")
    source: str = Field("", description="who says so")


class ModbusOptions(ControllerOptions):
    """One PLC that speaks Modbus TCP."""

    host: str = Field(description="address of the PLC", min_length=1)
    port: int = Field(502, description="TCP port of its Modbus server", ge=1, le=65535)
    unit: int = Field(1, description="unit id; behind a gateway, which machine", ge=0, le=255)
    zero_based: YesNo = Field(description="true: address 0 is the first register; false: the manual counts from 1")
    registers: RegistersOptions = Field(
        description="where each value stands, such as main_program: {address: 100, type: uint32}"
    )
    profile: str = Field(DEFAULT_PROFILE, description="a file in adapters/modbus/profiles")
    limits: LimitsOptions = Field(
        default_factory=LimitsOptions, description="what the PLC's server bears; adds to the profile"
    )

    known_profiles: ClassVar[tuple[str, ...]] = tuple(sorted(path.stem for path in PROFILES.glob("*.yaml")))


def modbus_options(options: Mapping[str, Any]) -> ModbusOptions:
    """Return checked settings: the site's over the profile's. Raises ConfigError(s) naming each key and what to do."""
    laid = with_profile(options)
    try:
        checked = read_options(ModbusOptions, laid)
    except ConfigErrors as errors:
        raise ConfigErrors([_with_hint(problem) for problem in errors.problems]) from errors
    except ConfigError as error:
        raise _with_hint(error) from error
    section = laid if isinstance(laid, Section) else None
    problems = [
        ConfigError(what, hint, key=key, where=section.where(key) if section else "")
        for key, what, hint in check_registers(checked)
    ]
    if problems:
        raise problems[0] if len(problems) == 1 else ConfigErrors(problems)
    return checked


def with_profile(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the profile's settings with the site's laid over them, key by key."""
    name = str(options.get("profile") or DEFAULT_PROFILE)
    name = DEFAULT_PROFILE if name == "generic" else name
    if name not in ModbusOptions.known_profiles:
        where = options.where(("profile",)) if isinstance(options, Section) else ""
        known = ", ".join(ModbusOptions.known_profiles)
        raise ConfigError(f"unknown profile `{name}`", f"known here: {known}", key=("profile",), where=where)
    return merged(load(PROFILES / f"{name}.yaml"), options)


def _with_hint(problem: ConfigError) -> ConfigError:
    """Say what `zero_based` means when it is missing: guessing it reads a neighbour that looks plausible."""
    if problem.key != ("zero_based",):
        return problem
    return ConfigError(problem.what, _ZERO_BASED_HINT, key=problem.key, where=problem.where)
