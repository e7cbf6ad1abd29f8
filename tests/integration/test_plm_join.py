"""ECNs and items in files of their own, in a real folder: joined, told in time, and the same after a restart."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from adapters.plm_folder.adapter import PlmFolderAdapter
from adapters.plm_folder.session import PlmReport
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.testing.clock import ManualClock, settle
from tests.waiting import until

HEADER = "number,status,title\nEC-1,released,T\n"
ITEMS = "number,part,revision\nEC-1,EL-1,B\nEC-1,EL-2,C\n"


@dataclass(frozen=True)
class Remembered:
    """A memory that holds these marks."""

    marks: Mapping[str, str]
    place: str = ""

    @property
    def has_files(self) -> bool:
        return bool(self.marks)

    def mark(self, file: str) -> str | None:
        return self.marks.get(file)


@asynccontextmanager
async def watching(
    folder: Path, clock: ManualClock, *, join: bool = True, memory: Remembered | None = None
) -> AsyncIterator[list[PlmReport]]:
    """Enter = connected, with the reports so far in a list that grows."""
    options = {"adapter": "plm_folder", "path": str(folder), "watch": "inotify"}
    adapter = PlmFolderAdapter("plm", options | ({"join": {"timeout": "5m"}} if join else {}), clock)
    if memory is not None:
        adapter.recall(memory)
    reports: list[PlmReport] = []
    async with adapter.connect() as stream:

        async def collect() -> None:
            async for report in stream:
                reports.append(report)

        task = asyncio.create_task(collect())
        try:
            yield reports
        finally:
            task.cancel()
            await asyncio.wait({task})


def put(folder: Path, name: str, text: str, *, age: int = 0) -> None:
    """Write beside the folder and move in, as a careful PLM does. age: seconds since it was written."""
    aside = folder.parent / name
    aside.write_text(text)
    written = aside.stat().st_mtime - age
    os.utime(aside, (written, written))
    aside.rename(folder / name)


def shown(reports: list[PlmReport]) -> list[tuple[str, int]]:
    return [(one.file, len(one.ecns[0].items)) for one in reports if isinstance(one, EcnNotice)]


async def later(clock: ManualClock, reports: list[PlmReport], count: int) -> None:
    """Move the clock on until there are so many reports."""

    async def moved() -> bool:
        if len(reports) >= count:
            return True
        await clock.advance(5)
        await settle()
        return False

    await until(moved, what=f"{count} reports as time goes on")


async def test_halves_are_joined_and_told(tmp_path: Path) -> None:
    """A header waits and says so; its items bring it out; an orphan is refused after five minutes, not before."""
    folder, clock = tmp_path / "plm", ManualClock()
    folder.mkdir()
    with structlog.testing.capture_logs() as logs:
        async with watching(folder, clock) as reports:
            await until(lambda: any(isinstance(one, ScanDone) for one in reports), what="the first scan")
            put(folder, "H.csv", HEADER)
            await until(lambda: any(entry["event"] == "waiting for the other half" for entry in logs), what="the wait")
            assert shown(reports) == []
            put(folder, "P.csv", ITEMS)
            await until(lambda: shown(reports), what="the joined ECN")
            assert shown(reports) == [("H.csv + P.csv", 2)]
            put(folder, "Q.csv", ITEMS.replace("EC-1", "EC-9"))
            await until(lambda: [e for e in logs if e.get("ecn") == "EC-9"], what="the second wait")
            start = clock.boottime
            await later(clock, reports, 3)
            assert isinstance(reports[-1], FileRejected)
            assert reports[-1].file == "Q.csv"
            assert 295_000 <= clock.boottime - start <= 310_000
    (waited, _) = [entry for entry in logs if entry["event"] == "waiting for the other half"]
    assert (waited["ecn"], waited["file"], waited["missing"]) == ("EC-1", "H.csv", "items")


async def test_a_restart_joins_the_same(tmp_path: Path) -> None:
    """The files still lie there: the same notice comes again, so that the core knows it; an orphan is in the first scan."""
    folder, clock = tmp_path / "plm", ManualClock()
    folder.mkdir()
    texts = {"P.csv": ITEMS, "H.csv": HEADER, "Z.csv": HEADER.replace("EC-1", "EC-2")}
    for age, (name, text) in enumerate(texts.items()):
        put(folder, name, text, age=10**9 - age)
    seen = []
    for _ in range(2):
        async with watching(folder, clock) as reports:
            await until(lambda found=reports: len(found) >= 3, what="the first scan")  # type: ignore[misc]
            assert [type(one) for one in reports] == [EcnNotice, EcnNotice, ScanDone]
            seen.append([(one.file, one.sha256, one.ecns) for one in reports if isinstance(one, EcnNotice)])
    assert seen[0] == seen[1]
    assert [file for file, _, _ in seen[0]] == ["H.csv + P.csv", "Z.csv"]


async def test_a_half_that_is_known_is_read_again_for_the_other(tmp_path: Path) -> None:
    """The header was taken in before its items came, or before `join` was set: the items must not wait for it in vain."""
    folder = tmp_path / "plm"
    folder.mkdir()
    put(folder, "H.csv", HEADER, age=10**9)
    clock = ManualClock(utc=(folder / "H.csv").stat().st_ctime_ns // 1_000_000 + 3_600_000)  # it has settled long ago
    async with watching(folder, clock, join=False) as alone:
        await until(lambda: len(alone) >= 2, what="the first scan")
    marks = {one.file: one.mark for one in alone if isinstance(one, EcnNotice)}
    assert all(marks.values())
    assert set(marks) == {"H.csv"}
    async with watching(folder, clock, join=False, memory=Remembered(marks)) as skipped:
        await until(lambda: len(skipped) >= 1, what="the first scan")
        assert shown(skipped) == [], "a known file is not read again where nothing is joined"
    put(folder, "P.csv", ITEMS, age=10**8)
    async with watching(folder, clock, memory=Remembered(marks)) as reports:
        await until(lambda: shown(reports), what="the joined ECN")
        assert shown(reports) == [("H.csv + P.csv", 2)]


async def test_a_half_is_told_however_often_the_gateway_restarts(tmp_path: Path) -> None:
    """Its time runs from when it was written: four minutes before and one after a restart are the five; the pair that lies
    there, header first, is no less a pair for its age."""
    folder = tmp_path / "plm"
    folder.mkdir()
    for name, text in (("H.csv", HEADER.replace("EC-1", "EC-2")), ("A.csv", HEADER), ("P.csv", ITEMS)):
        put(folder, name, text)
    written = max((folder / name).stat().st_ctime_ns for name in ("H.csv", "A.csv", "P.csv")) // 1_000_000
    known = Remembered({}, place="somewhere")
    clock = ManualClock(utc=written + 240_000)
    async with watching(folder, clock, memory=known) as reports:
        await until(lambda: any(isinstance(one, ScanDone) for one in reports), what="the scan")
        assert shown(reports) == [("A.csv + P.csv", 2)]
        start = clock.boottime
        await later(clock, reports, 3)
        assert reports[-1].file == "H.csv"  # type: ignore[union-attr]
        assert 50_000 <= clock.boottime - start <= 75_000
    clock = ManualClock(utc=written + 3_600_000)
    async with watching(folder, clock, memory=known) as reports:
        await until(lambda: len(reports) >= 3, what="the scan, and what has waited long enough")
        assert shown(reports) == [("A.csv + P.csv", 2), ("H.csv", 1)]
        assert isinstance(reports[1], ScanDone)
