"""When a subscribed machine is read: what its server publishes decides when to look, never what is evidence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest
from asyncua import ua

from adapters.opcua.following import Following, terms
from adapters.opcua.subscription import Published, Terms, UnwillingError
from adapters.opcua.values import Answer
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.testing import ManualClock

PROGRAM, VERSION = (ua.NodeId(ua.Int32(number), ua.Int16(1)) for number in (1, 2))
Looked = tuple[Milliseconds, str, str]


def told(value: str, status: str = "Good") -> ua.DataValue:
    """Return a value as a server sends it."""
    return ua.DataValue(ua.Variant(value), ua.StatusCode(ua.UInt32(getattr(ua.StatusCodes, status))))


class Control:
    """A control with two nodes that can be read, and a subscription that tells what the test has it tell."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.values: dict[ua.NodeId, Answer] = {PROGRAM: told("A"), VERSION: told("1")}
        self.nodes: Sequence[ua.NodeId | str] = (PROGRAM, VERSION)
        self.again: Milliseconds | None = None
        self.keep_alive_every = 30_000
        self.granted: Terms | None = None
        self.refused: list[str] = []
        self.sampling = 0
        self.notified: dict[ua.NodeId, ua.DataValue | None] = {}
        self.reads: list[Milliseconds] = []
        self.opened = self.dropped = 0
        self.slow: Milliseconds = 0
        self._published: asyncio.Queue[Published | UnwillingError] = asyncio.Queue()

    async def keep_alive(self) -> None:
        """A slow poll is not tried here."""

    async def answers(self) -> list[Answer]:
        """Read; it takes `slow`."""
        if self.slow:
            await self.clock.sleep(self.slow / 1000)
        self.reads.append(self.clock.boottime)
        return [one if isinstance(one, str) else self.values[one] for one in self.nodes]

    async def open(self, asked: Terms) -> Terms:
        """Grant a subscription."""
        self.opened += 1
        self.notified = {}
        return self.granted or asked

    async def watch(self, nodes: Sequence[ua.NodeId], every: Milliseconds) -> tuple[list[str], Milliseconds]:
        """Watch the nodes."""
        self.notified.update(dict.fromkeys(nodes))
        return self.refused, max(every, self.sampling)

    async def heard(self, within: Milliseconds) -> Published | None:
        """Return what was published, None after this time."""
        waiting = [asyncio.ensure_future(one) for one in (self._published.get(), self.clock.sleep(within / 1000))]
        done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        found = done.pop().result()
        if isinstance(found, UnwillingError):
            raise found
        return found

    async def drop(self) -> None:
        """Take the subscription back."""
        self.dropped += 1

    async def close(self) -> None:
        """Nothing is under way."""

    def publish(self, *, age: Milliseconds = 1_000, **news: ua.DataValue) -> None:
        """Tell news, or that there are none. age: how long ago it was asked for."""
        self.notified.update({PROGRAM if name == "program" else VERSION: value for name, value in news.items()})
        now = self.clock.now()
        asked = Stamp(now.utc - age, now.boottime - age, now.boot)
        self._published.put_nowait(Published(asked, now, bool(news)))

    def end(self) -> None:
        """End the subscription."""
        self._published.put_nowait(UnwillingError("it ended the subscription (BadNoSubscription)"))


class Watching:
    """A machine that is followed; `looks` are the readings that came, with their times."""

    def __init__(self, *, every: Milliseconds = 1_000, subscribed: bool = True) -> None:
        self.clock = ManualClock(boottime=60_000)
        self.control = Control(self.clock)
        self.said: list[str] = []
        asked = terms(every, 30_000, 60_000, ())
        subscription = self.control if subscribed else None
        self.following = Following(self.control, self.control, subscription, asked, self.clock, every, self.said.append)
        self.looks: list[Looked] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            at, answers = await self.following.look()
            program, version = (
                "?" if isinstance(one, str) or one.Value is None else one.Value.Value for one in answers
            )
            self.looks.append((at.boottime, str(program), str(version)))

    async def settle(self) -> None:
        """Have the control tell its values: what was read is what it says."""
        await self.clock.advance(0.1)
        self.control.publish(program=told("A"), version=told("1"))
        await self.clock.advance(0)

    async def end(self) -> None:
        """Stop following."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def last(self) -> Looked:
        """The newest reading."""
        return self.looks[-1]


@pytest.fixture
async def machine() -> AsyncIterator[Watching]:
    """Return a machine whose subscription is believed."""
    found = Watching()
    await found.settle()
    yield found
    await found.end()


async def test_silence_that_is_proven_is_a_reading_without_a_read(machine: Watching) -> None:
    """Each beat is one, at the moment at which it came; every 10 s at the latest all is read again."""
    assert machine.control.reads == [60_000]
    for _ in range(3):
        await machine.clock.advance(3)
        machine.control.publish()
        await machine.clock.advance(0)
        assert machine.last == (machine.clock.boottime, "A", "1")
    assert machine.control.reads == [60_000]
    await machine.clock.advance(2)
    assert machine.control.reads == [60_000, 70_000]


async def test_news_are_read_and_never_put_together(machine: Watching) -> None:
    """The program's news come alone; what is evidence is read, version and all."""
    machine.control.values = {PROGRAM: told("B"), VERSION: told("2")}
    machine.control.publish(program=told("B"))
    await machine.clock.advance(0.05)
    assert machine.last[1:] == ("B", "2")


