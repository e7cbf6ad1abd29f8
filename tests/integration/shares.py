"""Shares to mount and take away: FUSE ones that fail when told, and plain tmpfs. Whoever may not mount skips, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import until_sync


class FaultyShare:
    """A FUSE share: files put into `served` are seen below `mounted`, as long as it is well."""

    def __init__(self, folder: Path) -> None:
        self.served, self.mounted = folder / "served", folder / "mounted"
        self.served.mkdir()
        self.mounted.mkdir()
        self._server: subprocess.Popen[str] | None = None

    def mount(self) -> None:
        """Mount it; what was told it before is forgotten."""
        command = [sys.executable, "-m", "tests.integration.share_server", str(self.served), str(self.mounted)]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        until_sync(self._is_mounted, what="the share to be mounted")

    def tell(self, line: str) -> None:
        """Have it fail, stall or heal: see `share_server`."""
        assert self._server is not None
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        assert self._server.stdout.readline() == "ok\n"

    def kill(self) -> None:
        """End the server: the mount stays and answers ENOTCONN, as a share whose server crashed."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def unmount(self) -> None:
        """Take it away: what is left is an empty folder on the local disk."""
        subprocess.run(["umount", "-l", str(self.mounted)], check=True)
        self.end()

    def end(self) -> None:
        """End the server, mounted or not."""
        if self._server is None:
            return
        if self._is_mounted():
            subprocess.run(["umount", "-l", str(self.mounted)], check=True)
        self._server.kill()
        self._server.wait()
        for pipe in (self._server.stdin, self._server.stdout):
            assert pipe is not None
            pipe.close()
        self._server = None

    def _is_mounted(self) -> bool:
        assert self._server is not None
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        return f" {self.mounted} " in mounts


@contextmanager
def faulty_share(folder: Path, *, mounted: bool = True) -> Iterator[FaultyShare]:
    """Make a share below a folder; unmount it on every path. Skips where FUSE cannot be used."""
    if reason := _why_no_fuse():
        pytest.skip(f"NOT TESTED, a share that fails: {reason}")
    folder.mkdir(parents=True, exist_ok=True)
    share = FaultyShare(folder)
    try:
        if mounted:
            share.mount()
        yield share
    finally:
        share.end()


@contextmanager
def tmpfs(folder: Path) -> Iterator[None]:
    """Mount an empty file system of its own on a folder. Skips where that is not allowed."""
    found = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"NOT TESTED, a mounted folder: {found.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def _why_no_fuse() -> str | None:
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return f"/dev/fuse: {error.strerror}"
    if os.geteuid() != 0:
        return "mounting for another process needs root"
    look = subprocess.run([sys.executable, "-c", "import mfusepy"], capture_output=True, text=True, check=False)
    return (
        None if look.returncode == 0 else f"mfusepy: {look.stderr.strip().splitlines()[-1]} (scripts/system-packages)"
    )
