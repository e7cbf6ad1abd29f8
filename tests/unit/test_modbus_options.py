"""What a PLC's file may say: refusals name the key, the place and what to write instead."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import adapters.modbus
from adapters.modbus.adapter import ModbusAdapter
from adapters.modbus.observation import reading
from adapters.modbus.options import ModbusOptions, RegistersOptions, VersionRegisterOptions, modbus_options
from adapters.modbus.registers import spans
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Evidence
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.ports import Clock
from edge_bridge.strict_yaml import load
from edge_bridge.testing import ManualClock

LATHE = """\
adapter: modbus
profile: generic-plc
name: Lathe 7
area: mc-2
host: 192.168.10.40
port: 502
unit: 1
zero_based: true
every: 1s
registers:
  main_program: {address: 100, type: uint32, word_order: big}
  version:      {address: 102, type: ascii, length: 16}
  execution:    {address: 110, type: uint16, map: {1: running, default: stopped}}
  mode:         {address: 111, type: uint16, map: {2: automatic, default: manual}}
"""
AT = Stamp(0, 0, "boot")


def write(folder: Path, text: str) -> Path:
    """Write an adapter file and return it."""
    file = folder / "lathe-07.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def options(**changes: Any) -> dict[str, Any]:
    """Return the least a file may say, with changes."""
    registers = {"main_program": {"address": 100, "type": "uint32"}}
    return {"adapter": "modbus", "host": "plc", "zero_based": True, "registers": registers, **changes}


def with_register(field: str, **register: Any) -> dict[str, Any]:
    """Return options with one more register, or another main program."""
    registers: dict[str, Any] = {"main_program": {"address": 100, "type": "uint32"}}
    return options(registers=registers | {field: register})


def refusal(settings: dict[str, Any]) -> ConfigError:
    """Return why these settings are refused."""
    with pytest.raises(ConfigError) as caught:
        modbus_options(settings)
    assert not isinstance(caught.value, ConfigErrors), caught.value
    return caught.value


def test_the_designs_example_is_taken_as_it_stands(tmp_path: Path) -> None:
    """The file of the design, loaded from disk, gives typed settings; the constructor touches nothing outside."""
    lathe = ModbusAdapter("lathe-07", load(write(tmp_path, LATHE)), ManualClock())
    assert (lathe.options.host, lathe.options.port, lathe.options.unit) == ("192.168.10.40", 502, 1)
    assert [(span.first, span.size) for span in spans(lathe.options).values()] == [
        (100, 2),
        (102, 8),
        (110, 1),
        (111, 1),
    ]
    assert ModbusAdapter.delivers == "readings"


def test_zero_based_must_be_said_and_the_hint_explains_it(tmp_path: Path) -> None:
    """Nobody guesses how a manual counts: missing is an error that explains both answers, with the file's name."""
    file = write(tmp_path, LATHE.replace("zero_based: true\n", ""))
    with pytest.raises(ConfigError) as caught:
        modbus_options(load(file))
    assert caught.value.key == ("zero_based",)
    assert caught.value.where.startswith(f"{file}:1")
    for part in ("first register on the wire", "counts registers from 1", "40001"):
        assert part in caught.value.hint


def test_a_problem_names_file_line_and_column(tmp_path: Path) -> None:
    """Two mistakes in one file come back together, each with its place."""
    text = LATHE.replace("length: 16", "length: 16, word_order: big").replace("running", "runing")
    file = write(tmp_path, text)
    with pytest.raises(ConfigErrors) as caught:
        modbus_options(load(file))
    word_order, word = caught.value.problems
    assert word_order.key == ("registers", "version", "word_order")
    assert word_order.where == f"{file}:12:57"
    assert word.where == f"{file}:13:52"
    assert "`runing`" in word.what
    assert "running, interrupted" in word.hint


