"""Servers for the Modbus tests: the simulated PLC in a process of its own, and a PLC that misbehaves byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.integration.peer_process import PeerProcess, python
from tests.waiting import until_sync

HOST = "127.0.0.1"


class PlcProcess(PeerProcess):
    """The simulated PLC: real pymodbus, its own process, commands on stdin."""

    @property
    def port(self) -> int:
        """Its TCP port, as soon as it listens."""
        return int(self.where[-1])

    def connections(self) -> int:
        """Return how many connections to its port are established, as the kernel sees them from its side."""
        mine = f":{self.port:04X}"
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return sum(1 for row in rows if row[1].endswith(mine) and row[3] in ("01", "08"))  # ESTABLISHED, CLOSE_WAIT


@contextmanager
def plc_process(*arguments: str) -> Iterator[PlcProcess]:
    """Run the simulated PLC on a free port; end it on every path."""
    plc = PlcProcess(python("adapters.simulated.modbus_server", *arguments, warnings="error"))
    try:
        assert plc.where[0] == HOST, plc.where
        yield plc
    finally:
        plc.kill()


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Request:
    """A parsed read request."""

    transaction: bytes
    unit: int
    function: int
    first: int
    count: int

    def frame(self, data: bytes, *, transaction: bytes | None = None, unit: int | None = None) -> bytes:
        """Return an answer's bytes around function code and data."""
        unit_byte = bytes([self.unit if unit is None else unit])
        return (transaction or self.transaction) + b"\0\0" + (len(data) + 1).to_bytes(2, "big") + unit_byte + data

    def values(self, words: list[int]) -> bytes:
        """Return a good answer with these registers, or bits for functions 1 and 2."""
        if self.function in (1, 2):
            number = sum(bit << place for place, bit in enumerate(words))
            payload = number.to_bytes((self.count + 7) // 8, "little")
        else:
            payload = b"".join(word.to_bytes(2, "big") for word in words)
        return self.frame(bytes([self.function, len(payload)]) + payload)

    def refuse(self, code: int) -> bytes:
        """Return an exception answer."""
        return self.frame(bytes([self.function | 0x80, code]))


Answer = bytes | None  # None: say nothing; empty: close the connection
Behaviour = Callable[[Request], Answer]


@dataclass
class ScriptedPlc:
    """A PLC on a raw socket that answers as the test says, and remembers what it was asked."""

    behaviour: Behaviour
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    piece: int = 260  # bytes that are sent at a time
    hang_up_after: bool = False  # close once the next answer, whole or not, is out
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        self.opened += 1
        self.writers.append(writer)
        try:
            while True:
                header = await reader.readexactly(7)
                body = await reader.readexactly(int.from_bytes(header[4:6], "big") - 1)
                first, count = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
                request = Request(header[:2], header[6], body[0], first, count)
                self.requests.append(request)
                answer = self.behaviour(request)
                if answer is None:
                    continue
                for at in range(0, len(answer), self.piece):
                    writer.write(answer[at : at + self.piece])
                    await writer.drain()
                if not answer or self.hang_up_after:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.closed += 1


@asynccontextmanager
async def scripted_plc(behaviour: Behaviour) -> AsyncIterator[ScriptedPlc]:
    """Run a scripted PLC on a free port; every connection ends with it."""
    plc = ScriptedPlc(behaviour)
    server = await asyncio.start_server(plc.serve, HOST, 0)
    plc.port = server.sockets[0].getsockname()[1]
    try:
        yield plc
    finally:
        server.close()
        for writer in plc.writers:
            writer.close()
        for writer in plc.writers:
            with suppress(ConnectionError):
                await writer.wait_closed()
        await server.wait_closed()


def memory(content: dict[int, int], *, missing: frozenset[int] = frozenset()) -> Behaviour:
    """Return a PLC's memory: 0 where nothing is given; a request that touches a missing address is refused with code 2."""

    def answer(request: Request) -> bytes:
        wanted = range(request.first, request.first + request.count)
        if missing.intersection(wanted):
            return request.refuse(2)
        return request.values([content.get(address, 0) for address in wanted])

    return answer


def settings(port: int, **changes: Any) -> dict[str, Any]:
    """Return the options of the design's lathe for a server on this port, with changes."""
    return {
        "adapter": "modbus",
        "host": HOST,
        "port": port,
        "zero_based": True,
        "every": "100ms",
        "timeout": "2s",
        "registers": {
            "main_program": {"address": 100, "type": "uint32", "word_order": "big"},
            "version": {"address": 102, "type": "ascii", "length": 16},
            "execution": {"address": 110, "type": "uint16", "map": {1: "running", "default": "stopped"}},
            "mode": {"address": 111, "type": "uint16", "map": {2: "automatic", "default": "manual"}},
        },
        **changes,
    }


def wait_for_exit(plc: PlcProcess) -> int:
    """Return the exit code of a PLC that was told to end."""
    until_sync(lambda: plc.process.poll() is not None, what="the simulated PLC to end")
    return int(plc.process.returncode)
