"""Where a line that `browse` found belongs in an adapter's file."""

from __future__ import annotations

import pytest

from edge_bridge.cli.browse_view import MOST_YAML, Found
from edge_bridge.ports import Entry


@pytest.mark.parametrize(
    ("place", "yaml", "settings", "under"),
    [
        ("holding 102", "version: {address: 102, type: ascii, length: 4}", {"registers", "version"}, "registers"),
        ("ns=2;s=Main", "node: ns=2;s=Main", {"nodes", "version", "files"}, "nodes"),
        ("ns=2;s=Files", "files: [{folder: ns=2;s=Files}]", {"nodes", "version", "files"}, ""),
        ("program", "main_program: program", {"items", "version", "path"}, "items"),
        ("path1", "path: path1", {"items", "version", "path"}, ""),
        ("asset", "- variable: asset", {"items", "version"}, "version"),
    ],
)
def test_each_line_under_its_key(place: str, yaml: str, settings: set[str], under: str) -> None:
    """A register named `version` is no entry of the list `version:`."""
    found = Found(None, 100)
    found.take(Entry(0, "x", place, "Variable", "1", yaml))
    assert found.to_paste(settings) == {under: [yaml]}


def test_a_search_is_for_name_place_and_value_in_any_case() -> None:
    """What has no such text is counted, and not kept."""
    found = Found("op10", 100)
    for name, place, value in (("a", "b", "c"), ("EL_OP10", "b", None), ("a", "s=Op10", ""), ("a", "b", "x OP10")):
        found.take(Entry(0, name, place, "Variable", value))
    assert (found.seen, len(found.kept), found.more_yaml) == (4, 3, 0)


def test_lines_beyond_the_most_are_counted() -> None:
    """Nobody pastes hundreds."""
    found = Found(None, 100)
    for number in range(MOST_YAML + 3):
        found.take(Entry(0, "x", "y", "Variable", "1", f"node: {number}"))
    assert (len(found.to_paste({"nodes"})["nodes"]), found.more_yaml) == (MOST_YAML, 3)
