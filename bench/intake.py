"""How long a large ECN takes: 5 000 items routed to 20 machines, from the file closed to the last obligation committed."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from adapters.plm_folder.adapter import PlmFolderAdapter
from edge_bridge.batch import Committed
from edge_bridge.clock import SystemClock
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.plant import Machine, Party, Plant, Route, Source
from edge_bridge.domain.reading import Evidence, Execution, Reading
from edge_bridge.domain.state import KINDS
from edge_bridge.domain.version import Extractor
from edge_bridge.identity import Ids
from edge_bridge.pipeline import Pipeline
from edge_bridge.store import Store
from edge_bridge.store.held import state_of

ITEMS, MACHINES = 5_000, 20
TARGET_S, PAUSE_TARGET_S = 5.0, 1.0
TABLE_ROWS = 10_000
HEAD = "number,status,released,part,revision,category\n"

Figure = tuple[str, str, bool | None]


def run() -> list[Figure]:
    """Return (name, figure, within target)."""
    return [*asyncio.run(_intake("one rule", (_rule("*"),))), *asyncio.run(_intake("a table", _table()))]


async def _intake(name: str, routes: tuple[Route, ...]) -> list[Figure]:
    parent = Path("var") if Path("var").is_dir() else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=parent) as place:
        folder = Path(place)
        (folder / "plm").mkdir()
        store = Store.open(folder / "edge-bridge.db", KINDS, site="bench", gateway="bench")
        with store:
            run = _Run(folder, store, routes)
            before = time.process_time()
            took, pause = await run.measure()
        # closed: what was answered before it was done counts too
        spent = time.process_time() - before
        written = (folder / "edge-bridge.db").stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    wanted = ITEMS * MACHINES
    return [
        (
            f"{name}: file closed → {wanted:,} obligations committed (≤ {TARGET_S:.0f} s)",
            f"{took:.1f} s",
            took <= TARGET_S,
        ),
        (
            f"{name}: longest the machines had to wait (≤ {PAUSE_TARGET_S:.0f} s)",
            f"{pause:.2f} s",
            pause <= PAUSE_TARGET_S,
        ),
        (f"{name}: processor time", f"{spent:.1f} s", None),
        (f"{name}: memory at its peak, database", f"{peak:.0f} MB, {written:.0f} MB", None),
    ]


class _Run:
    """The source, the pipeline and the store of one measurement."""

    def __init__(self, folder: Path, store: Store, routes: tuple[Route, ...]) -> None:
        self._folder, self._store, self._clock = folder, store, SystemClock()
        names = [f"m{n:02d}" for n in range(MACHINES)]
        parties = {"it_operations": Party("it_operations")}
        plant = Plant(
            "bench", "bench", {n: Machine(n) for n in names}, {"plm": Source("plm")}, routes=routes, parties=parties
        )
        self._pipeline = Pipeline(self._open, plant, store, self._clock, on_commit=self._note)
        self._committed, self._done, self._scanned, self._read = 0, asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def measure(self) -> tuple[float, float]:
        """Return the seconds until everything was committed, and the longest pause of the loop meanwhile."""
        adapter = PlmFolderAdapter("plm", {"adapter": "plm_folder", "path": str(self._folder / "plm")}, self._clock)
        running = [asyncio.create_task(self._pipeline.run()), asyncio.create_task(self._follow(adapter))]
        await self._scanned.wait()
        for machine in self._pipeline.ledger.books.plant.machines:
            await self._pipeline.offer(self._reading(machine))
        await self._read_one()
        released = datetime.now(UTC).isoformat()
        text = HEAD + "".join(f"ECN-1,released,{released},P-{n:05d},B,mould\n" for n in range(ITEMS))
        loop_watch = _Pauses()
        running.append(asyncio.create_task(loop_watch.run()))
        await asyncio.to_thread(self._write, "ecn-1.csv", text)
        closed = time.perf_counter()
        done = asyncio.create_task(self._done.wait())
        await asyncio.wait({done, *running}, return_when=asyncio.FIRST_COMPLETED)
        for ended in (task for task in running if task.done()):
            ended.result()  # raises what it met: nothing would be measured
        took = time.perf_counter() - closed
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return took, loop_watch.longest

    async def _read_one(self) -> None:
        """Have a small file read first, as a gateway that runs has read many: the process that reads them is there then."""
        await asyncio.to_thread(self._write, "ecn-0.csv", f"{HEAD}ECN-0,withdrawn,,P-0,A,mould\n")
        async with asyncio.timeout(30):
            await self._read.wait()

    def _write(self, name: str, text: str) -> None:
        with (self._folder / "plm" / name).open("w") as file:
            file.write(text)

    async def _follow(self, adapter: PlmFolderAdapter) -> None:
        async with adapter.connect() as reports:
            async for report in reports:
                await self._pipeline.offer(report)

    def _reading(self, machine: str) -> Reading:
        proof = Evidence(Extractor.HEADER, "A", "REV A", "header", program="OTHER.MPF")
        return Reading(machine, self._clock.now(), "OTHER.MPF", execution=Execution.RUNNING, evidence=(proof,))

    def _note(self, committed: Committed) -> None:
        self._committed += len(committed.changes.get("obligation", {}))
        if any(source.scanned is not None for source in committed.changes.get("source", {}).values()):
            self._scanned.set()  # the ECN comes after the first scan, not with it
        if "ECN-0" in committed.changes.get("ecn", {}):
            self._read.set()
        if self._committed >= ITEMS * MACHINES:
            self._done.set()

    def _open(self, plant: Plant) -> Ledger:
        return Ledger(state_of(self._store), plant, self._clock.now(), Ids())


class _Pauses:
    """Notes how long the loop keeps a task that wants to run every 10 ms from running."""

    longest = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            self.longest = max(self.longest, time.perf_counter() - began - 0.01)


def _rule(pattern: str) -> Route:
    machines = tuple(f"m{n:02d}" for n in range(MACHINES))
    return Route({"part": pattern}, machines=machines, program=("{part}.MPF",), version="{revision}")


def _table() -> tuple[Route, ...]:
    """Return rules as a table of thousands of parts gives them."""
    return tuple(_rule(f"P-{n:05d}") for n in range(TABLE_ROWS))