@pytest.mark.parametrize(
    ("settings", "key", "what", "hint"),
    [
        (options(zero_base=True), ("zero_base",), "unknown key", "zero_based"),
        (options(profile="nobody"), ("profile",), "unknown profile", "generic-plc"),
        (options(unit=256), ("unit",), "unit", "255"),
        (options(port="0"), ("port",), "0", ""),
        (options(judge="active"), ("registers",), "active_program", "add the register"),
        (
            with_register("main_program", address=65535, type="uint32"),
            ("registers", "main_program", "address"),
            "beyond",
            "400101",
        ),
        (
            with_register("test", address=400101, type="uint16"),
            ("registers", "test", "address"),
            "beyond",
            "zero_based: false",
        ),
        (
            with_register("version", address=0, type="ascii"),
            ("registers", "version"),
            "`length` is missing",
            "characters",
        ),
        (
            with_register("version", address=0, type="uint16", length=2),
            ("registers", "version", "length"),
            "uint16",
            "ascii",
        ),
        (
            with_register("test", address=0, type="uint16", word_order="little"),
            ("registers", "test", "word_order"),
            "two",
            "",
        ),
        (with_register("test", address=0, type="bool"), ("registers", "test", "type"), "holding", "coil"),
        (with_register("test", address=0, type="uint16", table="coil"), ("registers", "test", "table"), "coil", "bool"),
        (
            with_register("version", address=0, type="ascii", length=2, format="{}"),
            ("registers", "version", "format"),
            "ascii",
            "",
        ),
        (
            with_register("version", address=0, type="uint16", format="{:q}"),
            ("registers", "version", "format"),
            "number",
            "",
        ),
        (
            with_register("version", address=0, type="uint16", format="O"),
            ("registers", "version", "format"),
            "exactly one",
            "",
        ),
        (
            with_register("version", address=0, type="uint16", format="{a}"),
            ("registers", "version", "format"),
            "exactly one",
            "",
        ),
        (with_register("execution", address=0, type="uint16"), ("registers", "execution"), "`map` is missing", "word"),
        (
            with_register("mode", address=0, type="uint16", map={"x": "manual"}),
            ("registers", "mode", "map", "x"),
            "number",
            "",
        ),
        (
            with_register("mode", address=0, type="uint16", map={1: "auto"}),
            ("registers", "mode", "map", "1"),
            "auto",
            "automatic",
        ),
        (
            with_register("test", address=0, type="ascii", length=2),
            ("registers", "test"),
            "neither true nor false",
            "map",
        ),
        (
            with_register("version", address=101, type="uint16"),
            ("registers", "version", "address"),
            "inside `main_program`",
            "",
        ),
        (options(version=[{"variable": "revision"}]), ("version", 0, "variable"), "revision", "variable: version"),
        (options(version=[{"variable": "version"}]), ("version", 0, "variable"), "no register `version`", "registers"),
        (options(version=[{"path": "(?P<version>.)"}]), ("version", 0, "path"), "program_path", "registers"),
    ],
)
def test_a_refusal_names_key_and_remedy(
    settings: dict[str, Any], key: tuple[str | int, ...], what: str, hint: str
) -> None:
    """Each contradiction is found before anything is connected, under the key that a technician must change."""
    error = refusal(settings)
    assert error.key == key
    assert what in error.what
    assert hint in error.hint


def test_address_0_does_not_exist_when_the_manual_counts_from_1() -> None:
    """Register 0 with `zero_based: false` would be one before the first."""
    error = refusal(with_register("test", address=0, type="uint16") | {"zero_based": False})
    assert error.key == ("registers", "test", "address")


def test_the_last_register_is_65535_on_the_wire() -> None:
    """65536 is right when counted from 1, and wrong when counted from 0."""
    last = with_register("test", address=65536, type="uint16")
    assert spans(modbus_options(last | {"zero_based": False}))["test"].first == 65535
    assert refusal(last).key == ("registers", "test", "address")


@pytest.mark.parametrize("profile", [{}, {"profile": "generic"}, {"profile": "generic-plc"}])
def test_the_generic_profile_is_the_default(profile: dict[str, str]) -> None:
    """No profile, `generic` and `generic-plc` are the same."""
    assert modbus_options(options(**profile)).port == 502


def test_the_site_wins_over_the_profile() -> None:
    """A key that both say is the site's."""
    assert modbus_options(options(port=5020, unit="3")).port == 5020


def test_one_register_may_serve_two_fields() -> None:
    """One status word with two maps is allowed; it is the same value."""
    both = {
        "main_program": {"address": 0, "type": "uint16"},
        "execution": {"address": 5, "type": "uint16", "map": {1: "running"}},
        "mode": {"address": 5, "type": "uint16", "map": {1: "automatic"}},
    }
    found = spans(modbus_options(options(registers=both)))
    assert (found["execution"].first, found["mode"].first) == (5, 5)


def evidence(settings: dict[str, Any], **answers: list[int]) -> list[Evidence]:
    """Return the evidence in a reading of these registers."""
    return list(reading("lathe", AT, modbus_options(settings), answers, {}).evidence)


