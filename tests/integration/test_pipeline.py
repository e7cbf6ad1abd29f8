"""The pipeline with a real ledger and a real store on disk, on a clock moved by hand, and with defects put in."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_bridge.batch import Committed
from edge_bridge.domain.at_rest import AtRest
from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.extract import Extractor
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.plant import Machine, Party, Plant, Route, Source
from edge_bridge.domain.reading import Evidence, Execution, Reading
from edge_bridge.domain.signal import Acknowledge, EcnNotice, Remark, ScanDone, Signal
from edge_bridge.domain.state import KINDS, MOST_ITEMS, FileMemory
from edge_bridge.entrance import MOST_NOTICES, MOST_WAITING
from edge_bridge.errors import ConfigError, StoreError
from edge_bridge.patience import AT_A_TIME
from edge_bridge.pipeline import MOST_ANSWERS, MOST_TOGETHER, Pipeline
from edge_bridge.progress import Progress
from edge_bridge.store import Snapshot, Store, StoreCorrupt, StoreFull
from edge_bridge.store.held import state_of
from edge_bridge.testing import ManualClock
from edge_bridge.testing.clock import settle
from tests.waiting import until

LIMIT = 15 * 60_000
PLANT = Plant(
    "site-1",
    "edge-01",
    machines={"m1": Machine("m1"), "m2": Machine("m2")},
    sources={"plm": Source("plm")},
    routes=(Route({"part": "EL-*"}, machines=("m1",), program=("{part}.MPF",), version="{revision}"),),
    parties={"it_operations": Party("it_operations")},
    limit=LIMIT,
)


class BusyClock(ManualClock):
    """Each look at it finds it later: work takes time, so that every place for a pause is one."""

    def now(self) -> Stamp:
        self.boottime += AT_A_TIME
        return super().now()


class FaultyStore:
    """A store whose commits fail or block as the test says; otherwise the real one."""

    def __init__(self, store: Store) -> None:
        self.real = store
        self.failures: list[StoreError] = []
        self.blocked = threading.Event()
        self.blocked.set()
        self.attempts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def commit(self, changes: Mapping[str, Any], events: Sequence[Any] = ()) -> None:
        self.attempts += 1
        self.blocked.wait(30)
        if self.failures:
            raise self.failures.pop(0)
        self.real.commit(changes, events)

    def commit_all(self, portions: Iterable[Any]) -> None:
        self.attempts += 1
        if self.failures:
            next(iter(portions))
            raise self.failures.pop(0)
        self.real.commit_all(portions)


class Damaged:
    """An archive whose rows cannot be read."""

    def get(self, key: str) -> FileMemory | None:
        raise StoreCorrupt(f"{key} is damaged")

    def rows(self, **columns: str) -> Iterator[tuple[str, FileMemory]]:
        raise StoreCorrupt(f"rows of {columns} are damaged")


class Poisoned(Ledger):
    """A ledger with a defect: some signals, and some duties, meet it half way through."""

    bad: Callable[[Signal], bool] = staticmethod(lambda _signal: False)
    bad_duty = ""
    bad_plant = False

    def steps(self, signal: Signal) -> Generator[None, None, str | None]:
        refused = yield from super().steps(signal)
        if type(self).bad(signal):
            raise ZeroDivisionError("a defect")
        return refused

    def _do(self, duty: Any, key: str) -> None:
        super()._do(duty, key)
        if str(duty) == type(self).bad_duty:
            raise ZeroDivisionError("a defect in a duty")

    def configure(self, plant: Plant, now: Any) -> None:
        super().configure(plant, now)
        if type(self).bad_plant and "m3" in plant.machines:
            raise ZeroDivisionError("a defect in a route")


class Bench:
    """A pipeline with everything around it."""

    def __init__(self, path: Path, clock: ManualClock, kind: type[Ledger]) -> None:
        self.clock = clock
        self.store = FaultyStore(Store.open(path, KINDS, site="site-1", gateway="edge-01"))
        self.committed: list[Committed] = []
        self.beats = 0
        self.ledgers = 0
        self.damaged = False
        self.running: asyncio.Task[None] | None = None
        self.kind = kind
        self.pipeline = Pipeline(
            self._open,
            PLANT,
            self.store,
            clock,
            on_commit=self.committed.append,
            beat=self._beat,  # type: ignore[arg-type]
        )

    def _open(self, plant: Plant) -> Ledger:
        self.ledgers += 1
        state = state_of(self.store.real)
        if self.damaged:
            state.file = AtRest(archive=Damaged())
        return self.kind(state, plant, self.clock.now(), lambda: str(uuid.uuid4()))

    def _beat(self) -> None:
        self.beats += 1

    def events(self, name: EventType) -> list[str]:
        with Snapshot.open(self.store.real.path) as past:
            return [event.body.decode() for event in past.events(type=name, limit=10_000)]

    def sequences(self) -> list[int]:
        return [row.sequence for row in self.store.rows(0, 100_000)]

    async def cancel(self) -> None:
        """End its loop as a stop does."""
        assert self.running
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running

    async def quiet(self) -> None:
        """Wait until everything brought has been committed."""
        pipeline = self.pipeline
        at_rest = lambda: not pipeline._queue and not pipeline._patience.busy and not pipeline._recorder.busy  # noqa: E731
        await until(at_rest, within=60)  # a traceback drawn on a busy computer takes seconds
        await settle()


@asynccontextmanager
async def bench(
    path: Path, kind: type[Ledger] = Ledger, clock: type[ManualClock] = ManualClock
) -> AsyncIterator[Bench]:
    made = Bench(path / "edge-bridge.db", clock(), kind)
    made.running = asyncio.create_task(made.pipeline.run())
    made.pipeline.note(ScanDone("plm", made.clock.now()))
    await made.quiet()
    try:
        yield made
    finally:
        made.store.blocked.set()
        await made.cancel()
        async with asyncio.timeout(5):
            await made.pipeline.close()
        sequences = made.sequences()
        made.store.close()
        assert sequences == list(range(1, len(sequences) + 1))


def ecn(number: str, clock: ManualClock, revision: str = "B", part: str = "EL-1") -> EcnNotice:
    item = Item(part=part, revision=revision)
    draft = EcnDraft(number=number, status=Status.RELEASED, status_word="Released", items=(item,))
    return EcnNotice("plm", clock.now(), f"{number}.csv", f"sha-{number}-{revision}", (draft,))


def reading(clock: ManualClock, version: str = "A", machine: str = "m1") -> Reading:
    evidence = Evidence(Extractor.HEADER, version, version, "header", program="EL-1.MPF")
    return Reading(machine, clock.now(), main_program="EL-1.MPF", execution=Execution.STOPPED, evidence=(evidence,))


async def test_a_commit_that_fails_is_made_again_with_the_same_events(tmp_path: Path) -> None:
    """A full disk is waited for; what was judged meanwhile is neither lost nor judged twice, and it is said in words."""
    async with bench(tmp_path) as here:
        here.store.failures = [StoreError("the disk is full", "free some space")] * 3
        here.pipeline.note(ecn("ECN-1", here.clock))
        await until(lambda: here.pipeline.trouble)
        assert here.pipeline.trouble == "the disk is full → free some space"
        here.pipeline.note(ecn("ECN-2", here.clock, part="EL-2"))

        async def again() -> bool:
            await here.clock.advance(1)
            return here.pipeline.trouble is None

        await until(again)
        await here.quiet()
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 2
        assert len(here.events(EventType.ECN_RECEIVED)) == 2


async def test_a_stop_while_nothing_can_be_recorded_keeps_the_batch(tmp_path: Path) -> None:
    """What a cancelled turn has not committed comes first when `close` can commit again; never half of it."""
    async with bench(tmp_path) as here:
        here.store.failures = [StoreError("the disk is full")]
        here.pipeline.note(ecn("ECN-1", here.clock))
        await until(lambda: here.pipeline.trouble)
        await here.cancel()
        assert here.events(EventType.OBLIGATION_OPENED) == []
        await here.pipeline.close()
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 1
        assert sum(committed.events for committed in here.committed) == len(here.sequences())  # each told once


async def test_whoever_brings_too_much_waits(tmp_path: Path) -> None:
    """A stalled disk stops sampling at a bound, and everything is taken when it goes on."""
    async with bench(tmp_path) as here:
        before = here.store.attempts
        here.store.blocked.clear()
        here.pipeline.note(ecn("ECN-1", here.clock))
        await until(lambda: here.store.attempts > before)
        brought = 0

        async def bring() -> None:
            nonlocal brought
            for _ in range(MOST_WAITING + 1000):
                await here.pipeline.offer(reading(here.clock))
                brought += 1

        bringing = asyncio.create_task(bring())
        await until(lambda: brought >= MOST_WAITING - 1)
        await settle(200)
        assert brought <= MOST_WAITING
        assert not bringing.done()
        here.store.blocked.set()
        await bringing
        await here.quiet()


def large(number: str, clock: ManualClock, items: int = 3_000) -> EcnNotice:
    """Return a notice of one ECN that takes many portions."""
    rows = tuple(Item(f"EL-{n}", revision="B", row=f"line {n + 2}") for n in range(items))
    return EcnNotice("plm", clock.now(), f"{number}.csv", number, (EcnDraft(number, Status.RELEASED, items=rows),))


async def test_a_large_ecn_lets_the_machines_go_on_and_no_other_signal_in_between(tmp_path: Path) -> None:
    """The loop is free between the portions; what comes meanwhile is judged after the whole, and all is one commit."""
    async with bench(tmp_path, clock=BusyClock) as here:
        before, turns = len(here.committed), 0
        here.pipeline.note(large("ECN-1", here.clock))
        while len(here.committed) == before:
            await settle(1)
            turns += 1
            if turns == 5:
                here.pipeline.note(ecn("ECN-2", here.clock))
        await here.quiet()
        assert turns > 10
        assert len(here.committed[before].changes["obligation"]) == 3_001  # with ECN-2, which waited in the same turn
        told = [row.subject for row in here.store.rows(0, 100_000) if row.type.startswith("ecn.")]
        assert told == ["ECN-1", "ECN-2"]


async def test_a_stop_in_the_middle_of_a_large_ecn_takes_it_in_whole(tmp_path: Path) -> None:
    """A ledger that is half way through makes no sense: what was begun is finished, and committed once."""
    async with bench(tmp_path, clock=BusyClock) as here:
        here.pipeline.note(large("ECN-1", here.clock))
        await until(lambda: "ECN-1" in here.pipeline.ledger.books.state.ecn)
        assert len(here.pipeline.ledger.books.state.requirement) < 3_000
        await here.cancel()
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 3_000
        here.running = asyncio.create_task(here.pipeline.run())


async def test_thousands_of_small_ecns_do_not_pause_at_each(tmp_path: Path) -> None:
    """While no time has passed nobody has waited for a turn: small files are taken without a pause between their parts."""
    async with bench(tmp_path) as here:
        beats = here.beats
        for number in range(MOST_NOTICES):
            here.pipeline.note(ecn(f"ECN-{number}", here.clock))
        await here.quiet()
        assert len(list(here.pipeline.ledger.books.state.ecn)) == MOST_NOTICES
        assert here.beats - beats < MOST_NOTICES / 10


async def test_a_defect_in_the_middle_of_a_large_ecn_leaves_nothing_of_it(tmp_path: Path) -> None:
    """Half an ECN is no ECN: back to what is committed, and the next file is taken."""
    Poisoned.bad = staticmethod(lambda signal: isinstance(signal, EcnNotice) and signal.sha256 == "BAD")
    try:
        async with bench(tmp_path, Poisoned, BusyClock) as here:
            here.pipeline.note(large("BAD", here.clock))
            here.pipeline.note(ecn("ECN-2", here.clock))
            await here.quiet()
            assert set(here.pipeline.ledger.books.state.ecn) == {"ECN-2"}
            assert len(here.events(EventType.OBLIGATION_OPENED)) == 1
    finally:
        Poisoned.bad = staticmethod(lambda _signal: False)


async def test_a_large_ecn_that_meets_a_full_disk_is_written_whole_later(tmp_path: Path) -> None:
    """What was written of it meanwhile is taken back, and written again with the rest: each event once."""
    async with bench(tmp_path) as here:
        here.store.failures = [StoreFull("the disk is full", "free some space")]
        here.pipeline.note(large("ECN-1", here.clock))
        await until(lambda: here.pipeline.trouble is not None)
        assert here.events(EventType.OBLIGATION_OPENED) == []
        await here.clock.advance(5)
        await here.quiet()
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 3_000
        sequences = here.sequences()
        assert sequences == list(range(1, len(sequences) + 1))
        assert sum(committed.events for committed in here.committed) == len(sequences)


async def test_a_large_ecn_is_written_while_it_is_taken_in(tmp_path: Path) -> None:
    """Its first obligations are in the hands of the thread that writes before the last ones are made, and in nobody else's."""
    async with bench(tmp_path, clock=BusyClock) as here:
        here.pipeline.note(large("ECN-1", here.clock))
        async with asyncio.timeout(10):
            while not here.pipeline._recorder.busy:
                await settle(1)  # turn by turn: from its first portion to its last the ledger needs a moment only
        assert here.pipeline._patience.busy
        assert here.events(EventType.ECN_RECEIVED) == []
        await here.quiet()
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 3_000


