"""The MTConnect adapter against agents that replay real machines: what comes out where it matters, worked out by hand.

`tests/recordings/README.md` says what is recorded, by whom, and what is made here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.mtconnect.adapter import MtConnectAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain import program
from edge_bridge.domain.card import Kind
from edge_bridge.domain.evidence import Assessment, Blind, assess
from edge_bridge.domain.plant import Machine
from edge_bridge.domain.reading import Execution, Mode, Reading
from edge_bridge.domain.routing import Demand
from edge_bridge.domain.state import Binding
from edge_bridge.domain.version import Comparison, Scheme, VersionRule
from edge_bridge.errors import AdapterError
from tests.integration.mtconnect_agents import Agent, replaying
from tests.unit.domain_plant import Shop

READS = pytest.mark.parametrize("read", ["subscribe", "poll"])
REMARKS = [{"header": r"REV (?P<version>\w+)"}, {"comment": r"REV (?P<version>\w+)"}]
YEAR = [{"name": r"^IMTS-(?P<version>\d{4})-"}]
Point = tuple[str | None, Execution | None, Mode | None, bool | None]
"""Main program, execution, mode, test."""

HOBBING, TRANSFER = "IMTS-2022-2-HOB.MIN", "IMTS-2022-3-TRAN.MIN"
IDLE, RUNNING, STOPPED = Execution.IDLE, Execution.RUNNING, Execution.STOPPED
AUTOMATIC, MANUAL, MDI = Mode.AUTOMATIC, Mode.MANUAL, Mode.MDI


def adapter(agent: Agent, **changed: Any) -> MtConnectAdapter:
    """Return an adapter that reads ten times a second, and looks for a revision in remarks."""
    options = {"adapter": "mtconnect", "url": agent.url, "every": "100ms", "timeout": "2s", "version": REMARKS}
    return MtConnectAdapter("m1", {**options, **changed}, SystemClock())


def point(reading: Reading) -> Point:
    """Return what a reading shows."""
    return (reading.main_program, reading.execution, reading.mode, reading.test)


async def comes_to(readings: AsyncIterator[Reading], expected: Point) -> Reading:
    """Return the first reading that shows this; none may show anything but this and what was shown before it."""
    shown: list[Point] = []
    async with asyncio.timeout(20):
        async for reading in readings:
            if point(reading) == expected:
                return reading
            shown = list(dict.fromkeys([*shown, point(reading)]))
            assert len(shown) == 1, f"{shown} instead of {expected}"
    raise AssertionError("the readings ended")


async def follow(machine: MtConnectAdapter, agent: Agent, until: str | None) -> None:
    """Read a machine until that ends with an error; once it is read, let the recording come to a time."""
    async with asyncio.timeout(20), machine.connect() as readings:
        assert until is not None, "connected"
        await anext(readings)
        agent.tell(f"until {until}")
        async for _ in readings:
            pass


async def lost(machine: MtConnectAdapter, agent: Agent, until: str | None = None) -> str:
    """Return why a machine is lost, at once or once the recording has come to a time."""
    with pytest.raises(AdapterError) as caught:
        await follow(machine, agent, until)
    return caught.value.what


def judged(reading: Reading, name: str, version: str = "B", scheme: Scheme = Scheme.EXACT) -> Assessment:
    """Return what is said of a demand for this version of this program."""
    demand = Demand("E1", name, program.key(name), version, None, VersionRule(scheme), 900_000)
    return assess(reading, Machine("m1"), Binding(), demand)


@READS
async def test_an_okuma_from_one_program_to_the_next(read: str) -> None:
    """It tells its functional mode 0.7 s after its execution; its agent loses it between the programs."""
    with replaying("okuma_multus_2022") as agent:
        assert await lost(adapter(agent, read=read), agent) == "the agent says that OKUMA is not available"
        agent.tell("until 2022-08-08T13:51:35")  # connected, waiting: a machine that is not cutting proves out
        machine = adapter(agent, read=read, version=YEAR)
        async with machine.connect() as readings:
            await comes_to(readings, (HOBBING, IDLE, AUTOMATIC, True))
            agent.tell("until 2022-08-08T13:51:37")  # 36.77: pexecution|ACTIVE
            started = await comes_to(readings, (HOBBING, RUNNING, AUTOMATIC, True))
            assert not started.running
            agent.tell("until 2022-08-08T13:51:38")  # 37.47: fmode|PRODUCTION
            produces = await comes_to(readings, (HOBBING, RUNNING, AUTOMATIC, False))
            assert produces.running
            assert judged(produces, HOBBING, "2022").matches
            assert judged(produces, HOBBING, "2024").comparison is Comparison.OTHER
            assert judged(produces, TRANSFER, "2022").blind is Blind.NOT_LOADED
        assert "not available" in await lost(machine, agent, until="2022-08-08T13:51:59")  # the connection's end
        agent.tell("until 2022-08-08T13:57:42")
        async with machine.connect() as readings:
            await comes_to(readings, (TRANSFER, IDLE, AUTOMATIC, True))
            agent.tell("until 2022-08-08T13:57:46")
            transfers = await comes_to(readings, (TRANSFER, RUNNING, AUTOMATIC, False))
            assert judged(transfers, TRANSFER.lower(), "2022").matches
            assert judged(transfers, HOBBING, "2022").blind is Blind.NOT_LOADED
            agent.tell("until 2022-08-08T13:58:01.2")  # 01.08: pexecution|PROGRAM_COMPLETED
            await comes_to(readings, (TRANSFER, IDLE, AUTOMATIC, False))
            agent.tell("until 2022-08-08T13:58:02")  # 01.32: READY, 01.55: PROCESS_DEVELOPMENT
            await comes_to(readings, (TRANSFER, IDLE, AUTOMATIC, True))


async def test_a_whole_cycle_in_one_document_is_a_cycle() -> None:
    """Seventeen seconds of the Okuma in one document of its stream: it ran, in production, and came to its end."""
    with replaying("okuma_multus_2022") as agent:
        agent.tell("until 2022-08-08T13:51:59", "until 2022-08-08T13:57:42")
        async with adapter(agent, read="subscribe").connect() as readings:
            seen = [point(await anext(readings))]
            agent.tell("until 2022-08-08T13:59")
            while seen[-1] != (TRANSFER, IDLE, AUTOMATIC, True) or len(seen) == 1:
                found = point(await anext(readings))
                seen += [found] if found != seen[-1] else []
        assert seen == [
            (TRANSFER, IDLE, AUTOMATIC, True),
            (TRANSFER, RUNNING, AUTOMATIC, False),
            (TRANSFER, IDLE, AUTOMATIC, False),
            (TRANSFER, IDLE, AUTOMATIC, True),
        ]
        assert agent.requests() == {"current": 1, "sample": 1}


@READS
async def test_a_hurco_s_day_without_a_program(read: str) -> None:
    """Switched on without a word, then with a blank for a program while another is edited, its spindle turning by hand."""
    with replaying("hurco_2017") as agent:
        machine = adapter(agent, read=read)
        agent.tell("until 2017-03-14")
        assert await lost(machine, agent) == "the agent says that Hurco01 is not available"
        agent.tell("until 2017-03-15T08:55")  # avail|AVAILABLE, and everything else UNAVAILABLE
        async with machine.connect() as readings:
            silent = await comes_to(readings, (None, Execution.UNKNOWN, None, None))
            assert {fault.field for fault in silent.faults} == {"main_program", "execution", "mode"}
            assert judged(silent, "CAL PLATE.NC").blind is Blind.UNREADABLE
            agent.tell("until 2017-03-15T08:57")  # Program_Name_Running is a blank, Program_Name_Editing CAL PLATE.NC
            empty = await comes_to(readings, (None, IDLE, None, None))
            assert [fault.field for fault in empty.faults] == ["mode"]  # this agent has no CONTROLLER_MODE
            assert judged(empty, "CAL PLATE.NC").blind is Blind.NOT_LOADED
            assert (await adapter(agent, items={"mode": None}).probe()).reading.faults == ()
            agent.tell("until 2017-03-15T09:00:18")  # 3000 rpm, Program_Status still READY
            turning = await anext(readings)
            assert point(turning) == (None, IDLE, None, None)
            assert not turning.running
        assert "not available" in await lost(machine, agent, until="2017-03-15T09:01")


@READS
async def test_a_mazak_that_never_tells_its_availability(read: str) -> None:
    """Its availability is UNAVAILABLE all day: it counts as there while program or execution are told, and no longer."""
    with replaying("mazak_integrex_2016") as agent:
        machine = adapter(agent, read=read, version=[{"comment": r"^ff (?P<version>\w+)$"}])
        for night in ("2016-10-06T09", "2016-10-06T09:52"):  # nothing is told; then the emergency stop alone
            agent.tell(f"until {night}")
            assert await lost(machine, agent) == "the agent says that Mazak01 is not available"
        agent.tell("until 2016-10-06T09:56")
        async with machine.connect() as readings:
            morning = await comes_to(readings, ("155", STOPPED, MANUAL, None))
            assert morning.active_program is None
            assert [(one.value, one.program) for one in morning.evidence] == [("standoffs", "155")]
            assert judged(morning, "155", "standoffs").matches
            agent.tell("until 2016-10-06T11:17:34")  # of program and mode nothing is known after the gap
            assert (await anext(readings)).execution in (STOPPED, RUNNING)
            while (await anext(readings)).execution is not RUNNING:
                pass
            agent.tell("until 2016-10-06T18:51:10")
            while (evening := await anext(readings)).mode is not MDI:
                assert evening.execution in (RUNNING, IDLE)
            assert evening.execution is IDLE
            agent.tell("until 2016-10-06T18:51:12")
            while (evening := await anext(readings)).execution is not RUNNING:
                assert evening.mode is MDI
            assert not evening.running  # ACTIVE in MDI is no production
            agent.tell("until 2016-10-06T18:51:22")
            while (evening := await anext(readings)).mode is not AUTOMATIC:
                assert evening.mode is MDI
            assert evening.execution is IDLE
        assert "not available" in await lost(machine, agent, until="2016-10-06T19")
        assert "not available" in await lost(machine, agent)


SUB = {"active_program": "PROGRAM:x:SUB"}


@READS
@pytest.mark.parametrize(
    ("device", "items", "expected"),
    [
        ("GFAgie01", {}, (r"TNC:\BRIAN\Bottom Cavity 2016.H", RUNNING, AUTOMATIC, None)),
        ("Mazak01", SUB, ("794", RUNNING, AUTOMATIC, None)),  # its availability is UNAVAILABLE since the night
        ("mtc_adapter004", SUB, ("30", STOPPED, MANUAL, None)),
    ],
)
async def test_a_machine_of_a_test_bed(device: str, items: dict[str, str], expected: Point, read: str) -> None:
    """Four machines behind one agent: sub programs and remarks are empty, and a revision is nowhere."""
    with replaying("nist_testbed_2025") as agent:
        async with adapter(agent, device=device, items=items, read=read).connect() as readings:
            for _ in range(2):  # the second comes from the stream, or the poll
                reading = await anext(readings)
                assert point(reading) == expected
                assert (reading.active_program, reading.evidence, reading.faults) == (None, (), ())
                assert judged(reading, reading.main_program or "").blind is Blind.NO_EXTRACTOR


async def test_a_path_of_a_heidenhain_names_its_program() -> None:
    """The part after the last backslash; what its name says is evidence, and without a zone it has no time."""
    with replaying("nist_testbed_2025") as agent:
        machine = adapter(agent, device="GFAgie01", version=[{"name": r" (?P<version>\d{4})\.H$"}], trust_time="true")
        reading = (await machine.probe()).reading
        found = judged(reading, "BOTTOM CAVITY 2016.H", "2016")
        assert found.matches
        assert found.evidence is not None
        assert (found.evidence.source_time, found.evidence.trusted_time) == (None, False)
        assert judged(reading, "TOP CAVITY 2016.H", "2016").blind is Blind.NOT_LOADED


async def test_a_machine_of_a_test_bed_that_is_away() -> None:
    """The Hurco's program and execution are UNAVAILABLE, and newer than its availability: that is no word from it."""
    with replaying("nist_testbed_2025") as agent:
        assert await lost(adapter(agent, device="Hurco02"), agent) == "the agent says that Hurco02 is not available"
        with pytest.raises(AdapterError) as caught:
            await adapter(agent).probe()
        names = (
            "GFAgie01 (mtc_adapter001), Hurco02 (mtc_adapter006), Mazak01 (mtc_adapter002), Mazak03 (mtc_adapter004)"
        )
        assert caught.value.what == "the agent serves 4 devices"
        assert caught.value.hint == f"set `device` to one of: {names}"


@pytest.mark.parametrize(
    ("recording", "until", "options"),
    [
        ("okuma_multus_2022", "2022-08-08T13:51:38", {}),
        ("mazak_integrex_2016", "2016-10-06T11:17:34", {}),
        ("nist_testbed_2025", "", {"device": "GFAgie01"}),
        ("nist_testbed_2025", "", {"device": "Mazak01"}),
    ],
)
async def test_a_machine_that_tells_no_version_is_not_verified(
    recording: str, until: str, options: dict[str, Any]
) -> None:
    """Whatever is demanded of its program: never green, never red, and a card says that it cannot be verified."""
    with replaying(recording) as agent:
        agent.tell(f"until {until}")
        reading = (await adapter(agent, **options).probe()).reading
    here = Shop()
    here.released("E1", "B", program=reading.main_program)
    here.keeps_reading(16 * 60, program=reading.main_program, evidence=reading.evidence, running=True)
    assert here.verdicts() == ["unverifiable:no_extractor"]
    assert here.cards(Kind.CANNOT_VERIFY)
