"""The OPC UA adapter against node-opcua, a server from another house."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode
from tests.integration import node_opcua
from tests.integration.node_opcua import NodeOpcUaServer

pytestmark = node_opcua.needed


@pytest.fixture(scope="module")
def peer() -> Iterator[NodeOpcUaServer]:
    """Return a control made of node-opcua, without encryption, that takes three nodes in one request."""
    with node_opcua.running(*node_opcua.control(execution="int:3"), "--max-nodes-per-read", "3") as server:
        yield server


def adapter(server: NodeOpcUaServer, **changed: Any) -> OpcUaAdapter:
    """Return an adapter for it."""
    options = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
        "version": [{"variable": "/Channel/Parameter/R[u1,90]"}],
    }
    return OpcUaAdapter("m1", {**options, **changed}, SystemClock())


async def test_another_house_is_read_like_ours(peer: NodeOpcUaServer) -> None:
    """Programs, words and the version variable; and the session is gone when we are."""
    async with adapter(peer).connect() as readings:
        found = await anext(readings)
        assert peer.ask("sessions") == 1
    assert (found.main_program, found.execution, found.mode) == (
        "EL-100_OP10_B.MPF",
        Execution.RUNNING,
        Mode.AUTOMATIC,
    )
    assert ([piece.value for piece in found.evidence], found.test, found.faults) == (["B"], False, ())
    assert peer.ask("sessions") == 0


def test_the_official_nodesets_are_at_hand() -> None:
    """The peer loads them with all that they build on, and makes an instance whose values can be set."""
    assert "http://opcfoundation.org/UA/CNC" in node_opcua.nodeset("Opc.Ua.CNC.NodeSet.xml").read_text()
    with node_opcua.running(
        *("--nodeset", "machineTool", "--nodeset", "cnc"),
        *("--instance", "CncInterface=http://opcfoundation.org/UA/CNC;CncInterfaceType"),
        *("--instance", "Mill=http://opcfoundation.org/UA/MachineTool/;MachineToolType;Production"),
    ) as server:
        assert "CncChannelList" in server.tell("children /CncInterface").split()
        server.tell("set /Mill/Production/ActiveProgram/Name text:EL-100")
