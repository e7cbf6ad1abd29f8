"""The port of one protocol given as that of another: real servers, and what a technician is told to look at."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from adapters.modbus.adapter import ModbusAdapter
from adapters.mtconnect.adapter import MtConnectAdapter
from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.errors import AdapterError, RefusedError
from tests.integration.modbus_servers import plc_process
from tests.integration.opcua_servers import running
from tests.integration.peer_process import ROOT

CLOCK = SystemClock()


async def lost(machine: Any) -> AdapterError:
    """Return why nothing is read; it is tried again, since somebody may still mend it at the other end."""
    with pytest.raises(AdapterError) as caught:
        async with machine.connect() as readings:
            await anext(readings)
    assert not isinstance(caught.value, RefusedError)
    return caught.value


def opcua(port: int) -> OpcUaAdapter:
    """Return an OPC UA machine at a port."""
    options = {"adapter": "opcua", "profile": "sinumerik", "endpoint": f"opc.tcp://127.0.0.1:{port}"}
    return OpcUaAdapter("m1", {**options, "security": "None", "allow_insecure": "true", "timeout": "2s"}, CLOCK)


def modbus(port: int) -> ModbusAdapter:
    """Return a Modbus machine at a port."""
    registers = {"main_program": {"address": "100", "type": "uint32", "word_order": "big"}}
    options = {"adapter": "modbus", "profile": "generic-plc", "host": "127.0.0.1", "port": str(port), "unit": "1"}
    return ModbusAdapter("m1", {**options, "zero_based": "true", "timeout": "2s", "registers": registers}, CLOCK)


def mtconnect(port: int) -> MtConnectAdapter:
    """Return a machine behind an MTConnect agent at a port."""
    options = {"adapter": "mtconnect", "url": f"http://127.0.0.1:{port}", "timeout": "2s"}
    return MtConnectAdapter("m1", options, CLOCK)


@asynccontextmanager
async def web_server() -> AsyncIterator[int]:
    """Run Python's own web server in a process; give its port."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(ROOT / "docs")]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert child.stdout is not None
    try:
        ready = (await child.stdout.readline()).decode()  # Serving HTTP on 127.0.0.1 port 40000 (http://…) ...
        yield int(ready.split(" port ")[1].split()[0])
    finally:
        child.kill()
        await child.wait()


async def test_a_web_server_is_no_opc_ua_server() -> None:
    """This one waits for the rest of a request: silence, but somebody listens there."""
    async with web_server() as port:
        found = await lost(opcua(port))
    assert "though something listens there" in found.what
    assert "may be another protocol's: check `endpoint`" in found.hint


async def test_a_modbus_server_is_no_opc_ua_server() -> None:
    """Whether it hangs up or waits: the hint leads to the port."""
    with plc_process() as plc:
        found = await lost(opcua(plc.port))
    assert "something listens there" in found.what or "at the first word of OPC UA" in found.what
    assert "may be another protocol's: check `endpoint`" in found.hint


async def test_an_opc_ua_server_is_no_plc_and_no_agent() -> None:
    """asyncua waits for the rest of what it takes for a message: here, too, the hint leads to the port."""
    with running() as server:
        port = urlsplit(server.endpoint).port
        assert port
        plc, agent = await asyncio.gather(lost(modbus(port)), lost(mtconnect(port)))
    assert "does not answer" in plc.what
    assert "check the port: Modbus usually has 502" in plc.hint
    assert "check the port: agents often listen on 5000" in agent.hint
