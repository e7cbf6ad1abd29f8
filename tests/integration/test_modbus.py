"""The Modbus adapter against the simulated PLC, which is real pymodbus in another process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from adapters.modbus.adapter import ModbusAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode, Reading
from edge_bridge.errors import AdapterError
from tests.integration.modbus_servers import (
    PlcProcess,
    free_port,
    plc_process,
    scripted_plc,
    settings,
    wait_for_exit,
)
from tests.waiting import until


@pytest.fixture
def plc() -> Iterator[PlcProcess]:
    """The simulated PLC with program 4711, version B."""
    with plc_process("--program", "4711", "--version", "B") as running:
        yield running


def adapter(port: int, **changes: Any) -> ModbusAdapter:
    """Return an adapter for a server on this port."""
    return ModbusAdapter("lathe-07", settings(port, **changes), SystemClock())


async def seen(readings: AsyncIterator[Reading], **wanted: Any) -> Reading:
    """Return the first reading with these values; fail after some hundred."""
    for _ in range(200):
        reading = await anext(readings)
        if all(getattr(reading, field) == value for field, value in wanted.items()):
            return reading
    raise AssertionError(f"never saw {wanted}; last {reading}")


async def test_reads_the_whole_machine(plc: PlcProcess) -> None:
    """Program, version, execution and mode come as plain data from the design's register map."""
    async with adapter(plc.port).connect() as readings:
        reading = await anext(readings)
    assert reading.machine == "lathe-07"
    assert (reading.main_program, reading.execution, reading.mode) == ("4711", Execution.STOPPED, Mode.AUTOMATIC)
    (evidence,) = reading.evidence
    assert (evidence.value, evidence.field, evidence.bound, evidence.program) == ("B", "version", True, None)
    assert reading.faults == ()


async def test_a_change_is_seen_at_a_following_poll(plc: PlcProcess) -> None:
    """Another program with another version, running in MDI: each appears."""
    async with adapter(plc.port).connect() as readings:
        await anext(readings)
        assert plc.say("load 4712 C1").startswith("ok")
        changed = await seen(readings, main_program="4712")
        assert [item.value for item in changed.evidence] == ["C1"]
        plc.say("run")
        plc.say("mode mdi")
        await seen(readings, execution=Execution.RUNNING, mode=Mode.MANUAL)


async def test_a_look_and_a_walk_close_their_connection(plc: PlcProcess) -> None:
    """The PLC has its slot back, also when nobody walks to the end."""
    lathe = adapter(plc.port)
    look = await lathe.probe()
    assert (look.reading.main_program, look.values[0].raw) == ("4711", "4711 [0000 1267]")
    await until(lambda: plc.connections() == 0, what="the look's connection to be closed")
    async with lathe.browse("100-115", 1) as entries:
        assert (await anext(entries)).name == "100"
        assert plc.connections() == 1
    await until(lambda: plc.connections() == 0, what="the walk's connection to be closed")


async def test_a_look_that_is_given_up_closes_its_connection() -> None:
    """Whoever cancels it while a PLC is silent leaves nothing open."""
    async with scripted_plc(lambda _request: None) as plc:
        look = asyncio.create_task(adapter(plc.port, timeout="30s").probe())
        await until(lambda: plc.requests, what="the look to ask")
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look
        await until(lambda: plc.closed == 1, what="the connection to be closed")


class RecordingClock(SystemClock):
    """The system's clock; it remembers the boottime at which each sleeper wanted to wake."""

    def __init__(self) -> None:
        super().__init__()
        self.wake_ups: list[int] = []

    async def sleep(self, seconds: float) -> None:
        """Sleep, and remember when that ends."""
        self.wake_ups.append(self.now().boottime + round(seconds * 1000))
        await super().sleep(seconds)


async def test_polls_come_every_period_in_whole_slots(plc: PlcProcess) -> None:
    """The first poll waits for nothing; the next wake-ups fall on 50 ms slots of boottime."""
    clock = RecordingClock()
    lathe = ModbusAdapter("lathe-07", settings(plc.port, every="130ms"), clock)
    async with lathe.connect() as readings:
        await anext(readings)
        assert clock.wake_ups == []
        for _ in range(3):
            await anext(readings)
        slots = {round(instant / 50) for instant in clock.wake_ups}
        assert all(min(instant % 50, -instant % 50) <= 2 for instant in clock.wake_ups), clock.wake_ups
        assert len(slots) == 3


async def test_another_unit_is_refused_field_by_field(plc: PlcProcess) -> None:
    """A unit the server does not have is an exception answer: faults, no values, the connection stays."""
    async with adapter(plc.port, unit=7).connect() as readings:
        for _ in range(2):
            reading = await anext(readings)
            assert reading.main_program is None
            assert reading.evidence == ()
            assert {fault.error for fault in reading.faults} == {"server device failure"}


