"""A simulated PLC: a machine's state in holding registers over real Modbus TCP, changed by command lines on stdin.

Registers, counted from 0: program number 100 (uint32, high word first), version 102 (16 characters), execution 110
(1 running), mode 111 (2 automatic), test 112 (1 on), active program 114 (uint32). Any other address is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from adapters.simulated.machine import PLAIN, CommandError, Machine

FIRST, VERSION_CHARACTERS = 100, 16


def registers_of(machine: Machine) -> list[int]:
    """Return registers 100 to 115 for a machine's state."""
    version = machine.version.encode("ascii", "replace")[:VERSION_CHARACTERS].ljust(VERSION_CHARACTERS, b"\0")
    return [
        *_two(int(machine.main_program or 0)),
        *(int.from_bytes(version[at : at + 2], "big") for at in range(0, VERSION_CHARACTERS, 2)),
        machine.raw_execution,
        machine.raw_mode,
        int(machine.test),
        0,
        *_two(int(machine.active_program or 0)),
    ]


def _two(number: int) -> tuple[int, int]:
    return number >> 16, number & 0xFFFF


def obeyed(machine: Machine, line: str) -> str:
    """Carry out one command line and return the answer: `ok …` or `error …`. Programs are numbers here."""
    words = line.split()
    if words[:1] in (["load"], ["sub"]) and not (words[1:2] and words[1].isdecimal() and int(words[1]) < 1 << 32):
        return "error the program of this PLC is a number"
    try:
        if not words:
            raise CommandError("an empty line is no command")
        if words != ["status"]:
            machine.obey(line)
    except CommandError as error:
        return f"error {error}"
    return f"ok {machine.status()}"


def device(machine: Machine, unit: int) -> SimDevice:
    """Return the PLC's registers; each read shows the machine as it is then, and each attempt to write is refused."""

    async def refresh(
        function_code: int, start: int, address: int, count: int, registers: list[int], written: object
    ) -> ExcCodes | None:
        if written is not None:
            return ExcCodes.ILLEGAL_FUNCTION
        now = registers_of(machine)
        registers[: len(now)] = now
        return None

    data = SimData(FIRST, values=list(registers_of(machine)), datatype=DataType.REGISTERS)
    return SimDevice(unit, simdata=[data], action=refresh)


async def serve(machine: Machine, port: int, unit: int) -> None:
    """Serve on 127.0.0.1, say `ready 127.0.0.1 PORT`, obey lines until `quit`, end of input or SIGTERM."""
    server = ModbusTcpServer(device(machine, unit), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, lines.feed_eof)
    bound = cast(asyncio.Server, server.transport).sockets[0].getsockname()
    print(f"ready {bound[0]} {bound[1]}", flush=True)
    while (line := (await lines.readline()).decode("utf-8", "replace")) and line.strip() != "quit":
        print(obeyed(machine, line), flush=True)
    pipe.close()
    await server.shutdown()  # type: ignore[no-untyped-call]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulated PLC until its input ends."""
    parser = argparse.ArgumentParser(prog="modbus_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0: any free one")
    parser.add_argument("--unit", type=int, default=1, help="unit id; any other is refused")
    parser.add_argument("--program", type=int, default=4711, help="program number at the start")
    parser.add_argument("--version", default="A", help="its version at the start")
    arguments = parser.parse_args(argv)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)
    machine = Machine(PLAIN, main_program=str(arguments.program), version=arguments.version)
    asyncio.run(serve(machine, arguments.port, arguments.unit))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
