"""Subscriptions against a simulated control in another process: news, refusals, and everything that may go wrong with them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Fault, Mode, Reading
from edge_bridge.errors import AdapterError
from tests.integration.opcua_servers import OpcUaServer, running, starting
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)

R90 = "/Channel/Parameter/R[u1,90]"
CONTROLS = {
    "steady": (),
    "troubled": (),
    "limited": ("--max-items-per-call", "3", "--max-nodes-per-read", "3"),
    "unhurried": ("--shortest-interval", "60000"),
}


@pytest.fixture(scope="module")
def controls() -> Iterator[dict[str, OpcUaServer]]:
    """The controls of this module; a test that troubles one puts it right again."""
    with starting(CONTROLS) as servers:
        yield servers


@pytest.fixture
def control(controls: dict[str, OpcUaServer]) -> OpcUaServer:
    """Return a control in its first state."""
    controls["steady"].tell("mode auto", "test off", "load EL-100_OP10_B.MPF B")
    return controls["steady"]


def adapter(server: OpcUaServer, **changed: Any) -> OpcUaAdapter:
    """Return an adapter that subscribes; it would poll every 100 ms."""
    options: dict[str, Any] = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "read": "subscribe",
        "every": "100ms",
        "version": [{"variable": R90}],
        **changed,
    }
    return OpcUaAdapter("m1", options, SystemClock())


async def until_reading(readings: AsyncIterator[Reading], within: float = 20, **expected: Any) -> Reading:
    """Return the first reading in which the fields have these values."""
    async with asyncio.timeout(within):
        async for found in readings:
            if all(getattr(found, key) == value for key, value in expected.items()):
                return found
    raise AssertionError(f"no reading with {expected}")


async def settled(server: OpcUaServer, machine: OpcUaAdapter, readings: AsyncIterator[Reading]) -> None:
    """Take readings until one comes that needed no Read: the subscription is believed."""
    async with asyncio.timeout(60):
        while True:
            before = server.ask("reads")
            await anext(readings)
            if machine.how.startswith("subscribed") and server.ask("reads") == before:
                return


async def test_news_come_at_once_and_silence_costs_no_read(control: OpcUaServer) -> None:
    """Load, run, mode: each is in a reading; while nothing changes readings come without being asked for."""
    machine = adapter(control)
    async with machine.connect() as readings:
        assert (await anext(readings)).main_program == "EL-100_OP10_B.MPF"
        await settled(control, machine, readings)
        assert machine.how == "subscribed: news every 100 ms"
        assert control.ask("subscriptions") == 1
        before = control.ask("reads")
        control.tell("load EL-100_OP10_C.MPF C", "run")
        found = await until_reading(readings, main_program="EL-100_OP10_C.MPF", execution=Execution.RUNNING)
        assert [piece.value for piece in found.evidence] == ["C"]
        control.tell("mode manual")
        await until_reading(readings, mode=Mode.MANUAL)
        assert control.ask("reads") - before <= 2 * 3
    assert (control.ask("sessions"), control.ask("subscriptions")) == (0, 0)


async def test_readings_stay_fresh_without_news(control: OpcUaServer) -> None:
    """With nothing to tell, the time between two readings stays far below the 10 s after which a machine counts as lost."""
    machine = adapter(control, every="1s")
    async with machine.connect() as readings:
        await settled(control, machine, readings)
        before = await anext(readings)
        for _ in range(2):
            after = await anext(readings)
            assert 0 < after.at.since(before.at) < 5_000
            assert after.same_as(before)
            before = after


@pytest.mark.parametrize(
    "status", ["BadTooManySubscriptions", "BadServiceUnsupported", "BadNotSupported", "BadUserAccessDenied"]
)
async def test_a_control_that_refuses_subscriptions_is_polled(controls: dict[str, OpcUaServer], status: str) -> None:
    """It is no loss, and is said once, however often it is connected to."""
    server = controls["troubled"]
    server.tell(f"refuse-subscriptions {status}", "load A.MPF 1")
    machine = adapter(server)
    with capture_logs() as said:
        for number in range(2):
            async with machine.connect() as readings:
                await anext(readings)
                server.tell(f"load B{number}.MPF 2")
                await until_reading(readings, main_program=f"B{number}.MPF")
                await anext(readings)
                await anext(readings)
    assert machine.how == f"polled: the server refuses it ({status})"
    assert [entry["how"] for entry in said] == [machine.how]
    server.tell("refuse-subscriptions none")


async def test_auto_does_what_the_profile_says(control: OpcUaServer) -> None:
    """sinumerik: poll, its subscriptions are few. generic: subscribe. `poll` says so itself."""
    nodes = {"main_program": "nsu=SinumerikVarProvider;s=/Channel/ProgramInfo/selectedWorkPProg"}
    for changed, expected in (
        ({"read": "auto"}, "polled"),
        ({"read": "poll", "profile": "generic", "nodes": nodes, "version": []}, "polled"),
        ({"read": "auto", "profile": "generic", "nodes": nodes, "version": []}, "subscribed: news every 100 ms"),
    ):
        machine = adapter(control, **changed)
        async with machine.connect() as readings:
            for _ in range(3):
                await anext(readings)
        assert machine.how == expected


async def test_a_bad_node_costs_its_own_field_only(controls: dict[str, OpcUaServer]) -> None:
    """A node that is unknown, goes bad, or is taken away while it is subscribed: a fault, and the others go on."""
    server = controls["limited"]
    server.tell("load A.MPF 1")
    machine = adapter(server, nodes={"program_path": "nsu=SinumerikVarProvider;s=/not/there"})
    async with machine.connect() as readings:
        assert (await anext(readings)).faults == (Fault("program_path", "BadNodeIdUnknown"),)
        await settled(server, machine, readings)
        server.tell("bad version")
        found = await until_reading(readings, evidence=())
        assert found.faults[0].error.startswith("BadSensorFailure")
        server.tell("good version", "run")
        found = await until_reading(readings, execution=Execution.RUNNING)
        assert [piece.value for piece in found.evidence] == ["1"]
        await settled(server, machine, readings)
        server.tell("gone mode", "load B.MPF 2")
        found = await until_reading(readings, main_program="B.MPF", mode=None)
        assert [fault.field for fault in found.faults] == ["program_path", "mode"]


async def test_a_node_that_is_not_watched_has_the_machine_polled(controls: dict[str, OpcUaServer]) -> None:
    """It can be read, and no news would come of it: silence of the server proves nothing."""
    server = controls["troubled"]
    server.tell("load A.MPF 1", "unwatched mode", "mode auto")
    machine = adapter(server)
    async with machine.connect() as readings:
        await until_reading(readings, mode=Mode.AUTOMATIC)
        await anext(readings)
        assert machine.how == "polled: the server does not watch 1 of the nodes (BadTooManyMonitoredItems)"
        server.tell("mode mdi")
        await until_reading(readings, within=2, mode=Mode.MDI)
        assert server.ask("subscriptions") == 0


async def test_slow_intervals_are_granted_and_not_believed(controls: dict[str, OpcUaServer]) -> None:
    """A server that publishes once a minute has its machine read in time all the same."""
    server = controls["unhurried"]
    machine = adapter(server)
    async with machine.connect() as readings:
        first = await anext(readings)
        server.tell("load SLOW.MPF 9")
        found = await until_reading(readings, main_program="SLOW.MPF")
        assert found.at.since(first.at) < 10_000


@pytest.mark.parametrize("trouble", ["drop-subscriptions", "expire-subscriptions", "mute-subscriptions"])
async def test_a_subscription_that_ends_is_noticed(trouble: str) -> None:
    """Forgotten, expired or mute: what changes afterwards is in a reading within the time that evidence lives."""
    with running() as server:
        machine = adapter(server)
        async with machine.connect() as readings:
            await settled(server, machine, readings)
            server.tell(trouble, "load AFTER.MPF 3")
            found = await until_reading(readings, main_program="AFTER.MPF")
            assert [piece.value for piece in found.evidence] == ["3"]


async def test_a_lost_message_is_noticed(control: OpcUaServer) -> None:
    """The news in it never come again; the gap in the sequence, or the next look, tells."""
    machine = adapter(control)
    async with machine.connect() as readings:
        await settled(control, machine, readings)
        control.tell("lose load LOST.MPF 4")
        found = await until_reading(readings, within=4.5, main_program="LOST.MPF")
        assert [piece.value for piece in found.evidence] == ["4"]


async def exhaust(readings: AsyncIterator[Reading], seen: list[Reading] | None = None) -> None:
    """Take readings until they end with an error; each is of this moment."""
    async for found in readings:
        assert SystemClock().now().since(found.at) < 1_000
        if seen is not None:
            seen.append(found)


async def test_a_control_that_hangs_is_lost_in_time(control: OpcUaServer) -> None:
    """It closes nothing and says nothing: within 10 s of the last good reading it is lost, and none is made up."""
    clock = SystemClock()
    machine = adapter(control, timeout="2s")
    before = asyncio.all_tasks()
    async with machine.connect() as readings:
        await settled(control, machine, readings)
        seen = [await anext(readings)]
        control.freeze()
        try:
            with pytest.raises(AdapterError, match="no answer"):
                await exhaust(readings, seen)
            assert clock.now().since(seen[-1].at) < 9_500
        finally:
            control.thaw()
    await until(lambda: control.ask("sessions") == 0)
    assert asyncio.all_tasks() == before


async def test_a_control_that_restarts_shows_its_new_values(caplog: pytest.LogCaptureFixture) -> None:
    """Its power goes: lost at once, without a word in the log; its successor's first reading has the new values."""
    with running("--program", "OLD.MPF") as server, caplog.at_level(logging.DEBUG, logger="root"):
        port = server.endpoint.rsplit(":", 1)[1]
        machine = adapter(server)
        before = asyncio.all_tasks()
        async with machine.connect() as readings:
            await settled(server, machine, readings)
            server.kill()
            with pytest.raises(AdapterError, match="closed the connection"):
                async with asyncio.timeout(2):
                    await exhaust(readings)
        assert asyncio.all_tasks() == before
        with running("--program", "NEW.MPF", "--port", port):
            async with machine.connect() as readings:
                assert (await anext(readings)).main_program == "NEW.MPF"
    assert [record for record in caplog.records if record.name.startswith("asyncua")] == []


