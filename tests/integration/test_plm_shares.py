"""What shares bring: sub-folders, several patterns, odd names, a memory across restarts, a sentinel, mounts, failing files."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.plm_folder.mounts import missing, within
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.errors import AdapterError
from edge_bridge.testing.clock import ManualClock
from tests.integration.shares import faulty_share, tmpfs
from tests.integration.test_plm_folder import Watching, adapter_for, clock_beside, ecn, old, watching
from tests.waiting import until

TEN_MINUTES = 600_000

pytestmark = pytest.mark.timeout(150)  # a listing of a share that hangs has 60 s to answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty export folder."""
    made = tmp_path / "export"
    made.mkdir()
    return made


@dataclass
class Memory:
    """What a core holds: marks by file, and the last place."""

    marks: dict[str, str] = field(default_factory=dict)
    place: str = ""

    @property
    def has_files(self) -> bool:
        """Whether there is any mark."""
        return bool(self.marks)

    def mark(self, file: str) -> str | None:
        """Return the mark of a file."""
        return self.marks.get(file)

    def hold(self, watched: Watching) -> None:
        """Take in what was reported."""
        self.marks |= {notice.file: notice.mark for notice in watched.of(EcnNotice)}
        self.place = watched.of(ScanDone)[-1].place


def files(watched: Watching) -> list[str]:
    """Return the files delivered so far, in order."""
    return [notice.file for notice in watched.of(EcnNotice)]


async def with_memory(folder: Path, memory: Memory, **options: object) -> Watching:
    """Connect with a memory, see what is delivered until the first scan is through, and leave."""
    clock = ManualClock(clock_beside(folder).now().utc + TEN_MINUTES)
    adapter = adapter_for(folder, clock, **options)
    adapter.recall(memory)
    async with adapter.connect() as reports:
        watched = Watching(folder, clock, reports)  # type: ignore[arg-type]
        task = asyncio.create_task(watched.collect())
        await watched.later(lambda: watched.of(ScanDone))
        assert adapter.scan is None
        task.cancel()
        await asyncio.wait({task})
    return watched


def unmounted(folder: Path) -> None:
    """Take away what is mounted there."""
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def ticking(watched: Watching, condition: Callable[[], object]) -> None:
    """Move the clock on until the condition holds, while a share hangs and a thread with it."""

    async def moved() -> object:
        await watched.clock.advance(0.5)
        return condition()

    await until(moved, within=90, what="a condition beside a share that hangs")  # a listing has 60 s to answer