async def test_a_first_scan_leaves_room_for_the_machines(tmp_path: Path) -> None:
    """ECN files wait at a lower bound than readings: a machine's reading never stands behind thousands of them."""
    async with bench(tmp_path) as here:
        here.store.blocked.clear()
        before = here.store.attempts
        here.pipeline.note(ecn("ECN-0", here.clock))
        await until(lambda: here.store.attempts > before)
        brought = 0

        async def scan() -> None:
            nonlocal brought
            for number in range(1, 3 * MOST_NOTICES):
                await here.pipeline.offer(ecn(f"ECN-{number}", here.clock))
                brought += 1

        scanning = asyncio.create_task(scan())
        await until(lambda: brought >= MOST_NOTICES)
        await settle(200)
        assert brought == MOST_NOTICES
        async with asyncio.timeout(5):
            await here.pipeline.offer(reading(here.clock))  # waits for nobody
            await here.pipeline.offer(
                replace(ecn("OTHER", here.clock), source="other")
            )  # nor for another source's files
        here.store.blocked.set()
        await scanning
        await here.quiet()


async def test_commands_are_answered_after_the_commit_and_once(tmp_path: Path) -> None:
    """No answer before the disk has it; the same id repeats the answer; old answers are forgotten."""
    async with bench(tmp_path) as here:
        here.pipeline.note(ecn("ECN-1", here.clock, part="XX-1"))
        await here.quiet()
        (card,) = here.pipeline.ledger.books.state.card
        here.store.blocked.clear()
        ack = Acknowledge(here.clock.now(), card, 1, "it_operations", "Li Wei")
        asked = [asyncio.create_task(here.pipeline.ask("a-1", ack)) for _ in range(3)]
        await settle(100)
        assert not any(task.done() for task in asked)
        here.store.blocked.set()
        assert [(await task).ok for task in asked] == [True] * 3
        assert len(here.events(EventType.CARD_ACKNOWLEDGED)) == 1
        for number in range(MOST_ANSWERS + 20):
            here.clock.move(1)
            asked.append(asyncio.create_task(here.pipeline.ask(f"b-{number}", ack)))
        await asyncio.gather(*asked)
        await here.quiet()
        assert len(here.pipeline.ledger.books.state.command) == MOST_ANSWERS
        assert "a-1" not in here.store.load("command")