async def test_cancelled_at_whatever_step_leaves_nothing(control: OpcUaServer) -> None:
    """While connecting, subscribing, waiting for news, and reading: session and subscription are freed."""
    before = asyncio.all_tasks()

    async def consume() -> None:
        async with adapter(control).connect() as readings:
            await exhaust(readings)

    for turns in range(0, 160, 3):
        task = asyncio.create_task(consume())
        for _ in range(turns):
            await SystemClock().sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await until(lambda: control.ask("sessions") == 0)
    assert control.ask("subscriptions") == 0
    assert asyncio.all_tasks() == before


async def test_a_program_never_gets_the_version_of_another() -> None:
    """A control that loads one program after the other, on a server that gives one node at a time: pairs, or none."""
    pairs = {"A.MPF": "1", "B.MPF": "2"}
    with running("--max-nodes-per-read", "1", "--max-items-per-call", "1") as server:
        machine = adapter(server)
        seen = []
        server.tell("load A.MPF 1")
        async with machine.connect() as readings:
            await settled(server, machine, readings)
            for number in range(60):
                name = ("A.MPF", "B.MPF")[number % 2]
                server.tell(f"load {name} {pairs[name]}")
                found = await anext(readings)
                seen.append((found.main_program, [piece.value for piece in found.evidence]))
            found = await until_reading(readings, main_program="B.MPF")
            assert [piece.value for piece in found.evidence] == ["2"]
    assert {program for program, _ in seen} == set(pairs)
    assert all(versions in ([], [pairs[program]]) for program, versions in seen if program is not None), seen


