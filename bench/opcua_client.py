"""A process with nothing but OPC UA clients: adapters under their supervisor, whose readings are counted and let go."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar, Literal

import structlog
from asyncua.client.client import Client

from adapters.opcua.adapter import OpcUaAdapter
from adapters.opcua.decode import reading
from adapters.opcua.options import OpcUaOptions
from adapters.opcua.values import Answer
from bench.plant import percentile
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.signal import Signal
from edge_bridge.ports import Clock
from edge_bridge.supervisor import Supervisor


class Counting:
    """Takes signals in: how many readings came from which machine, how long after the one before, and what they say."""

    def __init__(self) -> None:
        self.other: list[Signal] = []
        self._readings: dict[str, int] = {}
        self._at: dict[str, float] = {}
        self._gaps: list[float] = []
        self._programs: dict[str, str | None] = {}
        self._awaited: tuple[int, str | None] | None = None
        self._there = asyncio.Event()

    async def offer(self, signal: Signal) -> None:
        """Count one."""
        if not isinstance(signal, Reading):
            self.other.append(signal)
            return
        now = time.perf_counter()
        self._readings[signal.machine] = self._readings.get(signal.machine, 0) + 1
        self._gaps.append(now - self._at.get(signal.machine, now))
        self._at[signal.machine] = now
        self._programs[signal.machine] = signal.main_program
        self._look()

    async def all_show(self, machines: int, program: str | None = None) -> None:
        """Return when so many machines were read, and all show this program if one is named."""
        self._awaited = machines, program
        self._there.clear()
        self._look()
        await self._there.wait()

    def begin(self) -> None:
        """Count anew; the gap to the reading before still counts."""
        self._readings = dict.fromkeys(self._readings, 0)
        self._gaps = []

    def told(self) -> dict[str, float]:
        """Return what was counted; gaps in seconds."""
        return {
            "readings": sum(self._readings.values()),
            "fewest": min(self._readings.values(), default=0),
            "losses": len(self.other),
            "cpu": time.process_time(),
            "gap_p99": percentile(self._gaps or [0.0], 0.99),
            "gap_max": max(self._gaps, default=0.0),
        }

    def _look(self) -> None:
        if self._awaited is None:
            return
        machines, program = self._awaited
        if len(self._programs) >= machines and (program is None or set(self._programs.values()) == {program}):
            self._awaited = None
            self._there.set()


class Naive:
    """As the library's examples do it: its own connection with all its helpers, node by node, a second's sleep."""

    delivers: ClassVar[Literal["readings"]] = "readings"

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        self._name, self._clock = name, clock
        kept = {**options, "read": "poll"}
        self.options = OpcUaOptions.model_validate(kept)
        self._layout = OpcUaAdapter(name, kept, clock).layout

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[Reading]]:
        """Enter = connected."""
        async with Client(self.options.endpoint) as client, aclosing(self._readings(client)) as readings:
            yield readings

    async def _readings(self, client: Client) -> AsyncGenerator[Reading, None]:
        index = await client.get_namespace_index("SinumerikVarProvider")
        nodes = [client.get_node(f"ns={index};s={wanted.node}") for wanted in self._layout.wanted]
        while True:
            answers: list[Answer] = [await node.read_data_value() for node in nodes]
            yield reading(self._layout, self._clock.now(), answers)
            await self._clock.sleep(1)


async def run(read: str, endpoints: list[str]) -> None:
    """Obey lines, each answered with what was counted since `begin`.

    `start N` goes up to N clients, and is answered when each was read; `await PROGRAM` when all read it.
    """
    clock, counting = SystemClock(), Counting()
    supervisor = Supervisor(clock, counting.offer)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    started = 0
    while words := (await reader.readline()).decode().split():
        if words[0] == "start":
            wanted = int(words[1])
            for number, endpoint in enumerate(endpoints[started:wanted], started):
                adapter = Naive if read == "naive" else OpcUaAdapter
                await supervisor.start({f"m{number}": adapter(f"m{number}", options(read, endpoint), clock)})
            started = wanted
            await counting.all_show(started)
        elif words[0] == "await":
            await counting.all_show(started, words[1])
        elif words[0] == "begin":
            counting.begin()
        print(json.dumps(counting.told()), flush=True)
    await supervisor.close()


def options(read: str, endpoint: str) -> dict[str, object]:
    """Return the settings of one machine: seven nodes and a version, each second."""
    return {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "1s",
        "read": read,
        "version": [{"variable": "/Channel/Parameter/R[u1,90]"}],
    }


if __name__ == "__main__":
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    asyncio.run(run(sys.argv[1], sys.argv[2:]))