@pytest.mark.parametrize(
    "step", [0, 3_600_000, -86_400_000, -1_777_600_000_000], ids=["still", "+1 h", "-1 d", "to 1970"]
)
async def test_a_deadline_is_met_to_the_second_whatever_the_wall_clock_does(tmp_path: Path, step: int) -> None:
    """The wall clock is stepped in the window: nothing fires early, and nothing late."""
    async with bench(tmp_path) as here:
        here.pipeline.note(reading(here.clock))
        here.pipeline.note(ecn("ECN-1", here.clock))
        await here.quiet()
        here.clock.step_wall(step)
        for _ in range(14 * 60):
            here.clock.move(1000)
            here.pipeline.note(reading(here.clock))
        await here.quiet()
        here.clock.move(59_000)
        here.pipeline.note(reading(here.clock))
        await here.quiet()
        assert here.events(EventType.OBLIGATION_VERDICT) == []
        here.clock.move(1000)  # the pipeline's own alarm: nobody brings anything
        await until(lambda: here.events(EventType.OBLIGATION_VERDICT))
        assert '"verdict":"violated"' in here.events(EventType.OBLIGATION_VERDICT)[0].replace(": ", ":")
        assert len(here.events(EventType.CLOCK_STEP)) == (step != 0)


async def test_a_deadline_that_passed_in_a_suspend(tmp_path: Path) -> None:
    """Boottime has jumped and every sleeping loop oversleeps: the tick's wake judges it at once."""
    async with bench(tmp_path) as here:
        here.pipeline.note(ecn("ECN-1", here.clock))
        await here.quiet()
        here.clock.boottime += 3_600_000  # no sleeper is woken
        here.clock.utc += 3_600_000
        here.pipeline.wake()
        await until(lambda: here.events(EventType.OBLIGATION_VERDICT))


