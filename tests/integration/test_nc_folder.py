"""A program share as it is in life: real files in a real folder; only the looks run on a clock moved by hand."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.nc_folder.adapter import NcFolderAdapter, ProgramReport
from edge_bridge.domain.nc_program import digest
from edge_bridge.domain.signal import ProgramFound, ProgramGone, ScanDone
from edge_bridge.errors import AdapterError, ConfigError
from edge_bridge.testing.clock import ManualClock
from tests.waiting import until

LONG_AGO = 1_700_000_000
OPTIONS: dict[str, Any] = {
    "adapter": "nc_folder",
    "program": r"^(?P<program>.+)_[A-Z]\.MPF$",
    "version": [{"name": r"_(?P<version>[A-Z])\.MPF$"}, {"header": "REV (?P<version>[A-Z])"}, {"digest": "sha256"}],
}


def put(folder: Path, name: str, text: str = "; REV C\nM30\n", *, old: bool = True) -> Path:
    """Put a program there; an old one was not written lately."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("gb18030"))
    if old:
        os.utime(file, (LONG_AGO, LONG_AGO))
    return file


def mount(*command: str) -> str:
    """Run mount or umount; return why it failed, empty when it did not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip() or "failed" if done.returncode else ""


class Looking:
    """A connection whose reports are collected, and the clock it lives by."""

    def __init__(self, clock: ManualClock, reports: AsyncIterator[ProgramReport]) -> None:
        self.clock = clock
        self.reports: list[ProgramReport] = []
        self.lost: AdapterError | None = None
        self._source = reports

    async def collect(self) -> None:
        """Take reports until the share is lost."""
        try:
            async for report in self._source:
                self.reports.append(report)
        except AdapterError as error:
            self.lost = error

    async def waiting(self) -> None:
        """Return when all is told and the next look is waited for."""
        await until(lambda: self.clock.next_due is not None or self.lost, what="the next look")

    async def look(self) -> None:
        """Let the next look be taken and everything be told."""
        await self.waiting()
        self.clock.move(5000)
        await self.waiting()

    def found(self) -> dict[str, ProgramFound]:
        """Return the newest word on each file."""
        return {report.file: report for report in self.reports if isinstance(report, ProgramFound)}


@asynccontextmanager
async def looking(folder: Path, **more: Any) -> AsyncIterator[Looking]:
    """Connect to a share and collect what it tells."""
    clock = ManualClock()
    adapter = NcFolderAdapter("dnc", {**OPTIONS, "path": str(folder), **more}, clock)
    async with adapter.connect() as reports:
        here = Looking(clock, reports)
        task = asyncio.create_task(here.collect())
        await here.waiting()
        yield here
        task.cancel()
        await asyncio.wait({task})


async def test_what_lies_there_is_told_at_once_with_name_version_and_digest(tmp_path: Path) -> None:
    """The name's version comes first, the header's next, the digest is of the normalised text."""
    put(tmp_path, "cell-1/EL-100_OP10_B.MPF", "%_N_EL_MPF\n;$PATH=/_N_WKS\n; 版本 REV C\nM30\n")
    async with looking(tmp_path) as here:
        first, done = here.reports
        assert isinstance(first, ProgramFound)
        assert (first.file, first.program) == ("cell-1/EL-100_OP10_B.MPF", "EL-100_OP10")
        assert [(e.extractor, e.value) for e in first.evidence[:2]] == [("name", "B"), ("header", "C")]
        assert first.digest == first.evidence[2].value == digest("; 版本 REV C\nM30")
        assert isinstance(done, ScanDone)
        await here.look()
        assert len(here.reports) == 2


async def test_a_program_being_written_counts_once_it_looked_the_same_twice(tmp_path: Path) -> None:
    """A transfer over a slow line takes minutes; half a program is no program."""
    async with looking(tmp_path) as here:
        file = put(tmp_path, "P_A.MPF", "; REV A\n", old=False)
        await here.look()
        with file.open("a") as half:
            half.write("M30\n")
        await here.look()
        assert here.found() == {}
        await here.look()
        assert here.found()["P_A.MPF"].digest == digest("; REV A\nM30")


async def test_a_changed_program_is_told_anew_and_one_that_went_is_told_gone(tmp_path: Path) -> None:
    """Under the same name and size, too."""
    put(tmp_path, "P_A.MPF", "X1\n")
    async with looking(tmp_path) as here:
        put(tmp_path, "P_A.MPF", "X2\n", old=False)
        await here.look()
        await here.look()
        assert here.found()["P_A.MPF"].digest == digest("X2")
        (tmp_path / "P_A.MPF").unlink()
        await here.look()
        assert here.reports[-1] == ProgramGone("dnc", here.clock.now(), "P_A.MPF")


async def test_what_is_no_program_is_left_alone(tmp_path: Path) -> None:
    """Links, pipes, hidden and half-written files, backups, and names that the site's pattern does not know."""
    put(tmp_path, "P_A.MPF")
    os.symlink(tmp_path / "P_A.MPF", tmp_path / "LINK_B.MPF")
    os.mkfifo(tmp_path / "PIPE_B.MPF")
    for name in (".P_B.MPF", "P_B.MPF.part", "P_B.MPF.bak", "~$P_B.MPF", "notes.txt", ".git/P_B.MPF"):
        put(tmp_path, name)
    async with looking(tmp_path) as here:
        assert set(here.found()) == {"P_A.MPF"}
        assert isinstance(here.reports[-1], ScanDone)


