"""The outbox against a simple model: any order of commits, marks, parking, forgetting, restarts and kills."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge_bridge.errors import StoreError
from edge_bridge.store import schema
from tests.integration.store_samples import TODAY, Tally, event, events, open_store


class OutboxMachine(RuleBasedStateMachine):
    """The model: a list of sequences with their times, a position, a set of parked ones, a dict of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        self.store = open_store(self.path)
        self.epoch = self.store.epoch
        self.recorded: dict[int, int] = {}
        self.last = self.sent = self.session = 0
        self.parked: set[int] = set()
        self.rows: dict[str, Tally] = {}

    def teardown(self) -> None:
        """Let go of the files."""
        self.store.close()
        self.folder.cleanup()

    @rule(count=st.integers(0, 700), age=st.integers(0, 5), key=st.sampled_from("abc"), delete=st.booleans())
    def commit(self, count: int, age: int, key: str, delete: bool) -> None:
        """State and events together."""
        batch = events(self.last + 1, self.last + count, recorded=TODAY - age)
        self.store.commit({"machine": {key: None if delete else Tally(count)}}, batch)
        self.last += count
        self.recorded |= {row.sequence: row.recorded for row in batch}
        self.rows.pop(key, None)
        if not delete:
            self.rows[key] = Tally(count)

    @rule(count=st.integers(1, 5))
    def fail_to_commit(self, count: int) -> None:
        """A commit that fails changes nothing."""
        with pytest.raises(StoreError):
            self.store.commit({"machine": {"a": None}}, [*events(self.last + 1, self.last + count), event(1)])

    @rule(share=st.floats(0, 1))
    def mark_sent(self, share: float) -> None:
        """The position moves forward only."""
        upto = int(self.last * share)
        self._do(self.store.mark_sent(upto))
        self.sent = max(self.sent, upto)

    @rule(share=st.floats(0, 1))
    def park(self, share: float) -> None:
        """Set one aside that is there."""
        if self.recorded:
            sequence = sorted(self.recorded)[int((len(self.recorded) - 1) * share)]
            self._do(self.store.park(sequence, 0x87, "not authorized"))
            self.parked.add(sequence)

    @rule(age=st.integers(0, 5), everything=st.booleans())
    def retain(self, age: int, everything: bool) -> None:
        """Sent and old goes, up to the first that is young; parked stays."""
        self._do(self.store.retain(TODAY - age, 0 if everything else 10**12))
        for sequence in sorted(self.recorded):
            if sequence > self.sent or not (everything or self.recorded[sequence] < TODAY - age):
                break
            if sequence not in self.parked:
                del self.recorded[sequence]

    @rule()
    def number_a_session(self) -> None:
        """One more than the last."""
        self.session += 1
        assert self._do(self.store.next_session()) == self.session

    @rule()
    def restart(self) -> None:
        """A clean stop and start."""
        self.store.close()
        self.store = open_store(self.path)

    @rule()
    def kill(self) -> None:
        """A start on what the files hold without a stop."""
        self.store._thread.shutdown()
        for connection in (self.store._reader, self.store._writer):
            schema.abandon(connection)
        self.store._lock.release()
        self.store = open_store(self.path)

    @invariant()
    def the_same(self) -> None:
        """The store says what the model says."""
        assert (self.store.last_sequence, self.store.sent_upto) == (self.last, self.sent)
        assert (self.store.epoch, self.store.recovered) == (self.epoch, None)
        assert (self.store.counts().unsent, self.store.counts().parked) == (self.last - self.sent, len(self.parked))
        assert [row.sequence for row in self.store.rows(0, 10**9)] == sorted(self.recorded)
        assert self.store.load("machine") == self.rows

    def _do(self, work: Any) -> Any:
        return asyncio.run(work)


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
