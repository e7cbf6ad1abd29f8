"""A PLM folder as it is in life: real files in a real folder; only the two-second waits run on a clock moved by hand."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import pytest
import structlog

from adapters.plm_folder.adapter import PlmFolderAdapter
from adapters.plm_folder.disk import Disk
from adapters.plm_folder.folder import Folder, Held
from adapters.plm_folder.intake import Intake
from adapters.plm_folder.sandbox import Limits, Sandbox
from adapters.plm_folder.session import PlmReport, Session
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.blocking import BlockingCalls
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.errors import AdapterError
from edge_bridge.testing.clock import ManualClock, settle
from tests.waiting import until

HEADER = "number,status,part,revision\n"
Kind = TypeVar("Kind", EcnNotice, FileRejected, ScanDone)


def ecn(number: str, revision: str = "B") -> str:
    """Return a complete file with one ECN."""
    return f"{HEADER}{number},released,EL-1,{revision}\n"


class Watching:
    """A connection whose reports are collected, and the clock it lives by."""

    def __init__(self, folder: Path, clock: ManualClock, session: Session) -> None:
        self.folder, self.clock, self.session = folder, clock, session
        self.reports: list[PlmReport] = []
        self.lost: AdapterError | None = None

    async def collect(self) -> None:
        """Take reports until the folder is lost."""
        try:
            async for report in self.session:
                self.reports.append(report)
        except AdapterError as error:
            self.lost = error

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the reports of one kind so far."""
        return [report for report in self.reports if isinstance(report, kind)]

    @property
    def numbers(self) -> list[str]:
        """The ECN numbers delivered so far, in order."""
        return [draft.number for notice in self.of(EcnNotice) for draft in notice.ecns]

    async def later(self, condition: Callable[[], object], step: float = 0.5) -> float:
        """Move the clock on until the condition holds; return the plant seconds that took."""
        start = self.clock.boottime

        async def moved() -> bool:
            if condition():
                return True
            await self.clock.advance(step)
            # plant time stands still while a thread looks at the folder or a process reads a file
            await until(lambda: nothing_looks() and self.session.idle, what="the look at the folder")
            await settle()
            return bool(condition())

        await until(moved, what="a condition as time goes on")
        return (self.clock.boottime - start) / 1000

    async def marker(self, name: str = "zz-marker") -> None:
        """Return when a file written now was delivered: whatever came before it has been dealt with."""
        (self.folder / f"{name}.csv").write_text(ecn(name))
        await until(lambda: name in self.numbers)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty export folder."""
    made = tmp_path / "export"
    made.mkdir()
    return made


def clock_beside(folder: Path) -> ManualClock:
    """Return a clock that stands ten minutes after the folder was made, and so after files that `old` made."""
    return ManualClock(os.stat(folder).st_mtime_ns // 1_000_000)


def old(path: Path, text: str, *, order: int = 0) -> None:
    """Write a file that was finished long ago."""
    path.write_text(text)
    os.utime(path, (1_700_000_000 + order, 1_700_000_000 + order))


def nothing_looks() -> bool:
    """Tell whether no thread of the adapter is looking at the folder."""
    return not any(thread.name == "folder" for thread in threading.enumerate())


@contextmanager
def deaf(session: Session) -> Iterator[set[str]]:
    """Let the kernel's events pass unheard, as when its queue overflows; yield the names that they would have told."""
    unheard: set[str] = set()
    session.arrived = unheard.add  # type: ignore[method-assign]
    session.appeared = lambda name: None  # type: ignore[method-assign]
    try:
        yield unheard
    finally:
        del session.arrived, session.appeared


def take_away(folder: Path, how: str) -> None:
    """Delete the folder, rename it, or put another one in its place."""
    if how == "deleted":
        (folder / "e1.csv").unlink()
        folder.rmdir()
        return
    folder.rename(folder.with_name("away"))
    if how == "replaced":
        folder.mkdir()
        old(folder / "e2.csv", ecn("EC-2"))


def adapter_for(folder: Path, clock: ManualClock, **options: object) -> PlmFolderAdapter:
    """Return an adapter for this folder."""
    return PlmFolderAdapter("plm", {"adapter": "plm_folder", "path": str(folder), **options}, clock)


