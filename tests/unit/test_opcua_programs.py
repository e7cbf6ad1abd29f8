"""What is known of program texts at each reading: with a control that is slow, that loses answers, that calls many programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from asyncua import ua

from adapters.opcua.decode import Found, Known, Layout
from adapters.opcua.options import FileOptions
from adapters.opcua.programs import MOST_PROGRAMS, ProgramTexts
from adapters.opcua.session import Batches, parameters
from edge_bridge.domain.nc_program import WHOLE_BYTES
from edge_bridge.errors import AdapterError
from edge_bridge.options import ExtractorOptions
from edge_bridge.testing import ManualClock
from tests.waiting import until

HEADER = ExtractorOptions.model_validate({"header": r"REV (?P<version>[A-Z])"})
RULE = FileOptions(file="ns=2;s={name}")
_PARTS = ("Open", "Read", "Close", "Size", "LastModifiedTime")


class Control:
    """A control with programs by name. Each file's parts have ids like `P1.Open`."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts
        self.changed: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self.position = 0
        self.answering = asyncio.Event()
        self.answering.set()
        self.lost = False

    async def children(self, node: ua.NodeId, most: int) -> list[ua.ReferenceDescription]:
        """Return a file's methods and properties."""
        name = str(node.Identifier)
        if name not in self.texts:
            return []
        return [
            ua.ReferenceDescription(
                BrowseName=ua.QualifiedName(part, 0),
                NodeId=ua.ExpandedNodeId(ua.String(f"{name}.{part}"), ua.Int16(2)),
            )
            for part in _PARTS
        ]

    async def read(self, batches: Batches) -> list[ua.DataValue]:
        """Return size and time, as soon as this control answers."""
        await self.answering.wait()
        values = []
        for one in batches[0].NodesToRead:
            name, _, part = str(one.NodeId.Identifier).partition(".")
            size = self.sizes.get(name, len(self.texts[name]))
            values.append(ua.DataValue(ua.Variant(size if part == "Size" else f"at {self.changed.get(name, 0)}")))
        return values

    async def call_file(
        self, file: ua.NodeId, method: ua.NodeId, arguments: list[ua.Variant]
    ) -> tuple[ua.StatusCode, list[object]]:
        """Answer Open, Read and Close."""
        if self.lost:
            raise AdapterError("no answer", "check the network")
        name, _, kind = str(method.Identifier).partition(".")
        if kind == "Open":
            self.position = 0
            return ua.StatusCode(), [1]
        if kind == "Read":
            at, self.position = self.position, self.position + arguments[1].Value
            return ua.StatusCode(), [self.texts[name].encode()[at : self.position]]
        return ua.StatusCode(), []

    def prepared(self, nodes: Sequence[ua.NodeId]) -> Batches:
        """One request."""
        return (parameters(nodes),)

    async def namespaces(self) -> list[str]:
        """By index only."""
        return []

    async def translate(self, paths: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """No paths."""
        return []


def selected(main: str) -> Found:
    """Return what the nodes say when this program is selected."""
    return Found(texts={"main_program": main})


@asynccontextmanager
async def texts(control: Control, judge: str = "main", clock: ManualClock | None = None) -> AsyncIterator[ProgramTexts]:
    """Yield the texts of a connection to this control."""
    layout = Layout("m1", (), (HEADER,), judge=judge, files=(RULE,))
    made = ProgramTexts(layout, control, clock or ManualClock(), None)
    try:
        yield made
    finally:
        await made.close()


async def read(made: ProgramTexts, found: Found) -> Known:
    """Return what is known once all is read that can be."""
    known = await made.known(found)
    while made.busy:
        await made.finished()
        known = await made.known(found)
    return known


async def test_a_control_that_is_slow_to_answer_shows_no_version_instead_of_an_old_one() -> None:
    """The reading waits a moment, goes on without, and has the version again when the control answers."""
    control = Control(P1="REV B")
    async with texts(control) as made:
        assert [one.head for one in (await read(made, selected("P1"))).contents] == ["REV B"]
        control.answering.clear()
        for _ in range(2):
            known = await made.known(selected("P1"))
            assert known.contents == ()
            assert [fault.error for fault in known.faults] == [
                "P1: the control does not say in time whether its file changed"
            ]
        control.answering.set()
        assert [one.head for one in (await read(made, selected("P1"))).contents] == ["REV B"]


async def test_a_file_that_changed_is_not_believed_in_the_same_breath() -> None:
    """Not even in the reading that notices it."""
    control = Control(P1="REV B")
    async with texts(control) as made:
        await read(made, selected("P1"))
        control.texts["P1"], control.changed["P1"] = "REV C", 1
        assert (await made.known(selected("P1"))).contents == ()
        assert [one.head for one in (await read(made, selected("P1"))).contents] == ["REV C"]


async def test_a_file_is_read_once_more_and_then_left_alone() -> None:
    """The second that its time counts must be over; meanwhile what was read is believed."""
    control, clock = Control(P1="REV B"), ManualClock()
    async with texts(control, clock=clock) as made:
        await read(made, selected("P1"))
        control.texts["P1"] = "REV C"  # in the same second, of the same size
        assert (await made.known(selected("P1"))).contents[0].head == "REV B"
        await clock.advance(3)
        assert (await read(made, selected("P1"))).contents[0].head == "REV C"
        await clock.advance(3)
        await read(made, selected("P1"))
        control.texts["P1"] = "REV D"
        await clock.advance(3_000)
        await read(made, selected("P1"))
        assert (await read(made, selected("P1"))).contents[0].head == "REV C", "nothing said that it changed"


async def test_another_path_is_another_file() -> None:
    """Of the same name: what was read of the one is nothing of the other."""
    control = Control(P1="REV B")
    async with texts(control) as made:
        await read(made, selected("A/P1"))
        assert (await made.known(selected("B/P1"))).contents == ()


async def test_a_lost_answer_to_open_ends_the_connection() -> None:
    """The next reading says so: the file may be open, and only the end of the session closes it."""
    control = Control(P1="REV B")
    control.lost = True
    async with texts(control) as made:
        await made.known(selected("P1"))
        await until(lambda: not made.busy)
        with pytest.raises(AdapterError, match="no answer"):
            await made.known(selected("P1"))


async def test_a_wrapper_that_calls_very_many() -> None:
    """Not all their texts are read, and that is said; all of them are judged."""
    names = [f"S{number}" for number in range(20)]
    wrapper = "\n".join(f'CALL "{name}"' for name in names)
    control = Control(WRAP=wrapper, **dict.fromkeys(names, "REV B"))
    async with texts(control, "called_by_main") as made:
        known = await read(made, selected("WRAP"))
    assert known.called == tuple(names)
    assert len(known.contents) == MOST_PROGRAMS
    assert [fault.error for fault in known.faults] == [f"only the texts of the first {MOST_PROGRAMS} programs are read"]


async def test_a_wrapper_that_is_too_large_to_be_read_calls_nobody_knows_what() -> None:
    """Its calls are not known: nothing counts as gone. So too while it is read, and when it is not there."""
    control = Control(WRAP="x" * (WHOLE_BYTES + 1))
    async with texts(control, "called_by_main") as made:
        first = await made.known(selected("WRAP"))
        later = await read(made, selected("WRAP"))
        gone = await read(made, selected("NOWHERE"))
    for known in (first, later, gone):
        assert known.called is None
        assert "called" in [fault.field for fault in known.faults]
    assert "larger than" in later.faults[-1].error
    assert "no file found" in gone.faults[-1].error


async def test_a_size_that_is_not_what_can_be_read_is_a_fault() -> None:
    """A server that counts otherwise, or a file that is being written; a size of 0 is said of open files, and is none."""
    control = Control(P1="REV B")
    control.sizes["P1"] = 3
    async with texts(control) as made:
        known = await read(made, selected("P1"))
        assert "it has 3 bytes, and 5 were read" in known.faults[0].error
    control.sizes["P1"] = 0
    async with texts(control) as made:
        assert [one.head for one in (await read(made, selected("P1"))).contents] == ["REV B"]
