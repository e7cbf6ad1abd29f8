"""Two Modbus servers of different houses behind one set of commands: libmodbus (C, by ctypes) and pymodbus. Run as a program.

Commands on stdin: `set TABLE ADDRESS VALUE…` writes from an address counted from 0; `functions` answers the function codes of
all requests so far; `accepted` how many connections there were. Registers 100 to 299 exist, bits 0 to 31.
"""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
import logging
import os
import select
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from tests.integration.modbus_servers import HOST, PlcProcess
from tests.integration.peer_process import python

FIRST, COUNT, BITS = 100, 200, 32
TABLES = ("coil", "discrete", "holding", "input")
LONGEST_REQUEST = 260


def libmodbus() -> str | None:
    """Return the library's name where the system has it (Debian: libmodbus5)."""
    return ctypes.util.find_library("modbus")


class MemoryServer(PlcProcess):
    """A server in a process of its own."""

    def set(self, table: str, address: int, *values: int) -> None:
        """Write into its memory, from an address counted from 0."""
        assert self.say(" ".join(map(str, ("set", table, address, *values)))) == "ok"

    def functions(self) -> set[int]:
        """Return the function codes of every request so far."""
        return {int(code) for code in self.say("functions").split()}

    def accepted(self) -> int:
        """Return how many connections were accepted so far."""
        return int(self.say("accepted"))


@contextmanager
def memory_server(house: str) -> Iterator[MemoryServer]:
    """Run a server of this house on a free port; end it on every path."""
    server = MemoryServer(python("tests.integration.modbus_memory", house, warnings="error"))
    try:
        assert server.port
        yield server
    finally:
        server.kill()


class _Mapping(ctypes.Structure):
    """`modbus_mapping_t` of modbus.h, 3.1."""

    _fields_ = (
        ("nb_bits", ctypes.c_int),
        ("start_bits", ctypes.c_int),
        ("nb_input_bits", ctypes.c_int),
        ("start_input_bits", ctypes.c_int),
        ("nb_input_registers", ctypes.c_int),
        ("start_input_registers", ctypes.c_int),
        ("nb_registers", ctypes.c_int),
        ("start_registers", ctypes.c_int),
        ("coil", ctypes.POINTER(ctypes.c_uint8)),
        ("discrete", ctypes.POINTER(ctypes.c_uint8)),
        ("input", ctypes.POINTER(ctypes.c_uint16)),
        ("holding", ctypes.POINTER(ctypes.c_uint16)),
    )


def _serve_libmodbus() -> None:
    """Serve with libmodbus, one request after another, until stdin ends."""
    library = ctypes.CDLL(libmodbus(), use_errno=True)
    library.modbus_new_tcp.restype = ctypes.c_void_p
    library.modbus_mapping_new_start_address.restype = ctypes.POINTER(_Mapping)
    context = ctypes.c_void_p(library.modbus_new_tcp(HOST.encode(), 0))
    memory = library.modbus_mapping_new_start_address(0, BITS, 0, BITS, FIRST, COUNT, FIRST, COUNT)
    listening = library.modbus_tcp_listen(context, 5)
    with socket.socket(fileno=os.dup(listening)) as copy:
        port = copy.getsockname()[1]
    print("ready", port, flush=True)
    functions: set[int] = set()
    open_ones: list[int] = []
    accepted = 0
    request = (ctypes.c_uint8 * LONGEST_REQUEST)()
    while True:
        ready, _, _ = select.select([sys.stdin.fileno(), listening, *open_ones], [], [])
        for descriptor in ready:
            if descriptor == sys.stdin.fileno():
                line = _line(descriptor)
                if not line:
                    return
                print(_obeyed_by_libmodbus(memory, line.split(), functions, accepted), flush=True)
            elif descriptor == listening:
                new = ctypes.c_int(listening)
                open_ones.append(library.modbus_tcp_accept(context, ctypes.byref(new)))
                accepted += 1
            else:
                library.modbus_set_socket(context, descriptor)
                length = library.modbus_receive(context, request)
                if length > 0:
                    functions.add(request[7])
                    library.modbus_reply(context, request, length, memory)
                elif length < 0:
                    open_ones.remove(descriptor)
                    os.close(descriptor)


def _line(descriptor: int) -> str:
    """Return one line of input, byte by byte: nothing may wait in a buffer that select does not see."""
    data = b""
    while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
        data += byte
    return data.decode() or ("\n" if byte else "")


def _obeyed_by_libmodbus(memory: Any, words: Sequence[str], functions: set[int], accepted: int) -> str:
    if words[0] == "set":
        table, address = words[1], int(words[2]) - (FIRST if words[1] in ("holding", "input") else 0)
        for place, value in enumerate(words[3:]):
            getattr(memory.contents, table)[address + place] = int(value)
        return "ok"
    return _told(words[0], functions, accepted)


def _told(what: str, functions: set[int], accepted: int) -> str:
    return str(accepted) if what == "accepted" else " ".join(map(str, sorted(functions)))


async def _serve_pymodbus() -> None:
    """Serve with pymodbus until stdin ends."""
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)
    held = {table: [0] * (COUNT if table in ("holding", "input") else BITS) for table in TABLES}
    by_function = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
    functions: set[int] = set()
    accepted = 0

    async def refresh(function: int, start: int, address: int, count: int, now: list[Any], written: object) -> None:
        functions.add(function)
        table = held[by_function.get(function, "holding")]
        now[:] = [_word(table[at : at + 16]) for at in range(0, BITS, 16)] if function in (1, 2) else table

    def noticed(connected: bool) -> None:
        nonlocal accepted
        accepted += connected

    blocks = tuple(
        [SimData(FIRST, values=held[table], datatype=DataType.REGISTERS)]
        if table in ("holding", "input")
        else [SimData(0, values=[False] * BITS, datatype=DataType.BITS)]
        for table in TABLES
    )
    device = SimDevice(1, simdata=cast(Any, blocks), action=cast(Any, refresh), use_bit_addressing=True)
    server = ModbusTcpServer(device, address=(HOST, 0), trace_connect=noticed)
    await server.serve_forever(background=True)
    print("ready", cast(Any, server.transport).sockets[0].getsockname()[1], flush=True)
    while words := (await asyncio.to_thread(sys.stdin.readline)).split():
        if words[0] == "set":
            address = int(words[2]) - (FIRST if words[1] in ("holding", "input") else 0)
            held[words[1]][address : address + len(words) - 3] = map(int, words[3:])
            print("ok", flush=True)
        else:
            print(_told(words[0], functions, accepted), flush=True)


def _word(bits: Sequence[int]) -> int:
    """Return sixteen bits as pymodbus keeps them."""
    return sum(bit << place for place, bit in enumerate(bits))


if __name__ == "__main__":
    if sys.argv[1] == "libmodbus":
        _serve_libmodbus()
    else:
        asyncio.run(_serve_pymodbus())
