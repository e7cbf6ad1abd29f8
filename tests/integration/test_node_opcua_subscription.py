"""Subscriptions against node-opcua, a server from another house, with low limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Fault, Mode, Reading
from edge_bridge.errors import AdapterError
from tests.integration import node_opcua
from tests.integration.node_opcua import NodeOpcUaServer
from tests.waiting import until

pytestmark = [node_opcua.needed, pytest.mark.timeout(240)]

R90 = "/Channel/Parameter/R[u1,90]"
MAIN, MODE = "/Channel/ProgramInfo/selectedWorkPProg", "/Bag/State/opMode"
LIMITS = ("--max-nodes-per-read", "3", "--max-items-per-call", "2", "--max-subscriptions", "1")
PEERS = {
    "limited": (*node_opcua.control(execution="int:3"), *LIMITS),
    "small": (*node_opcua.control(), "--max-items", "3"),
}


@pytest.fixture(scope="module")
def peers() -> Iterator[dict[str, NodeOpcUaServer]]:
    """Controls made of node-opcua, each with other low limits."""
    with node_opcua.starting(PEERS) as servers:
        yield servers


def adapter(server: NodeOpcUaServer, **changed: Any) -> OpcUaAdapter:
    """Return an adapter that subscribes."""
    options = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "read": "subscribe",
        "every": "500ms",
        "version": [{"variable": R90}],
    }
    return OpcUaAdapter("m1", {**options, **changed}, SystemClock())


async def until_reading(readings: AsyncIterator[Reading], within: float = 20, **expected: Any) -> Reading:
    """Return the first reading in which the fields have these values."""
    async with asyncio.timeout(within):
        async for found in readings:
            if all(getattr(found, key) == value for key, value in expected.items()):
                return found
    raise AssertionError(f"no reading with {expected}")


async def settled(server: NodeOpcUaServer, readings: AsyncIterator[Reading]) -> None:
    """Take readings until one comes that needed no Read: the subscription is believed."""
    async with asyncio.timeout(60):
        while True:
            before = server.ask("requests Read")
            await anext(readings)
            if server.ask("requests Read") == before and server.ask("subscriptions") == 1:
                return


async def test_news_of_another_house_are_read(peers: dict[str, NodeOpcUaServer]) -> None:
    """Eight nodes, two watched with each request and three read: changes come, silence costs no Read, all is given back."""
    server = peers["limited"]
    machine = adapter(server, nodes={"program_path": "nsu=SinumerikVarProvider;s=/not/there"})
    async with machine.connect() as readings:
        assert (await anext(readings)).execution is Execution.RUNNING
        await settled(server, readings)
        assert machine.how == "subscribed: news every 500 ms"
        server.tell(f"set {R90} text:C", f"set {MAIN} text:EL-100_OP10_C.MPF")
        found = await until_reading(readings, main_program="EL-100_OP10_C.MPF")
        found = found if found.evidence[0].value == "C" else await anext(readings)
        assert [piece.value for piece in found.evidence] == ["C"]
        assert found.faults == (Fault("program_path", "BadNodeIdUnknown"),)
        server.tell(f"set {MODE} int:1")
        await until_reading(readings, mode=Mode.MDI)
        server.tell(f"bad {MODE}")
        found = await until_reading(readings, mode=None)
        assert found.faults[-1] == Fault("mode", "BadSensorFailure")
    await until(lambda: server.ask("subscriptions") + server.ask("sessions") == 0)


async def test_one_whose_subscriptions_are_taken_is_polled(peers: dict[str, NodeOpcUaServer]) -> None:
    """Another client has the only one: it is no loss."""
    server = peers["limited"]
    machine = adapter(server)
    async with adapter(server).connect() as others:
        await settled(server, others)
        async with machine.connect() as readings:
            await anext(readings)
            server.tell(f"set {MAIN} text:D.MPF")
            await until_reading(readings, main_program="D.MPF")
            await anext(readings)
            assert machine.how == "polled: the server refuses it (BadTooManySubscriptions)"


async def test_one_that_watches_too_few_nodes_is_polled(peers: dict[str, NodeOpcUaServer]) -> None:
    """Its silence would say nothing of the others; what it gave is given back."""
    server = peers["small"]
    machine = adapter(server)
    async with machine.connect() as readings:
        await anext(readings)
        server.tell(f"set {MODE} int:0")
        await until_reading(readings, mode=Mode.MANUAL)
        assert machine.how == "polled: the server does not watch 4 of the nodes (BadTooManyMonitoredItems)"
        assert server.ask("subscriptions") == 0


async def test_another_house_that_hangs_is_lost_in_time(peers: dict[str, NodeOpcUaServer]) -> None:
    """Within 10 s of the last good reading; its session is gone once it can be heard again."""
    server, clock = peers["limited"], SystemClock()
    async with adapter(server, timeout="2s").connect() as readings:
        await settled(server, readings)
        last = (await anext(readings)).at

        async def exhaust() -> None:
            nonlocal last
            async for found in readings:
                last = found.at

        server.freeze()
        try:
            with pytest.raises(AdapterError, match="no answer"):
                await exhaust()
            assert clock.now().since(last) < 9_500
        finally:
            server.thaw()
    await until(lambda: server.ask("sessions") == 0, within=65)
