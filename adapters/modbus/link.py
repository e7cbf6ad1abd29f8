"""One connection to one PLC, and the only file that touches pymodbus: it reads (function codes 1 to 4), one request at a time.

pymodbus leaves three things to us. A lost connection does not end the request in flight, which waits out its time: we
end it. connect() swallows the reason: we open the connection ourselves. It would reconnect below us: `reconnect_delay=0`
switches that off in 3.16 (connection_lost tests it for truth), and every connection has a client of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from adapters.modbus.frames import complaint
from edge_bridge.errors import AdapterError

logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)  # it logs tracebacks; the reasons come from here instead

EXCEPTIONS = {  # Modbus application protocol 1.1b3, 7
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
BEHIND_A_GATEWAY = (10, 11)  # not the machine's words: it was not reached
_PORT_HINT = "check the port: Modbus usually has 502"
_CLOSED_HINT = "check cable and power; many PLCs serve one to three connections only: close another client"


class PlcRefusal(Exception):
    """The PLC answered with an exception code; the connection is good. `words` is the standard's name of the code."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.words = EXCEPTIONS.get(code, f"exception code {code}")
        super().__init__(self.words)


class Link:
    """Reads registers and bits over one TCP connection. `open` it, `close` it on every path; it is never used again."""

    def __init__(self, host: str, port: int, unit: int, timeout: float) -> None:
        self._place = f"{host}:{port}"
        self._host, self._port, self._unit, self._timeout = host, port, unit, timeout
        self._request = b""  # the one in flight
        self._client = AsyncModbusTcpClient(
            host,
            port=port,
            timeout=timeout,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._inspect,
            trace_connect=self._noticed,
        )
        client: Any = self._client
        self._reads: Mapping[str, Callable[..., Awaitable[ModbusPDU]]] = {
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
        }

    async def open(self) -> None:
        """Connect within the time limit. Raises AdapterError with the reason in words."""
        try:
            async with asyncio.timeout(self._timeout):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: self._client.ctx, self._host, self._port)
        except TimeoutError as error:
            what = f"{self._place} does not answer within {self._timeout:g} s"
            raise AdapterError(what, "check power, cable, address and firewall") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one, such as `plc..plant`
            raise self._unreachable(error) from error

    async def read(self, table: str, first: int, count: int) -> tuple[int, ...]:
        """Return `count` registers (or bits, 0 or 1) of a table from `first`, counted from 0.

        Raises PlcRefusal for an exception code, AdapterError when the connection is of no more use.
        """
        try:
            answer = await _cancellable(self._reads[table](first, count=count, device_id=self._unit))
        except (ModbusException, OSError) as error:
            if not self._client.connected:
                raise self._closed() from error
            what = f"{self._place} does not answer within {self._timeout:g} s"
            hint = f"check that the PLC runs, and that unit {self._unit} exists; if it never answered, {_PORT_HINT}"
            raise AdapterError(what, hint) from error
        finally:
            self._request = b""
        if answer.isError():
            return self._refused(answer.exception_code)
        return tuple(int(value) for value in (answer.registers or answer.bits)[:count])

    async def close(self) -> None:
        """Close the connection and return once the socket is closed: the PLC has its slot back."""
        loop = asyncio.get_running_loop()
        self._client.close()  # the event loop closes the socket at its next turn
        closed = loop.create_future()
        loop.call_soon(_done, closed)
        await closed

    def _refused(self, code: int) -> tuple[int, ...]:
        refusal = PlcRefusal(code)
        if code not in BEHIND_A_GATEWAY:
            raise refusal
        hint = f"check that the machine is on, and that unit {self._unit} is the right one behind this gateway"
        raise AdapterError(f"{self._place} says: {refusal.words}", hint) from refusal

    def _inspect(self, sending: bool, data: bytes) -> bytes:
        """Remember a request; end it at once when its answer is wrong. pymodbus never sees a wrong answer."""
        if sending:
            self._request = data
            return data
        if not self._request:
            return b""  # nobody asked
        if found := complaint(self._request, data):
            what, hint = found
            self._end_request(AdapterError(f"{self._place}: {what}", hint))
            return b""
        return data

    def _noticed(self, connected: bool) -> None:
        if not connected:
            self._end_request(self._closed())

    def _end_request(self, error: AdapterError) -> None:
        waiting = self._client.ctx.response_future
        if self._request and not waiting.done():
            waiting.set_exception(error)

    def _closed(self) -> AdapterError:
        return AdapterError(f"{self._place} closed the connection", _CLOSED_HINT)

    def _unreachable(self, error: OSError | UnicodeError) -> AdapterError:
        if isinstance(error, socket.gaierror | UnicodeError):
            return AdapterError(f"the name {self._host} is not known", "write the IP address, or mend the name service")
        if isinstance(error, ConnectionRefusedError):
            hint = "switch on the PLC's Modbus server, and check the port"
            return AdapterError(f"{self._place} refuses the connection", hint)
        reason = os.strerror(error.errno) if error.errno else str(error)
        return AdapterError(f"{self._place} cannot be reached: {reason}", "check cable, address and route")


async def _cancellable(request: Awaitable[ModbusPDU]) -> ModbusPDU:
    """Return the answer. Raises CancelledError whenever this task was cancelled meanwhile.

    pymodbus waits with asyncio.wait_for, which in Python 3.11 swallows a cancellation that comes together with the
    answer (gh-86296): the daemon would then never stop.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        return await request
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