async def test_thousands_that_fall_due_at_once_leave_room_for_others(tmp_path: Path) -> None:
    """They are judged in slices, each with its own commit, and all within the second."""
    many = 3 * MOST_TOGETHER
    async with bench(tmp_path) as here:
        items = tuple(Item(part=f"EL-{number}", revision="B") for number in range(many))
        draft = EcnDraft(number="ECN-1", status=Status.RELEASED, status_word="Released", items=items)
        here.pipeline.note(EcnNotice("plm", here.clock.now(), "ECN-1.csv", "sha", (draft,)))
        await here.quiet()
        here.clock.move(LIMIT + 30_000)
        here.committed.clear()
        here.pipeline.note(reading(here.clock))
        await until(lambda: len(here.events(EventType.OBLIGATION_VERDICT)) == many)
        await here.quiet()
        assert len(here.committed) >= 3
        assert all(
            committed.events <= 2 * MOST_TOGETHER for committed in here.committed[:2]
        )  # a verdict and a card each


async def test_evidence_that_waits_is_heard_before_time_goes_on(tmp_path: Path) -> None:
    """More readings than one turn takes: the machine was read all the while, and must not count as silent."""
    async with bench(tmp_path) as here:
        here.store.blocked.clear()
        here.pipeline.note(reading(here.clock))
        await until(lambda: here.store.attempts >= 2)
        for _ in range(3 * MOST_TOGETHER):
            here.clock.move(1000)
            here.pipeline.note(reading(here.clock))
        here.store.blocked.set()
        await here.quiet()
        assert here.events(EventType.MACHINE_UNREACHABLE) == []


