"""What a control has to bear from us: sessions of gateways whose power went, one that it is too busy for, and reconnects."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.signal import AdapterLost, Signal
from edge_bridge.errors import AdapterError
from edge_bridge.supervisor import LONGEST_PAUSE_S, Supervisor
from edge_bridge.testing import ManualClock
from tests.integration.opcua_servers import OpcUaServer, running
from tests.integration.peer_process import ROOT
from tests.waiting import until

SLOTS, TIMEOUT_S, KILLS = 5, 5, 200  # an 828D has five sessions, all clients together


def adapter(endpoint: str, **changed: Any) -> OpcUaAdapter:
    """Return an adapter for a simulated control."""
    options = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
        **changed,
    }
    return OpcUaAdapter("m1", options, SystemClock())


async def first(machine: OpcUaAdapter) -> Reading | None:
    """Return the first reading of a new connection, None when it is not let in."""
    try:
        async with machine.connect() as readings:
            return await anext(readings)
    except AdapterError as error:
        if "BadTooManySessions" not in error.what:
            raise
        return None


@pytest.mark.timeout(240)
async def test_after_200_kills_the_slots_are_free_within_the_sessions_timeout() -> None:
    """Nothing of ours can say goodbye then: what frees a slot is the short timeout that each session asks for."""
    clock = SystemClock()
    with running("--max-sessions", str(SLOTS)) as server:
        command = [
            sys.executable,
            "-m",
            "tests.integration.session_holder",
            server.endpoint,
            f"{TIMEOUT_S}s",
            str(KILLS),
        ]
        done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=True)
        killed = clock.now()
        said = Counter(done.stdout.splitlines())
        full = next(word for word in said if "BadTooManySessions" in word)
        assert said.total() == said["held"] + said[full] == KILLS
        assert said["held"] >= SLOTS
        assert await until(lambda: first(adapter(server.endpoint)), within=TIMEOUT_S + 1.5)
        await until(lambda: server.ask("sessions") == 0, within=TIMEOUT_S + 1.5)
        freed = clock.now().since(killed) / 1000
        assert freed <= TIMEOUT_S + 1.5
        assert server.ask("subscriptions") == 0
        print(
            f"{said['held']} sessions held, {said[full]} refused; all {SLOTS} slots free {freed:.1f} s after the last kill"
        )


async def test_a_busy_control_is_asked_less_often() -> None:
    """An answer that takes 300 ms puts the next poll off by four times as much; one request at a time, always."""
    with running() as server:
        server.tell("slow 300")
        async with adapter(server.endpoint).connect() as readings:
            found = [await anext(readings) for _ in range(4)]
    gaps = [later.at.since(earlier.at) for earlier, later in pairwise(found)]
    assert min(gaps) >= 1_100, gaps


async def advancing(clock: ManualClock, condition: Callable[[], bool]) -> None:
    """Move the clock on, a little at a time, until something is so; real sockets are given their time."""

    async def look() -> bool:
        clock.move(500)
        return condition()

    await until(look, within=20)


async def test_a_control_that_is_down_is_tried_with_growing_pauses() -> None:
    """Half a second at first, half a minute at most, no two machines at the same time; then it is read again at once."""
    clock = ManualClock()
    told: list[Signal] = []

    async def offer(signal: Signal) -> None:
        told.append(signal)

    with running() as server:
        port = server.endpoint.rsplit(":", 1)[1]
        machine = OpcUaAdapter("m1", dict(adapter(server.endpoint).options.model_dump(exclude_unset=True)), clock)
        supervisor = Supervisor(clock, offer)
        await supervisor.start({"m1": machine})
        await advancing(clock, lambda: any(isinstance(one, Reading) for one in told))
        server.kill()
        await advancing(clock, lambda: sum(isinstance(one, AdapterLost) for one in told) >= 12)
        losses = [one.at.boottime for one in told if isinstance(one, AdapterLost)]
        pauses = [(later - earlier) / 1000 for earlier, later in pairwise(losses)]
        assert pauses[0] < 2
        assert max(pauses) <= LONGEST_PAUSE_S + 1
        assert pauses[-1] >= LONGEST_PAUSE_S / 2
        assert len(set(pauses[-4:])) > 1
        told.clear()
        with running("--port", port):
            await advancing(clock, lambda: any(isinstance(one, Reading) for one in told))
        await supervisor.close()


async def asked_timeout(server: OpcUaServer, read: Callable[[OpcUaAdapter], Awaitable[object]]) -> int:
    """Return the longest session timeout that a client has asked this server for, in ms."""
    await read(adapter(server.endpoint))
    return server.ask("asked-timeout")


async def test_a_session_asks_for_a_minute_at_most() -> None:
    """asyncua's own wish is an hour."""
    with running() as server:
        assert 0 < await asked_timeout(server, first) <= 60_000