@pytest.mark.parametrize("watch", ["inotify", "poll"])
async def test_sub_folders(folder: Path, watch: str) -> None:
    """Files below are named by their path; hidden and half-written folders, and links to folders, do not count."""
    for name in ("2025/a.csv", "2026/变更 单/b.csv", ".hidden/no.csv", "2026/x.part/no.csv", "$RECYCLE.BIN/no.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        old(folder / name, ecn("EC-1"), order=len(name))
    (folder / "link").symlink_to(folder / "2025")
    async with watching(folder, watch=watch, subfolders=True) as watched:
        await watched.later(lambda: watched.of(ScanDone))
        assert files(watched) == ["2025/a.csv", "2026/变更 单/b.csv"]
        (folder / "2025" / "c.csv").write_text(ecn("EC-2"))
        await watched.later(lambda: "2025/c.csv" in files(watched))


async def test_sub_folders_are_not_looked_into_unless_told(folder: Path) -> None:
    """The default is the folder alone."""
    (folder / "sub").mkdir()
    old(folder / "sub" / "a.csv", ecn("EC-1"))
    async with watching(folder) as watched:
        await watched.later(lambda: watched.of(ScanDone))
        assert not watched.numbers


async def test_a_new_sub_folder_is_watched_without_a_race(folder: Path) -> None:
    """Made, filled and renamed faster than any watch can be set, and deep: every file is delivered, later ones at once."""
    async with watching(folder, subfolders=True) as watched:
        await until(lambda: watched.of(ScanDone))
        for number in range(30):
            deep = folder / f"day-{number}" / "in" / "there"
            deep.mkdir(parents=True)
            (deep / "a.csv").write_text(ecn(f"EC-{number}"))
        (folder / "day-0").rename(folder / "moved")
        (folder.parent / "ready").mkdir()
        old(folder.parent / "ready" / "b.csv", ecn("EC-b"))
        (folder.parent / "ready").rename(folder / "ready")
        await watched.later(lambda: {*(f"EC-{number}" for number in range(30)), "EC-b"} <= set(watched.numbers))
        before = watched.clock.boottime
        (folder / "day-7" / "in" / "there" / "late.csv").write_text(ecn("EC-late"))
        (folder / "moved" / "in" / "there" / "late.csv").write_text(ecn("EC-moved"))
        await until(lambda: {"EC-late", "EC-moved"} <= set(watched.numbers), what="files told by the kernel")
        assert watched.clock.boottime == before
        assert "moved/in/there/late.csv" in files(watched)
        assert watched.lost is None


async def test_several_patterns(folder: Path) -> None:
    """Any of them will do, and case does not matter."""
    for name in ("a.csv", "ECN_1.TXT", "notes.txt", "ecn_2.txt"):
        old(folder / name, ecn("EC-1"), order=len(name))
    async with watching(folder, pattern=["*.csv", "ECN_*.txt"]) as watched:
        await until(lambda: watched.of(ScanDone))
        assert files(watched) == ["a.csv", "ECN_1.TXT", "ecn_2.txt"]


async def test_a_file_above_the_size_set(folder: Path) -> None:
    """The limit is the site's; a larger file is refused unread."""
    old(folder / "a.csv", ecn("EC-1") + " " * 2000)
    async with watching(folder, max_file_size="1kB") as watched:
        await until(lambda: watched.of(FileRejected))
        assert "larger than 1000 bytes" in watched.of(FileRejected)[0].reason


async def test_what_the_core_holds_is_not_read_again(folder: Path) -> None:
    """After a restart only new, changed and young files are read; a changed one even if only its time of change tells."""
    for name in ("a.csv", "b.csv", "变更.csv"):
        old(folder / name, ecn(f"EC-{name}"))
    memory = Memory()
    memory.hold(await with_memory(folder, memory))
    assert all(memory.marks.values()), memory.marks
    assert files(await with_memory(folder, memory)) == []
    old(folder / "b.csv", ecn("EC-x.csv"))  # the same size and time of modification
    (folder / "c.csv").write_text(ecn("EC-c"))
    again = await with_memory(folder, memory)
    assert sorted(files(again)) == ["b.csv", "c.csv"]
    assert again.of(ScanDone)[0].files == 2


async def test_an_empty_folder_that_was_a_mount_is_a_lost_source(folder: Path) -> None:
    """Without its file system the folder is empty and lies higher up: lost, by the same adapter and by the next."""
    memory = Memory()
    adapter = adapter_for(folder, ManualClock())
    with tmpfs(folder):
        old(folder / "a.csv", ecn("EC-1"))
        memory.hold(await with_memory(folder, memory))
        async with adapter.connect() as reports:
            await anext(reports)
    for looking in (adapter, adapter_for(folder, ManualClock())):
        looking.recall(memory)
        with pytest.raises(AdapterError, match="is empty and no longer tmpfs on"):
            async with looking.connect():
                pass
    (folder / "any.txt").write_text("the folder has moved")
    async with adapter.connect():
        pass


async def test_what_lies_in_the_mount_point_is_not_the_share(folder: Path) -> None:
    """A file that somebody put there while the share was away, or `NOT MOUNTED`: lost all the same, also for the next adapter.

    A file that is known shows that it is the same folder, and a sentinel decides.
    """
    memory = Memory()
    with faulty_share(folder) as share:
        adapter = adapter_for(share.mounted, ManualClock())
        old(share.served / "a.csv", ecn("EC-1"))
        memory.hold(await with_memory(share.mounted, memory))
        async with adapter.connect():
            pass
        share.unmount()
        old(share.mounted / "NOT_MOUNTED.txt", "the share is not mounted")
        old(share.mounted / "stray.csv", ecn("EC-2"))
        for looking in (adapter, adapter_for(share.mounted, ManualClock())):
            looking.recall(memory)
            with pytest.raises(AdapterError, match="is known: the share is not mounted"):
                async with looking.connect():
                    pass
        memory.place = memory.place.replace(
            str(share.mounted), "/mnt/elsewhere/deeper/than/this/could/ever/be/in/a/test/folder"
        )
        async with adapter_for(share.mounted, ManualClock()).connect():
            pass  # another `path` than before
        memory.place = f"fuse.smb on {share.mounted}"
        sentinel = adapter_for(share.mounted, ManualClock(), sentinel="NOT_MOUNTED.txt")
        sentinel.recall(memory)
        async with sentinel.connect():
            pass
        memory.marks["stray.csv"] = "held"
        known = adapter_for(share.mounted, ManualClock())
        known.recall(memory)
        async with known.connect():
            pass


@pytest.mark.parametrize("memory_of", ["the adapter", "the core"])
async def test_a_mount_on_a_sub_folder_that_goes_away_is_a_lost_source(folder: Path, memory_of: str) -> None:
    """Lost within a second, and still lost when it is looked at again, until it is back or its folder is removed."""
    inner, memory = folder / "a", Memory()
    inner.mkdir()
    old(folder / "b.csv", ecn("EC-b"))
    with tmpfs(inner):
        old(inner / "a.csv", ecn("EC-a"))
        memory.hold(await with_memory(folder, memory, subfolders=True))
        async with watching(folder, subfolders=True) as watched:
            await watched.later(lambda: len(watched.numbers) == 2)
            unmounted(inner)
            assert await watched.later(lambda: watched.lost) <= 2
            assert f"nothing is mounted on {inner} any more" in str(watched.lost)
    adapter = adapter_for(folder, ManualClock(), subfolders=True)
    if memory_of == "the adapter":
        with tmpfs(inner):
            async with adapter.connect():
                pass
    else:
        adapter.recall(memory)
    with pytest.raises(AdapterError, match="any more"):
        async with adapter.connect():
            pass
    elsewhere = adapter_for(inner, ManualClock(), subfolders=True, pattern="*")
    elsewhere.recall(Memory(place=f"ext4 on /\n{inner}"))  # another `path` than the core has heard of
    async with elsewhere.connect():
        pass
    with tmpfs(inner):
        async with adapter.connect():
            pass
    inner.rmdir()
    async with adapter.connect():
        pass


async def test_a_share_on_a_sub_folder_makes_the_folder_polled(folder: Path) -> None:
    """The kernel tells nothing of what others write there, and it can hang: mounted before or while it is watched."""
    async with watching(folder, subfolders=True) as local:
        with faulty_share(folder / "x") as share:
            await local.later(lambda: local.lost)
            assert "a share was mounted below" in str(local.lost)
            async with watching(folder, subfolders=True) as watched:
                old(share.served / "a.csv", ecn("EC-a"))
                assert await watched.later(lambda: "x/mounted/a.csv" in files(watched)) < 30
                share.tell("stall")
                await ticking(watched, lambda: watched.lost)
                assert "does not answer" in str(watched.lost)
                share.tell("heal")


async def test_a_sub_folder_that_is_closed_to_us_is_told(folder: Path) -> None:
    """What is in it would be missed without a word; it is told once, and read as soon as it opens."""
    with faulty_share(folder) as share:
        (share.served / "a").mkdir()
        old(share.served / "a" / "in.csv", ecn("EC-in"))
        old(share.served / "beside.csv", ecn("EC-beside"))
        share.tell("fail EACCES readdir below /a")
        async with watching(share.mounted, subfolders=True) as watched:
            await watched.later(lambda: watched.of(FileRejected) and watched.numbers)
            for _ in range(20):
                await watched.later(lambda: True)
            (refused,) = watched.of(FileRejected)
            assert (refused.file, watched.numbers) == ("a", ["EC-beside"])
            assert "this sub-folder cannot be looked into: Permission denied" in refused.reason
            share.tell("heal")
            await watched.later(lambda: "EC-in" in watched.numbers)
            assert len(watched.of(FileRejected)) == 1


async def test_a_quarantine_that_hangs_holds_up_nothing_else(folder: Path, tmp_path: Path) -> None:
    """Copies may lie on another share: when that one hangs, the files are refused without one, and the good ones go on."""
    with faulty_share(tmp_path / "copies") as share:
        async with watching(folder, quarantine=str(share.mounted / "q")) as watched:
            await watched.later(lambda: watched.of(ScanDone))
            share.tell("stall")
            for name in ("a", "b", "c"):
                (folder / f"{name}.csv").write_text("no such header\n")
            await watched.marker()
            await ticking(watched, lambda: len(watched.of(FileRejected)) == 3)
            assert all(
                "no copy could be made: the folder does not answer" in r.reason for r in watched.of(FileRejected)
            )
            share.tell("heal")


async def test_a_read_only_folder_is_read(folder: Path) -> None:
    """Nothing is ever written there."""
    with faulty_share(folder / "share") as share:
        old(share.served / "a.csv", ecn("EC-1"))
        async with watching(share.mounted) as watched:  # a FUSE mount is polled, and this one is read-only
            await watched.later(lambda: watched.of(ScanDone))
            assert watched.numbers == ["EC-1"]
            assert watched.of(ScanDone)[0].place.startswith("fuse.smb on ")


async def test_a_share_that_ignores_case(folder: Path) -> None:
    """One file is one file, whatever case it is asked for in; a sentinel is found as well."""
    with faulty_share(folder / "share") as share:
        share.tell("fold on")
        old(share.served / "Export.CSV", ecn("EC-1"))
        (share.served / ".PLM-Share").touch()
        async with watching(share.mounted, sentinel=".plm-share") as watched:
            await watched.later(lambda: watched.of(ScanDone))
            (share.served / "Export.CSV").rename(share.served / "export.csv")
            await watched.later(lambda: len(watched.numbers) == 2)
            assert files(watched) == ["Export.CSV", "export.csv"]
            assert watched.lost is None


async def test_a_file_that_is_moved_away_while_it_is_read(folder: Path) -> None:
    """Another consumer took it, or the server replaced it (ESTALE): no news, and nothing is lost."""
    with faulty_share(folder / "share") as share:
        for name in ("a.csv", "b.csv"):
            old(share.served / name, ecn(f"EC-{name}"))
        share.tell("fail ESTALE open below a.csv")
        async with watching(share.mounted) as watched:
            await watched.later(lambda: watched.numbers == ["EC-b.csv"])
            share.tell("heal")
            await watched.later(lambda: "EC-a.csv" in watched.numbers)
            assert watched.lost is None
            assert not watched.of(FileRejected)


FSTAB = """
# <file system> <mount point> <type>
UUID=1 / ext4 defaults 0 1
//srv/ecn /mnt/plm\\040share cifs ro,nofail 0 0
srv:/x /mnt/nfs/ nfs ro 0 0
UUID=2 none swap sw 0 0
"""
MOUNTED = "27 1 254:0 / / rw - ext4 /dev/vda rw\n41 27 0:51 / /mnt/nfs rw - nfs4 srv:/x rw\n"


@pytest.mark.parametrize(
    ("path", "point"),
    [
        ("/mnt/plm share/ecn", "/mnt/plm share"),
        ("/mnt/plm share", "/mnt/plm share"),
        ("/mnt/plm share2", None),
        ("/mnt/nfs/ecn", None),
        ("/home", None),
    ],
)
def test_a_mount_point_of_fstab_without_a_mount(path: str, point: str | None) -> None:
    """What the system was told to mount there, and has not."""
    assert missing(path, FSTAB, MOUNTED) == point


@pytest.mark.parametrize(
    ("path", "point"), [("/mnt/plm share", "/mnt/plm share"), ("/mnt/disk", None), ("/mnt/usb", None)]
)
def test_only_shares_that_are_always_mounted_are_missed_where_files_lie(path: str, point: str | None) -> None:
    """A local disk, or one that somebody mounts by hand, may have been given up: files below show that."""
    more = "UUID=3 /mnt/disk ext4 defaults 0 2\n//srv/x /mnt/usb cifs ro,noauto 0 0\n"
    assert missing(path, FSTAB + more, MOUNTED, shares_only=True) == point


def test_mounts_on_sub_folders() -> None:
    """Each once, the topmost; an automounter's own ones come and go."""
    more = (
        "42 27 0:52 / /mnt/nfs/a rw - nfs4 srv:/x/a rw\n43 27 0:53 / /mnt/nfs/auto rw - autofs systemd-1 rw\n"
        "44 43 0:54 / /mnt/nfs/auto rw - cifs //srv/x rw\n45 43 0:55 / /mnt/nfs/auto/deeper rw - cifs //srv/y rw\n"
        "46 27 0:56 / /mnt/nfs2 rw - nfs4 srv:/y rw\n"
    )
    assert [str(mount) for mount in within("/mnt/nfs", MOUNTED + more)] == [
        "nfs4 on /mnt/nfs/a",
        "autofs on /mnt/nfs/auto",
    ]
