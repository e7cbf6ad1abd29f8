"""Versions from program texts over OPC UA, from a server in another process: read on a change, believed only then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.domain.nc_program import digest
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.version import Extractor
from tests.integration.opcua_servers import OpcUaServer, starting
from tests.waiting import until

HEADER = {"header": r"REV (?P<version>[A-Z]+)"}
CONTROLS = {"dated": ("--record",), "undated": ("--undated",)}
PART = "Part+Program"


@pytest.fixture(scope="module")
def controls() -> Iterator[dict[str, OpcUaServer]]:
    """One control whose files say when they changed, and one whose files do not."""
    with starting(CONTROLS) as servers:
        yield servers


@pytest.fixture
def control(controls: dict[str, OpcUaServer]) -> OpcUaServer:
    """Return the dated control with one program selected."""
    server = controls["dated"]
    server.tell("mode auto", f"program {PART}/P1.MPF ; REV B\\nG1 X1\\nM30", f"fault {PART}/P1.MPF none", "load P1.MPF")
    return server


def adapter(server: OpcUaServer, *version: dict[str, str], **changed: Any) -> OpcUaAdapter:
    """Return an adapter that polls fast and reads headers."""
    options: dict[str, Any] = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
        "version": list(version) or [HEADER],
        **changed,
    }
    return OpcUaAdapter("m1", options, SystemClock())


async def reading(readings: AsyncIterator[Reading], fits: Callable[[Reading], bool]) -> Reading:
    """Return the first reading that fits."""
    last: Reading | None = None
    try:
        async with asyncio.timeout(30):
            async for last in readings:
                if fits(last):
                    return last
    except TimeoutError:
        raise AssertionError(f"no such reading; the last one: {last}") from None
    raise AssertionError("the readings ended")


def versions(found: Reading) -> list[str]:
    """Return the versions that were found, in order."""
    return [piece.value for piece in found.evidence]


def faulty(words: str) -> Callable[[Reading], bool]:
    """Return what tells a reading with such a fault."""
    return lambda found: any(words in fault.error for fault in found.faults)


async def test_the_header_of_the_selected_program_is_read_once_and_closed(control: OpcUaServer) -> None:
    """The evidence names the program and the file; while it is being read there is none, and the program is known all along."""
    async with adapter(control).connect() as readings:
        first = await anext(readings)
        assert (first.main_program, first.evidence) == ("P1.MPF", ())
        assert [fault.error for fault in first.faults] == ["P1.MPF: its text is being read"]
        found = await reading(readings, lambda one: versions(one) == ["B"])
        (piece,) = found.evidence
        assert (piece.extractor, piece.program, piece.raw) == (Extractor.HEADER, "P1.MPF", "; REV B")
        assert piece.field == "Sinumerik/FileSystem/Part Program/P1.MPF"
        assert found.faults == ()
        assert control.ask("handles") == 0
        opened = control.ask("opened")
        await reading(readings, lambda _: control.ask("opened") == opened + 1)  # once more: file times count seconds
        for _ in range(5):
            assert versions(await anext(readings)) == ["B"]
        assert control.ask("opened") == opened + 1, "a program that did not change was read again"


async def test_a_change_under_the_same_name_is_no_evidence_until_it_is_read(control: OpcUaServer) -> None:
    """The old header never stands for the new file: not one reading, however soon, shows it once the file has changed."""
    async with adapter(control).connect() as readings:
        await reading(readings, lambda one: versions(one) == ["B"])
        control.tell(f"fault {PART}/P1.MPF hold", f"program {PART}/P1.MPF ; REV C\\nG1 X1\\nM30")
        found = await reading(readings, lambda one: not one.evidence)
        assert faulty("it changed at the control")(found)
        assert found.main_program == "P1.MPF"
        for _ in range(3):  # however long the reading takes, polls go on without a version
            assert not (await anext(readings)).evidence
        control.tell(f"go-on {PART}/P1.MPF")
        assert versions(await reading(readings, lambda one: bool(one.evidence))) == ["C"]
    assert control.ask("handles") == 0


async def test_a_subscribed_machine_sees_a_changed_text_too(control: OpcUaServer) -> None:
    """No node changes with it: the file is asked about whenever the server says that there is no news."""
    async with adapter(control, read="subscribe").connect() as readings:
        await reading(readings, lambda one: versions(one) == ["B"])
        control.tell(f"program {PART}/P1.MPF ; REV C\\nG1 X1\\nM30")
        await reading(readings, lambda one: versions(one) == ["C"])


async def test_digest_and_comment(control: OpcUaServer) -> None:
    """The digest is of the normalised text, beside that of the bytes; the order is that of the settings."""
    text = "; REV D\nG1 X1\nM30"
    control.tell(f"program {PART}/P1.MPF {text}".replace("\n", "\\n"))
    machine = adapter(control, {"digest": "sha256"}, {"comment": r"^REV (?P<version>[A-Z])$"})
    async with machine.connect() as readings:
        found = await reading(readings, lambda one: bool(one.evidence))
    assert [piece.extractor for piece in found.evidence] == [Extractor.DIGEST, Extractor.COMMENT]
    assert found.evidence[0].value == digest(text)
    assert found.evidence[1].value == "D"


async def test_a_path_leads_to_the_file_of_that_path_only(control: OpcUaServer) -> None:
    """A workpiece's program is not the part program of the same name."""
    control.tell("program Work+Pieces/X.WPD/P1.MPF ; REV W", "load /_N_WKS_DIR/_N_X_WPD/_N_P1_MPF")
    async with adapter(control).connect() as readings:
        assert versions(await reading(readings, lambda one: bool(one.evidence))) == ["W"]
        control.tell("load /_N_WKS_DIR/_N_Y_WPD/_N_P1_MPF")
        await reading(readings, faulty("no file found"))
        assert not (await anext(readings)).evidence
        control.tell("load //NC/Part+programs/P1.MPF".replace("+", "_").replace("Part_programs", "MPF.DIR"))
        assert versions(await reading(readings, lambda one: bool(one.evidence))) == ["B"]


