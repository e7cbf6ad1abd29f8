"""One file read from a control: what may go wrong at each step, and that it is closed whatever did."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from adapters.opcua.files import File
from adapters.opcua.session import Batches, parameters
from adapters.opcua.transfer import PIECE, FileError, Stat, stat, transferred
from edge_bridge.errors import AdapterError
from edge_bridge.testing import ManualClock
from tests.waiting import until

OPEN, READ, CLOSE, SIZE, MODIFIED = (ua.NodeId.from_string(f"i={number}") for number in range(1, 6))
FILE = File("P1", ua.NodeId.from_string("i=9"), OPEN, READ, CLOSE, SIZE, MODIFIED)
GOOD = ua.StatusCode()


class Control:
    """A control with one file. answers: what a method answers in place of what it should."""

    def __init__(self, data: bytes = b"", **answers: object) -> None:
        self.data, self.answers = data, answers
        self.position = 0
        self.calls: list[tuple[str, list[object]]] = []
        self.held = asyncio.Event()
        self.values: dict[ua.NodeId, ua.DataValue] = {}

    @property
    def names(self) -> list[str]:
        """Which methods were called, in order."""
        return [name for name, _ in self.calls]

    async def call_file(
        self, file: ua.NodeId, method: ua.NodeId, arguments: list[ua.Variant]
    ) -> tuple[ua.StatusCode, list[object]]:
        """Answer as the standard says, or as this test does."""
        assert file == FILE.node
        name = {OPEN: "open", READ: "read", CLOSE: "close"}[method]
        self.calls.append((name, [one.Value for one in arguments]))
        answer = self.answers.get(name)
        if answer == "hold":
            await self.held.wait()
        elif isinstance(answer, Exception):
            raise answer
        elif isinstance(answer, str):
            return ua.StatusCode(ua.UInt32(getattr(StatusCodes, answer))), []
        elif answer is not None:
            return GOOD, [answer]
        return GOOD, self._answer(name, arguments)

    def _answer(self, name: str, arguments: Sequence[ua.Variant]) -> list[object]:
        if name == "read":
            at, self.position = self.position, self.position + arguments[1].Value
            return [self.data[at : self.position]]
        return [7] if name == "open" else []

    def prepared(self, nodes: Sequence[ua.NodeId]) -> Batches:
        """One request."""
        return (parameters(nodes),)

    async def read(self, batches: Batches) -> list[ua.DataValue]:
        """Answer size and time."""
        return [self.values[one.NodeId] for one in batches[0].NodesToRead]

    async def namespaces(self) -> list[str]:
        """Nothing is looked for here."""
        return []

    async def children(self, node: ua.NodeId, most: int) -> list[ua.ReferenceDescription]:
        """Nor here."""
        return []

    async def translate(self, paths: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """Nor here."""
        return []


@pytest.mark.parametrize("size", [0, 1, 99, 100, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize("most", [100, 3 * PIECE])
async def test_a_file_comes_in_pieces_and_says_whether_it_is_whole(size: int, most: int) -> None:
    """Opened for reading and nothing else, never more asked for than is wanted, closed with the handle that was given."""
    data = bytes(number % 251 for number in range(size))
    control = Control(data)
    assert await transferred(control, ManualClock(), FILE, most) == (data[:most], size <= most)
    assert control.calls[0] == ("open", [1])
    assert control.calls[-1] == ("close", [7])
    asked = [arguments[1] for name, arguments in control.calls if name == "read"]
    assert max(int(str(one)) for one in asked) <= PIECE


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"open": "BadUserAccessDenied"}, "right to read files"),
        ({"open": "BadNotWritable"}, "open elsewhere"),
        ({"open": "BadSensorFailure"}, "BadSensorFailure"),
        ({"read": "BadInvalidState"}, "open elsewhere"),
        ({"read": "BadNodeIdUnknown"}, "deleted"),
        ({"read": b"x" * (PIECE + 1)}, "bytes where"),
        ({"read": 5}, "no bytes"),
        ({"read": AdapterError("no answer", "")}, "no answer"),
    ],
)
async def test_what_goes_wrong_is_one_line_and_closed(answers: dict[str, object], words: str) -> None:
    """A file that was never opened needs no closing; one that was is closed in any case."""
    control = Control(b"x" * 10, **answers)
    with pytest.raises(FileError, match=words):
        await transferred(control, ManualClock(), FILE, 3 * PIECE)
    assert (control.names[-1] == "close") == ("open" not in answers)


async def test_a_file_that_may_be_open_ends_the_session() -> None:
    """No answer to Open, or one without a handle: only the end of the session closes what nobody can name."""
    for answer in (AdapterError("no answer", "x"), b"no handle"):
        with pytest.raises(AdapterError):
            await transferred(Control(open=answer), ManualClock(), FILE, 9)


async def test_told_to_stop_while_opening_it_is_closed_when_it_is_open() -> None:
    """The answer to Open comes after we were told to stop."""
    control = Control(open="hold")
    task = asyncio.create_task(transferred(control, ManualClock(), FILE, 9))
    await until(lambda: control.calls)
    task.cancel()
    await until(lambda: task.cancelling())
    assert not task.done()
    control.held.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert control.names == ["open", "close"]


async def test_told_to_stop_while_reading_it_is_closed() -> None:
    """And the cancellation is not swallowed."""
    control = Control(b"x", read="hold")
    task = asyncio.create_task(transferred(control, ManualClock(), FILE, 9))
    await until(lambda: control.names == ["open", "read"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert control.names == ["open", "read", "close"]


async def test_size_and_time_are_what_the_server_gives() -> None:
    """A bad one is none; a file that is gone is gone."""
    control = Control()
    moment = ua.DataValue(ua.Variant("then"))
    bad = ua.DataValue(ua.Variant(), ua.StatusCode(ua.UInt32(StatusCodes.BadSensorFailure)))
    control.values = {SIZE: ua.DataValue(ua.Variant(5)), MODIFIED: moment}
    assert await stat(control, [FILE]) == [Stat(5, "then")]
    control.values[MODIFIED] = bad
    (found,) = await stat(control, [FILE])
    assert (found, found.dated) == (Stat(5), False)
    control.values[SIZE] = ua.DataValue(ua.Variant(), ua.StatusCode(ua.UInt32(StatusCodes.BadNodeIdUnknown)))
    with pytest.raises(FileError, match="deleted") as caught:
        await stat(control, [FILE])
    assert caught.value.moved
