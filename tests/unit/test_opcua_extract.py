"""Versions in program names and paths."""

from __future__ import annotations

import re

from edge_bridge.domain.extract import from_text
from edge_bridge.domain.reading import Evidence
from edge_bridge.domain.version import Extractor

REVISION = re.compile(r"_(?P<version>[A-Z0-9]{1,3})\.MPF$")


def test_pattern_finds_the_version_and_keeps_where_it_came_from() -> None:
    """A match is evidence about the program whose name it is."""
    name = "EL-100_OP10_C.MPF"
    assert from_text(Extractor.NAME, REVISION, name, "main_program", name) == Evidence(
        Extractor.NAME, "C", raw=name, field="main_program", program=name
    )


def test_nothing_found_is_no_evidence() -> None:
    """No text, no match, an empty or unused group: None, never an empty version."""
    optional = re.compile(r"X(?P<version>\d+)?")
    blank_only = re.compile(r"X(?P<version> *)")
    assert from_text(Extractor.NAME, REVISION, None, "main_program") is None
    assert from_text(Extractor.NAME, REVISION, "PALLET4", "main_program") is None
    assert from_text(Extractor.NAME, optional, "X", "main_program") is None
    assert from_text(Extractor.NAME, blank_only, "X  ", "main_program") is None


def test_case_counts_unless_the_pattern_says_otherwise() -> None:
    """`_c.mpf` is not `_C.MPF`, but `(?i)` makes it so."""
    relaxed = re.compile(f"(?i){REVISION.pattern}")
    assert from_text(Extractor.PATH, REVISION, "/wks/a_c.mpf", "program_path") is None
    found = from_text(Extractor.PATH, relaxed, "/wks/a_c.mpf", "program_path")
    assert found is not None
    assert found.value == "c"
