"""The live stream, retained topics and replays against simple models."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_bridge.forwarder.replay import ReplayError, Replays
from edge_bridge.forwarder.retained import RetainedTopics
from edge_bridge.forwarder.stream import SLICE, Stream
from edge_bridge.testing import MemoryOutbox


class StreamMachine(RuleBasedStateMachine):
    """Whatever is committed, acknowledged, given back or lost: the position never passes an open event."""

    def __init__(self):
        super().__init__()
        self.outbox = MemoryOutbox()
        self.stream = Stream(self.outbox, 0)
        self.flying: list[int] = []
        self.done: set[int] = set()
        self.sent_next = 1

    @rule(count=st.integers(1, 400))
    def commit(self, count):
        for _ in range(count):
            self.outbox.add()

    @rule(count=st.integers(1, 300))
    def send(self, count):
        for _ in range(count):
            row = self.stream.take()
            if row is None:
                assert self.sent_next == self.outbox.last_sequence + 1
                return
            assert row.sequence == self.sent_next
            self.flying.append(row.sequence)
            self.sent_next += 1

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def acknowledge(self, data):
        sequence = self.flying.pop(data.draw(st.integers(0, min(5, len(self.flying) - 1))))
        self.stream.acknowledge(sequence)
        self.done.add(sequence)

    @precondition(lambda self: self.flying)
    @rule()
    def give_back(self):
        self.flying.pop()
        self.stream.give_back()

    @rule()
    def lose_the_connection(self):
        self.stream.rewind()
        self.flying.clear()
        self.done = {sequence for sequence in self.done if sequence <= self.stream.position}
        self.sent_next = self.stream.position + 1

    @invariant()
    def position_is_the_acknowledged_prefix(self):
        expected = next(n for n in range(1, self.outbox.last_sequence + 2) if n not in self.done) - 1
        assert self.stream.position == expected
        assert self.stream.flying == len(self.flying)
        assert len(self.stream._rows) <= SLICE


StreamMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_stream_keeps_to_its_model = StreamMachine.TestCase


def test_stream_goes_on_past_rows_that_were_shed():
    """Rows that are gone are not looked for again and again."""
    outbox = MemoryOutbox()
    for _ in range(5):
        outbox.add()
    outbox.forget(5)
    stream = Stream(outbox, 0)
    assert stream.take() is None
    assert not stream.waiting
    outbox.add()
    assert stream.take().sequence == 6


def test_latest_retained_body_wins_and_comes_back_after_a_loss():
    """A topic waits once; what was in flight when the connection broke waits again unless something newer does."""
    topics = RetainedTopics()
    topics.put("a", b"1")
    topics.put("b", b"1")
    topics.put("a", b"2")
    assert [topics.take(), topics.take(), topics.take()] == [("a", b"2"), ("b", b"1"), None]
    topics.put("a", None)
    topics.rewind()
    assert [topics.take(), topics.take(), topics.take()] == [("a", None), ("b", b"1"), None]
    topics.acknowledge("a", None)
    topics.rewind()
    assert [topics.take(), topics.take()] == [("b", b"1"), None]


async def test_replays_take_turns_and_report():
    """One after another, each with its own count; a refusal ends only its own."""
    outbox = MemoryOutbox()
    for _ in range(10):
        outbox.add()
    replays = Replays(outbox)
    first, second = replays.ask(1, 2), replays.ask(4, 5)
    taken = [replays.take() for _ in range(3)]
    assert [found and found[1].sequence for found in taken] == [1, 2, None]
    for job, row in taken[:2]:
        replays.acknowledge(job, row.sequence)
    assert await first == 2
    job, row = replays.take()
    replays.acknowledge(job, row.sequence, "the broker refused it")
    with pytest.raises(ReplayError, match="the broker refused it; 0 events"):
        await second
    assert replays.take() is None


async def test_too_many_replays_are_refused():
    """A platform that asks without end is told so."""
    outbox = MemoryOutbox()
    outbox.add()
    replays = Replays(outbox)
    for _ in range(4):
        replays.ask(1, 1)
    with pytest.raises(ReplayError, match="waiting already"):
        replays.ask(1, 1)