@asynccontextmanager
async def watching(folder: Path, **options: object) -> AsyncIterator[Watching]:
    """Connect, collect, and leave cleanly."""
    clock = clock_beside(folder)
    async with adapter_for(folder, clock, **options).connect() as reports:
        assert isinstance(reports, Session)
        watched = Watching(folder, clock, reports)
        task = asyncio.create_task(watched.collect())
        try:
            yield watched
        finally:
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        task.result()


async def test_a_file_closed_after_writing_is_delivered_at_once(folder: Path) -> None:
    """No clock moves: the close event alone brings the ECN, with path, digest and place."""
    async with watching(folder) as watched:
        await until(lambda: watched.of(ScanDone))
        (folder / "e1.csv").write_text(ecn("EC-1"))
        await until(lambda: watched.numbers == ["EC-1"])
        (notice,) = watched.of(EcnNotice)
        assert (notice.source, notice.file, len(notice.sha256)) == ("plm", "e1.csv", 64)
        assert notice.ecns[0].items[0].row == "line 2"


async def test_latency_from_close_to_notice(folder: Path) -> None:
    """Measured, printed, and asserted only far above what it is."""
    clock, taken = clock_beside(folder), []
    async with adapter_for(folder, clock).connect() as reports:
        assert isinstance(await anext(reports), ScanDone)
        for count in range(50):
            waiting = asyncio.ensure_future(anext(reports))
            await clock.sleep(0)
            (folder / f"{count}.csv").write_text(ecn(f"EC-{count}"))
            start = perf_counter()
            await waiting
            taken.append((perf_counter() - start) * 1000)
    taken.sort()
    print(f"close to notice: p50 {taken[25]:.2f} ms, max {taken[-1]:.2f} ms")
    assert taken[25] < 250


async def test_a_file_renamed_into_place_is_delivered_at_once(folder: Path) -> None:
    """Temporary names are not looked at; the rename is what counts, from inside the folder and from outside."""
    async with watching(folder) as watched:
        for name in ("a.csv.part", "a.tmp", "~$a.csv", ".a.csv"):
            (folder / name).write_text(ecn("EC-no"))
        (folder / "a.csv.part").rename(folder / "a.csv")
        (folder.parent / "b").write_text(ecn("EC-2"))
        (folder.parent / "b").rename(folder / "b.csv")
        await until(lambda: watched.numbers == ["EC-no", "EC-2"])
        assert [notice.file for notice in watched.of(EcnNotice)] == ["a.csv", "b.csv"]


async def test_a_half_written_file_waits_for_the_rest(folder: Path) -> None:
    """Closed in the middle of a line, it is neither delivered nor refused; its completion is one notice."""
    async with watching(folder) as watched:
        (folder / "e1.csv").write_text(HEADER + "EC-1,rel")
        await watched.marker()
        with (folder / "e1.csv").open("a") as file:
            file.write("eased,EL-1,B\n")
        await until(lambda: watched.numbers == ["zz-marker", "EC-1"])
        await watched.clock.advance(30)
        assert not watched.of(FileRejected)


async def test_a_file_that_stays_broken_is_refused_after_two_seconds(folder: Path, tmp_path: Path) -> None:
    """It gets its two seconds, then one rejection, a copy and a reason beside it; the source stays as it was."""
    async with watching(folder, quarantine=str(tmp_path / "quarantine")) as watched:
        (folder / "half; rm *.csv").write_text(HEADER + "EC-1,rel")
        await watched.marker()
        assert not watched.of(FileRejected)
        assert 2 <= await watched.later(lambda: watched.of(FileRejected)) <= 10
        (rejected,) = watched.of(FileRejected)
        copy = tmp_path / "quarantine" / "plm" / f"{rejected.sha256[:12]}-half_rm_.csv"
        assert copy.read_text() == (folder / "half; rm *.csv").read_text() == HEADER + "EC-1,rel"
        reason = copy.with_name(copy.name + ".reason.txt").read_text(encoding="utf-8")
        assert "line 2" in reason
        assert "最后一行不完整" in reason
        assert "cut off" in rejected.reason
        await watched.clock.advance(130)
        assert len(watched.of(FileRejected)) == 1


async def test_a_last_line_without_end_is_accepted_when_it_stays(folder: Path) -> None:
    """Many tools write no final line end: after two quiet seconds a row with all its fields counts."""
    async with watching(folder) as watched:
        (folder / "e1.csv").write_text(ecn("EC-1").rstrip("\n"))
        await watched.marker()
        assert 2 <= await watched.later(lambda: "EC-1" in watched.numbers) <= 3.5


