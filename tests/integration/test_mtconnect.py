"""The MTConnect adapter against an agent in another process: streams, polls, files, and what happens when it starts anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from adapters.mtconnect.adapter import MtConnectAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode, Reading
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import AdapterError, ConfigError
from tests.integration.mtconnect_agents import Agent, running
from tests.waiting import until

READS = pytest.mark.parametrize("read", ["subscribe", "poll"])
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
VERSIONS = [{"asset": "versionId"}, {"digest": "sha256"}, {"comment": r"REV (?P<version>\w+)"}]


@pytest.fixture
def agent() -> Iterator[Agent]:
    """An agent that streams and serves assets."""
    with running() as found:
        yield found


def adapter(url: str, **changed: Any) -> MtConnectAdapter:
    """Return an adapter that reads ten times a second."""
    options = {"adapter": "mtconnect", "url": url, "every": "100ms", "timeout": "2s", "version": VERSIONS, **changed}
    return MtConnectAdapter("m1", options, SystemClock())


async def when(readings: AsyncIterator[Reading], condition: Callable[[Reading], bool]) -> Reading:
    """Return the first reading that fulfils the condition."""
    async with asyncio.timeout(20):
        async for reading in readings:
            if condition(reading):
                return reading
    raise AssertionError("the readings ended")


async def exhaust(readings: AsyncIterator[Reading], after_two: Callable[[], object]) -> None:
    """Do something once readings come as they will go on, and take them until they end with an error."""
    await anext(readings)
    await anext(readings)  # the first of a stream
    after_two()
    async with asyncio.timeout(20):
        async for _ in readings:
            pass


def said(reading: Reading) -> dict[str, str]:
    """Return each extractor's first answer that names its program."""
    return {one.extractor.value: one.value for one in reversed(reading.evidence) if one.program is not None}


@READS
async def test_a_machine_is_read_and_followed(agent: Agent, read: str) -> None:
    """Program, execution, mode, test and version, and each change of them, by stream and by poll."""
    async with adapter(agent.url, read=read).connect() as readings:
        first = await anext(readings)
        assert (first.main_program, first.execution, first.mode, first.test) == (
            "EL-100_OP10_B.NC",
            Execution.STOPPED,
            Mode.AUTOMATIC,
            False,
        )
        assert said(first) == {"asset": "B", "comment": "B"}
        assert first.faults == ()
        agent.tell("load EL-100_OP10_C.NC C", "run", "sub O9001", "mode mdi", "test on")
        found = await when(readings, lambda one: one.test is True)
        assert (found.main_program, found.active_program) == ("EL-100_OP10_C.NC", "O9001")
        assert (found.execution, found.mode) == (Execution.RUNNING, Mode.MDI)
        assert said(found) == {"asset": "C", "comment": "C"}
    asked = agent.requests()
    assert (asked.get("sample", 0) == 0) is (read == "poll")
    if read == "subscribe":
        assert asked["current"] == 1
    await until(lambda: agent.connections()[0] == 0)


async def test_a_stream_brings_heartbeats_and_is_one_connection(agent: Agent) -> None:
    """Nothing happens for three heartbeats: readings come all the same, over one connection, without being asked again."""
    async with adapter(agent.url).connect() as readings:
        began = SystemClock().now()
        for _ in range(4):
            last = await anext(readings)
        assert last.at.since(began) >= 2000
        assert agent.requests() == {"assets": 1, "current": 1, "sample": 1}
        assert agent.connections()[0] == 1


async def test_nothing_that_came_and_went_is_lost_in_a_stream(agent: Agent) -> None:
    """Another program is selected, run and left between two documents: each step is a reading."""
    async with adapter(agent.url, every="1s").connect() as readings:
        first = await anext(readings)
        agent.tell("load O2 A", "run", "stop", f"load {first.main_program} B")
        programs = [(await when(readings, lambda one: one.main_program == "O2")).main_program]
        programs.append((await when(readings, lambda one: one.main_program != "O2")).main_program)
        assert programs == ["O2", first.main_program]


@READS
async def test_a_remark_left_over_is_nobody_s(agent: Agent, read: str) -> None:
    """The program changes and its remark does not: the remark names no program until it is said again."""
    async with adapter(agent.url, read=read, version=[{"comment": r"REV (?P<version>\w+)"}]).connect() as readings:
        agent.tell("comment REV B", "set program O7")
        found = await when(readings, lambda one: one.main_program == "O7")
        assert [(one.value, one.program, one.bound) for one in found.evidence] == [("B", None, False)]
        agent.tell("comment REV D")
        found = await when(readings, lambda one: bool(one.evidence) and one.evidence[0].value == "D")
        assert found.evidence[0].program == "O7"


