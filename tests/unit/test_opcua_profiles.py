"""The shipped profiles: what each number means on its own make, whose channel is read, where its programs lie."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua

from adapters.opcua import profile
from adapters.opcua.adapter import OpcUaAdapter
from adapters.opcua.decode import Layout, reading
from adapters.opcua.files import filled
from adapters.opcua.notation import BrowsePath, Identifier
from edge_bridge.clock import SystemClock
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.errors import ConfigError

AT = Stamp(utc=1_000, boottime=5, boot="b")
IDLE, RUNNING, INTERRUPTED, STOPPED = Execution.IDLE, Execution.RUNNING, Execution.INTERRUPTED, Execution.STOPPED
UNKNOWN = Execution.UNKNOWN
EXECUTION = {  # raw 0, 1, 2, … of each profile; the next number is unknown
    "sinumerik": (UNKNOWN, INTERRUPTED, STOPPED, RUNNING, INTERRUPTED, STOPPED),
    "machine-tool": (IDLE, RUNNING, STOPPED, INTERRUPTED, STOPPED),
    "cnc": (STOPPED, RUNNING, INTERRUPTED, INTERRUPTED, STOPPED),
}
MODE = {
    "sinumerik": (Mode.MANUAL, Mode.MDI, Mode.AUTOMATIC),
    "machine-tool": (Mode.MANUAL, Mode.AUTOMATIC, Mode.MANUAL, Mode.MANUAL, Mode.MANUAL, Mode.UNKNOWN),
    "cnc": (Mode.MANUAL, Mode.MDI, Mode.AUTOMATIC),
}


def layout(name: str, **changed: Any) -> Layout:
    """Return what is read of a machine with this profile and nothing else said of it."""
    options = {
        "adapter": "opcua",
        "profile": name,
        "endpoint": "opc.tcp://10.0.0.1",
        "security": "None",
        "allow_insecure": "true",
        **changed,
    }
    return OpcUaAdapter("m1", options, SystemClock()).layout


def understood(name: str, field: str, raw: object) -> object:
    """Return what a profile makes of one raw value."""
    wanted = tuple(one for one in layout(name).wanted if one.feeds == field)
    return getattr(reading(Layout("m1", wanted), AT, [ua.DataValue(ua.Variant(raw)) for _ in wanted]), field)


@pytest.mark.parametrize("name", sorted(EXECUTION))
@pytest.mark.parametrize("number", range(-1, 12))
def test_every_number_means_what_it_means_on_its_make(name: str, number: int) -> None:
    """3 is running on one and interrupted on the others; a number that nobody knows is unknown."""
    known = EXECUTION[name]
    expected = known[number] if 0 <= number < len(known) else UNKNOWN
    assert understood(name, "execution", number) is expected
    modes = MODE[name]
    assert understood(name, "mode", number) is (modes[number] if 0 <= number < len(modes) else Mode.UNKNOWN)


def test_all_makes_that_number_are_in_the_table() -> None:
    """A new profile with numbers needs its line above; HEIDENHAIN has texts, and is tested with a server."""
    assert set(profile.names()) == {*EXECUTION, "heidenhain", "generic"}
    assert {name: understood(name, "execution", 3) for name in EXECUTION} == {
        "sinumerik": RUNNING,
        "machine-tool": INTERRUPTED,
        "cnc": INTERRUPTED,
    }


@pytest.mark.parametrize("name", sorted(set(profile.names()) - {"generic"}))
def test_every_fact_says_where_it_is_known_from(name: str) -> None:
    """And one number, or text, at most is production; what is unconfirmed never is."""
    found = profile.read(name)
    nodes = [getattr(found.nodes, field) for field in type(found.nodes).model_fields if field != "test"]
    facts = [node for node in (*nodes, *(found.nodes.test or ()), *found.files) if node is not None]
    assert len(facts) > 2
    assert [fact for fact in facts if not fact.source] == []
    for part in (found.namespace, found.channel, found.root):
        assert part is None or part.source
    assert found.nodes.execution is not None
    running = [raw for raw, word in found.nodes.execution.map.items() if word is RUNNING]
    assert len(running) == 1
    assert running[0] not in found.nodes.execution.unconfirmed
    assert found.nodes.execution.map["default"] is UNKNOWN


def places(found: Layout) -> dict[str, str]:
    """Return the nodes by field."""
    return {one.feeds: one.node for one in found.wanted}


def test_another_channel_of_a_sinumerik_has_a_suffix() -> None:
    """The first one has not: indexed ids of it fail on some machines. Mode groups are no channels."""
    first, second = places(layout("sinumerik")), places(layout("sinumerik", channel="2"))
    assert layout("sinumerik", channel="1") == layout("sinumerik")
    assert first["main_program"] == "/Channel/ProgramInfo/selectedWorkPProg"
    assert second["main_program"] == "/Channel/ProgramInfo/selectedWorkPProg[u2,1]"
    assert second["test"] == "/Channel/ProgramModification/trialRunActive[u2,1]"
    assert second["mode"] == first["mode"] == "/Bag/State/opMode"
    own = places(layout("sinumerik", channel="2", nodes={"execution": "/Channel/State/progStatus[u3,1]"}))
    assert own["execution"] == "/Channel/State/progStatus[u3,1]", "what the site names is meant as it stands"


def test_another_channel_of_a_heidenhain_is_a_step_of_its_paths() -> None:
    """Namespaces are found by URI, but for the two that every server numbers the same."""
    (wanted,) = (one for one in layout("heidenhain", channel="1").wanted if one.feeds == "mode")
    types = "http://heidenhain.de/NC/"
    steps = ((1, "HEIDENHAIN NC"), (1, "Machine"), (types, "Channels"), (1, "1"), (types, "OperatingMode"))
    assert wanted.reference == BrowsePath(steps)
    assert wanted.texts


def test_companion_specifications_start_at_an_instance() -> None:
    """Machine and channel are the site's to choose."""
    root = layout("cnc", channel="Left", machine="Lathe").root
    assert root is not None
    assert (root.machine, root.channel, root.type) == (
        "Lathe",
        "Left",
        Identifier("i=1002", "http://opcfoundation.org/UA/CNC"),
    )
    assert layout("sinumerik").root is None


