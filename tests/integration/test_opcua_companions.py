"""The profiles of companion specifications against instances of the official nodesets, in a server from another house."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode, Reading
from edge_bridge.errors import RefusedError
from tests.integration import asyncua_peer, node_opcua, opcua_servers
from tests.integration.node_opcua import NodeOpcUaServer
from tests.integration.opcua_servers import OpcUaServer

pytestmark = node_opcua.needed

MACHINE_TOOL = "http://opcfoundation.org/UA/MachineTool/;MachineToolType;Production"
CNC = "http://opcfoundation.org/UA/CNC"
INSTANCES = {
    "Machines/Mill-1": MACHINE_TOOL,
    "Machines/Mill-2": MACHINE_TOOL,
    "Lathe": f"{CNC};CncInterfaceType",
    "Lathe/CncChannelList/Left": f"{CNC};CncChannelType",
    "Lathe/CncChannelList/Right": f"{CNC};CncChannelType",
}


@pytest.fixture(scope="module")
def peer() -> Iterator[NodeOpcUaServer]:
    """Return a server with two machine tools, and one control with two channels."""
    instances = (word for name, type_ in INSTANCES.items() for word in ("--instance", f"{name}={type_}"))
    with node_opcua.running("--nodeset", "machineTool", "--nodeset", "cnc", *instances) as server:
        yield server


def adapter(server: OpcUaServer, profile: str, **changed: Any) -> OpcUaAdapter:
    """Return an adapter with this profile and nothing else said of the machine."""
    options = {
        "adapter": "opcua",
        "profile": profile,
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
    }
    return OpcUaAdapter("m1", {**options, **changed}, SystemClock())


async def first(machine: OpcUaAdapter) -> Reading:
    """Return the first reading of a new connection."""
    async with machine.connect() as readings:
        return await anext(readings)


@pytest.mark.parametrize(
    ("number", "execution"),
    [
        (0, Execution.IDLE),
        (1, Execution.RUNNING),
        (2, Execution.STOPPED),
        (3, Execution.INTERRUPTED),
        (4, Execution.STOPPED),
        (5, Execution.UNKNOWN),
    ],
)
async def test_a_machine_tool_is_found_by_its_type(peer: NodeOpcUaServer, number: int, execution: Execution) -> None:
    """Program, state number and mode of the machine that the settings name, on a server that has two."""
    program = "Machines/Mill-2/Production/ActiveProgram"
    peer.tell(
        f"set {program}/Name text:heart.nc",
        f"set {program}/State/CurrentState/Number uint:{number}",
        "set Machines/Mill-2/Monitoring/MachineTool/OperationMode int:1",
    )
    found = await first(adapter(peer, "machine-tool", machine="Mill-2"))
    assert (found.main_program, found.execution, found.mode, found.faults) == (
        "heart.nc",
        execution,
        Mode.AUTOMATIC,
        (),
    )
    assert found.running == (number == 1)
    assert peer.ask("sessions") == 0


@pytest.mark.parametrize("mode", range(6))
async def test_only_automatic_is_production_on_a_machine_tool(peer: NodeOpcUaServer, mode: int) -> None:
    """Setup and service are not, and neither is a machine that lets its operator interfere."""
    peer.tell(f"set Machines/Mill-1/Monitoring/MachineTool/OperationMode int:{mode}")
    found = await first(adapter(peer, "machine-tool", machine="mill-1"))
    assert (found.mode is Mode.AUTOMATIC) == (mode == 1)


async def test_several_machines_need_a_name(peer: NodeOpcUaServer) -> None:
    """The error lists what there is and the setting; a name that is not there, too. It is of no use to try again."""
    with pytest.raises(RefusedError, match=r"2 machine tools: Mill-1, Mill-2 → .*`machine: …`"):
        await first(adapter(peer, "machine-tool"))
    with pytest.raises(RefusedError, match="Mill-1, Mill-2"):
        await first(adapter(peer, "machine-tool", machine="Mill-3"))
    assert peer.ask("sessions") == 0


async def test_a_channel_of_a_cnc_is_found_by_its_type(peer: NodeOpcUaServer) -> None:
    """Main and active program, path, status and mode of the channel that the settings name."""
    right = "Lathe/CncChannelList/Right"
    peer.tell(
        f"set {right}/ActMainProgramName text:MAIN.NC",
        f"set {right}/ActMainProgramFile text:/jobs/MAIN.NC",
        f"set {right}/ActProgramName text:SUB.NC",
        f"set {right}/ActOperationMode int:2",
    )
    machine = adapter(peer, "cnc", channel="Right", machine="Lathe", version=[{"path": "/(?P<version>[a-z]+)/"}])
    for number, execution in enumerate(
        (
            Execution.STOPPED,
            Execution.RUNNING,
            Execution.INTERRUPTED,
            Execution.INTERRUPTED,
            Execution.STOPPED,
            Execution.UNKNOWN,
        )
    ):
        peer.tell(f"set {right}/ActProgramStatus int:{number}")
        found = await first(machine)
        assert (found.main_program, found.active_program, found.program_path) == ("MAIN.NC", "SUB.NC", "/jobs/MAIN.NC")
        assert (found.execution, found.mode, found.faults) == (execution, Mode.AUTOMATIC, ())
        assert found.running == (number == 1)
    assert [(piece.value, piece.program) for piece in found.evidence] == [("jobs", "MAIN.NC")]


async def test_several_channels_need_a_name(peer: NodeOpcUaServer) -> None:
    """They are listed with the controls that they belong to; the nodeset has an instance of its own."""
    with pytest.raises(RefusedError, match=r"Lathe/CncChannelList/Left, Lathe/CncChannelList/Right") as caught:
        await first(adapter(peer, "cnc", machine="Lathe"))
    assert "`channel: …`" in caught.value.hint


async def test_what_asyncua_makes_of_the_official_nodesets_is_read_too() -> None:
    """A second library that instantiates the same types; one machine and one channel need no name."""
    files = (
        "Opc.Ua.Di.NodeSet2.xml",
        "Opc.Ua.IA.NodeSet2.xml",
        "Opc.Ua.Machinery.NodeSet2.xml",
        "opc.ua.isa95-jobcontrol.nodeset2.xml",
        "Opc.Ua.Machinery.Jobs.Nodeset2.xml",
        "Opc.Ua.MachineTool.NodeSet2.xml",
        "Opc.Ua.CNC.NodeSet.xml",
    )
    nodesets = (word for file in files for word in ("--nodeset", str(node_opcua.nodeset(file))))
    mill = "--instance=Machines/Mill=http://opcfoundation.org/UA/MachineTool/;i=13"
    channel = f"--instance=test/CncChannelList/Only={CNC};i=1002"
    with asyncua_peer.starting({"only": (*nodesets, mill, channel)}) as servers:
        server = servers["only"]
        program = "Machines/Mill/Production/ActiveProgram"
        server.tell(
            f"set {program}/Name text:heart.nc",
            f"set {program}/State/CurrentState/Number uint:1",
            "set Machines/Mill/Monitoring/MachineTool/OperationMode int:1",
            "set test/CncChannelList/Only/ActMainProgramName text:MAIN.NC",
            "set test/CncChannelList/Only/ActProgramStatus int:3",
        )
        mill_found = await first(adapter(server, "machine-tool"))
        channel_found = await first(adapter(server, "cnc"))
    assert (mill_found.main_program, mill_found.running, mill_found.faults) == ("heart.nc", True, ())
    assert (channel_found.main_program, channel_found.execution) == ("MAIN.NC", Execution.INTERRUPTED)
    assert channel_found.faults == ()


async def test_a_server_without_such_a_machine_is_a_fault_not_a_loss() -> None:
    """It may be starting; what is missing is said for each field."""
    with opcua_servers.running() as server:
        found = await first(adapter(server, "machine-tool"))
    missing = "BadNodeIdUnknown: the server has no namespace http://opcfoundation.org/UA/MachineTool/"
    assert {fault.error for fault in found.faults} == {missing}
    assert [fault.field for fault in found.faults] == ["main_program", "execution", "mode"]