async def test_two_files_of_one_name_are_one_too_many(control: OpcUaServer) -> None:
    """Nobody knows which of them is selected, so neither is evidence; their folder, where the control says it, decides."""
    control.tell("program A/TWIN.MPF ; REV A", "program B/TWIN.MPF ; REV B", "load TWIN.MPF")
    files = [{"folder": "Sinumerik/FileSystem"}]
    async with adapter(control, files=files).connect() as readings:
        found = await reading(readings, faulty("2 files have its name"))
        assert found.evidence == ()
        control.tell("load /B/TWIN.MPF")
        assert versions(await reading(readings, lambda one: bool(one.evidence))) == ["B"]
        control.tell("program A/NEW.MPF ; REV N", "load NEW.MPF")  # came after the folder was looked through
        await reading(readings, faulty("no file found"))
    async with adapter(control, files=files).connect() as readings:
        assert versions(await reading(readings, lambda one: bool(one.evidence))) == ["N"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("BadUserAccessDenied", "give the gateway's user the right"),
        ("BadNotWritable", "open elsewhere"),
        ("BadInvalidState", "open elsewhere"),
        ("read BadInvalidState", "open elsewhere"),
        ("more", "bytes where"),
    ],
)
async def test_what_cannot_be_read_costs_its_own_field_only(control: OpcUaServer, fault: str, words: str) -> None:
    """One line for the version, no evidence, all else goes on, and no file stays open."""
    control.tell(f"fault {PART}/P1.MPF {fault}")
    async with adapter(control).connect() as readings:
        found = await reading(readings, faulty(words))
        assert (found.main_program, found.evidence) == ("P1.MPF", ())
        assert [fault.field for fault in found.faults] == ["version"]
        assert control.ask("handles") == 0