@pytest.mark.parametrize(
    ("name", "changed", "key", "hint"),
    [
        ("generic", {"nodes": {"main_program": "i=1"}, "version": [{"header": "(?P<version>x)"}]}, "header", "files"),
        ("heidenhain", {"version": [{"digest": "sha256"}]}, "digest", "files"),
        ("heidenhain", {"judge": "called_by_main"}, "judge", "files"),
        ("sinumerik", {"machine": "Mill"}, "machine", "remove"),
        ("generic", {"nodes": {"main_program": "i=1"}, "channel": "2"}, "channel", "nodes"),
        ("sinumerik", {"files": [{"file": "{nmae}"}]}, "files", "NAME, STEM, name"),
        ("sinumerik", {"files": [{"file": "a", "folder": "b"}]}, "files", "keep one"),
        ("sinumerik", {"files": [{"folder": "ns=2"}]}, "folder", "ns=2;s=Name"),
        (
            "generic",
            {"nodes": {"main_program": "i=1", "stack": {"node": "i=2", "structure": {"A": "Text"}}}},
            "A",
            "String",
        ),
    ],
)
def test_what_a_profile_cannot_give_is_refused(name: str, changed: dict[str, Any], key: str, hint: str) -> None:
    """With the key and the way out, before anything is touched."""
    with pytest.raises(ConfigError) as caught:
        layout(name, **changed)
    assert key in caught.value.key
    assert hint in str(caught.value)


def test_program_texts_need_no_more_than_the_profile_of_a_sinumerik() -> None:
    """A site's own list replaces the profile's; an empty one takes it away."""
    assert layout("sinumerik", version=[{"header": "(?P<version>x)"}]).files
    assert [rule.folder for rule in layout("sinumerik", files=[{"folder": "Other"}]).files] == ["Other"]
    assert layout("sinumerik", files=[]).files == ()


@pytest.mark.parametrize(
    ("raw", "files"),
    [
        ("P1.MPF", ["Part Program/P1.MPF"]),
        ("p1", ["Part Program/P1.MPF"]),
        ("_N_P1_MPF", ["Part Program/P1.MPF"]),
        ("L10.SPF", ["Sub Program/L10.SPF"]),
        ("_N_L10_SPF", ["Sub Program/L10.SPF"]),
        ("/_N_MPF_DIR/_N_P1_MPF", ["Part Program/P1.MPF"]),
        ("//NC/Part programs/P1.MPF", ["Part Program/P1.MPF"]),
        ("//NC/MPF.DIR/P1.MPF", ["Part Program/P1.MPF"]),
        ("/_N_SPF_DIR/_N_L10_SPF", ["Sub Program/L10.SPF"]),
        ("/_N_WKS_DIR/_N_PALLET_WPD/_N_PALLET4_MPF", ["Work Pieces/PALLET.WPD/PALLET4.MPF"]),
        ("//NC/WKS.DIR/PALLET.WPD/L1.SPF", ["Work Pieces/PALLET.WPD/L1.SPF"]),
        ("/_N_CST_DIR/_N_CYCLE1_SPF", []),
    ],
)
def test_a_sinumerik_program_is_looked_for_where_its_path_says(raw: str, files: list[str]) -> None:
    """In one folder only: the same name in another is another program."""
    found = []
    for rule in layout("sinumerik").files:
        assert rule.program is not None
        assert rule.file is not None
        if fits := rule.program.search(raw):
            found.append(filled(rule.file, raw, fits).removeprefix("Sinumerik/FileSystem/"))
    assert found == files
