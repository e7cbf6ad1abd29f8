"""A network share that fails as it is told: a FUSE file system over a plain folder, in a process of its own.

`python -m tests.integration.share_server FOLDER MOUNTPOINT` obeys lines on standard input, each answered with `ok`:
`fail ERRNO [OPERATION …] [below NAME]`, `stall`, `heal`, `fold on|off`, `empty on|off`.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from typing import Any

import mfusepy

_OPERATIONS = ("getattr", "readdir", "open", "read")


class Share(mfusepy.Operations):  # type: ignore[misc]
    """Read-only, passes through; times in nanoseconds as they are."""

    use_ns = True

    def __init__(self, folder: str) -> None:
        self._folder = os.fsencode(folder)
        self._errors: dict[str, int] = {}
        self._below = ""
        self._flowing = threading.Event()
        self._flowing.set()
        self._fold = self._empty = False

    def obey(self, line: str) -> None:
        """Do what one line says. Raises ValueError, AttributeError when it is none of ours."""
        match line.split():
            case ["fail", name, *rest]:
                self._below = rest[rest.index("below") + 1] if "below" in rest else ""
                which = [word for word in rest if word in _OPERATIONS] or _OPERATIONS
                self._errors = dict.fromkeys(which, getattr(errno, name))
            case ["stall"]:
                self._flowing.clear()
            case ["heal"]:
                self._errors, self._below = {}, ""
                self._flowing.set()
            case ["fold", word]:
                self._fold = word == "on"
            case ["empty", word]:
                self._empty = word == "on"
            case _:
                raise ValueError(line)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """stat(2), without following links."""
        found = os.lstat(self._real("getattr", path))
        return {
            "st_mode": found.st_mode,
            "st_nlink": found.st_nlink,
            "st_size": found.st_size,
            "st_uid": found.st_uid,
            "st_gid": found.st_gid,
            "st_mtime": found.st_mtime_ns,
            "st_ctime": found.st_ctime_ns,
            "st_atime": found.st_atime_ns,
        }

    def readdir(self, path: str, fh: int) -> list[str]:
        """The names in a folder."""
        names = [] if self._empty else [os.fsdecode(name) for name in os.listdir(self._real("readdir", path))]
        return [".", "..", *names]

    def open(self, path: str, flags: int) -> int:
        """Open for reading."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise mfusepy.FuseOSError(errno.EROFS)
        return os.open(self._real("open", path), os.O_RDONLY | os.O_NOFOLLOW)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Some bytes of an open file."""
        self._real("read", path)
        return os.pread(fh, size, offset)

    def readlink(self, path: str) -> str:
        """Where a link leads."""
        return os.fsdecode(os.readlink(self._real("readlink", path)))

    def release(self, path: str, fh: int) -> int:
        """Close a file."""
        os.close(fh)
        return 0

    def _real(self, operation: str, path: str) -> bytes:
        """Return the path in the folder; wait or fail if that is what was told."""
        self._flowing.wait()
        number = self._errors.get(operation)
        if number and self._below in path:
            raise mfusepy.FuseOSError(number)
        real = self._folder + os.fsencode(path)
        if self._empty and path != "/":
            raise mfusepy.FuseOSError(errno.ENOENT)
        if self._fold and not os.path.lexists(real):
            folder, name = os.path.split(real)
            meant = [other for other in os.listdir(folder) if other.lower() == name.lower()]
            return os.path.join(folder, meant[0]) if meant else real
        return real


def main(folder: str, mountpoint: str) -> None:
    """Serve until unmounted."""
    share = Share(folder)

    def listen() -> None:
        for line in sys.stdin:
            share.obey(line)
            print("ok", flush=True)

    threading.Thread(target=listen, daemon=True).start()
    quick = {"attr_timeout": 0, "entry_timeout": 0, "negative_timeout": 0}
    mfusepy.FUSE(
        share, mountpoint, foreground=True, ro=True, fsname="//srv/ecn", subtype="smb", direct_io=True, **quick
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
