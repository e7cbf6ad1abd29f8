"""The OPC UA adapter when the server is down, dies, or hangs."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Mode, Reading
from edge_bridge.errors import AdapterError, RefusedError
from tests.integration.opcua_servers import OpcUaServer, starting
from tests.waiting import until


@pytest.fixture(scope="module")
def controls() -> Iterator[dict[str, OpcUaServer]]:
    """One control that outlives its tests and then ends as it should, and two that do not."""
    with starting(dict.fromkeys(("steady", "doomed", "left alone"), ())) as servers:
        yield servers
        assert servers["steady"].endpoint
        assert servers["steady"].terminate() == 0


def adapter(endpoint: str, **changed: Any) -> OpcUaAdapter:
    """Return an adapter that gives up after half a second."""
    options = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
        "timeout": "500ms",
        **changed,
    }
    return OpcUaAdapter("m1", options, SystemClock())


async def consume(machine: OpcUaAdapter) -> None:
    """Read until the machine is lost."""
    async with machine.connect() as readings:
        await exhaust(readings)


async def exhaust(readings: AsyncIterator[Reading]) -> None:
    """Take readings until they end with an error."""
    async for _ in readings:
        pass


async def lost(machine: OpcUaAdapter) -> AdapterError:
    """Return the error that ends the readings, or the connecting."""
    with pytest.raises(AdapterError) as caught:
        await consume(machine)
    assert not isinstance(caught.value, RefusedError)
    assert caught.value.hint
    return caught.value


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def test_a_control_that_is_down_is_an_adapter_error() -> None:
    """Nothing listens at its port."""
    assert "nothing listens" in (await lost(adapter(f"opc.tcp://127.0.0.1:{closed_port()}"))).what


async def answering(answer: bytes | None, **changed: Any) -> tuple[AdapterError, float]:
    """Return how a machine is lost at whose port something gives this answer (None: none), and after how many seconds."""

    left = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        if answer:
            writer.write(answer)
        if answer != b"":
            await reader.read()  # until the other side goes
        writer.close()
        left.set()

    clock = SystemClock()
    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        began = clock.now()
        error = await lost(adapter(f"opc.tcp://127.0.0.1:{port}", **changed))
        took = clock.now().since(began) / 1000
        await asyncio.wait_for(left.wait(), 10)
    return error, took


@pytest.mark.parametrize(
    ("answer", "what", "hint"),
    [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "does not speak OPC UA, it answers HTTP",
            "that port is another protocol's",
        ),
        (b"\x15\x03\x01\x00\x02\x02\x16", "does not speak OPC UA, it answers TLS", "OPC UA usually has 4840"),
        (b"220 ready\r\n", "does not speak OPC UA, it answers something else", "check the port in `endpoint`"),
        (b"", "closed the connection at the first word of OPC UA", "the port may be another protocol's"),
        (None, "though something listens there", "the port may be another protocol's"),
    ],
)
async def test_something_that_is_not_opc_ua_is_told_as_such(answer: bytes | None, what: str, hint: str) -> None:
    """Known with the first byte, even where the connection stays open; only of silence one cannot tell what it is."""
    error, took = await answering(answer, timeout="3s")
    assert what in error.what
    assert hint in error.hint
    assert (took >= 3) is (answer is None)


async def test_an_encrypted_machine_is_told_the_same(tmp_path: Path) -> None:
    """What is asked of a server before it is trusted goes the same way."""
    encrypted = {"security": "Basic256Sha256", "allow_insecure": "false", "pki": str(tmp_path)}
    error, _ = await answering(b"HTTP/1.1 400 Bad Request\r\n\r\n", **encrypted)
    assert "does not speak OPC UA, it answers HTTP" in error.what


async def test_a_control_that_dies_is_lost_and_found_again(
    controls: dict[str, OpcUaServer], caplog: pytest.LogCaptureFixture
) -> None:
    """Its power goes: AdapterError, no task left, not a word in the log; a new connection to its successor reads."""
    before = asyncio.all_tasks()
    server = controls["doomed"]
    with caplog.at_level(logging.DEBUG, logger="root"):
        machine = adapter(server.endpoint)
        async with machine.connect() as readings:
            await anext(readings)
            server.kill()
            with pytest.raises(AdapterError, match="closed the connection"):
                await exhaust(readings)
        assert asyncio.all_tasks() == before
    assert [record for record in caplog.records if record.name.startswith("asyncua")] == []
    async with adapter(controls["steady"].endpoint).connect() as readings:
        assert (await anext(readings)).mode is Mode.AUTOMATIC


async def frozen_while(server: OpcUaServer, work: Any) -> float:
    """Return the seconds that `work` takes while the server hangs without closing anything."""
    clock = SystemClock()
    server.freeze()
    try:
        started = clock.now()
        await work
        return clock.now().since(started) / 1000
    finally:
        server.thaw()


async def test_a_control_that_hangs_is_noticed_within_the_timeout(controls: dict[str, OpcUaServer]) -> None:
    """It answers nothing and closes nothing: in a poll, while connecting, and while leaving."""
    before = asyncio.all_tasks()
    server = controls["steady"]
    machine = adapter(server.endpoint)
    async with machine.connect() as readings:
        await anext(readings)

        async def until_lost() -> None:
            with pytest.raises(AdapterError, match="no answer"):
                await exhaust(readings)

        assert await frozen_while(server, until_lost()) < 1.0
        server.freeze()
    server.thaw()
    assert await frozen_while(server, lost(adapter(server.endpoint))) < 1.5 + 0.5
    await until(lambda: server.ask("sessions") == 0)
    task = asyncio.create_task(lost(adapter(server.endpoint, every="1m")))
    await until(lambda: server.ask("sessions") == 1)

    async def cancelled() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert await frozen_while(server, cancelled()) < 1.5
    assert asyncio.all_tasks() == before


async def test_the_simulated_control_ends_cleanly(controls: dict[str, OpcUaServer]) -> None:
    """When its commands end; on SIGTERM, the one that outlives the tests does."""
    assert controls["left alone"].endpoint
    assert controls["left alone"].hang_up() == 0


@pytest.mark.parametrize(
    ("said", "program", "fault"),
    [
        ("array:A,B", None, "is an array of 2: name one element of it"),
        ("int:4711", "4711", ""),
        ("bool:true", "true", ""),
        ("text:", None, ""),
        ("text:\\0\\0", None, ""),
        ("text:P1\\0rest", "P1", ""),
        ("null:", None, ""),
        ("float:nan", None, "is nan: a finite number was expected"),
    ],
)
async def test_a_program_name_of_another_type(
    controls: dict[str, OpcUaServer], said: str, program: str | None, fault: str
) -> None:
    """Read off a real server: what can be a name is one, what cannot costs its own field, in one sentence."""
    controls["steady"].tell(f"set main_program {said}")
    try:
        async with adapter(controls["steady"].endpoint, timeout="5s").connect() as readings:
            read = await anext(readings)
    finally:
        controls["steady"].tell("good main_program")
    assert read.main_program == program
    assert [one.error for one in read.faults if one.field == "main_program"] == ([fault] if fault else [])
    assert read.active_program is not None