async def test_what_is_committed_is_not_held_in_memory(tmp_path: Path) -> None:
    """Old files come in by the thousand, for ever: of each, no ECN, no demand and no memory of its file stays."""
    old, fit = "ECN-{}", MOST_ITEMS // 2  # an ECN of one item counts as two
    async with bench(tmp_path) as here:
        held: list[tuple[int, int]] = []
        for number in range(2 * fit):
            here.pipeline.note(ecn(old.format(number), here.clock, part=f"EL-{number % 7}"))
            if number % fit == fit - 1:
                await here.quiet()
                state = here.pipeline.ledger.books.state
                held.append((state.ecn.held, state.file.held))
        assert held == [(fit, 0)] * 2
        assert here.pipeline.ledger.register.claims.held == 0
        assert len(here.pipeline.ledger.books.state.requirement) == 7
        assert here.pipeline.ledger.books.state.ecn[old.format(0)].number == old.format(0)
        assert here.pipeline.ledger.books.state.file.get(f"plm|{old.format(0)}.csv") is not None


async def test_a_damaged_row_at_rest_ends_the_daemon_and_commits_nothing(tmp_path: Path) -> None:
    """It is no defect of the file that asked for it: the next start salvages the database, and the file comes in again."""
    async with bench(tmp_path) as here:
        here.pipeline.note(ecn("ECN-1", here.clock))
        await here.quiet()
        before = here.store.last_sequence
        here.pipeline.ledger.books.state.file = AtRest(archive=Damaged())
        here.damaged = True
        here.pipeline.note(ecn("ECN-2", here.clock))
        assert here.running is not None
        with pytest.raises(StoreCorrupt):
            await here.running
        here.running = asyncio.create_task(here.clock.sleep(1))
        await here.pipeline.close()
        assert here.store.last_sequence == before
        assert "ECN-2" not in here.store.load("ecn")


async def test_a_poison_signal_is_set_aside_whole(tmp_path: Path) -> None:
    """One file of many meets a defect: it alone is left out, nothing of it is half there, the record says so."""

    class Defective(Poisoned):
        bad = staticmethod(lambda signal: isinstance(signal, EcnNotice) and signal.file == "ECN-5.csv")

    async with bench(tmp_path, Defective) as here:
        for number in range(10):
            here.pipeline.note(ecn(f"ECN-{number}", here.clock, part=f"EL-{number}"))
        await here.quiet()
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 9
        assert "ECN-5" not in here.pipeline.ledger.books.state.ecn
        assert "ECN-5" not in here.store.load("ecn")
        (gap,) = here.events(EventType.GAP)
        assert "ECN-5.csv of plm" in gap
        assert "ECN-5.csv" in (here.pipeline.defects or "")
        opened = here.ledgers
        here.pipeline.note(ecn("ECN-77", here.clock, part="EL-77"))
        await here.quiet()
        assert here.ledgers == opened
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 10


