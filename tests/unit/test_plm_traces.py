"""Where each field of an ECN came from: line and column, cell, or path, in every format."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from adapters.plm_folder.adapter import PlmFolderAdapter
from adapters.plm_folder.reading import trace_file
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.errors import AdapterError
from edge_bridge.ports import Traces
from edge_bridge.testing.clock import ManualClock
from tests.unit.test_plm_cases import CASES, attempt, input_of, options_of

ALL = sorted(path.name for path in CASES.iterdir())


def places(case: str) -> dict[str, str]:
    """Return {field: place} of the first ECN of a case and of its first item."""
    first = trace_file(input_of(CASES / case), options_of(CASES / case))[0]
    return {
        column: trace.place
        for fields in (first.head, first.items[0] if first.items else {})
        for column, trace in fields.items()
    }


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("cn_plm_gbk", {"number": "line 2, column 1", "revision": "line 2, column 8"}),
        ("excel_sep_line", {"number": "line 3, column 1"}),
        ("text_ruler", {"number": "line 5, characters 1-11", "program": "line 5, characters 40-51"}),
        ("xlsx_title_and_merged_cells", {"number": "sheet ECN, cell B5", "part": "sheet ECN, cell E5"}),
        ("xls_as_shown", {"version": "sheet ECN, cell F2"}),
        ("json_nested", {"number": "number", "part": "items[0].part", "machines": "machines"}),
        ("xml_nested", {"number": "/Export/Ecn[1]/@no", "revision": "/Export/Ecn[1]/Item[1]/Rev"}),
        ("windchill_esi", {"number": "/ESIResponse/AddedECN/ECNHeader/Number", "status": "defaults"}),
        (
            "teamcenter_plmxml",
            {"number": "/PLMXML/Product[1]/@productId", "revision": "/PLMXML/ProductRevision[2]/@revision"},
        ),
        ("solidworks_empty_revision_is_a", {"revision": "defaults"}),
    ],
)
def test_each_field_says_where_it_came_from(case: str, expected: dict[str, str]) -> None:
    """A technician finds the very cell."""
    found = places(case)
    assert {column: found.get(column) for column in expected} == expected


@pytest.mark.parametrize("case", ALL)
def test_a_trace_tells_the_same_as_reading(case: str) -> None:
    """Every case: the same ECNs or the same refusal, an origin for every value, and none without one."""
    options, data = options_of(CASES / case), input_of(CASES / case)
    drafts, refusal = attempt(data, options, settled=True)
    if refusal is not None:
        with pytest.raises(Unreadable, match=re.escape(str(refusal))):
            trace_file(data, options)
        return
    traced = trace_file(data, options)
    assert tuple(one.draft for one in traced) == drafts
    for one in traced:
        assert one.head["number"].raw == one.draft.number
        assert len(one.items) == len(one.draft.items)
        for item, origins in zip(one.draft.items, one.items, strict=True):
            for column in ("part", "drawing", "revision", "program", "version"):
                value = getattr(item, column)
                assert (origins[column].raw if column in origins else None) == value
                assert column not in origins or (origins[column].place and origins[column].header)


def test_headers_are_those_of_the_file() -> None:
    """The origin shows the name that the file has for a column, not ours."""
    first = trace_file(input_of(CASES / "cn_plm_gbk"), options_of(CASES / "cn_plm_gbk"))[0]
    assert first.head["status"].header == "单据状态"
    assert first.items[0]["part"].header == "物料编码"


def test_the_adapter_offers_it(tmp_path: Path) -> None:
    """The port: same name, and a refusal says file, place and fix."""
    adapter = PlmFolderAdapter("plm", {"adapter": "plm_folder", "path": str(tmp_path)}, ManualClock())
    offered: Traces = adapter
    (one,) = offered.trace("a.csv", b"number,status,part\nEC-1,released,EL-1\n")
    assert one.items[0]["part"].place == "line 2, column 3"
    with pytest.raises(AdapterError, match=r"b\.csv: line 1: the column `status` is missing"):
        offered.trace("b.csv", b"number,part\nEC-1,EL-1\n")


@pytest.mark.parametrize("case", ALL)
def test_what_is_read_passes_between_processes(case: str) -> None:
    """Options go out and drafts or the refusal come back, whole: a child may do the reading."""
    options = pickle.loads(pickle.dumps(options_of(CASES / case)))
    data = input_of(CASES / case)
    drafts, refusal = attempt(data, options, settled=True)
    assert pickle.loads(pickle.dumps(drafts)) == drafts
    again = pickle.loads(pickle.dumps(refusal))
    shown = ("kind", "where", "what", "hint")
    assert [getattr(again, name, None) for name in shown] == [getattr(refusal, name, None) for name in shown]
