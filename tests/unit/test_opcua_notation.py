"""How people write a node."""

from __future__ import annotations

import pytest
from asyncua import ua

from adapters.opcua.instances import Instance
from adapters.opcua.nodes import NO_NAMESPACE, browse_path, node_id
from adapters.opcua.notation import BrowsePath, Identifier, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nsu=urn:mill:nc;s=Main", Identifier("s=Main", "urn:mill:nc")),
        ("nsu=http://x/y;i=5013", Identifier("i=5013", "http://x/y")),
        ("ns=2;s=A;B=c", Identifier("s=A;B=c", 2)),
        ("i=2258", Identifier("i=2258", 0)),
        ("/Channel/Parameter/R[u1,90]", Identifier("s=/Channel/Parameter/R[u1,90]", None)),
        (" Main ", Identifier("s=Main", None)),
        ("/0:Objects/2:Mill 3/2:Program.Name", BrowsePath(((2, "Mill 3"), (2, "Program.Name")))),
        (
            "/0:Objects/1:HEIDENHAIN NC/nsu=http://heidenhain.de/NC/;Channels/1:0",
            BrowsePath(((1, "HEIDENHAIN NC"), ("http://heidenhain.de/NC/", "Channels"), (1, "0"))),
        ),
        ("./nsu=http://o.org/UA/;State/0:Number", BrowsePath((("http://o.org/UA/", "State"), (0, "Number")), 0)),
        ("../../0:FileSystem", BrowsePath(((0, "FileSystem"),), 2)),
    ],
)
def test_every_notation_is_understood(text: str, expected: object) -> None:
    """Standard notation, a bare id in the profile's namespace, a browse path."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nsu=urn:x",
        "ns=2;Main",
        "ns=x;s=A",
        "i=abc",
        "i=99999999999",
        "g=12",
        "nsu=u;b=@",
        "/0:Objects/Machine",
        "/0:Objects",
        "/0:Objects/2:A//2:B",
        "/0:Objects/nsu=urn:x:Name",
        "./State",
        "./",
        "../..",
    ],
)
def test_what_no_server_can_know_is_refused(text: str) -> None:
    """The error says how a node is written."""
    with pytest.raises(ValueError, match=r"s=|INDEX:Name|i="):
        parse(text)


def test_namespace_uris_become_this_servers_indices() -> None:
    """The same settings give another index on another machine; a bare id stands in the profile's namespace."""
    indices = {"http://opcfoundation.org/UA/": 0, "urn:mill": 3}
    assert node_id(Identifier("s=Main", "urn:mill"), indices, None) == ua.NodeId.from_string("ns=3;s=Main")
    assert node_id(Identifier("s=Main"), indices, "urn:mill") == ua.NodeId.from_string("ns=3;s=Main")
    assert node_id(Identifier("i=7", 2), {}, None) == ua.NodeId.from_string("ns=2;i=7")
    assert node_id(Identifier("s=Main", "urn:gone"), indices, None) == NO_NAMESPACE.format("urn:gone")


def test_a_path_by_uri_has_this_servers_indices() -> None:
    """Another index on another machine; a namespace that the server has not is the reason why there is no node."""
    path = BrowsePath((("urn:a", "A"), (1, "B")))
    found = browse_path(path, {"urn:a": 7})
    assert isinstance(found, ua.BrowsePath)
    assert [one.TargetName.NamespaceIndex for one in found.RelativePath.Elements] == [7, 1]
    assert browse_path(path, {}) == NO_NAMESPACE.format("urn:a")


def test_a_relative_path_starts_at_the_instance_or_above_it() -> None:
    """Where there is no instance, its reason is the reason; above the top is nothing."""
    nodes = tuple(ua.NodeId.from_string(f"ns=2;i={number}") for number in (1, 2, 3))
    machine = Instance(("Machines", "Mill"), nodes)
    here = browse_path(BrowsePath(((0, "X"),), 0), {}, machine)
    above = browse_path(BrowsePath(((0, "X"),), 2), {}, machine)
    assert isinstance(here, ua.BrowsePath)
    assert isinstance(above, ua.BrowsePath)
    assert (here.StartingNode, above.StartingNode) == (nodes[2], nodes[0])
    assert "3 levels" in str(browse_path(BrowsePath(((0, "X"),), 3), {}, machine))
    assert browse_path(BrowsePath(((0, "X"),), 0), {}, "BadNoMatch: none") == "BadNoMatch: none"


def test_browse_path_starts_at_objects_and_keeps_each_steps_namespace() -> None:
    """Folders may stand in another namespace than what is in them."""
    found = browse_path(BrowsePath(((2, "Machine"), (4, "Program"))))
    assert isinstance(found, ua.BrowsePath)
    assert found.StartingNode == ua.NodeId.from_string("i=85")
    assert [(e.TargetName.NamespaceIndex, e.TargetName.Name) for e in found.RelativePath.Elements] == [
        (2, "Machine"),
        (4, "Program"),
    ]