async def test_a_poison_reading_rests(tmp_path: Path) -> None:
    """It comes every second: it is not tried every second, its machine counts as silent, and the other one is read."""

    class Defective(Poisoned):
        bad = staticmethod(lambda signal: isinstance(signal, Reading) and signal.machine == "m1")

    async with bench(tmp_path, Defective) as here:
        for _ in range(120):
            here.clock.move(1000)
            here.pipeline.note(reading(here.clock))
            here.pipeline.note(reading(here.clock, machine="m2"))
            await here.quiet()
        assert here.ledgers < 16
        assert len(here.events(EventType.GAP)) == 1
        assert len(here.events(EventType.MACHINE_REACHABLE)) == 1
        assert here.events(EventType.MACHINE_UNREACHABLE) == []
        assert not here.pipeline.ledger.books.state.machine["m1"].reachable


async def test_a_poison_duty_is_excused(tmp_path: Path) -> None:
    """A deadline that cannot be judged does not stop the judging of everything else."""

    class Defective(Poisoned):
        bad_duty = "obligation"

    async with bench(tmp_path, Defective) as here:
        here.pipeline.note(ecn("ECN-1", here.clock))
        await here.quiet()
        await here.clock.advance(LIMIT / 1000 + 60)
        await until(lambda: here.events(EventType.GAP))
        await here.quiet()
        here.pipeline.note(ecn("ECN-2", here.clock, part="EL-2"))
        await here.quiet()
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 2
        assert here.events(EventType.OBLIGATION_VERDICT) == []
        assert len(here.events(EventType.GAP)) == 1


async def test_a_configuration_that_meets_a_defect_is_refused(tmp_path: Path) -> None:
    """The old one goes on, whole."""

    class Defective(Poisoned):
        bad_plant = True

    async with bench(tmp_path, Defective) as here:
        more = Plant("site-1", "edge-01", machines={**PLANT.machines, "m3": Machine("m3")}, sources=PLANT.sources)
        with pytest.raises(ConfigError, match="a defect in a route"):
            await here.pipeline.configure(more)
        here.pipeline.note(ecn("ECN-1", here.clock))
        await here.quiet()
        assert len(here.events(EventType.OBLIGATION_OPENED)) == 1
        assert set(here.store.load("machine")) == {"m1", "m2"}


async def test_what_cannot_be_told_was_committed_all_the_same(tmp_path: Path) -> None:
    """A defect in telling the forwarder neither stops the pipeline nor costs an answer."""
    async with bench(tmp_path) as here:

        def broken(_committed: Committed) -> None:
            raise ZeroDivisionError

        here.pipeline._on_commit = broken
        refused = await here.pipeline.ask("a-1", Acknowledge(here.clock.now(), "none", 1, "it_operations", "Li"))
        assert refused.ok is False
        here.pipeline.note(Remark(here.clock.now(), EventType.GAP, {"reason": "test"}))
        await here.quiet()
        assert len(here.events(EventType.GAP)) == 1


async def test_the_watchdog_starves_behind_a_commit_that_hangs(tmp_path: Path) -> None:
    """The loop lives, and the disk does not answer: no progress, so no sign of life."""
    async with bench(tmp_path) as here:
        progress = Progress()
        progress.expect("pipeline", allowance_ms=20_000, now_ms=here.clock.boottime)
        here.pipeline._beat = lambda: progress.beat("pipeline", here.clock.boottime)
        await here.clock.advance(15)
        here.pipeline.wake()
        await settle()
        assert progress.alive(here.clock.boottime)
        here.store.blocked.clear()
        here.pipeline.note(ecn("ECN-1", here.clock))
        await until(lambda: here.store.attempts >= 2)
        for _ in range(30):
            await here.clock.advance(1)
            here.pipeline.wake()  # the tick goes on
        assert progress.late(here.clock.boottime) == ("pipeline",)
        here.store.blocked.set()
        await here.quiet()
        here.pipeline.wake()
        await until(lambda: progress.alive(here.clock.boottime))
