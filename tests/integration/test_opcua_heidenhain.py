"""The HEIDENHAIN profile against a look-alike of its address space: paths by URI, texts of its own, a stack of structures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode, Reading
from tests.integration.asyncua_peer import AsyncuaPeer, starting

CHANNEL = "HEIDENHAIN+NC/Machine/Channels/0"
MAIN = "TNC:\\nc_prog\\PALLET.H"
PART = "TNC:\\nc_prog\\PART_B.H"
CONTROLS = {
    "described": ("--heidenhain", "--namespaces-before", "3"),
    "undescribed": ("--heidenhain", "--undescribed"),
}


@pytest.fixture(scope="module")
def controls() -> Iterator[dict[str, AsyncuaPeer]]:
    """A newer control, whose types stand at another index, and an older one that does not describe its structure."""
    with starting(CONTROLS) as servers:
        yield servers


@pytest.fixture(params=sorted(CONTROLS))
def control(request: pytest.FixtureRequest, controls: dict[str, AsyncuaPeer]) -> AsyncuaPeer:
    """Return each control, a wrapper running on it that has called a part program."""
    server = controls[request.param]
    program = f"{CHANNEL}/Program"
    server.tell(
        f"set {program}/Name text:{MAIN}",
        f"set {program}/CurrentCall text:{PART}",
        f"set {program}/ExecutionState/CurrentState local:Running",
        f"set {CHANNEL}/OperatingMode int:3",
        f"stack {PART}=1 {MAIN}=0",
    )
    return server


def adapter(server: AsyncuaPeer, **changed: Any) -> OpcUaAdapter:
    """Return an adapter; the look-alike speaks without encryption, which a real one refuses."""
    options = {
        "adapter": "opcua",
        "profile": "heidenhain",
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
        "judge": "any_in_stack",
        "version": [{"name": r"_(?P<version>[A-Z])\.H$"}],
    }
    return OpcUaAdapter("m1", {**options, **changed}, SystemClock())


async def first(machine: OpcUaAdapter) -> Reading:
    """Return the first reading of a new connection."""
    async with machine.connect() as readings:
        return await anext(readings)


async def test_programs_state_and_stack(control: AsyncuaPeer) -> None:
    """The structures become names, the main program first, whatever the order; the stack's programs give evidence too."""
    found = await first(adapter(control))
    assert (found.main_program, found.active_program, found.stack) == (MAIN, PART, (MAIN, PART))
    assert (found.execution, found.faults) == (Execution.RUNNING, ())
    assert [(piece.value, piece.program) for piece in found.evidence] == [("B", PART)]
    control.tell(f"set {CHANNEL}/Program/CurrentCall text:{MAIN}")
    found = await first(adapter(control))
    assert [(piece.value, piece.program) for piece in found.evidence] == [("B", PART)]
    assert control.ask("sessions") == 0


@pytest.mark.parametrize(
    ("text", "execution"),
    [
        ("Idle", Execution.IDLE),
        ("NotSelected", Execution.IDLE),
        ("Running", Execution.RUNNING),
        ("Stopped", Execution.STOPPED),
        ("Interrupted", Execution.INTERRUPTED),
        ("Finished", Execution.STOPPED),
        ("Error", Execution.INTERRUPTED),
        ("Läuft", Execution.UNKNOWN),
    ],
)
async def test_every_state_text(controls: dict[str, AsyncuaPeer], text: str, execution: Execution) -> None:
    """A text in another language is unknown, never running."""
    control = controls["described"]
    control.tell(f"set {CHANNEL}/Program/ExecutionState/CurrentState local:{text}")
    assert (await first(adapter(control))).execution is execution


async def test_the_mode_has_the_servers_own_texts(control: AsyncuaPeer) -> None:
    """Unconfirmed ones never mean production; the site maps what its control says. A number without a text is a fault."""
    assert (await first(adapter(control))).mode is Mode.UNKNOWN
    mapped = adapter(control, nodes={"mode": {"map": {"Automatic": "automatic"}}})
    found = await first(mapped)
    assert (found.mode, found.running) == (Mode.AUTOMATIC, True)
    look = await mapped.probe()
    shown = next(one for one in look.values if one.field == "mode")
    assert (shown.raw, shown.meaning) == ("3 = Automatic", "automatic")
    control.tell(f"set {CHANNEL}/OperatingMode int:1")
    assert (await first(mapped)).mode is Mode.MDI
    control.tell(f"set {CHANNEL}/OperatingMode int:9")
    found = await first(mapped)
    assert found.mode is None
    assert [(fault.field, fault.error) for fault in found.faults] == [
        ("mode", "is 9, for which the server has no text")
    ]


async def test_a_stack_that_cannot_be_decoded_leaves_the_current_call(controls: dict[str, AsyncuaPeer]) -> None:
    """A fault of the stack, and everything else as before: what is executed now is still judged."""
    control = controls["undescribed"]
    control.tell(
        f"set {CHANNEL}/Program/CurrentCall text:{PART}", f"set {CHANNEL}/OperatingMode int:3", f"stack {PART}=0"
    )
    for structure in ({"ProgramName": "String"}, {"ProgramName": "UInt32", "Other": "String"}):
        found = await first(adapter(control, nodes={"stack": {"structure": structure}}))
        assert found.stack == ()
        assert [fault.field for fault in found.faults] == ["stack"]
        assert "cannot be decoded" in found.faults[0].error
        assert found.active_program == PART
        assert [piece.value for piece in found.evidence] == ["B"]


async def test_an_empty_stack_is_no_fault(control: AsyncuaPeer) -> None:
    """No program is selected."""
    control.tell("stack ")
    found = await first(adapter(control))
    assert (found.stack, found.faults) == ((), ())


async def test_a_stack_may_be_plain_texts(controls: dict[str, AsyncuaPeer]) -> None:
    """One text, or a list of them: other makes have no structure."""
    control = controls["described"]
    node = f"{CHANNEL}/Program/Name"
    place = (
        "/0:Objects/1:HEIDENHAIN NC/1:Machine/nsu=http://heidenhain.de/NC/;Channels/1:0/"
        "nsu=http://heidenhain.de/NC/;Program/nsu=http://heidenhain.de/NC/;Name"
    )
    machine = adapter(control, nodes={"stack": place, "main_program": None})
    control.tell(f"set {node} text:{MAIN}")
    assert (await first(machine)).stack == (MAIN,)
    control.tell(f"set {node} texts:{MAIN},{PART}")
    assert (await first(machine)).stack == (MAIN, PART)
    control.tell(f"set {node} text:{MAIN}")


def test_the_endpoint_has_the_servers_path(controls: dict[str, AsyncuaPeer]) -> None:
    """A technician knows the address; the path is the make's. Another path is the site's own affair."""
    options = {"profile": "heidenhain", "endpoint": "opc.tcp://10.0.0.7"}
    assert adapter(controls["described"], **options)._access.endpoint == "opc.tcp://10.0.0.7:4840/HEIDENHAIN/NC"
    options["endpoint"] = "opc.tcp://10.0.0.7/Other"
    assert adapter(controls["described"], **options)._access.endpoint == "opc.tcp://10.0.0.7:4840/Other"