async def test_names_alone_open_no_file(tmp_path: Path) -> None:
    """A share with thousands of programs is not read over the network for what its names say: a file that nobody may
    read is as good."""
    put(tmp_path, "P_A.MPF")
    version = [{"name": r"_(?P<version>[A-Z])\.MPF$"}]
    async with looking(tmp_path, version=version) as here:
        assert here.found()["P_A.MPF"].evidence[0].value == "A"
        assert here.found()["P_A.MPF"].digest is None


async def test_a_large_program_has_a_header_and_no_digest(tmp_path: Path) -> None:
    """Ten megabytes are not read for a version."""
    put(tmp_path, "P_A.MPF", "; REV D\n" + "G1 X1\n" * 1_700_000)
    async with looking(tmp_path) as here:
        told = here.found()["P_A.MPF"]
        assert [(e.extractor, e.value) for e in told.evidence] == [("name", "A"), ("header", "D")]
        assert told.digest is None


async def test_a_share_that_goes_is_lost_and_one_that_comes_is_read(tmp_path: Path) -> None:
    """A mount over the folder is another folder: nothing is told gone."""
    share = tmp_path / "dnc"
    with pytest.raises(AdapterError, match="No such file or directory"):
        async with looking(share):
            pass
    put(share, "P_A.MPF")
    async with looking(share) as here:
        share.rename(tmp_path / "away")
        share.mkdir()
        await here.look()
        assert here.lost is not None
        assert "another folder" in str(here.lost)
        assert not any(isinstance(report, ProgramGone) for report in here.reports)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs needs root")
async def test_an_unmounted_share_is_lost(tmp_path: Path) -> None:
    """The empty folder below the mount is not an empty share."""
    share = tmp_path / "dnc"
    share.mkdir()
    if refused := mount("mount", "-t", "tmpfs", "none", str(share)):
        pytest.skip(f"no tmpfs can be mounted here: {refused}")
    try:
        put(share, "P_A.MPF")
        async with looking(share) as here:
            assert mount("umount", "-l", str(share)) == ""
            await here.look()
            assert here.lost is not None
            assert not any(isinstance(report, ProgramGone) for report in here.reports)
    finally:
        mount("umount", "-l", str(share))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"program": "P"}, "(?P<program>…)"),
        ({"pattern": "sub/*.MPF"}, "a pattern is for file names"),
        ({"version": [{"variable": "x"}]}, "cannot be read from a file"),
        ({"version": [{"asset": "versionId"}]}, "cannot be read from a file"),
        ({"every": "10ms"}, "at least"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    """Before anything is touched, with what to write."""
    with pytest.raises(ConfigError) as caught:
        NcFolderAdapter("dnc", {**OPTIONS, "path": str(tmp_path), **more}, ManualClock())
    assert said in str(caught.value)