@READS
async def test_a_file_that_is_modified_at_the_machine_is_seen(agent: Agent, read: str) -> None:
    """The asset's state turns from PRODUCTION to REVISION: no other evidence of that program is left."""
    async with adapter(agent.url, read=read).connect() as readings:
        name = (await anext(readings)).main_program
        agent.tell(f"file {name} B PRODUCTION {SHA256}")
        found = await when(readings, lambda one: "digest" in said(one))
        assert said(found) == {"asset": "B", "digest": SHA256, "comment": "B"}
        agent.tell("tool", f"file {name} B REVISION {SHA256}", "tool")
        found = await when(readings, lambda one: said(one).get("asset") != "B")
        assert said(found) == {"asset": "B (REVISION)"}
        agent.tell(f"remove {name}")
        found = await when(readings, lambda one: "asset" not in said(one))
        assert said(found) == {"comment": "B"}


async def test_tools_do_not_make_it_read_the_files_again(agent: Agent) -> None:
    """Tools announce themselves with every cut; a stream tells them from files."""
    async with adapter(agent.url).connect() as readings:
        await anext(readings)
        agent.tell("tool", "tool", "run")
        await when(readings, lambda one: one.execution is Execution.RUNNING)
        assert agent.requests()["assets"] == 1


async def test_an_agent_without_assets_costs_the_version_only() -> None:
    """Its own words are the fault; the remark still gives the version."""
    with running("--no-assets") as agent:
        async with adapter(agent.url).connect() as readings:
            found = await anext(readings)
        assert said(found) == {"comment": "B"}
        assert [fault.error for fault in found.faults] == [
            "the agent gives no File assets: INVALID_URI: 0: no assets here"
        ]


@READS
async def test_an_agent_that_starts_anew_is_asked_for_everything(agent: Agent, read: str) -> None:
    """Another instanceId: what was said before is forgotten, and what is now comes at once."""
    async with adapter(agent.url, read=read).connect() as readings:
        await anext(readings)
        agent.tell("set program O77", "restart")
        found = await when(readings, lambda one: one.main_program == "O77")
        assert found.execution is Execution.STOPPED
        agent.tell("run")
        await when(readings, lambda one: one.execution is Execution.RUNNING)


async def test_an_agent_whose_buffer_has_run_over_is_asked_anew() -> None:
    """Eight observations are kept and twenty come while nobody listens: /current is read again, and nothing is green by
    what was before.
    """
    with running("--buffer", "8") as agent:
        async with adapter(agent.url, every="1s").connect() as readings:
            await anext(readings)
            agent.freeze()
            agent.thaw()
            agent.tell(*(f"set feed {number}" for number in range(20)), "load O5 E", "run")
            found = await when(readings, lambda one: one.main_program == "O5")
            assert said(found)["comment"] == "E"
            assert agent.requests()["current"] == 2


async def test_a_connection_that_is_cut_is_taken_up_where_it_was(agent: Agent) -> None:
    """The stream breaks off: the loss is told, and a new connection knows what happened meanwhile."""
    machine = adapter(agent.url)
    with pytest.raises(AdapterError, match="closed the connection"):
        async with machine.connect() as readings:
            await exhaust(readings, lambda: agent.tell("hang_up", "load O6 F"))
    async with machine.connect() as readings:
        assert said(await when(readings, lambda one: one.main_program == "O6"))["comment"] == "F"


async def test_auto_polls_an_agent_that_does_not_stream() -> None:
    """The agent answers a stream's question with one document; subscribe says so, auto goes on by asking."""
    with running("--no-stream") as agent:
        async with adapter(agent.url, read="auto").connect() as readings:
            await anext(readings)
            agent.tell("run")
            await when(readings, lambda one: one.execution is Execution.RUNNING)
        with pytest.raises(AdapterError, match="does not stream"):
            async with adapter(agent.url, read="subscribe").connect() as readings:
                await when(readings, lambda _: False)