def _with_versions(version: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    registers = {
        "main_program": {"address": 0, "type": "ascii", "length": 6},
        "program_path": {"address": 10, "type": "ascii", "length": 6},
        "active_program": {"address": 20, "type": "ascii", "length": 6},
        "version": {"address": 30, "type": "uint16", **more},
    }
    return options(registers=registers, version=version)


WORDS = {
    "main_program": [0x4D31, 0x5F43, 0],
    "program_path": [0x2F42, 0x2F4D, 0x3100],
    "active_program": [0x5331, 0x5F44, 0],
}


def test_the_version_register_is_bound_by_default() -> None:
    """A PLC writes its version register when it loads the program; `bound: by_run` says otherwise, an entry's own wins."""
    found = [
        evidence(_with_versions(versions, **more), version=[3])[0].bound
        for versions, more in [
            ([], {}),
            ([], {"bound": "by_run"}),
            ([{"variable": "version"}], {}),
            ([{"variable": "version", "bound": "by_run"}], {}),
            ([{"variable": "version", "bound": "always"}], {"bound": "by_run"}),
        ]
    ]
    assert found == [True, False, True, False, True]


def test_extractors_answer_in_their_order_and_name_their_program() -> None:
    """Name and path belong to the program they were read from, a variable to none; all that answer are kept."""
    versions = [
        {"name": "_(?P<version>.)$"},
        {"variable": "version"},
        {"path": "^/(?P<version>.)/"},
        {"name": "no(?P<version>.)"},
    ]
    found = evidence(_with_versions(versions), version=[3], **WORDS)
    assert [(item.extractor, item.value, item.program, item.field) for item in found] == [
        (Extractor.NAME, "C", "M1_C", "main_program"),
        (Extractor.NAME, "D", "S1_D", "active_program"),
        (Extractor.VARIABLE, "3", None, "version"),
        (Extractor.PATH, "B", "/B/M1", "program_path"),
    ]


def test_a_field_that_was_refused_has_no_value_and_no_evidence() -> None:
    """A refused version is a fault; it never becomes an empty version."""
    settings = modbus_options(_with_versions([]))
    seen = reading("lathe", AT, settings, {"main_program": [0x4D31, 0, 0]}, {"version": "illegal data address"})
    assert (seen.main_program, seen.evidence, seen.execution) == ("M1", (), None)
    assert [(fault.field, fault.error) for fault in seen.faults] == [("version", "illegal data address")]


def test_an_empty_version_is_no_evidence() -> None:
    """Blank registers say nothing about the version, and an empty program name is no program."""
    registers = {
        "main_program": {"address": 0, "type": "ascii", "length": 4},
        "version": {"address": 9, "type": "ascii", "length": 4},
    }
    seen = reading(
        "lathe", AT, modbus_options(options(registers=registers)), {"main_program": [0, 0], "version": [0x2020, 0]}, {}
    )
    assert (seen.main_program, seen.evidence, seen.faults) == (None, (), ())


def test_nothing_in_the_adapter_can_write() -> None:
    """No attribute of any module names a writing call of the library, and only one module knows the library."""
    modules = list(Path(adapters.modbus.__file__).parent.glob("*.py"))
    assert len(modules) > 5
    users = set()
    for module in modules:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pymodbus"):
                users.add(module.name)
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith(("write", "mask_write", "readwrite", "execute", "diag")), (
                    module,
                    node.attr,
                )
    assert users == {"link.py"}


def test_the_clock_port_is_all_the_time_it_needs() -> None:
    """The adapter takes any Clock."""
    clock: Clock = ManualClock()
    assert ModbusAdapter("lathe", options(), clock).name == "lathe"


SAMPLE = Path(adapters.modbus.__file__).with_name("sample.yaml")


def test_the_sample_is_a_working_file_that_names_every_option() -> None:
    """A technician can copy it as it is, and finds each key in it."""
    assert modbus_options(load(SAMPLE)).registers.main_program is not None
    text = SAMPLE.read_text(encoding="utf-8")
    keys = [*ModbusOptions.model_fields, *RegistersOptions.model_fields, *VersionRegisterOptions.model_fields]
    assert [key for key in keys if f"{key}:" not in text and f"`{key}`" not in text] == []


def test_the_samples_defaults_are_the_real_ones() -> None:
    """Uncommented, each default line says what leaving it out says."""
    plain = modbus_options(load(SAMPLE))
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"# (profile|port|unit|every|timeout|judge|names|scheme|match): (\S+)", line):
            said = modbus_options({**load(SAMPLE), found[1]: found[2]})
            assert getattr(said, found[1]) == getattr(plain, found[1]), line


def test_the_readme_names_every_register_option() -> None:
    """The table in the README keeps up with the code."""
    readme = SAMPLE.with_name("README.md").read_text(encoding="utf-8")
    assert [key for key in VersionRegisterOptions.model_fields if f".{key}`" not in readme] == []