async def test_less_than_asked_is_not_the_end(control: OpcUaServer) -> None:
    """A server may answer any number of bytes; only none is the end."""
    control.tell(f"program {PART}/P1.MPF ; a first line\\n; REV Z", f"fault {PART}/P1.MPF less")
    async with adapter(control).connect() as readings:
        assert versions(await reading(readings, lambda one: bool(one.evidence))) == ["Z"]


async def test_empty_deleted_and_new_programs(control: OpcUaServer) -> None:
    """Empty is no evidence; gone is gone at once, even with the same node id again later; other fields go on."""
    control.tell(f"program {PART}/E.MPF ", "load E.MPF")
    async with adapter(control).connect() as readings:
        await reading(readings, faulty("E.MPF: it is empty"))
        control.tell("load P1.MPF")
        await reading(readings, lambda one: versions(one) == ["B"])
        control.tell(f"remove {PART}/P1.MPF")
        found = await reading(readings, lambda one: not one.evidence)
        assert found.main_program == "P1.MPF"
        await reading(readings, faulty("P1.MPF: "))


async def test_ten_megabytes_have_a_header_and_no_digest(control: OpcUaServer) -> None:
    """The beginning is read, not the rest; that there is no digest is said."""
    control.tell(f"large {PART}/BIG.MPF 10000000", "load BIG.MPF")
    async with adapter(control, HEADER, {"digest": "sha256"}).connect() as readings:
        found = await reading(readings, lambda one: bool(one.evidence))
        assert [piece.extractor for piece in found.evidence] == [Extractor.HEADER]
        assert faulty("larger than 4 MB")(found)


async def test_deleted_while_it_is_read(control: OpcUaServer) -> None:
    """What was read of it so far belongs to nothing."""
    control.tell(f"fault {PART}/P1.MPF hold")
    async with adapter(control).connect() as readings:
        await anext(readings)
        await until(lambda: control.ask("handles") == 1)
        control.tell(f"remove {PART}/P1.MPF")
        found = await reading(readings, lambda one: not faulty("being read")(one))
        assert found.evidence == ()


async def test_leaving_closes_what_is_open(control: OpcUaServer) -> None:
    """In the middle of a read."""
    control.tell(f"fault {PART}/P1.MPF hold")
    before = asyncio.all_tasks()
    async with adapter(control).connect() as readings:
        await anext(readings)
        await until(lambda: control.ask("handles") == 1)
    assert (control.ask("handles"), control.ask("sessions")) == (0, 0)
    assert asyncio.all_tasks() == before


async def test_another_program_is_not_kept_waiting(control: OpcUaServer) -> None:
    """A transfer that nobody asks for any more is given up, and its file closed."""
    control.tell(f"program {PART}/P2.MPF ; REV Q", f"fault {PART}/P1.MPF hold")
    async with adapter(control).connect() as readings:
        await anext(readings)
        await until(lambda: control.ask("handles") == 1)
        control.tell("load P2.MPF")
        assert versions(await reading(readings, lambda one: bool(one.evidence))) == ["Q"]
        assert control.ask("handles") == 0


async def test_an_undated_file_is_read_again_when_its_program_starts(controls: dict[str, OpcUaServer]) -> None:
    """Same name, same size: nothing says that it changed. What starts now is read anew before it is believed."""
    server = controls["undated"]
    server.tell(f"program {PART}/P1.MPF ; REV B", "load P1.MPF")
    async with adapter(server, recheck="1h").connect() as readings:
        await reading(readings, lambda one: versions(one) == ["B"])
        server.tell(f"program {PART}/P1.MPF ; REV C", "run")
        async with aclosing(unequal(readings)) as changes:
            seen = [await anext(changes) for _ in range(2)]
        assert [versions(one) for one in seen if one.running][-1] == ["C"]
        assert all(versions(one) != ["B"] for one in seen if one.running)


async def test_an_undated_file_is_read_again_now_and_then(controls: dict[str, OpcUaServer]) -> None:
    """Even when nothing happens at the machine."""
    server = controls["undated"]
    server.tell("stop", f"program {PART}/P1.MPF ; REV B", "load P1.MPF")
    async with adapter(server, recheck="1s").connect() as readings:
        await reading(readings, lambda one: versions(one) == ["B"])
        server.tell(f"program {PART}/P1.MPF ; REV C")
        await reading(readings, lambda one: versions(one) == ["C"])