@READS
async def test_an_agent_that_takes_no_selection_is_read_whole(read: str) -> None:
    """XPath is refused: everything is asked for from then on."""
    with running("--no-filter") as agent:
        async with adapter(agent.url, read=read).connect() as readings:
            await anext(readings)
            agent.tell("run")
            await when(readings, lambda one: one.execution is Execution.RUNNING)


async def test_a_machine_of_several_is_named() -> None:
    """Two devices with two paths each: the error names them, and the setting is obeyed, by stream and by poll."""
    with running("--devices", "2", "--paths", "2") as agent:
        for changed, words in (
            ({}, "serves 2 devices → set `device` to one of: machine (machine-uuid), machine2 (machine2-uuid)"),
            ({"device": "mill"}, "no device 'mill' → set `device` to one of: machine (machine-uuid)"),
            ({"device": "machine"}, "2 paths with PROGRAM:MAIN → set `path` to one of: path1, path2"),
            ({"device": "machine", "path": "p9"}, "no path 'p9' → set `path` to one of: path1 (path1), path2 (path2)"),
        ):
            with pytest.raises(AdapterError) as caught:
                async with adapter(agent.url, **changed).connect():
                    raise AssertionError("connected")
            assert words in str(caught.value)
        for read in ("subscribe", "poll"):
            async with adapter(agent.url, device="machine-uuid", path="path1", read=read).connect() as readings:
                agent.tell("run")
                await when(readings, lambda one: one.execution is Execution.RUNNING)
                agent.tell("stop")
                await when(readings, lambda one: one.execution is Execution.STOPPED)


@READS
async def test_a_machine_that_is_switched_off_is_lost(agent: Agent, read: str) -> None:
    """The agent lives and has no word from the machine: that is no reading, and neither is a new connection."""
    machine = adapter(agent.url, read=read)
    with pytest.raises(AdapterError, match="says that machine is not available"):
        async with machine.connect() as readings:
            await exhaust(readings, lambda: agent.tell("unavailable"))
    with pytest.raises(AdapterError, match="not available"):
        async with machine.connect():
            raise AssertionError("connected")
    agent.tell("available")
    async with machine.connect() as readings:
        assert (await anext(readings)).main_program == "EL-100_OP10_B.NC"


async def test_a_trusted_clock_may_prove_when(agent: Agent) -> None:
    """The agent's time is kept with each piece of evidence, and trusted only where the site says so."""
    for trust in ("false", "true"):
        async with adapter(agent.url, trust_time=trust).connect() as readings:
            found = await anext(readings)
        assert found.evidence
        for one in found.evidence:
            assert one.source_time is not None
            assert abs(one.source_time - found.at.utc) < 60_000
            assert one.trusted_time is (trust == "true")


async def test_a_look_tells_every_value(agent: Agent) -> None:
    """For `probe`: raw and mapped values, which extractor answered, how long it took; nothing stays open."""
    look = await adapter(agent.url).probe()
    seen = {(one.field, one.place): (one.raw, one.meaning) for one in look.values}
    assert seen["execution", "execution (Execution)"] == ("STOPPED", "stopped")
    assert seen["test", "dry_run (ControllerModeOverride:DRY_RUN)"] == ("OFF", "false")
    assert seen["version", "comment of EL-100_OP10_B.NC (comment (ProgramComment:MAIN))"] == ("REV B", "B")
    assert [one.extractor for one in look.reading.evidence] == [Extractor.ASSET, Extractor.COMMENT]
    assert list(look.took) == ["current", "assets"]
    await until(lambda: agent.connections()[0] == 0)


async def test_walking_through_it_gives_lines_to_paste(agent: Agent) -> None:
    """For `browse`: what is there, with values, and lines that a machine's file takes."""
    machine = adapter(agent.url)
    async with machine.browse(None, 9) as entries:
        found = {entry.place: entry async for entry in entries}
    assert (found["program"].value, found["program"].yaml) == ("EL-100_OP10_B.NC", "main_program: program")
    assert found["feed"].yaml == "- variable: feed"
    assert (found["path1"].depth, found["path1"].yaml) == (2, "path: path1")
    assert found["machine"].yaml == "device: machine"
    async with machine.browse("controller", 1) as entries:
        assert [(entry.place, entry.depth) async for entry in entries] == [("mode", 0), ("path1", 0)]
    with pytest.raises(ConfigError, match="no component 'nowhere'"):
        async with machine.browse("nowhere", 1):
            raise AssertionError("found")