async def test_its_own_unit_answers() -> None:
    """The unit id in the options is the one asked."""
    with plc_process("--unit", "9", "--program", "8") as plc:
        async with adapter(plc.port, unit=9).connect() as readings:
            assert (await anext(readings)).main_program == "8"


async def test_a_refused_address_leaves_the_others_good(plc: PlcProcess) -> None:
    """A field at an address the PLC does not have is a fault in the PLC's words; all other fields have values."""
    registers = settings(0)["registers"] | {"test": {"address": 500, "type": "uint16"}}
    async with adapter(plc.port, registers=registers).connect() as readings:
        reading = await anext(readings)
    assert [(fault.field, fault.error) for fault in reading.faults] == [("test", "illegal data address")]
    assert reading.test is None
    assert (reading.main_program, reading.execution) == ("4711", Execution.STOPPED)


async def test_nobody_listens() -> None:
    """A refused connection is an AdapterError with address and hint, and no library's words."""
    port = free_port()
    with pytest.raises(AdapterError) as caught:
        async with adapter(port).connect():
            pass
    assert caught.value.what == f"127.0.0.1:{port} refuses the connection"
    assert "Modbus server" in caught.value.hint


@pytest.mark.parametrize("host", ["bad host", "plc..plant"])
async def test_a_name_nobody_knows(host: str) -> None:
    """A host name that does not resolve, or that is none, says so."""
    with pytest.raises(AdapterError) as caught:
        async with adapter(502, host=host).connect():
            pass
    assert caught.value.what == f"the name {host} is not known"


async def test_a_hanging_plc_is_lost_within_the_time_limit(plc: PlcProcess) -> None:
    """A stopped process keeps its connection and answers nothing: lost after `timeout`, not later."""
    clock = SystemClock()
    async with adapter(plc.port, timeout="300ms").connect() as readings:
        await anext(readings)
        plc.freeze()
        before = clock.now()
        with pytest.raises(AdapterError, match=r"does not answer within 0\.3 s"):
            await anext(readings)
    assert clock.now().since(before) < 1000


async def test_a_hanging_plc_at_the_first_read(plc: PlcProcess) -> None:
    """The kernel accepts for a stopped process; the first read runs into the time limit."""
    plc.freeze()
    with pytest.raises(AdapterError, match="does not answer"):
        async with adapter(plc.port, timeout="200ms").connect() as readings:
            await anext(readings)


async def test_a_plc_that_dies_is_lost_and_found_by_a_new_connection(plc: PlcProcess) -> None:
    """Killed between two polls: AdapterError; the same adapter connects again to a new server."""
    lathe = adapter(plc.port)
    async with lathe.connect() as readings:
        await anext(readings)
        plc.kill()
        with pytest.raises(AdapterError, match="closed the connection"):
            await anext(readings)
    with plc_process("--port", str(plc.port), "--program", "5") as again:
        assert again.port == plc.port
        async with lathe.connect() as readings:
            assert (await anext(readings)).main_program == "5"


async def test_leaving_closes_the_connection(plc: PlcProcess) -> None:
    """The PLC sees its one connection open, and none after leaving: after an error in the caller too."""

    async def fail_inside() -> None:
        async with adapter(plc.port).connect() as readings:
            await anext(readings)
            assert plc.connections() == 1
            raise RuntimeError("the caller's own")

    with pytest.raises(RuntimeError):
        await fail_inside()
    await until(lambda: plc.connections() == 0)


async def test_a_cancelled_reader_closes_the_connection(plc: PlcProcess) -> None:
    """Stopping the daemon in the middle of a poll leaves no connection behind."""

    async def read_for_ever() -> None:
        async with adapter(plc.port).connect() as readings:
            async for _ in readings:
                pass

    task = asyncio.create_task(read_for_ever())
    await until(lambda: plc.connections() == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: plc.connections() == 0)


def test_the_simulated_plc_answers_each_command_with_one_line(plc: PlcProcess) -> None:
    """Good lines are `ok`, bad ones `error` with words, and neither ends it."""
    assert plc.say("load 77 D") == "ok main=77 active=77 version=D execution=stopped mode=automatic test=off"
    assert plc.say("load SHAFT.MPF") == "error the program of this PLC is a number"
    assert plc.say("fly").startswith("error unknown command")
    assert plc.say("") == "error an empty line is no command"
    assert plc.say("test on").endswith("test=on")


@pytest.mark.parametrize("how", ["quit", "end of input", "SIGTERM"])
def test_the_simulated_plc_ends_cleanly(plc: PlcProcess, how: str) -> None:
    """It ends on `quit`, end of input and SIGTERM, with exit code 0 and nothing more on stdout."""
    assert plc.process.stdin is not None
    assert plc.process.stdout is not None
    if how == "SIGTERM":
        plc.process.send_signal(signal.SIGTERM)
    else:
        plc.process.stdin.write("quit\n" if how == "quit" else "")
        plc.process.stdin.close()
    assert wait_for_exit(plc) == 0
    assert plc.process.stdout.read() == ""
