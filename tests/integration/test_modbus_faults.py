"""The Modbus adapter against PLCs that misbehave: raw sockets that answer byte by byte what a test says."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest

from adapters.modbus.adapter import ModbusAdapter
from adapters.modbus.link import Link
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Reading
from edge_bridge.errors import AdapterError
from edge_bridge.testing.clock import settle
from tests.integration.modbus_servers import HOST, Answer, Behaviour, Request, memory, scripted_plc, settings
from tests.waiting import until

LATHE = {100: 0, 101: 4711, 102: 0x4200, 110: 1, 111: 2}


def adapter(port: int, **changes: Any) -> ModbusAdapter:
    """Return an adapter for a server on this port."""
    return ModbusAdapter("lathe-07", settings(port, **changes), SystemClock())


async def polls(behaviour: Behaviour, count: int, **changes: Any) -> tuple[list[Reading], list[tuple[int, int, int]]]:
    """Return readings from a PLC, and what it was asked as (function, first, count)."""
    async with scripted_plc(behaviour) as plc, adapter(plc.port, **changes).connect() as readings:
        found = [await anext(readings) for _ in range(count)]
        return found, [(request.function, request.first, request.count) for request in plc.requests]


async def lost(behaviour: Behaviour, **changes: Any) -> AdapterError:
    """Return the error of the first poll; it must not wait for the time limit."""
    clock = SystemClock()
    before = clock.now()
    with pytest.raises(AdapterError) as caught:
        await polls(behaviour, 1, timeout="5s", **changes)
    assert clock.now().since(before) < 3000, "it waited out its time"
    return caught.value


async def test_one_request_reads_program_revision_and_status_together() -> None:
    """The design's lathe is one block of twelve registers, one request a poll, nothing but function 3."""
    readings, asked = await polls(memory(LATHE), 3)
    assert asked == [(3, 100, 12)] * 3
    assert readings[0].main_program == "4711"
    assert readings[0].execution is Execution.RUNNING
    assert [item.value for item in readings[0].evidence] == ["B"]


async def test_all_four_tables_use_the_four_reading_functions() -> None:
    """Holding, input, coil and discrete are functions 3, 4, 1, 2; no other function leaves the adapter."""
    registers = {
        "main_program": {"address": 1, "type": "uint16"},
        "version": {"address": 2, "type": "uint16", "table": "input"},
        "execution": {"address": 3, "type": "bool", "table": "coil", "map": {1: "running", 0: "stopped"}},
        "test": {"address": 9, "type": "bool", "table": "discrete"},
    }
    readings, asked = await polls(memory({1: 5, 2: 7, 3: 1, 9: 1}), 1, registers=registers)
    assert sorted(set(asked)) == [(1, 3, 1), (2, 9, 1), (3, 1, 1), (4, 2, 1)]
    assert (readings[0].main_program, readings[0].execution, readings[0].test) == ("5", Execution.RUNNING, True)


async def test_counting_from_one_asks_for_the_register_before() -> None:
    """`zero_based: false` sends the manual's address less one."""
    _, asked = await polls(memory({}), 1, zero_based=False)
    assert asked == [(3, 99, 12)]


async def test_a_gap_that_the_plc_refuses_is_left_out_from_then_on() -> None:
    """A bridged block refused for its gap is read in pieces in the same poll, and the next polls start with the pieces."""
    registers = settings(0)["registers"] | {"test": {"address": 115, "type": "uint16"}}
    readings, asked = await polls(memory(LATHE | {115: 1}, missing=frozenset({113})), 3, registers=registers)
    assert asked == [(3, 100, 16), *[(3, 100, 12), (3, 115, 1)] * 3]
    assert all(reading.test is True and reading.main_program == "4711" and not reading.faults for reading in readings)


async def test_a_missing_register_does_not_take_its_neighbours_with_it() -> None:
    """A value at an address that does not exist ends up alone with its fault; its neighbours keep their values."""
    readings, asked = await polls(memory(LATHE, missing=frozenset({111})), 2)
    for reading in readings:
        assert [(fault.field, fault.error) for fault in reading.faults] == [("mode", "illegal data address")]
        assert (reading.main_program, reading.execution, reading.mode) == ("4711", Execution.RUNNING, None)
    assert asked[-5:] == [(3, 100, 2), (3, 102, 8), (3, 110, 1), (3, 111, 1), (3, 100, 2)]


def changing(at: int, content: dict[int, int], then: dict[int, int]) -> Behaviour:
    """Return a PLC whose memory changes after it has answered `at` requests."""
    answered = iter(range(1_000_000))
    return lambda request: memory(content if next(answered) < at else then)(request)