async def test_the_same_bytes_are_delivered_once_per_file(folder: Path) -> None:
    """Touched or written again with the same bytes: nothing. Replaced: a notice. A copy under another name: a notice."""
    async with watching(folder) as watched:
        (folder / "e1.csv").write_text(ecn("EC-1"))
        await until(lambda: watched.numbers == ["EC-1"])
        os.utime(folder / "e1.csv", (1_800_000_000, 1_800_000_000))
        (folder / "e1.csv").write_text(ecn("EC-1"))
        (folder / "e2.csv").write_text(ecn("EC-1"))
        await until(lambda: watched.numbers == ["EC-1", "EC-1"])
        (folder / "new.tmp").write_text(ecn("EC-1", "C"))
        (folder / "new.tmp").replace(folder / "e1.csv")
        await until(lambda: len(watched.numbers) == 3)
        await watched.clock.advance(130)
        assert [(notice.file, notice.ecns[0].items[0].revision) for notice in watched.of(EcnNotice)] == [
            ("e1.csv", "B"),
            ("e2.csv", "B"),
            ("e1.csv", "C"),
        ]


async def test_links_pipes_and_folders_never_block(folder: Path) -> None:
    """A pipe and a link are refused once each, a folder is passed over, the file after them is read."""
    os.mkfifo(folder / "pipe.csv")
    (folder / "link.csv").symlink_to("/etc/passwd")
    (folder / "sub.csv").mkdir()
    (folder / "sub.csv" / "inner.csv").write_text(ecn("EC-no"))
    old(folder / "z.csv", ecn("EC-1"))
    async with watching(folder) as watched:
        await watched.later(lambda: watched.of(ScanDone))
        await watched.clock.advance(200)
        assert {report.file: report.reason.split(" →")[0] for report in watched.of(FileRejected)} == {
            "pipe.csv": "it is not a regular file (pipe, socket or device)",
            "link.csv": "it is a symbolic link, and links are not followed",
        }
        assert len(watched.of(FileRejected)) == 2
        assert watched.numbers == ["EC-1"]


async def test_a_file_gone_before_it_is_opened_is_no_news(folder: Path) -> None:
    """A legacy script may move a file away between the event and the open."""
    async with watching(folder) as watched:
        watched.session.arrived("gone.csv")
        await watched.marker()
        (folder / "zz-marker.csv").unlink()
        await watched.clock.advance(130)
        assert [type(report) for report in watched.reports] == [ScanDone, EcnNotice]
        assert watched.lost is None


async def test_two_thousand_old_files_then_scan_done(folder: Path) -> None:
    """The first scan delivers all, oldest first, and says when it is through."""
    for count in range(2000):
        old(folder / f"{9999 - count}.csv", ecn(f"EC-{count:04}"), order=count)
    async with watching(folder) as watched:
        await until(lambda: watched.of(ScanDone), within=30)
        assert watched.numbers == [f"EC-{count:04}" for count in range(2000)]
        (done,) = watched.of(ScanDone)
        assert (watched.reports[-1], done.source, done.files) == (done, "plm", 2000)


async def test_a_new_file_waits_for_the_older_ones_of_the_first_scan(folder: Path) -> None:
    """Of two files that state one ECN the later one counts: it must not be followed by the earlier one."""
    for count in range(600):
        old(folder / f"{count}.csv", ecn("EC-1", f"A{count}"), order=count)
    (folder / "fresh.csv").write_text(ecn("EC-1", "B"))
    async with watching(folder) as watched:
        await until(lambda: watched.reports)
        (folder / "a-new.csv").write_text(ecn("EC-1", "C"))
        await watched.later(lambda: watched.of(ScanDone) and watched.of(EcnNotice)[-1].file == "a-new.csv")
        assert [notice.file for notice in watched.of(EcnNotice)[-3:]] == ["599.csv", "fresh.csv", "a-new.csv"]
        assert watched.of(ScanDone)[0].files == 601


async def test_a_broken_file_of_the_first_scan_does_not_hold_back_a_new_one(folder: Path) -> None:
    """What lay there is tried first; whether it can be read at all is not waited for."""
    old(folder / "broken.csv", HEADER + "EC-1,rel")
    async with watching(folder) as watched:
        (folder / "new.csv").write_text(ecn("EC-2"))
        await until(lambda: watched.numbers == ["EC-2"])
        assert not watched.of(ScanDone)


