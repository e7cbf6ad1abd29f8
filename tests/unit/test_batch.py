"""One transaction's portions: written while the rest is in the making, and the same bytes at every attempt."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_bridge.batch import Abandoned, Batch
from edge_bridge.domain.event import Event, EventType
from edge_bridge.store import SealedEvent

SOURCE = "urn:edge-bridge:site:gw1:e1"


def fact(number: int) -> Event:
    """Return an event."""
    return Event(f"id-{number}", EventType.GAP, "gateway", "gateway", number, {"count": number})


def batch() -> Batch:
    """Return a batch whose first event is the eleventh."""
    return Batch(SOURCE, 11, 1_772_000_000_000)


def test_events_are_numbered_across_portions() -> None:
    """Going on without a gap, whatever is in a portion."""
    made = batch()
    made.add({}, [fact(1), fact(2)])
    made.add({"machine": {"m1": 1}}, [])
    made.add({}, [fact(3)])
    made.complete()
    assert [[row.sequence for row in events] for _, events in made] == [[11, 12], [], [13]]
    assert (made.events, made.in_one) == (3, False)


def test_every_attempt_writes_the_same() -> None:
    """A full disk must not change what was said."""
    made = batch()
    made.add({"machine": {"m1": 1}}, [fact(1)])
    made.complete()
    assert list(made) == list(made)
    assert made.in_one


def test_of_each_row_the_latest_is_told() -> None:
    """A row may change in several portions; one that was deleted is told as gone."""
    made = batch()
    made.add({"machine": {"m1": 1, "m2": 2}, "ecn": {"E": 1}}, [])
    made.add({"machine": {"m1": 3, "m2": None}}, [])
    made.complete()
    assert made.changes() == {"machine": {"m1": 3, "m2": None}, "ecn": {"E": 1}}


def test_a_portion_is_given_before_the_next_is_there() -> None:
    """Whoever writes waits for what is still in the making, and goes on as soon as it comes."""
    made, reached = batch(), threading.Semaphore(0)

    def write() -> list[SealedEvent]:
        found = []
        for _, events in made:
            found += events
            reached.release()
        return found

    with ThreadPoolExecutor(1) as writing:
        written = writing.submit(write)
        for number in (1, 2, 3):
            made.add({}, [fact(number)])
            assert reached.acquire(timeout=30), "the portion was not given before the batch was complete"
            assert not written.done()
        made.complete()
        assert [row.sequence for row in written.result(timeout=30)] == [11, 12, 13]


def test_a_batch_without_an_end_is_taken_back() -> None:
    """The defect that kept the rest from being made reaches whoever writes."""
    made = batch()
    made.add({}, [fact(1)])
    taken = iter(made)
    next(taken)
    made.abandon()
    with pytest.raises(Abandoned):
        next(taken)