FAR_APART = {"main_program": {"address": 1, "type": "uint16"}, "version": {"address": 900, "type": "uint16"}}
FAR_BEFORE = {"main_program": {"address": 900, "type": "uint16"}, "version": {"address": 1, "type": "uint16"}}


@pytest.mark.parametrize("at", range(8))
@pytest.mark.parametrize("registers", [FAR_APART, FAR_BEFORE])
async def test_a_program_never_gets_the_version_of_another(at: int, registers: dict[str, Any]) -> None:
    """Too far apart for one request: a change in between, at whichever request, is seen, and both are read anew."""
    readings, _ = await polls(changing(at, {1: 1, 900: 1}, {1: 2, 900: 2}), 3, registers=registers)
    seen = {(reading.main_program, *(item.value for item in reading.evidence)) for reading in readings}
    assert seen <= {("1", "1"), ("2", "2")}
    assert not any(reading.faults for reading in readings)


async def test_a_program_that_never_stands_still_has_no_version() -> None:
    """A fault in place of evidence that belongs to nothing."""
    counted = iter(range(1_000_000))
    readings, asked = await polls(lambda request: request.values([next(counted)]), 1, registers=FAR_APART)
    assert readings[0].evidence == ()
    assert [(fault.field, "again and again" in fault.error) for fault in readings[0].faults] == [("version", True)]
    assert len(asked) == 9


async def test_a_new_connection_tries_the_whole_block_again() -> None:
    """What a PLC refused may be mended by its next program: it is remembered for one connection only."""
    async with scripted_plc(memory(LATHE, missing=frozenset({111}))) as plc:
        lathe = adapter(plc.port)
        for _ in range(2):
            async with lathe.connect() as readings:
                await anext(readings)
        whole = [request for request in plc.requests if request.count == 12]
        assert len(whole) == 2


@pytest.mark.parametrize(
    ("code", "words"),
    [(1, "illegal function"), (4, "server device failure"), (6, "server device busy"), (99, "exception code 99")],
)
async def test_an_exception_code_is_a_fault_in_the_standards_words(code: int, words: str) -> None:
    """Every field of the block says why it has no value, and the block is asked whole again."""
    readings, asked = await polls(lambda request: request.refuse(code), 2)
    assert [fault.error for fault in readings[1].faults] == [words] * 4
    assert asked == [(3, 100, 12)] * 2


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateway_that_does_not_reach_the_machine(code: int) -> None:
    """Gateway exceptions are not the machine's words: it is not reached."""
    error = await lost(lambda request: request.refuse(code))
    assert "gateway" in error.what
    assert "unit 1" in error.hint


def _short(request: Request) -> Answer:
    return request.frame(bytes([3, 10]) + bytes(10))


def _wrong_byte_count(request: Request) -> Answer:
    return request.frame(bytes([3, 24]) + bytes(10))


def _odd(request: Request) -> Answer:
    return request.frame(bytes([3, 23]) + bytes(23))


def _too_long(request: Request) -> Answer:
    return request.frame(bytes([3, 26]) + bytes(26))


def _empty_exception(request: Request) -> Answer:
    return request.frame(bytes([0x83])) + b"\0"


@pytest.mark.parametrize("answer", [_short, _wrong_byte_count, _odd, _too_long, _empty_exception])
async def test_half_an_answer_is_a_loss(answer: Behaviour) -> None:
    """Fewer, more or odd bytes than asked never become values: AdapterError, at once."""
    assert "half an answer" in (await lost(answer)).what


async def test_another_transaction_is_a_loss() -> None:
    """An answer to a question of before is not taken for this one's."""
    error = await lost(lambda request: memory(LATHE)(Request(b"\x7f\xff", *_rest(request))))
    assert "another request" in error.what


async def test_another_unit_is_a_loss_that_names_it() -> None:
    """A PLC that answers with its own unit id is told apart from silence, and the hint is the option to write."""
    error = await lost(lambda request: request.frame(bytes([3, 24]) + bytes(24), unit=255))
    assert "unit 255 answered" in error.what
    assert "unit: 255" in error.hint


async def test_another_function_is_a_loss() -> None:
    """An answer to a function that was not asked is refused."""
    assert "function 4 was answered" in (await lost(lambda r: r.frame(bytes([4, 24]) + bytes(24)))).what


