"""One look at a control and a walk through it, against a real server in another process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution
from edge_bridge.errors import AdapterError, ConfigError
from edge_bridge.ports import Entry, Seen
from tests.integration.opcua_servers import OpcUaServer, running

R90 = "/Channel/Parameter/R[u1,90]"


@pytest.fixture(scope="module")
def control() -> Iterator[OpcUaServer]:
    """Return a control whose namespace has not its usual index."""
    with running("--namespaces-before", "1") as server:
        yield server


def adapter(server: OpcUaServer, **changed: Any) -> OpcUaAdapter:
    """Return an adapter that reads a version variable, and one from the name."""
    options: dict[str, Any] = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "version": [{"variable": R90}, {"name": r"_(?P<version>[A-Z]{1,3})\.MPF$"}],
        **changed,
    }
    return OpcUaAdapter("m1", options, SystemClock())


async def walked(machine: OpcUaAdapter, start: str | None = None, depth: int = 3) -> list[Entry]:
    """Return all that a walk finds."""
    async with machine.browse(start, depth) as entries:
        return [one async for one in entries]


async def test_a_look_shows_each_value_as_it_came_and_as_it_was_understood(control: OpcUaServer) -> None:
    """Raw number and word, the fault of the node that is not there, both versions, and how long each step took."""
    control.tell("load P_C.MPF 7", "run")
    look = await adapter(control, nodes={"mode": "/Bag/State/nothing"}).probe()
    by_field = {one.field: one for one in look.values if one.field not in ("test", "version")}
    assert by_field["execution"] == Seen("execution", "/Channel/State/progStatus", "3", "running")
    assert by_field["mode"] == Seen("mode", "/Bag/State/nothing", None, None, "BadNodeIdUnknown")
    assert by_field["main_program"].meaning == "P_C.MPF"
    versions = [(one.place, one.raw, one.meaning) for one in look.values if one.field == "version"]
    assert versions == [(R90, "7", "7"), ("name of P_C.MPF (main_program)", "P_C.MPF", "C")]
    assert [one.meaning for one in look.values if one.field == "test"] == ["false", "false"]
    assert (look.reading.execution, look.reading.evidence[0].value) == (Execution.RUNNING, "7")
    assert list(look.took) == ["connect", "find the nodes", "read"]
    assert control.ask("sessions") == 0


async def test_a_walk_gives_lines_to_paste_that_work(control: OpcUaServer) -> None:
    """Each variable comes with its value and the node as the settings write it: by URI, quoted where YAML needs it."""
    control.tell("load P_A.MPF 8")
    found = {one.name: one for one in await walked(adapter(control))}
    assert found["Sinumerik"].depth == 0
    main = found["main_program"]
    assert (main.depth, main.kind, main.value) == (1, "Variable", "P_A.MPF")
    assert main.yaml == "node: nsu=SinumerikVarProvider;s=/Channel/ProgramInfo/selectedWorkPProg"
    assert found["version"].yaml == "node: 'nsu=SinumerikVarProvider;s=/Channel/Parameter/R[u1,90]'"
    pasted = adapter(control, nodes={"main_program": main.yaml.removeprefix("node: ")}, version=[])
    assert (await pasted.probe()).reading.main_program == "P_A.MPF"
    assert "Server" in found
    assert "ServerStatus" not in found, "the server's own tree is not what a technician looks for"
    assert control.ask("sessions") == 0


async def test_a_walk_starts_where_it_is_told_and_goes_as_deep(control: OpcUaServer) -> None:
    """By path or id; one level is one level; nothing below a variable is nothing."""
    machine = adapter(control)
    names = [one.name for one in await walked(machine, "/0:Objects/3:Sinumerik", 1)]
    assert "execution" in names
    assert await walked(machine, "/Channel/State/progStatus") == []
    assert [one.depth for one in await walked(machine, None, 1)] == [0] * len(await walked(machine, None, 1))


async def test_the_standards_own_objects_are_entered_only_when_asked_for(control: OpcUaServer) -> None:
    """The Server object has hundreds of nodes that say nothing of the machine, and none of them is pasted."""
    whole = await walked(adapter(control), None, 10)
    assert [one.place for one in whole if one.place.startswith("i=") and one.depth > 0] == []
    server = await walked(adapter(control), "i=2253", 2)
    assert len(server) > 20
    assert [one.yaml for one in server if one.yaml] == []


async def test_a_start_that_is_not_there_is_one_line(control: OpcUaServer) -> None:
    """Neither a traceback nor an empty tree."""
    with pytest.raises(ConfigError, match="INDEX:Name"):
        await walked(adapter(control), "/0:Objects/Sinumerik")
    with pytest.raises(AdapterError, match="BadNoMatch"):
        await walked(adapter(control), "/0:Objects/3:Nobody")
    assert control.ask("sessions") == 0


async def test_a_walk_that_is_left_early_frees_its_session(control: OpcUaServer) -> None:
    """Ctrl-C in the middle of a tree leaves nothing open on the control."""
    async with adapter(control).browse(None, 4) as entries:
        await anext(entries)
    assert control.ask("sessions") == 0
