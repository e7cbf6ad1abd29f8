"""The OPC UA adapter against a real server in another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Fault, Mode, Reading
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import RefusedError
from edge_bridge.strict_yaml import load
from tests.integration.opcua_servers import OpcUaServer, starting
from tests.waiting import until

URI = "SinumerikVarProvider"
R90 = "/Channel/Parameter/R[u1,90]"


CONTROLS = {
    "shared": ("--namespaces-before", "2"),  # its namespace has not its usual index
    "limited": ("--max-nodes-per-read", "3", "--program", "P_A.MPF", "--version", "V"),
    "faulty": (),
    "guarded": ("--user", "edge", "--password", "right"),
}


@pytest.fixture(scope="module")
def controls() -> Iterator[dict[str, OpcUaServer]]:
    """The controls of this module: one that every test leaves as it was, and one for each test that needs its own."""
    with starting(CONTROLS) as servers:
        yield servers


@pytest.fixture
def control(controls: dict[str, OpcUaServer]) -> OpcUaServer:
    """Return the shared control in its first state."""
    controls["shared"].tell("mode auto", "test off", "load EL-100_OP10_B.MPF B")
    return controls["shared"]


def adapter(server: OpcUaServer, **changed: Any) -> OpcUaAdapter:
    """Return an adapter that polls fast; a setting that is None is left out."""
    options: dict[str, Any] = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
        "version": [{"variable": R90}, {"name": r"_(?P<version>[A-Z]{1,3})\.MPF$"}],
        **changed,
    }
    return OpcUaAdapter("m1", {key: value for key, value in options.items() if value is not None}, SystemClock())


async def first(machine: OpcUaAdapter) -> Reading:
    """Return the first reading of a new connection."""
    async with machine.connect() as readings:
        return await anext(readings)


async def until_reading(readings: AsyncIterator[Reading], **expected: Any) -> Reading:
    """Return the first reading in which the fields have these values."""
    async with asyncio.timeout(10):
        async for found in readings:
            if all(getattr(found, key) == value for key, value in expected.items()):
                return found
    raise AssertionError(f"no reading with {expected}")


async def test_a_reading_says_what_the_control_says(control: OpcUaServer) -> None:
    """Programs, words and both extractors' evidence, with the variable's own time."""
    control.tell("run", "sub L10.SPF", "mode mdi", "test on")
    found = await first(adapter(control))
    assert (found.machine, found.main_program, found.active_program) == ("m1", "EL-100_OP10_B.MPF", "L10.SPF")
    assert (found.execution, found.mode, found.test, found.faults) == (Execution.RUNNING, Mode.MDI, True, ())
    variable, name = found.evidence
    assert (variable.extractor, variable.value, variable.field, variable.program) == (
        Extractor.VARIABLE,
        "B",
        R90,
        None,
    )
    assert variable.source_time is not None
    assert 0 <= found.at.utc - variable.source_time < 600_000
    assert not variable.trusted_time
    assert (name.extractor, name.value, name.program) == (Extractor.NAME, "B", "EL-100_OP10_B.MPF")


async def test_changes_are_seen_while_connected(control: OpcUaServer) -> None:
    """Load, run, stop, end: each shows in a later reading of the same connection."""
    async with adapter(control).connect() as readings:
        assert (await anext(readings)).execution is Execution.STOPPED
        control.tell("load EL-100_OP10_C.MPF C", "run")
        found = await until_reading(readings, main_program="EL-100_OP10_C.MPF", execution=Execution.RUNNING)
        assert [piece.value for piece in found.evidence] == ["C", "C"]
        control.tell("interrupt")
        await until_reading(readings, execution=Execution.INTERRUPTED)
        control.tell("mode manual")
        await until_reading(readings, mode=Mode.MANUAL)


async def test_one_read_request_a_poll_on_50_ms_slots(control: OpcUaServer) -> None:
    """Two more at connect: the server's limit and its namespaces."""
    before = control.ask("reads")
    async with adapter(control).connect() as readings:
        found = [await anext(readings) for _ in range(5)]
    assert control.ask("reads") - before == 5 + 2
    gaps = [later.at.boottime - earlier.at.boottime for earlier, later in pairwise(found)]
    assert min(gaps[1:]) > 50, gaps


