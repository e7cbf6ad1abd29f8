"""What the kernel tells of a folder on a local disk: complete files, new sub-folders, and that the folder went away."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from adapters.plm_folder.folder import Folder
from adapters.plm_folder.names import shown, unfinished

_COMPLETE = InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MOVED_TO
_NEW = InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO
_LEFT = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF | InotifyConstants.IN_UNMOUNT
_MASK = Mask(
    _COMPLETE
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
)
_MASK_BELOW = Mask(_MASK | InotifyConstants.IN_DONT_FOLLOW)

log = structlog.get_logger(__name__)


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


@contextmanager
def inotify(folder: Folder, listener: Listener) -> Iterator[Tree]:
    """Tell the listener about complete files until the context ends. Raises OSError when the kernel has no watch left.

    One thread, and only the events that matter: a full observer adds two threads to each event's way, and holds back
    whatever follows a file that was moved out of the folder for half a second.
    """
    loop = asyncio.get_running_loop()
    kernel = InotifyFD()
    kernel.start()
    tree = Tree(kernel, folder, loop.call_soon_threadsafe, listener)
    try:
        tree.watch("")
        yield tree
    finally:
        tree.listening = False
        kernel.stop()
        kernel.join()


class Tree:
    """The watches on a folder and its sub-folders; carries the kernel's events from its thread into the loop."""

    def __init__(self, kernel: InotifyFD, folder: Folder, call: Callable[..., object], listener: Listener) -> None:
        self._kernel, self._folder, self._call, self._listener = kernel, folder, call, listener
        self.listening = True

    def watch(self, below: str) -> None:
        """Watch one folder. Raises OSError."""
        callback = _Callback(self, below)
        path = self._folder.path / below if below else self._folder.path
        self._kernel.add_callback(os.fsencode(path), _MASK if not below else _MASK_BELOW, callback, callback.id)

    def deepen(self, below: str = "") -> None:
        """Watch the sub-folders of a folder, each before it is looked into: what appears meanwhile is seen one way or the
        other. Raises OSError when the kernel has no watch left."""
        for path in self._folder.folders(below):
            try:
                self.watch(path)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue  # gone again, or closed to us

    def forget(self, watch: WatchDescriptor, callback: _Callback) -> None:
        """Take back one watch: its folder has another name now."""
        self._kernel.remove_callbacks([(watch, callback.id)])

    def appeared(self, path: str) -> None:
        """Watch a new sub-folder and what is in it, and have the files found that were quicker than the watch."""
        if not self._folder.subfolders or unfinished(path.rpartition("/")[2]):
            return
        try:
            self.watch(path)
            self.deepen(path)
        except OSError as error:  # the scan once a minute sees what lies in there
            log.warning("a new sub-folder cannot be watched", folder=shown(path), error=error.strerror)
        self.tell(self._listener.missed)

    def is_there(self, path: str) -> bool:
        """Tell whether there is a folder under this name."""
        return os.path.isdir(self._folder.path / path)

    def tell(self, call: Callable[..., None], *names: str) -> None:
        """Tell the listener, in its own thread."""
        if self.listening:
            self._call(call, *names)

    @property
    def listener(self) -> Listener:
        """Who is told."""
        return self._listener


class _Callback:
    """What the kernel tells of one folder."""

    def __init__(self, tree: Tree, below: str) -> None:
        self._tree, self._below = tree, below
        self.id = CallbackId(id(self))

    def on_event(self, event: InotifyEvent) -> None:
        """Pass on one event."""
        tree, listener = self._tree, self._tree.listener
        name = os.fsdecode(event.name)
        path = f"{self._below}/{name}" if self._below else name
        if event.mask & _LEFT:
            self._left(event)
        elif event.mask & InotifyConstants.IN_ISDIR:
            if event.mask & _NEW:
                tree.appeared(path)
        else:
            tree.tell(listener.arrived if event.mask & _COMPLETE else listener.appeared, path)

    def _left(self, event: InotifyEvent) -> None:
        if not self._below:
            self._tree.tell(self._tree.listener.left)
        elif event.mask & InotifyConstants.IN_MOVE_SELF and not self._tree.is_there(self._below):
            self._tree.forget(event.wd, self)

    def on_watch_deleted(self, _watch: WatchDescriptor) -> None:
        """Pass on that the kernel gave up the watch: the folder is gone."""
        if not self._below:
            self._tree.tell(self._tree.listener.left)

    def on_queue_overflow(self) -> None:
        """Pass on that events were lost; once is enough."""
        if not self._below:
            self._tree.tell(self._tree.listener.missed)
