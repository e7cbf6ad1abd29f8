"""The simulated control that answers cheaply what it was asked before: what it says is what the server itself would say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Reading
from tests.integration.opcua_servers import OpcUaServer, running
from tests.waiting import until


def adapter(endpoint: str, **changed: Any) -> OpcUaAdapter:
    """Return an adapter that polls often."""
    options = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
        "version": [{"variable": "/Channel/Parameter/R[u1,90]"}],
        **changed,
    }
    return OpcUaAdapter("m1", options, SystemClock())


async def shows(readings: AsyncIterator[Reading], **wanted: object) -> Reading:
    """Return the first reading that says this."""
    async for one in readings:
        if all(getattr(one, name) == value for name, value in wanted.items()):
            return one
    raise AssertionError(f"no reading says {wanted}")


async def test_values_come_and_change_as_they_do_without() -> None:
    """Program, execution, a bad value and its return: each is read as soon as the control has it."""
    with running("--repeat") as server:
        async with adapter(server.endpoint).connect() as readings:
            first = await anext(readings)
            assert (first.main_program, first.evidence[0].value) == ("EL-100_OP10_B.MPF", "B")
            since = server.ask("reads")
            again = [await anext(readings) for _ in range(5)]
            assert {one.main_program for one in again} == {"EL-100_OP10_B.MPF"}
            assert server.ask("reads") >= since + 4  # those that were answered cheaply count as well
            server.tell("load NEW.MPF C", "run")
            found = await shows(readings, main_program="NEW.MPF", execution=Execution.RUNNING)
            assert found.evidence[0].value == "C"
            server.tell("bad version")
            assert [fault.field for fault in (await shows(readings, evidence=())).faults] == ["version"]
            server.tell("good version")
            assert (await shows(readings, faults=())).evidence[0].value == "C"


async def counted(server: OpcUaServer, endpoint: str) -> int:
    """Return how many Reads the control counts for ten readings of a new connection."""
    before = server.ask("reads")
    async with adapter(endpoint).connect() as readings:
        for _ in range(10):
            await anext(readings)
    return server.ask("reads") - before


async def test_each_port_and_each_session_is_answered_for_itself() -> None:
    """Ten readings cost the same Reads on every port, whoever asked before; all sessions are given back."""
    with running("--repeat", "--count", "3") as server:
        found = [await counted(server, endpoint) for endpoint in server.endpoints]
        together = await asyncio.gather(*(shows_the_program(endpoint) for endpoint in server.endpoints))
        await until(lambda: server.ask("sessions") == 0)
    assert max(found) <= min(found) + 2
    assert together == ["EL-100_OP10_B.MPF"] * 3


async def shows_the_program(endpoint: str) -> str | None:
    """Return the program of the tenth reading."""
    async with adapter(endpoint).connect() as readings:
        for _ in range(9):
            await anext(readings)
        return (await anext(readings)).main_program


async def test_a_cheap_answer_keeps_the_session() -> None:
    """A session that lives from such Reads alone outlives its timeout several times."""
    clock = SystemClock()
    with running("--repeat") as server:
        machine = adapter(server.endpoint, limits={"session_timeout": "1s"})
        async with machine.connect() as readings:
            began = clock.now()
            async for one in readings:
                if one.at.since(began) > 3_500:
                    break
            assert server.ask("sessions") == 1


async def test_a_slow_control_stays_slow() -> None:
    """`slow` is about every Read, also about one that was asked before."""
    with running("--repeat") as server:
        async with adapter(server.endpoint).connect() as readings:
            for _ in range(3):
                await anext(readings)
            server.tell("slow 300")
            await anext(readings)  # it may have been under way
            one, other = await anext(readings), await anext(readings)
    assert other.at.since(one.at) >= 1_100
