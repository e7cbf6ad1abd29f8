"""How a change in the folder is noticed: inotify on a local disk, polling where the kernel hears nothing."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = re.compile(
    r"cifs|smb3|smbfs|ncpfs|nfs4?|afs|coda|9p|virtiofs|vboxsf|vmhgfs|prl_fs|drvfs|davfs|ceph|lustre|gpfs|beegfs|ocfs2|gfs2"
    r"|autofs|fuse\..*"
)
_OCTAL = re.compile(r"\\([0-7]{3})")
_COMPLETE = InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MOVED_TO
_LEFT = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF | InotifyConstants.IN_UNMOUNT


class Listener(Protocol):
    """Who is told, in the event loop."""

    def arrived(self, name: str) -> None:
        """A file was closed after writing, or moved into the folder."""

    def appeared(self, name: str) -> None:
        """A file got a name in the folder: it is being written, or it was linked here."""

    def missed(self) -> None:
        """The kernel dropped events: look for yourself."""

    def left(self) -> None:
        """The folder was deleted, renamed or unmounted."""


def is_network(path: Path) -> bool:
    """Tell whether other computers may write here, which inotify does not see. Looks at the disk: may block."""
    kind = file_system(os.path.realpath(path), _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
    return _NETWORK.fullmatch(kind) is not None


def file_system(path: str, mounts: str) -> str:
    """Return the type of the file system that holds an absolute path, from the text of /proc/self/mountinfo (proc(5))."""
    kind, longest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:  # of two at one point, the later one is on top
            kind, longest = after.split(" ", 1)[0], len(point)
    return kind


@contextmanager
def inotify(path: Path, listener: Listener) -> Iterator[None]:
    """Tell the listener about complete files until the context ends. Raises OSError when the kernel has no watch left.

    One thread, and only the events that matter: a full observer adds two threads to each event's way, and holds back
    whatever follows a file that was moved out of the folder for half a second.
    """
    loop = asyncio.get_running_loop()
    callback = _Callback(loop.call_soon_threadsafe, listener)
    kernel = InotifyFD()
    kernel.start()
    try:
        mask = Mask(
            _COMPLETE
            | InotifyConstants.IN_CREATE
            | InotifyConstants.IN_DELETE_SELF
            | InotifyConstants.IN_MOVE_SELF
            | InotifyConstants.IN_ONLYDIR
        )
        kernel.add_callback(os.fsencode(path), mask, callback, CallbackId(id(callback)))
        yield
    finally:
        callback.listening = False
        kernel.stop()
        kernel.join()


class _Callback:
    """Carries the kernel's events from its thread into the loop."""

    def __init__(self, call: Callable[..., object], listener: Listener) -> None:
        self._call, self._listener = call, listener
        self.listening = True

    def on_event(self, event: InotifyEvent) -> None:
        """Pass on one event."""
        if not self.listening:
            return
        if event.mask & _LEFT:
            self._call(self._listener.left)
        elif not event.mask & InotifyConstants.IN_ISDIR:
            told = self._listener.arrived if event.mask & _COMPLETE else self._listener.appeared
            self._call(told, os.fsdecode(event.name))

    def on_watch_deleted(self, _watch: int) -> None:
        """Pass on that the kernel gave up the watch: the folder is gone."""
        if self.listening:
            self._call(self._listener.left)

    def on_queue_overflow(self) -> None:
        """Pass on that events were lost."""
        if self.listening:
            self._call(self._listener.missed)