async def test_a_low_limit_of_nodes_a_request_never_mixes_values_up(controls: dict[str, OpcUaServer]) -> None:
    """Eight nodes in requests of three, one node bad, one gone: every value still stands in its own field."""
    server = controls["limited"]
    server.tell("sub L_B.MPF", "run", "mode manual", "bad test")
    before = server.ask("reads")
    machine = adapter(server, nodes={"program_path": f"nsu={URI};s=/not/there"})
    async with machine.connect() as readings:
        found = await anext(readings)
        assert server.ask("reads") - before == 2 + 3
    assert (found.main_program, found.active_program, found.program_path) == ("P_A.MPF", "L_B.MPF", None)
    assert (found.execution, found.mode, found.test) == (Execution.RUNNING, Mode.MANUAL, None)
    assert [piece.value for piece in found.evidence] == ["V", "A", "B"]
    assert found.faults == (
        Fault("program_path", "BadNodeIdUnknown"),
        Fault("test", "BadSensorFailure (/Channel/ProgramModification/progTestActive)"),
    )


async def test_bad_uncertain_and_missing_nodes_cost_their_own_field_only(controls: dict[str, OpcUaServer]) -> None:
    """A bad variable is a fault and no evidence, an uncertain one is evidence of that quality; back is back."""
    server = controls["faulty"]
    async with adapter(server).connect() as readings:
        server.tell("bad main_program", "uncertain version")
        found = await until_reading(readings, main_program=None)
        assert found.faults == (Fault("main_program", "BadSensorFailure"),)
        assert (found.mode, found.active_program) == (Mode.AUTOMATIC, "EL-100_OP10_B.MPF")
        assert [(piece.extractor, piece.quality) for piece in found.evidence] == [
            (Extractor.VARIABLE, "uncertain"),
            (Extractor.NAME, "good"),
        ]
        server.tell("good main_program", "bad version", "set execution int:77", "set active_program array:A,B")
        found = await until_reading(readings, main_program="EL-100_OP10_B.MPF", execution=Execution.UNKNOWN)
        server.tell("gone mode")
        found = await until_reading(readings, mode=None)
        assert [(fault.field, fault.error.split()[0]) for fault in found.faults] == [
            ("active_program", "is"),
            ("version", "BadSensorFailure"),
            ("mode", "BadNodeIdUnknown"),
        ]
        server.tell("good version", "stale main_program", "stale version")
        found = await until_reading(readings, main_program=None)
        assert found.evidence == ()
        assert {fault.error.split(":")[0] for fault in found.faults[:3:2]} == {"UncertainLastUsableValue"}


async def test_an_unknown_node_or_namespace_is_a_fault_not_a_loss(control: OpcUaServer) -> None:
    """The machine's other fields are still read."""
    nodes = {"mode": "nsu=urn:nobody;s=Mode", "execution": "/Channel/State/nothing", "program_path": "/0:Objects/9:X"}
    found = await first(adapter(control, nodes=nodes))
    assert found.main_program == "EL-100_OP10_B.MPF"
    assert found.faults == (
        Fault("program_path", "BadNoMatch"),
        Fault("execution", "BadNodeIdUnknown"),
        Fault("mode", "BadNodeIdUnknown: the server has no namespace urn:nobody"),
    )