class Link:
    """A network link to a control that can be cut, which closes nothing, and mended for new connections."""

    def __init__(self, server: OpcUaServer) -> None:
        self._to = int(server.endpoint.rsplit(":", 1)[1])
        self._whole = asyncio.Event()
        self._whole.set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Link:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.endpoint = f"opc.tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    def cut(self) -> None:
        """Let nothing through any more."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything through again; what is connected over the old link stays dead."""
        self._whole = asyncio.Event()
        self._whole.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = self._whole
        back, there = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, there]
        await asyncio.gather(self._carry(reader, there, whole), self._carry(back, writer, whole))

    @staticmethod
    async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, whole: asyncio.Event) -> None:
        while (data := await reader.read(65536)) and whole.is_set():
            writer.write(data)


async def test_a_link_that_is_cut_is_a_loss_and_what_changed_meanwhile_is_read(control: OpcUaServer) -> None:
    """No reading is made up while it is cut; over the mended link the first reading has the newest values."""
    clock = SystemClock()
    control.tell("load BEFORE.MPF 1")
    async with Link(control) as link:
        machine = adapter(control, endpoint=link.endpoint, timeout="2s", limits={"session_timeout": "5s"})
        async with machine.connect() as readings:
            await settled(control, machine, readings)
            seen = [await anext(readings)]
            link.cut()
            control.tell("load MEANWHILE.MPF 2")
            with pytest.raises(AdapterError, match="no answer"):
                await exhaust(readings, seen)
            assert clock.now().since(seen[-1].at) < 9_500
            assert {found.main_program for found in seen} == {"BEFORE.MPF"}
        link.mend()
        async with machine.connect() as readings:
            found = await anext(readings)
            assert (found.main_program, [piece.value for piece in found.evidence]) == ("MEANWHILE.MPF", ["2"])
    await until(lambda: control.ask("sessions") == 0, within=20)
