"""Where a folder lies: on which file system, whether other computers may write there, and whether its share is mounted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOUNTS, _TABLE = Path("/proc/self/mountinfo"), Path("/etc/fstab")
_NETWORK = re.compile(
    r"cifs|smb3|smbfs|ncpfs|nfs4?|afs|coda|9p|virtiofs|vboxsf|vmhgfs|prl_fs|drvfs|davfs|ceph|lustre|gpfs|beegfs|ocfs2|gfs2"
    r"|autofs|fuse|fuse\..*"
)
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo (proc(5)): the type of the file system, and where it is mounted."""

    kind: str = ""
    point: str = ""

    def __str__(self) -> str:
        return f"{self.kind} on {self.point}"

    @classmethod
    def of(cls, text: str) -> Mount:
        """Return what `str` wrote; nowhere when there is no such text."""
        kind, _, point = text.partition(" on ")
        return cls(kind, point)

    @property
    def is_network(self) -> bool:
        """Whether other computers may write there, which inotify does not see."""
        return _NETWORK.fullmatch(self.kind) is not None


def mount_of(path: Path) -> Mount:
    """Return the mount that holds a path. Looks at the disk: may block."""
    return holding(os.path.realpath(path), _text(_MOUNTS))


def not_mounted(path: Path) -> str | None:
    """Return the mount point above a path that is in /etc/fstab and has nothing mounted on it, if there is one."""
    try:
        table = _text(_TABLE)
    except OSError:
        return None  # no such table here, or none of our business
    return missing(os.path.normpath(path), table, _text(_MOUNTS))


def holding(path: str, mounts: str) -> Mount:
    """Return the mount that holds an absolute path, from the text of /proc/self/mountinfo."""
    found = Mount()
    for mount in _mounts(mounts):
        if _is_below(path, mount.point) and len(mount.point) >= len(
            found.point
        ):  # of two at one point, the later is on top
            found = mount
    return found


def missing(path: str, table: str, mounts: str) -> str | None:
    """Return the mount point of fstab(5) above an absolute path that is not among the mounts."""
    mounted = {mount.point for mount in _mounts(mounts)}
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 3 or line.lstrip().startswith("#"):
            continue
        point = _plain(fields[1]).rstrip("/")
        if point.startswith("/") and _is_below(path, point) and point not in mounted:
            return point
    return None


def _mounts(text: str) -> Iterator[Mount]:
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) >= 5 and after:
            yield Mount(after.split(" ", 1)[0], _plain(fields[4]))


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="surrogateescape")
