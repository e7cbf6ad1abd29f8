"""A process with nothing but OPC UA clients: adapters under their supervisor, whose readings are counted and let go."""

from __future__ import annotations

import asyncio
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
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.signal import Signal
from edge_bridge.ports import Clock
from edge_bridge.supervisor import Supervisor


class Counting:
    """Takes signals in: how many readings came, and from how many machines."""

    def __init__(self) -> None:
        self.readings = 0
        self.other: list[Signal] = []
        self.machines: set[str] = set()
        self.all_there = asyncio.Event()
        self.wanted = 0

    async def offer(self, signal: Signal) -> None:
        """Count one."""
        if not isinstance(signal, Reading):
            self.other.append(signal)
            return
        self.readings += 1
        self.machines.add(signal.machine)
        if len(self.machines) >= self.wanted:
            self.all_there.set()


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
    """Obey lines: `start N` goes up to N clients and answers when each was read, `count` tells readings, losses and CPU time."""
    clock, counting = SystemClock(), Counting()
    supervisor = Supervisor(clock, counting.offer)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    started = 0
    while words := (await reader.readline()).decode().split():
        if words[0] == "start":
            counting.wanted = int(words[1])
            counting.all_there.clear()
            some = endpoints[started : counting.wanted]
            for number, endpoint in enumerate(some, started):
                adapter = Naive if read == "naive" else OpcUaAdapter
                await supervisor.start({f"m{number}": adapter(f"m{number}", options(read, endpoint), clock)})
            started = counting.wanted
            await counting.all_there.wait()
        print(counting.readings, len(counting.other), time.process_time(), flush=True)
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