async def test_another_protocol_is_a_loss() -> None:
    """A web server on the port is told apart from a PLC."""
    assert "not Modbus TCP" in (await lost(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n")).what


async def test_a_connection_cut_in_the_middle_of_an_answer() -> None:
    """Half a frame, then the end: lost at once, not after the time limit."""

    async with scripted_plc(lambda request: memory(LATHE)(request)[:15]) as plc:  # type: ignore[index]
        plc.hang_up_after = True
        clock = SystemClock()
        before = clock.now()
        with pytest.raises(AdapterError, match="closed the connection"):
            async with adapter(plc.port, timeout="5s").connect() as readings:
                await anext(readings)
        assert clock.now().since(before) < 3000


async def test_a_plc_that_hangs_up_at_once() -> None:
    """A PLC with no free slot accepts and closes: the hint says what that usually means."""
    error = await lost(lambda _: b"")
    assert "closed the connection" in error.what
    assert "one to three connections" in error.hint


async def test_silence_and_a_trickle_both_end_with_the_time_limit() -> None:
    """No answer, or one that never gets complete, is lost after `timeout`."""
    for behaviour in (lambda _: None, lambda request: request.frame(bytes([3, 24]) + bytes(24))[:12]):
        async with scripted_plc(behaviour) as plc:
            with pytest.raises(AdapterError, match=r"does not answer within 0\.2 s"):
                async with adapter(plc.port, timeout="200ms").connect() as readings:
                    await anext(readings)
            await until(lambda plc=plc: plc.closed == 1)
            assert len(plc.requests) == 1, "asked again: the time limit doubles"


async def test_a_lost_connection_stays_lost() -> None:
    """Nothing reconnects below the supervisor: the next poll says lost, and the PLC saw one connection."""
    async with scripted_plc(memory(LATHE)) as plc, adapter(plc.port, every="300ms").connect() as readings:
        plc.hang_up_after = True
        await anext(readings)
        with pytest.raises(AdapterError, match="closed the connection"):
            await anext(readings)
        assert plc.opened == 1


@pytest.mark.parametrize("frame", ["1234 0000 0003 01 83 02", "0000 0000 0003 01 63 02"])
async def test_an_unasked_answer_changes_nothing(frame: str) -> None:
    """A frame that comes before the question, readable or not, is not taken for its answer, and the connection stays."""
    async with scripted_plc(memory(LATHE)) as plc, adapter(plc.port, every="300ms").connect() as readings:
        await anext(readings)
        plc.writers[0].write(bytes.fromhex(frame))
        await plc.writers[0].drain()
        assert (await anext(readings)).main_program == "4711"
        assert plc.opened == 1


@pytest.mark.parametrize("size", [1, 5, 8, 13])
async def test_an_answer_in_pieces_is_put_together(size: int) -> None:
    """TCP keeps no frames: an answer may come in any pieces."""
    async with scripted_plc(memory(LATHE)) as plc, adapter(plc.port).connect() as readings:
        plc.piece = size
        assert (await anext(readings)).main_program == "4711"


async def test_bcd_that_is_none_is_a_fault_without_value() -> None:
    """A nibble above 9 is no number: a fault says what stood there."""
    registers = {"main_program": {"address": 1, "type": "bcd16"}}
    readings, _ = await polls(memory({1: 0x12AF}), 1, registers=registers)
    assert readings[0].main_program is None
    assert [(fault.field, fault.error) for fault in readings[0].faults] == [("main_program", "not BCD: 0x12AF")]


async def test_stopping_at_the_moment_of_an_answer_stops() -> None:
    """A cancellation that comes together with an answer is not swallowed: the daemon must always be able to stop."""
    async with scripted_plc(memory(LATHE)) as plc:
        link = Link(HOST, plc.port, 1, 5.0)
        await link.open()
        reading = asyncio.create_task(link.read("holding", 100, 12))
        while not link._client.ctx.response_future.done():
            await settle(1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await link.close()


async def test_the_library_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A loss reaches people once, in our words: neither pymodbus nor the event loop logs anything."""
    with caplog.at_level(logging.DEBUG, logger="asyncio"):
        await lost(_wrong_byte_count)
        await lost(lambda _: b"")
        async with scripted_plc(memory(LATHE)) as plc, adapter(plc.port).connect() as readings:
            await until(lambda: plc.writers)
            plc.writers[0].close()
            await until(lambda: plc.closed)
            with pytest.raises(AdapterError, match="closed the connection"):
                await anext(readings)
        del readings
        gc.collect()  # an error that nobody fetched is logged when its future goes
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert not any(record.name.startswith("pymodbus") for record in caplog.records)


def _rest(request: Request) -> tuple[int, int, int, int]:
    return request.unit, request.function, request.first, request.count