async def test_a_look_between_two_samples_is_not_believed_for_long(machine: Watching) -> None:
    """The control went from A to B and back, B was read in between, and its server has no news of that: read again."""
    machine.control.publish(version=told("9"))
    machine.control.values[PROGRAM] = told("B")
    await machine.clock.advance(0.05)
    assert machine.last[1:] == ("B", "1")
    machine.control.values[PROGRAM] = told("A")
    machine.control.publish(version=told("1"))  # and not a word of the program
    await machine.clock.advance(1.2)
    assert machine.last[1:] == ("A", "1")


async def test_a_beat_proves_nothing_while_words_and_values_differ(machine: Watching) -> None:
    """No reading is made of it, and the machine is polled each `every`; after half a minute it is given up."""
    machine.control.values[VERSION] = told("2")
    machine.control.publish(program=told("X"))
    await machine.clock.advance(0)
    before = len(machine.control.reads)
    for _ in range(5):
        machine.control.publish()
        await machine.clock.advance(1)
    assert len(machine.control.reads) - before == 5
    assert len(machine.looks) == len(machine.control.reads) + 1  # the one of `settle`
    for _ in range(30):
        machine.control.publish()
        await machine.clock.advance(1)
    assert machine.said[-1] == "polled: what the server publishes is not what is read"
    assert machine.control.dropped == 1


async def test_a_beat_that_lay_about_proves_nothing(machine: Watching) -> None:
    """It was asked for long ago: it may have been sent before the last change, or while this computer slept."""
    await machine.clock.advance(2)
    before = len(machine.looks)
    machine.control.publish(age=6_000)
    await machine.clock.advance(0)
    assert len(machine.looks) == before


async def test_a_silent_server_is_asked_and_then_given_up(machine: Watching) -> None:
    """No beat in time: one read as a check; nothing for long: polled each `every`, and subscribed anew later."""
    await machine.clock.advance(5)
    assert len(machine.control.reads) == 2
    assert machine.last[0] == 65_100
    await machine.clock.advance(12)
    assert machine.said[-1] == "polled: the server publishes nothing"
    before = len(machine.control.reads)
    await machine.clock.advance(10)
    assert len(machine.control.reads) - before == 10
    await machine.clock.advance(50)
    assert machine.control.opened >= 2


async def test_readings_are_never_older_than_evidence_may_be(machine: Watching) -> None:
    """Whatever a server that lives does with its subscription, the gap between two readings stays below 10 s."""
    machine.control.publish(program=told("Z"))
    await machine.clock.advance(20)
    machine.control.end()
    await machine.clock.advance(20)
    machine.control.publish()
    await machine.clock.advance(60)
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(machine.looks)]
    assert max(gaps) <= 6_000


async def test_a_subscription_that_ends_is_read_at_once_and_tried_again_seldomer(machine: Watching) -> None:
    """The first time after half a minute; a server that always ends it is not asked all the time."""
    before = len(machine.control.reads)
    machine.control.end()
    await machine.clock.advance(0.1)
    assert len(machine.control.reads) == before + 1
    opened = []
    for second in range(900):
        count = machine.control.opened
        machine.control.end()
        await machine.clock.advance(1)
        if machine.control.opened > count:
            opened.append(second)
    pauses = [later - earlier for earlier, later in pairwise(opened)]
    assert opened[0] <= 60
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 200


@pytest.mark.parametrize(
    ("trouble", "value", "words"),
    [
        ("refused", ["BadTooManyMonitoredItems"], "does not watch 1 of the nodes"),
        ("sampling", 60_000, "only every 60000 ms"),
        ("nodes", ("BadNoMatch", "BadNoMatch"), "none of the nodes"),
    ],
)
async def test_a_subscription_that_cannot_prove_anything_is_given_back(trouble: str, value: object, words: str) -> None:
    """A node that is not watched, or looked at too seldom: its silence says nothing."""
    found = Watching()
    setattr(found.control, trouble, value)
    await found.clock.advance(3)
    assert words in found.said[-1]
    assert found.control.dropped == 1
    assert len(found.control.reads) >= 3
    await found.end()


async def test_a_slow_control_is_polled_seldomer() -> None:
    """It spends a quarter of its time on answers at most, and is read often enough not to count as silent."""
    for slow, pause in ((100, 1_000), (500, 2_000), (1_400, 5_600), (4_000, 6_000)):
        found = Watching(subscribed=False)
        found.control.slow = slow
        await found.clock.advance(40)
        await found.end()
        gaps = [later - earlier for earlier, later in pairwise(found.control.reads)]
        assert all(pause <= gap <= pause + 50 for gap in gaps[1:]), (slow, gaps)


@pytest.mark.parametrize(
    ("every", "steps", "expected"),
    [
        (1_000, (), Terms(1_000, 4_000, 60_000)),
        (100, (), Terms(100, 4_000, 60_000)),
        (60_000, (), Terms(30_000, 30_000, 60_000)),
        (1_000, (100, 250, 500, 1_000, 2_500, 5_000), Terms(1_000, 4_000, 60_000)),
        (700, (100, 250, 500, 1_000, 2_500, 5_000), Terms(1_000, 4_000, 60_000)),
        (10_000, (100, 250, 500, 1_000, 2_500, 5_000), Terms(5_000, 10_000, 60_000)),
    ],
)
def test_what_is_asked_for_is_in_the_steps_of_the_control(
    every: Milliseconds, steps: tuple[Milliseconds, ...], expected: Terms
) -> None:
    """SINUMERIK knows six intervals; the session's timeout is kept by publishing."""
    assert terms(every, 30_000, 60_000, steps) == expected
