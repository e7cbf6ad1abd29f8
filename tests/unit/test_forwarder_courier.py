"""The window, decided without a broker: a session that does what the test says."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from edge_bridge.contract import Topics
from edge_bridge.errors import StoreError
from edge_bridge.forwarder.courier import Courier, Load, Urgent
from edge_bridge.forwarder.mirror import Mirror
from edge_bridge.forwarder.replay import Replays
from edge_bridge.forwarder.retained import RetainedTopics
from edge_bridge.forwarder.stream import Stream
from edge_bridge.testing import MemoryOutbox
from edge_bridge.testing.clock import settle

TOPICS = Topics("edge-bridge", "site-1", "edge-01")


class ScriptedSession:
    """Keeps what is published until the test acknowledges it, oldest first."""

    def __init__(self, receive_maximum=1000, maximum_packet_size=1_000_000):
        self.receive_maximum = receive_maximum
        self.maximum_packet_size = maximum_packet_size
        self.lost = asyncio.get_running_loop().create_future()
        self.open = deque()
        self.published = []

    @property
    def in_flight(self):
        return len(self.open)

    def publish(self, topic, body, done, *, retain=False, properties=None):
        self.open.append(done)
        self.published.append((topic, body))

    def fits(self, topic, body, properties):
        return len(body) <= self.maximum_packet_size

    async def acknowledge(self, *codes):
        for code in codes:
            self.open.popleft()(code)
        await settle(5)


@pytest.fixture
async def start():
    """Return a function that sets up session, courier, load and outbox, filled with events."""
    tasks = []

    async def begin(events, *, window=10, careful=False, outbox=None, **session_limits):
        outbox = outbox or MemoryOutbox()
        for number in range(events):
            outbox.add("m1", body=b"%d" % (number + 1))
        load = Load(Stream(outbox, 0), RetainedTopics(), Replays(outbox), deque(), [])
        session = ScriptedSession(**session_limits)
        courier = Courier(session, load, TOPICS, Mirror(outbox.source), window, careful=careful)
        tasks.append(asyncio.create_task(courier.run()))
        courier.schedule()
        await settle(5)
        return session, courier, load

    yield begin
    for task in tasks:
        task.cancel()


def bodies(session):
    """Return the event bodies published so far."""
    return [body.decode() for topic, body in session.published if "/evt/" in topic]


async def test_one_event_alone_until_somebody_gets_it(start):
    """At connect a single event finds out whether anybody subscribes; then the window opens."""
    session, _, load = await start(30)
    assert bodies(session) == ["1"]
    await session.acknowledge(0)
    assert bodies(session) == [str(n) for n in range(1, 12)]
    await session.acknowledge(*[0] * 10)
    assert load.live.position == 11
    assert session.in_flight == 10


async def test_window_is_the_smaller_of_ours_and_the_brokers(start):
    """Receive Maximum is a promise of ours (MQTT 5 clause 3.3.4)."""
    session, _, _ = await start(50, window=100, receive_maximum=3)
    await session.acknowledge(0)
    assert session.in_flight == 3


async def test_0x10_in_mid_window_goes_back_to_the_first_not_delivered(start):
    """The subscriber left: what was delivered after the first loss is sent again too, so order is kept."""
    session, courier, load = await start(8, window=5)
    await session.acknowledge(0)
    await session.acknowledge(0, 0x10, 0, 0x10, 0)
    assert load.live.position == 2
    assert courier.resting
    assert courier.nobody == TOPICS.event("m1")
    sent = len(session.published)
    courier.schedule()
    await settle(5)
    assert len(session.published) == sent  # no probe before its time
    courier.probe()
    await settle(5)
    assert bodies(session)[sent:] == ["3"]
    await session.acknowledge(0x10)
    assert courier.resting
    courier.probe()
    await settle(5)
    await session.acknowledge(0)
    assert courier.nobody is None
    await session.acknowledge(*[0] * 5)
    assert load.live.position == 8
    assert bodies(session)[sent:] == ["3", "3", "4", "5", "6", "7", "8"]


async def test_refused_events_are_parked_and_passed(start):
    """0x80 and above: set aside with the code; the position goes on over it."""
    session, _, load = await start(4)
    await session.acknowledge(0x87)
    await session.acknowledge(0)
    await session.acknowledge(0x99, 0)
    assert [(sequence, code) for sequence, code, _ in load.parks] == [(1, 0x87), (3, 0x99)]
    assert load.live.position == 4


async def test_backlog_of_events_too_large_is_parked_without_a_single_send(start):
    """Even when nothing is in flight to wake the courier again."""
    _session, _, load = await start(30, window=4, maximum_packet_size=0)
    await settle(50)
    assert load.live.position == 30
    assert [sequence for sequence, _, _ in load.parks] == list(range(1, 31))


async def test_answers_and_statuses_go_first(start):
    """An answer does not wait behind a backlog."""
    session, courier, _ = await start(100, window=3)
    await session.acknowledge(0)
    courier.urgent(Urgent("x/cmdres", b"answer", retain=False))
    await session.acknowledge(0)
    assert session.published[-1][0] == "x/cmdres"


async def test_retained_topics_and_events_share_a_window_of_one(start):
    """Neither starves the other even when the broker takes one message at a time."""
    session, _, load = await start(10, window=1)
    for number in range(5):
        load.retained.put(f"card/{number}", b"x")
    for _ in range(15):
        await session.acknowledge(0)
    kinds = ["e" if "/evt/" in topic else "r" for topic, _ in session.published]
    assert "".join(kinds).count("r") == 5
    assert "rrr" not in "".join(kinds)


async def test_careful_courier_sends_birth_then_one_event_then_the_rest(start):
    """After a loss in mid flight: if this event ends the connection again, we know that it was this one."""
    session, courier, load = await start(5, careful=True)
    load.retained.put("card/1", b"x")
    assert session.published == []
    courier.greet(Urgent(TOPICS.status, b"birth", retain=True))
    await settle(5)
    assert [topic for topic, _ in session.published] == [TOPICS.status]
    await session.acknowledge(0)
    assert bodies(session) == ["1"]
    assert session.in_flight == 1
    await session.acknowledge(0)
    assert session.in_flight == 5


async def test_answers_in_flight_survive_a_loss_and_old_statuses_do_not(start):
    """The next session sends the answer again; its birth says more than the old status."""
    _session, courier, load = await start(0)
    courier.urgent(Urgent("x/cmdres", b"answer", retain=False))
    courier.urgent(Urgent(TOPICS.status, b"old", retain=True))
    await settle(5)
    courier.lost()
    assert [item.body for item in load.urgent] == [b"answer"]


async def test_disk_that_cannot_be_read_is_tried_again(start):
    """StoreError stops nothing for good."""

    class Sick(MemoryOutbox):
        sick = True

        def rows(self, after, limit):
            if self.sick:
                raise StoreError("disk error")
            return super().rows(after, limit)

    outbox = Sick()
    session, courier, _ = await start(3, outbox=outbox)
    assert session.published == []
    outbox.sick = False
    courier.schedule()
    await settle(5)
    assert bodies(session) == ["1"]


async def test_origin_that_cannot_be_a_topic_is_parked(start):
    """A row that can never be sent does not hold up the others."""
    session, courier, load = await start(0)
    load.live._outbox.add("Not/An#Id")
    load.live._outbox.add("m1", body=b"good")
    courier.schedule()
    await settle(5)
    assert load.parks[0][0] == 1
    assert bodies(session) == ["good"]
