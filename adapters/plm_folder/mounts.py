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

    def uncovers(self, before: Mount, path: Path) -> str | None:
        """Return the mount point of the share on which a path lay before, if the path now lies on what was under it.
        Looks at the disk: may block."""
        above = before.is_network and not self.is_network and len(before.point) > len(self.point)
        return before.point if above and _is_below(os.path.realpath(path), before.point) else None


def mount_of(path: Path) -> Mount:
    """Return the mount that holds a path. Looks at the disk: may block."""
    return holding(os.path.realpath(path), _text(_MOUNTS))


def mounts_below(path: Path) -> tuple[Mount, ...]:
    """Return what is mounted on sub-folders of a path. Looks at the disk: may block."""
    return within(os.path.realpath(path), _text(_MOUNTS))


def is_bare(point: str) -> bool:
    """Tell whether there is a folder to mount on, and nothing mounted. Looks at the disk: may block. Raises OSError."""
    try:
        os.stat(f"{point}/.")  # the dot makes an automounter mount it
    except (FileNotFoundError, NotADirectoryError):
        return False
    return holding(point, _text(_MOUNTS)).point != point


def not_mounted(path: Path, *, shares_only: bool = False) -> str | None:
    """Return the mount point above a path that is in /etc/fstab and has nothing mounted on it, if there is one.

    shares_only: only one for a network share that is mounted when the computer starts.
    """
    try:
        table = _text(_TABLE)
    except OSError:
        return None  # no such table here, or none of our business
    mounts = _text(_MOUNTS)
    places = (os.path.normpath(path), os.path.realpath(path))  # as it is written, and where links lead
    found = (missing(place, table, mounts, shares_only=shares_only) for place in places)
    return next(filter(None, found), None)


def holding(path: str, mounts: str) -> Mount:
    """Return the mount that holds an absolute path, from the text of /proc/self/mountinfo."""
    found = Mount()
    for mount in _mounts(mounts):
        if _is_below(path, mount.point) and len(mount.point) >= len(
            found.point
        ):  # of two at one point, the later is on top
            found = mount
    return found


def within(path: str, mounts: str) -> tuple[Mount, ...]:
    """Return the mounts on sub-folders of an absolute path, from the text of /proc/self/mountinfo.

    What an automounter mounts comes and goes by itself: it is told by the automounter's own mount.
    """
    found: dict[str, Mount] = {}
    for mount in _mounts(mounts):
        inner = mount.point != path and _is_below(mount.point, path)
        if inner and not any(_is_below(mount.point, above.point) for above in found.values() if above.kind == "autofs"):
            found[mount.point] = mount
    return tuple(found[point] for point in sorted(found))


def missing(path: str, table: str, mounts: str, *, shares_only: bool = False) -> str | None:
    """Return the mount point of fstab(5) above an absolute path that is not among the mounts."""
    mounted = {mount.point for mount in _mounts(mounts)}
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 3 or line.lstrip().startswith("#"):
            continue
        if shares_only and (not Mount(fields[2]).is_network or "noauto" in "".join(fields[3:4]).split(",")):
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
