"""Every folder in tests/cases/mtconnect: an agent's answers, a machine's options, and the reading or error they must give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.mtconnect import decode, document
from adapters.mtconnect.decode import Files
from adapters.mtconnect.layout import Layout, lay_out
from adapters.mtconnect.model import AgentFault
from adapters.mtconnect.multipart import Parts
from adapters.mtconnect.options import settings
from adapters.mtconnect.resolve import resolve
from adapters.mtconnect.state import snapshot, steps
from edge_bridge import strict_yaml
from edge_bridge.domain.instant import Stamp, to_text
from edge_bridge.domain.reading import Evidence, Reading
from edge_bridge.errors import AdapterError

CASES = Path(__file__).parent.parent / "cases" / "mtconnect"
NOW = Stamp(utc=1_700_000_000_000, boottime=1_000, boot="b")


def layout_of(case: Path) -> Layout:
    """Return a case's layout, from options without an address."""
    options = {"adapter": "mtconnect", "url": "http://agent:5000"} | strict_yaml.load(case / "options.yaml")
    return lay_out("m1", settings(options), options)


def read(case: Path) -> Reading:
    """Return what a case's answers are read as."""
    layout = layout_of(case)
    streams = document.streams((case / "current.xml").read_bytes())
    plan = resolve(layout, streams)
    state = snapshot(plan.mine(streams.observations), plan.ids)
    decode.require_available(plan, state)
    told = case / "assets.xml"
    files = Files(document.assets(told.read_bytes()).files) if told.exists() else Files()
    return decode.reading(layout, plan, state, NOW, files)[0]


def outcome(case: Path) -> dict[str, Any]:
    """Return a case's outcome as expected.json has it: what is absent is left out."""
    try:
        reading = read(case)
    except AdapterError as error:
        return {"error": str(error)}
    except AgentFault as fault:
        return {"agent_says": str(fault)}
    fields = ("main_program", "active_program", "program_path", "execution", "mode", "test")
    found: dict[str, Any] = {name: getattr(reading, name) for name in fields}
    found["evidence"] = [_evidence(one) for one in reading.evidence]
    found["faults"] = [f"{fault.field}: {fault.error}" for fault in reading.faults]
    return {name: value for name, value in found.items() if value not in (None, [])}


def _evidence(one: Evidence) -> str:
    owner = one.program or ("bound" if one.bound else "nobody")
    time = f" at {to_text(one.source_time)}" if one.source_time is not None else ""
    doubt = "" if one.quality == "good" else f", {one.quality}"
    return f"{one.extractor} {one.value!r} of {owner} from {one.field}{time}{doubt}"


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_it_is_read_as_expected(case: Path) -> None:
    """Read it, and compare every field."""
    assert outcome(case) == json.loads((case / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 61, 1000, 100_000])
@pytest.mark.parametrize("length", [True, False], ids=["with a length", "without"])
def test_a_stream_of_them_is_cut_wherever_its_pieces_end(size: int, length: bool) -> None:
    """All recorded documents in one stream, in awkward pieces: each comes out as it went in."""
    names = ("mazak_1_3", "mazak_1_4_subprogram", "location_1_5", "agent_device_1_8", "mazak_2_0_idle", "remark_in_gbk")
    documents = [(CASES / name / "current.xml").read_bytes().strip() for name in names]
    stream = b"".join(
        b"\r\n--5f3c4c8e\r\nContent-type: text/xml\r\n"
        + (f"Content-length: {len(one)}\r\n".encode() if length else b"")
        + b"\r\n"
        + one
        + b"\r\n"
        for one in documents
    )
    parts, found = Parts("5f3c4c8e"), []
    for at in range(0, len(stream), size):
        found += parts.feed(stream[at : at + size])
    assert found == documents
    assert not parts.ended


def test_steps_keep_what_came_and_went_between_two_documents() -> None:
    """A program selected and left again within one document is a step of its own; the rest comes as one."""
    case = CASES / "mazak_1_3"
    streams = document.streams((case / "current.xml").read_bytes())
    plan = resolve(layout_of(case), streams)
    before = snapshot(streams.observations, plan.ids)
    body = (case / "current.xml").read_text(encoding="utf-8")
    start, end = body.index("<Execution"), body.index("</Events>", body.index("<Execution"))
    said = "".join(
        f'<Program dataItemId="program" timestamp="2023-04-14T06:0{number}:00Z" sequence="{200 + number}">{name}</Program>'
        for number, name in enumerate(("O2", "O3", "O1000"))
    )
    mode = '<ControllerMode dataItemId="mode" timestamp="2023-04-14T06:00:00Z" sequence="199">MANUAL</ControllerMode>'
    later = document.streams((body[:start] + said + mode + body[end:]).encode())
    found = [(state["program"].value, state["mode"].value) for state in steps(before, later.observations, plan.ids)]
    assert found == [("O2", "MANUAL"), ("O3", "MANUAL"), ("O1000", "MANUAL")]
    assert [dict(state) for state in steps(before, (), plan.ids)] == [before]