async def unequal(readings: AsyncIterator[Reading]) -> AsyncIterator[Reading]:
    """Yield readings that say something else than the one before."""
    last: Reading | None = None
    async for one in readings:
        if last is None or not one.same_as(last):
            last = one
            if one.running:
                yield one


async def test_a_wrapper_is_followed_one_level(control: OpcUaServer) -> None:
    """The main program's text names the part program, whose own text has the version; a change of either is seen."""
    control.tell(
        'program Work+Pieces/W7.WPD/PART7.MPF ; REV P\\nEXTCALL "DEEPER"\\nM30',
        f'program {PART}/PALLET4.MPF EXTCALL ("/_N_WKS_DIR/_N_W7_WPD/_N_PART7_MPF")\\nM30',
        "load PALLET4.MPF",
    )
    machine = adapter(control, HEADER, judge="called_by_main")
    async with machine.connect() as readings:
        first = await anext(readings)
        assert first.called is None
        assert [fault.field for fault in first.faults] == ["version", "called"]
        found = await reading(readings, lambda one: bool(one.evidence))
        assert found.called == ("/_N_WKS_DIR/_N_W7_WPD/_N_PART7_MPF",)
        assert [(piece.value, piece.program) for piece in found.evidence] == [("P", found.called[0])]
        control.tell(f'program {PART}/PALLET4.MPF EXTCALL ("P1")\\nM30')
        found = await reading(readings, lambda one: bool(one.evidence) and one.called == ("P1",))
        assert versions(found) == ["B"]
        control.tell(f"remove {PART}/PALLET4.MPF")
        found = await reading(readings, lambda one: one.called is None)
        assert "called" in [fault.field for fault in found.faults], "what main calls cannot be read: nothing is gone"


async def test_a_wrapper_with_names_only(control: OpcUaServer) -> None:
    """Without header extractors, only the wrapper is read, and the called name is the evidence."""
    control.tell(f'program {PART}/WRAP.MPF EXTCALL "PART_C.MPF"\\nM30', "load WRAP.MPF")
    machine = adapter(control, {"name": r"_(?P<version>[A-Z])\.MPF$"}, judge="called_by_main")
    async with machine.connect() as readings:
        found = await reading(readings, lambda one: one.called is not None)
    assert [(piece.value, piece.program) for piece in found.evidence] == [("C", "PART_C.MPF")]
    assert found.faults == ()


async def test_a_look_waits_for_the_text(control: OpcUaServer) -> None:
    """`probe` shows the header's line, and how long it took to get it."""
    look = await adapter(control).probe()
    assert versions(look.reading) == ["B"]
    assert "read the program's text" in look.took
    shown = next(one for one in look.values if one.field == "version")
    assert (shown.raw, shown.meaning) == ("; REV B", "B")
    assert control.ask("handles") == 0


async def test_nothing_that_changes_the_control_is_ever_asked_for(control: OpcUaServer) -> None:
    """The server's own record of this whole module: it reads, it looks, and of methods it calls Open, Read and Close."""
    async with adapter(control, HEADER, {"digest": "sha256"}).connect() as readings:
        await reading(readings, lambda one: len(one.evidence) == 2)
    async with adapter(control).browse(None, 3) as entries:
        assert [one async for one in entries]
    assert control.tell("calls").split() == ["Close", "Open", "Open(1)", "Read"]
    services = set(control.tell("services").split(", "))
    allowed = {
        "activate session",
        "browse",
        "browse next",
        "create monitored items",  # of the test that subscribes: the server watches, and nothing changes
        "create subscription",
        "delete subscriptions",
        "modify subscription",
        "publish",
        "call",
        "close secure channel",
        "close session",
        "create session",
        "get endpoints",
        "read",
        "translate browsepaths to nodeids",
    }
    assert {"read", "call", "browse"} <= services, "the record must see something"
    assert services <= allowed