async def test_every_notation_finds_its_node(control: OpcUaServer) -> None:
    """By URI, by index, by browse path, and bare in a namespace that the site names; the maps are the site's."""
    control.tell("load A_B.MPF 7", "run")
    nodes = {
        "main_program": f"nsu={URI};s=/Channel/ProgramInfo/selectedWorkPProg",
        "active_program": "ns=4;s=/Channel/ProgramInfo/workPandProgName",
        "execution": {"node": "/0:Objects/4:Sinumerik/4:execution", "map": {"03": "running", "default": "stopped"}},
        "mode": {"node": "/Bag/State/opMode", "map": {"2": "automatic"}},
        "test": ["/Channel/ProgramModification/progTestActive", "/Channel/ProgramModification/trialRunActive"],
    }
    version = [{"variable": "/0:Objects/4:Sinumerik/4:version", "bound": "always"}]
    found = await first(adapter(control, profile="generic", namespace=URI, nodes=nodes, version=version))
    assert (found.main_program, found.active_program, found.test) == ("A_B.MPF", "A_B.MPF", False)
    assert (found.execution, found.mode, found.faults) == (Execution.RUNNING, Mode.AUTOMATIC, ())
    assert [(piece.value, piece.bound) for piece in found.evidence] == [("7", True)]


def with_password(folder: Path, server: OpcUaServer, password: str) -> OpcUaAdapter:
    """Return an adapter whose settings come from a file, with the password in a credential beside it."""
    secret = folder / "credentials" / "m1"
    secret.parent.mkdir(exist_ok=True)
    secret.unlink(missing_ok=True)
    secret.write_text(password + "\n", encoding="utf-8")
    secret.chmod(0o400)
    file = folder / "m1.yaml"
    file.write_text(
        f"adapter: opcua\nprofile: sinumerik\nendpoint: {server.endpoint}\nsecurity: None\nallow_insecure: true\n"
        "username: edge\npassword_credential: m1\n",
        encoding="utf-8",
    )
    return OpcUaAdapter("m1", load(file), SystemClock())


async def test_users_are_let_in_or_refused_for_good(tmp_path: Path, controls: dict[str, OpcUaServer]) -> None:
    """The right password reads; a wrong one, or none, is of no use to try again, and says what to check."""
    server = controls["guarded"]
    assert (await first(with_password(tmp_path, server, "right"))).faults == ()
    for refused in (with_password(tmp_path, server, "wrong"), adapter(server)):
        with pytest.raises(RefusedError, match="refused the user") as caught:
            await first(refused)
        assert "password_credential" in caught.value.hint
        assert "wrong" not in str(caught.value)
    await until(lambda: server.ask("sessions") == 0)


async def test_leaving_frees_the_session_and_every_task(control: OpcUaServer) -> None:
    """At the end, on an error of the consumer's own, and when cancelled in the middle of waiting for the next reading."""
    before = asyncio.all_tasks()
    machine = adapter(control, every="1m")

    async def consume() -> None:
        async with machine.connect() as readings:
            async for _ in readings:
                pass

    async def stumble() -> None:
        async with machine.connect() as readings:
            await anext(readings)
            raise ArithmeticError

    await first(machine)
    assert control.ask("sessions") == 0
    with pytest.raises(ArithmeticError):
        await stumble()
    assert control.ask("sessions") == 0
    task = asyncio.create_task(consume())
    await until(lambda: control.ask("sessions") == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert control.ask("sessions") == 0
    assert asyncio.all_tasks() == before


async def test_cancelled_while_connecting_leaves_nothing(control: OpcUaServer) -> None:
    """At whatever step it is."""
    before = asyncio.all_tasks()
    for turns in range(0, 60, 4):
        task = asyncio.create_task(first(adapter(control, every="1m")))
        for _ in range(turns):
            await SystemClock().sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await until(lambda: control.ask("sessions") == 0)
    assert asyncio.all_tasks() == before


async def test_a_slow_poll_keeps_its_session(control: OpcUaServer) -> None:
    """When `every` is longer than a session lives, the server hears from us in between."""
    machine = adapter(control, every="2500ms", limits={"session_timeout": "2s"})
    async with machine.connect() as readings:
        await anext(readings)
        before = control.ask("reads")
        assert (await anext(readings)).faults == ()
        assert control.ask("reads") - before == 3
