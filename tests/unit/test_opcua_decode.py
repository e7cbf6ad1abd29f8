"""From OPC UA data values to readings."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from datetime import datetime

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from adapters.opcua.decode import Layout, Wanted, reading
from adapters.opcua.notation import parse
from adapters.opcua.values import Answer
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Evidence, Execution, Fault, Mode, Reading
from edge_bridge.domain.version import Extractor
from edge_bridge.options import ExtractorOptions

AT = Stamp(utc=1_000, boottime=5, boot="b")
VARIABLE = ExtractorOptions(variable="R90")
NAME = ExtractorOptions(name=re.compile(r"_(?P<version>[A-Z]+)\.MPF$"))
PATH = ExtractorOptions(path=re.compile(r"_REV(?P<version>[A-Z])_WPD"))


def value(content: object, status: int = 0, source: datetime | None = None) -> ua.DataValue:
    """Return a data value as a server sends it."""
    return ua.DataValue(ua.Variant(content), ua.StatusCode(ua.UInt32(status)), source)


def want(feeds: str, words: Mapping[str, object] | None = None, node: str = "N") -> Wanted:
    """Return a wanted node; a version variable belongs to VARIABLE."""
    entry = VARIABLE if feeds == "version" else None
    return Wanted(feeds, "R90" if entry else node, parse("i=1"), words or {}, entry)


def read(*pairs: tuple[Wanted, Answer], extractors: tuple[ExtractorOptions, ...] = ()) -> Reading:
    """Return the reading of these answers."""
    layout = Layout("m1", tuple(wanted for wanted, _ in pairs), extractors)
    return reading(layout, AT, [answer for _, answer in pairs])


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("  A.MPF\0\0", "A.MPF"), ("", None), ("\0 ", None), (None, None), (7, "7"), (7.0, "7"), (b"O1\0", "O1")],
)
def test_program_names_are_cleaned(raw: object, expected: str | None) -> None:
    """NULs and blanks go, numbers have no leading zeros or fraction, and empty is nothing."""
    found = read((want("main_program"), value(raw)))
    assert (found.main_program, found.faults) == (expected, ())


def test_localised_text_and_qualified_names_are_text() -> None:
    """Companion specifications use both for names."""
    found = read(
        (want("main_program"), value(ua.LocalizedText("A.MPF"))),
        (want("active_program"), value(ua.QualifiedName("B", 2))),
    )
    assert (found.main_program, found.active_program) == ("A.MPF", "B")


@pytest.mark.parametrize(
    ("raw", "part"), [(["A", "B"], "array of 2"), (float("nan"), "nan"), (datetime(2026, 1, 1), "datetime")]
)
def test_what_is_no_text_is_a_fault_in_words(raw: object, part: str) -> None:
    """An array or a structure where a name was expected is said, not guessed at."""
    found = read((want("main_program"), value(raw)))
    assert found.main_program is None
    (fault,) = found.faults
    assert fault.field == "main_program"
    assert part in fault.error


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(3, Execution.RUNNING), (9, Execution.STOPPED), (3.0, Execution.RUNNING), (None, Execution.UNKNOWN)],
)
def test_raw_numbers_become_words_by_the_map(raw: object, expected: Execution) -> None:
    """A number outside the map is the default; nothing at all is unknown."""
    assert read((want("execution", {"3": "running", "default": "stopped"}), value(raw))).execution is expected


def test_without_map_or_default_a_raw_value_is_unknown_unless_it_is_a_word() -> None:
    """Nothing is ever guessed to be running."""
    assert read((want("execution", {"3": "running"}), value(4))).execution is Execution.UNKNOWN
    assert read((want("execution"), value(3))).execution is Execution.UNKNOWN
    assert read((want("execution"), value("Running"))).execution is Execution.RUNNING
    assert read((want("mode"), value("running"))).mode is Mode.UNKNOWN


def test_any_true_flag_means_test() -> None:
    """Booleans, numbers and words; one flag that cannot be read leaves it open only when none is set."""
    yes, no, gone = value(True), value(0), value(None, StatusCodes.BadNodeIdUnknown)
    flag, other = want("test", node="A"), want("test", node="B")
    assert read((flag, no), (other, yes)).test is True
    assert read((flag, no), (other, value("off"))).test is False
    assert read((flag, gone), (other, yes)).test is True
    assert read((flag, gone), (other, no)).test is None
    assert read((flag, gone)).faults == (Fault("test", "BadNodeIdUnknown (A)"),)
    assert read().test is None
    assert read((want("test", {"2": True, "default": False}), value(2))).test is True
    assert read((flag, value("perhaps"))).faults[0].error.startswith("'perhaps' is neither true nor false")


def test_one_bad_node_costs_its_own_field_only() -> None:
    """The status name is the fault; the others go on."""
    found = read(
        (want("main_program"), value("A.MPF")),
        (want("mode"), value(None, StatusCodes.BadSensorFailure)),
        (want("active_program"), "BadNoMatch"),
    )
    assert (found.main_program, found.mode, found.active_program) == ("A.MPF", None, None)
    assert found.faults == (Fault("mode", "BadSensorFailure"), Fault("active_program", "BadNoMatch"))


def test_a_variable_is_evidence_with_source_time_and_quality() -> None:
    """It belongs to no program by nature, and its time is not trusted."""
    found = read((want("version"), value(3.0, source=datetime(1970, 1, 1, 0, 0, 2))), extractors=(VARIABLE,))
    assert found.evidence == (Evidence(Extractor.VARIABLE, "3", "3", "R90", source_time=2_000),)
    doubtful = read((want("version"), value("B", StatusCodes.UncertainSensorNotAccurate)), extractors=(VARIABLE,))
    assert [(e.value, e.quality) for e in doubtful.evidence] == [("B", "uncertain")]


@pytest.mark.parametrize(
    "status",
    [
        StatusCodes.UncertainNoCommunicationLastUsableValue,
        StatusCodes.UncertainLastUsableValue,
        StatusCodes.UncertainSubstituteValue,
        StatusCodes.UncertainInitialValue,
    ],
)
def test_a_value_left_over_from_before_is_no_observation(status: int) -> None:
    """The server answers, its machine does not: what was true some time ago makes nothing compliant."""
    found = read(
        (want("main_program"), value("A.MPF", status)),
        (want("execution", {"3": "running"}), value(3, status)),
        (want("version"), value("B", status)),
        extractors=(VARIABLE,),
    )
    assert (found.main_program, found.execution, found.evidence) == (None, None, ())
    assert [fault.field for fault in found.faults] == ["main_program", "execution", "version"]
    assert "Uncertain" in found.faults[0].error


@pytest.mark.parametrize(
    ("written", "read_as"), [(2.1, "2.1"), (1.1, "1.1"), (3.0, "3"), (0.3, "0.3"), (1234.5, "1234.5")]
)
def test_a_float_of_32_bits_is_read_as_it_was_written(written: float, read_as: str) -> None:
    """On the wire 2.1 is 2.0999999046325684, which would never be version 2.1."""
    variant = ua.Variant(struct.unpack("f", struct.pack("f", written))[0], ua.VariantType.Float)
    found = read((want("version"), ua.DataValue(variant)), extractors=(VARIABLE,))
    assert [piece.value for piece in found.evidence] == [read_as]


def test_a_text_ends_at_its_nul_and_has_no_control_characters() -> None:
    """What follows a NUL is left over; a length in front of a text is said, not read as a version."""
    assert read((want("main_program"), value("O1234\0OLD"))).main_program == "O1234"
    (fault,) = read((want("version"), value("\x10\x01C")), extractors=(VARIABLE,)).faults
    assert "0x10" in fault.error


def test_a_bad_or_empty_variable_is_no_evidence() -> None:
    """Bad is a fault that names the node; empty says nothing."""
    bad = read((want("version"), value("B", StatusCodes.BadOutOfService)), extractors=(VARIABLE,))
    assert (bad.evidence, bad.faults) == ((), (Fault("version", "BadOutOfService (R90)"),))
    empty = read((want("version"), value(" \0")), extractors=(VARIABLE,))
    assert (empty.evidence, empty.faults) == ((), ())


def names(main: str | None, active: str | None, *extractors: ExtractorOptions) -> list[tuple[str, str, str | None]]:
    """Return (field, version, program) of the evidence that two names give."""
    found = read((want("main_program"), value(main)), (want("active_program"), value(active)), extractors=extractors)
    return [(piece.field, piece.value, piece.program) for piece in found.evidence]


def test_each_program_has_evidence_of_its_own_name() -> None:
    """A subprogram's version is about the subprogram; the same program under two spellings answers once."""
    assert names("P_A.MPF", "L_B.MPF", NAME) == [
        ("main_program", "A", "P_A.MPF"),
        ("active_program", "B", "L_B.MPF"),
    ]
    assert names("P_A.MPF", "/_N_WKS_DIR/_N_P_A_MPF", NAME) == [("main_program", "A", "P_A.MPF")]
    assert names("P_A", "/_N_WKS_DIR/_N_P_A_MPF", NAME) == [("active_program", "A", "/_N_WKS_DIR/_N_P_A_MPF")]


def test_a_path_in_the_program_name_serves_the_path_extractor() -> None:
    """SINUMERIK gives the workpiece folder with the name; a bare name has no path."""
    raw = "/_N_WKS_DIR/_N_P_REVC_WPD/_N_OP10_MPF"
    assert names("OP10.MPF", raw, PATH) == [("active_program", "C", raw)]


def test_a_path_node_belongs_to_the_program_it_leads_to() -> None:
    """To the main program when it leads to it or to its folder, else to its own last part."""
    for path, owner in [
        ("/P_REVC_WPD/OP10.MPF", "OP10.MPF"),
        ("/P_REVC_WPD/", "OP10.MPF"),
        ("/P_REVC_WPD/X", "/P_REVC_WPD/X"),
    ]:
        found = read((want("main_program"), value("OP10.MPF")), (want("program_path"), value(path)), extractors=(PATH,))
        assert [(piece.value, piece.program) for piece in found.evidence] == [("C", owner)]