async def test_files_found_together_are_read_oldest_first(folder: Path) -> None:
    """By time of modification, then by name, whatever order the directory has them in."""
    async with watching(folder, watch="poll") as watched:
        await watched.later(lambda: watched.of(ScanDone))
        for count in range(100):  # two share each time
            old(folder / f"{count * 37 % 100:02}.csv", ecn("EC-1"), order=-(count // 2))
        await watched.later(lambda: len(watched.numbers) == 100)
        files = [notice.file for notice in watched.of(EcnNotice)]
        assert files == sorted(files, key=lambda name: (os.stat(folder / name).st_mtime_ns, name))


async def test_a_scan_after_lost_events_reads_oldest_first(folder: Path) -> None:
    """The kernel dropped the events of many files: the scan that makes up for them keeps their order."""
    async with watching(folder) as watched:
        await until(lambda: watched.of(ScanDone))
        with deaf(watched.session) as unheard:
            for count in range(50):
                old(folder / f"{count}.csv", ecn(f"EC-{count}"), order=-count)
            await until(lambda: len(unheard) == 50)
        watched.session.missed()
        await until(lambda: len(watched.numbers) == 50)
        assert watched.numbers == [f"EC-{count}" for count in reversed(range(50))]


@pytest.mark.parametrize("watch", ["inotify", "poll"])
async def test_other_content_of_the_same_size_and_time_is_seen(folder: Path, watch: str) -> None:
    """Programs that keep a file's time of modification, such as `cp -p`, hide nothing."""
    old(folder / "e1.csv", ecn("EC-1", "B"))
    async with watching(folder, watch=watch) as watched:
        await watched.later(lambda: watched.of(ScanDone))
        old(folder / ".next", ecn("EC-1", "C"))
        (folder / ".next").replace(folder / "e1.csv")
        await watched.later(lambda: len(watched.numbers) == 2)
        old(folder / "e1.csv", ecn("EC-1", "D"))
        await watched.later(lambda: len(watched.numbers) == 3)
        assert [notice.ecns[0].items[0].revision for notice in watched.of(EcnNotice)] == ["B", "C", "D"]


async def test_a_file_replaced_again_and_again_ends_with_its_last_content(folder: Path) -> None:
    """Two versions within a millisecond, or one while the other is read: the last one is never missed."""
    async with watching(folder) as watched:
        await until(lambda: watched.of(ScanDone))
        for count in range(300):
            (folder / ".next").write_text(ecn("EC-1", f"R{count}"))
            (folder / ".next").replace(folder / "e1.csv")
            (folder / f"other{count}.csv").write_text(ecn(f"EX-{count}"))
            if count % 50 == 0:
                await settle(1)
        await watched.marker()
        await until(lambda: len({number for number in watched.numbers if number.startswith("EX")}) == 300)
        last = [notice for notice in watched.of(EcnNotice) if notice.file == "e1.csv"][-1]
        assert last.ecns[0].items[0].revision == "R299"


LOOK = """
import asyncio, structlog, sys
from adapters.plm_folder.adapter import PlmFolderAdapter
from edge_bridge.clock import SystemClock
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
async def look():
    async with PlmFolderAdapter("plm", {"path": sys.argv[1], "adapter": "plm_folder"}, SystemClock()).connect() as reports:
        print((await anext(reports)).file)
asyncio.run(look())
"""
LEAVE = """
import asyncio, sys, time
from adapters.plm_folder.adapter import PlmFolderAdapter
from edge_bridge.clock import SystemClock
async def look():
    async with PlmFolderAdapter("plm", {"path": sys.argv[1], "adapter": "plm_folder"}, SystemClock()).connect() as reports:
        reading = asyncio.ensure_future(anext(reports))
        await asyncio.wait({reading}, timeout=0.3)
        assert not reading.done()
        reading.cancel()
        await asyncio.wait({reading})
    print(time.perf_counter(), flush=True)
asyncio.run(look())
"""


@contextmanager
def refuse_to_watch(_folder: Folder, _listener: object) -> Iterator[None]:
    """Refuse, as the kernel does when the limit is reached."""
    raise OSError(errno.ENOSPC, "inotify watch limit reached")
    yield


class Unwatchable(PlmFolderAdapter):
    """An adapter to which the kernel gives no watch."""

    watch = staticmethod(refuse_to_watch)


async def test_no_watch_left_means_polling_and_a_warning(folder: Path) -> None:
    """ENOSPC: the limit belongs to the whole computer, and somebody else may have used it up."""
    clock = clock_beside(folder)
    adapter = Unwatchable("plm", {"adapter": "plm_folder", "path": str(folder), "watch": "inotify"}, clock)
    with structlog.testing.capture_logs() as logged:
        async with adapter.connect() as reports:
            assert isinstance(reports, Session)
            watched = Watching(folder, clock, reports)
            task = asyncio.create_task(watched.collect())
            await watched.later(lambda: watched.of(ScanDone))
            (folder / "e1.csv").write_text(ecn("EC-1"))
            assert 2 <= await watched.later(lambda: watched.numbers == ["EC-1"]) <= 4
            task.cancel()
            await asyncio.wait({task})
    (warning,) = logged
    assert (warning["log_level"], warning["event"]) == ("warning", "polling instead of inotify")
    assert warning["error"] == "inotify watch limit reached"
    assert "max_user_watches" in warning["hint"]


def test_the_kernels_own_limit_means_polling(folder: Path) -> None:
    """In a user namespace that may have no watch at all: the real refusal, told by the real kernel."""
    (folder / "e1.csv").write_text(ecn("EC-1"))
    limit = "echo 0 > /proc/sys/user/max_inotify_watches"
    if subprocess.run(["unshare", "-Ur", "sh", "-c", limit], capture_output=True, check=False).returncode:
        pytest.skip("this computer gives no user namespaces")
    look = f"{limit} && exec {sys.executable} -c '{LOOK}' {folder}"
    found = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", look], capture_output=True, text=True, check=False, timeout=30
    )
    assert (found.returncode, found.stdout.split()) == (0, ["e1.csv"]), found.stderr
    assert "polling instead of inotify" in found.stderr


def test_leaving_in_the_middle_of_a_large_file_is_quick(folder: Path) -> None:
    """A thread that still parses does not hold up the end of the process."""
    (folder / "big.csv").write_text(HEADER + "".join(f"EC-{count},released,EL-{count},B\n" for count in range(190_000)))
    os.utime(folder / "big.csv", (1_700_000_000, 1_700_000_000))
    script = [sys.executable, "-c", LEAVE, str(folder)]
    found = subprocess.run(script, capture_output=True, text=True, check=True, timeout=30)
    left, ended = float(found.stdout), perf_counter()
    assert found.stderr == ""
    assert ended - left < 3


async def test_a_fresh_file_at_connect_may_be_incomplete(folder: Path) -> None:
    """Modified within the last two seconds, it waits until it has been quiet; ScanDone comes after it."""
    (folder / "e1.csv").write_text(ecn("EC-1"))
    async with watching(folder) as watched:
        await watched.clock.advance(1)
        assert not watched.reports
        assert await watched.later(lambda: watched.of(ScanDone)) <= 2.5
        assert [type(report) for report in watched.reports] == [EcnNotice, ScanDone]


async def test_a_file_that_never_stops_growing_does_not_hold_back_scan_done(folder: Path) -> None:
    """After ten seconds the scan is through, whatever somebody still writes."""
    (folder / "log.csv").write_text(HEADER)
    async with watching(folder, watch="poll") as watched:

        def grown() -> bool:
            with (folder / "log.csv").open("a") as file:
                file.write("EC-1,released,EL-1,B\n")
            return bool(watched.of(ScanDone))

        assert 10 <= await watched.later(grown) <= 14
        assert watched.of(ScanDone)[0].files == 0


@pytest.mark.parametrize("watch", ["inotify", "poll"])
@pytest.mark.parametrize("how", ["deleted", "renamed", "replaced"])
async def test_a_folder_that_vanishes_is_lost(folder: Path, watch: str, how: str) -> None:
    """Within seconds, and never as if all its files had been deleted or were new."""
    old(folder / "e1.csv", ecn("EC-1"))
    async with watching(folder, watch=watch) as watched:
        await watched.later(lambda: watched.of(ScanDone))
        take_away(folder, how)
        assert await watched.later(lambda: watched.lost) <= 3
        assert watched.numbers == ["EC-1"]


async def test_a_folder_that_is_not_there_is_a_lost_source(tmp_path: Path) -> None:
    """Not a configuration error: the share may be mounted later. A file in its place is no folder either."""
    (tmp_path / "file").write_text("")
    for name in ("missing", "file"):
        adapter = adapter_for(tmp_path / name, ManualClock())
        with pytest.raises(AdapterError, match="cannot be read"):
            async with adapter.connect():
                pass


async def test_polling_waits_until_a_file_is_quiet(folder: Path) -> None:
    """On a share a file counts two seconds after its last change; what is old already waits as long at connect."""
    old(folder / "e0.csv", ecn("EC-0"))
    async with watching(folder, watch="poll") as watched:
        assert 2 <= await watched.later(lambda: watched.of(ScanDone)) <= 4
        assert watched.numbers == ["EC-0"]
        (folder / "e1.csv").write_text(HEADER + "EC-1,released,EL-1,B\n")
        await watched.clock.advance(1.5)
        with (folder / "e1.csv").open("a") as file:
            file.write("EC-2,released,EL-2,B\n")
        assert 2 <= await watched.later(lambda: "EC-2" in watched.numbers) <= 5
        assert watched.numbers == ["EC-0", "EC-1", "EC-2"]
        (folder / "e1.csv").unlink()
        os.utime(folder / "e0.csv")
        await watched.later(lambda: watched.clock.boottime > 120_000)
        assert len(watched.reports) == 3


async def test_polling_refuses_what_stays_broken(folder: Path) -> None:
    """Two seconds to be complete, two more for the last try, then a rejection."""
    async with watching(folder, watch="poll", format="json") as watched:
        (folder / "e1.json").write_text('{"number": "EC-1", ')
        assert 4 <= await watched.later(lambda: watched.of(FileRejected)) <= 8
        assert watched.of(FileRejected)[0].where == "line 1 column 20"


async def test_a_broken_file_does_not_delay_the_next(folder: Path) -> None:
    """The sound file is delivered at once, while the broken one still has its two seconds."""
    async with watching(folder) as watched:
        (folder / "a.csv").write_bytes(b"\xff\xff\xff\n" * 100)
        (folder / "b.csv").write_text(ecn("EC-2"))
        await until(lambda: watched.numbers == ["EC-2"])
        assert not watched.of(FileRejected)
        await watched.later(lambda: watched.of(FileRejected))


async def test_a_rejection_is_told_even_without_a_copy(folder: Path, tmp_path: Path) -> None:
    """When the quarantine folder cannot be made, the reason says that there is no copy."""
    (tmp_path / "taken").write_text("a file where the folder should be")
    async with watching(folder, quarantine=str(tmp_path / "taken")) as watched:
        (folder / "e1.csv").write_bytes(b"")
        await watched.later(lambda: watched.of(FileRejected))
        assert "the file is empty" in watched.of(FileRejected)[0].reason
        assert "no copy could be made" in watched.of(FileRejected)[0].reason


async def test_a_hard_link_is_taken_up_at_once(folder: Path) -> None:
    """It is never closed nor moved; that its content is older than its name tells it from a file being written."""
    old(folder.parent / "a", ecn("EC-1"))
    async with watching(folder) as watched:
        await until(lambda: watched.of(ScanDone))
        os.link(folder.parent / "a", folder / "a.csv")
        (folder.parent / "a").unlink()
        await until(lambda: watched.numbers == ["EC-1"])


async def test_a_slow_scan_finds_what_no_event_told(folder: Path) -> None:
    """A file without an event is found within a minute; lost events ask for a scan at once."""
    async with watching(folder) as watched:
        await until(lambda: watched.of(ScanDone))
        with deaf(watched.session) as unheard:
            old(folder / "a.csv", ecn("EC-1"))
            await until(lambda: unheard == {"a.csv"})
        await watched.clock.advance(10)
        assert not watched.numbers
        assert await watched.later(lambda: watched.numbers, step=5) <= 60
        with deaf(watched.session) as unheard:
            old(folder / "b.csv", ecn("EC-2"))
            await until(lambda: unheard == {"b.csv"})
        watched.session.missed()
        await until(lambda: watched.numbers == ["EC-1", "EC-2"])


class LockedFolder(Folder):
    """A share on which another program holds every file open for itself alone."""

    locked = True

    def read(self, name: str) -> Held | None:
        """Refuse while it is locked."""
        if self.locked:
            raise Unreadable("no_access", detail="Permission denied")
        return super().read(name)


class ColdFolder(Folder):
    """A folder on a disk that takes its time over each file."""

    def read(self, name: str) -> Held | None:
        """Read it after a while."""
        until = perf_counter() + 0.03
        while perf_counter() < until:
            pass
        return super().read(name)


async def test_a_slow_disk_does_not_hold_up_the_loop(folder: Path) -> None:
    """Files are read in one go only while that is quick: then the loop goes on, and the rest comes next, in order."""
    names = [f"{count}.csv" for count in range(10)]
    for name in names:
        (folder / name).write_text(ecn("EC-1"))
    slow = Disk(ColdFolder(folder, re.compile(".*")), BlockingCalls(Unreadable), may_hang=False)
    assert list(await slow.read(names)) == names[:1]


async def test_a_locked_file_is_refused_once_and_read_when_it_opens(folder: Path) -> None:
    """Nothing about the file changes when the lock goes: it is tried again quietly until then."""
    old(folder / "e1.csv", ecn("EC-1"))
    clock = clock_beside(folder)
    adapter = adapter_for(folder, clock, watch="poll")
    locked = LockedFolder(folder, adapter.options.file_name)
    sandbox = Sandbox("plm", {"adapter": "plm_folder", "path": str(folder)}, "", Limits())
    disk = Disk(locked, BlockingCalls(Unreadable), may_hang=True)
    session = Session(Intake("plm", adapter.options, sandbox), disk, clock, polling=True)
    watched = Watching(folder, clock, session)
    await session.start()
    task = asyncio.create_task(watched.collect())

    def ticked() -> bool:
        session.tick()
        return bool(watched.of(EcnNotice))

    await watched.later(lambda: ticked() or watched.of(ScanDone))
    await watched.later(lambda: ticked() or clock.boottime > 100_000)
    assert [type(report) for report in watched.reports] == [FileRejected, ScanDone]
    assert watched.of(FileRejected)[0].reason.startswith("it cannot be opened: Permission denied")
    locked.locked = False
    await watched.later(ticked)
    assert watched.numbers == ["EC-1"]
    task.cancel()
    await asyncio.wait({task})
    await sandbox.close()


async def test_a_large_file_does_not_stop_the_loop(folder: Path) -> None:
    """Above 256 kB it is parsed in a thread, and the loop goes on turning."""
    rows = "".join(f"EC-{count},released,EL-{count},B\n" for count in range(40_000))
    async with watching(folder) as watched:
        await until(lambda: watched.of(ScanDone))
        (folder / "big.csv").write_text(HEADER + rows)
        turns, longest, last = 0, 0.0, perf_counter()

        def turned() -> bool:
            nonlocal turns, longest, last
            turns, longest, last = turns + 1, max(longest, perf_counter() - last), perf_counter()
            return bool(watched.numbers)

        await until(turned, within=60)
        assert len(watched.numbers) == 40_000
        print(f"large file: {turns} turns, the longest {longest * 1000:.0f} ms")
        assert turns > 5


async def test_a_name_in_no_known_encoding_is_written_out(folder: Path) -> None:
    """A file name of broken bytes gives text that any message can carry."""
    async with watching(folder) as watched:
        (folder / os.fsdecode(b"\xff\xfe.csv")).write_text(ecn("EC-1"))
        await until(lambda: watched.numbers == ["EC-1"])
        assert watched.of(EcnNotice)[0].file == "\\xff\\xfe.csv"


async def test_nothing_is_lost_when_waiting_is_cancelled(folder: Path) -> None:
    """Whoever waits with a time limit may come back: the next report is still there."""
    async with adapter_for(folder, clock_beside(folder)).connect() as reports:
        assert isinstance(await anext(reports), ScanDone)
        for count in range(20):
            (folder / f"{count}.csv").write_text(ecn(f"EC-{count}"))

            async def next_one() -> PlmReport:
                try:
                    return await asyncio.wait_for(_as_coroutine(reports), 0.0005)
                except TimeoutError:
                    return await asyncio.wait_for(_as_coroutine(reports), 60)

            report = await next_one()
            assert isinstance(report, EcnNotice)
            assert report.ecns[0].number == f"EC-{count}"


async def _as_coroutine(reports: AsyncIterator[PlmReport]) -> PlmReport:
    awaited: Awaitable[PlmReport] = anext(reports)
    return await awaited


async def test_leaving_frees_every_thread_and_handle(folder: Path) -> None:
    """A hundred connections leave no file handle behind."""
    adapter = adapter_for(folder, clock_beside(folder))
    async with adapter.connect() as reports:
        await anext(reports)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        async with adapter.connect() as reports:
            await anext(reports)
    assert len(os.listdir("/proc/self/fd")) <= before + 2
