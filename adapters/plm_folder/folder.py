"""The folder itself: every call that touches the disk or the share, and nothing else. All of them may block."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from adapters.plm_folder.mounts import Mount, is_bare, mounts_below
from adapters.plm_folder.names import counts, shown, soundly_named, unfinished
from adapters.plm_folder.options import LARGEST_FILE
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.errors import AdapterError

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ESTALE})  # stale: replaced on the file server
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY, errno.EAGAIN})
_CHUNK = 1 << 20
DEEPEST = 16  # levels of sub-folders


class Signature(NamedTuple):
    """What changes when a file is written: its size and its times.

    The time of its last change counts too, which nobody can set: `cp -p` and many PLMs give a new content the old time of
    modification.
    """

    size: int
    modified_ns: int
    changed_ns: int = 0

    @property
    def mark(self) -> str:
        """What the core keeps with a file, so that a restart need not read it again."""
        return f"{self.size:x}.{self.modified_ns:x}.{self.changed_ns:x}"

    @classmethod
    def of(cls, mark: str) -> Signature | None:
        """Return what a mark says, None when there is none."""
        return cls(*(int(number, 16) for number in mark.split("."))) if mark else None


class Held(NamedTuple):
    """A file's bytes, read once. `signature` is None when it changed while it was read."""

    data: bytes
    signature: Signature | None


_CLOSED = Signature(-2, 0)  # of a sub-folder that we may not look into
UNKNOWN = Signature(-1, 0)  # of a file that is listed, and does not say what it looks like


class Changes(NamedTuple):
    """What a look at the whole folder found: new and changed files, oldest first, and the known ones that are gone."""

    changed: dict[str, Signature]
    gone: tuple[str, ...]


Unchanged = Callable[[str, Signature], bool]


class Folder:
    """One watched folder, remembered by device and inode: what is mounted over or under it is another folder.

    Names are paths below it. sentinel: a file that is there whenever the share is. largest: bytes of one file.
    """

    def __init__(
        self,
        path: Path,
        file_name: re.Pattern[str],
        *,
        sentinel: str | None = None,
        subfolders: bool = False,
        largest: int = LARGEST_FILE,
    ) -> None:
        self.path = path
        self.subfolders = subfolders
        self._file_name, self._sentinel, self._largest = file_name, sentinel, largest
        self.below: set[str] = set()  # where something is mounted on a sub-folder, or was when this was last read
        self.is_local = False  # whether nothing in it can hang, and the kernel tells of everything
        self._identity: tuple[int, int] | None = None

    def wants(self, name: str) -> bool:
        """Tell whether a file of this name counts: matches the pattern, and is no half-written or hidden file."""
        return ("/" not in name or self.subfolders) and counts(name, self._file_name)

    def check(self) -> None:
        """Raise AdapterError when the folder is gone, unreadable, or no longer the one that was there at first."""
        try:
            found = os.stat(f"{self.path}/.")  # the dot makes an automounter mount it, and a file no folder
        except OSError as error:
            raise self._lost(error) from error
        self._require_sentinel()
        self._follow_mounts()
        identity = (found.st_dev, found.st_ino)
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            raise AdapterError(
                f"{self.path} is another folder than before",
                "if a share is away, mount it; what is mounted is read anew by itself",
            )

    def mounts(self) -> list[Mount]:
        """Return what is mounted on those sub-folders that are looked into. Raises OSError."""
        found = mounts_below(self.path) if self.subfolders else ()
        above = len(os.path.realpath(self.path)) + 1
        return [mount for mount in found if not any(map(unfinished, mount.point[above:].split("/")))]

    def is_empty(self) -> bool:
        """Tell whether there is nothing at all in it, not even a hidden file. Raises AdapterError."""
        try:
            with os.scandir(self.path) as entries:
                return next(entries, None) is None
        except OSError as error:
            raise self._lost(error) from error

    def holds_any(self, known: Callable[[str], bool]) -> bool:
        """Tell whether a file that is known lies in it. Raises AdapterError."""
        try:
            return any(known(name) for name, _signature in self._files())
        except OSError as error:
            raise self._lost(error) from error

    def changes(self, known: Iterable[str], unchanged: Unchanged) -> Changes:
        """Compare what is there with what is known. The folder must be the same before and after. Raises AdapterError.

        known, unchanged: asked while the loop may go on changing what they speak of.
        """
        before = list(known)
        self.check()
        seen: set[str] = set()
        changed: dict[str, Signature] = {}
        try:
            for name, signature in self._files():
                seen.add(name)
                if not unchanged(name, signature):
                    changed[name] = signature
        except OSError as error:
            raise self._lost(error) from error
        self.check()  # a share that goes away in the middle of a listing looks as if files had been deleted
        changed = dict(sorted(changed.items(), key=lambda entry: (entry[1].modified_ns, entry[0])))
        return Changes(changed, tuple(name for name in before if name not in seen))

    def folders(self, below: str = "") -> Iterator[str]:
        """Yield the sub-folders that count, each before those in it. What is gone or closed to us is passed over."""
        if not self.subfolders or below.count("/") >= DEEPEST:
            return
        try:
            with os.scandir(self.path / below) as entries:
                inner = [entry.name for entry in entries if not unfinished(entry.name) and _is_folder(entry)]
        except OSError:
            return  # the next look at the whole folder tells what is wrong with it
        for name in inner:
            path = f"{below}/{name}" if below else name
            yield path
            yield from self.folders(path)

    def signatures(self, names: Iterable[str]) -> dict[str, Signature]:
        """Return the signatures of those of these files that are there."""
        found: dict[str, Signature] = {}
        for name in names:
            try:
                found[name] = _signed(os.lstat(self.path / name))
            except OSError as error:
                if error.errno not in _GONE | _REFUSED:
                    self._raise_if_lost(error)
        return found

    def is_linked(self, name: str) -> bool:
        """Tell whether a file is older than its name here; the one a writer makes is not, until it is closed."""
        try:
            found = os.lstat(self.path / name)
        except OSError:
            return False  # gone, or the folder is: others tell
        return found.st_ctime_ns != found.st_mtime_ns

    def read(self, name: str) -> Held | None:
        """Return a file's bytes, None when it is not there any more. Never blocks on a pipe, never follows a link.

        Raises Unreadable for what is not a file, is too large, may not be opened or cannot be read though the folder is
        there; AdapterError when the share fails.
        """
        if not soundly_named(name):
            raise Unreadable("name")
        path = f"{self.path}/{name}"  # as text: this is done a hundred thousand times in a first scan
        try:
            _require_regular(os.lstat(path), self._largest)  # before opening: to open a device can be an action
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return _read(handle, self._largest)
            finally:
                os.close(handle)
        except OSError as error:
            if error.errno == errno.EISDIR:
                self._require_open(name)
                return None
            if error.errno in _GONE and not self._is_there(name):
                return None
            if error.errno == errno.ELOOP:
                raise Unreadable("symlink") from error
            if error.errno == errno.ENXIO:
                raise Unreadable("not_regular") from error
            if error.errno in _REFUSED:
                raise Unreadable("no_access", detail=error.strerror) from error
            self._raise_if_lost(error)
            raise Unreadable("read_error", detail=error.strerror) from error

    def _require_open(self, name: str) -> None:
        """Raise Unreadable for a sub-folder that we may not look into: nobody else would tell what is missed."""
        try:
            with os.scandir(self.path / name) as entries:
                next(entries, None)
        except PermissionError as error:
            raise Unreadable("closed", detail=error.strerror) from error
        except OSError:
            return  # the next look at the whole folder tells what is wrong with it

    def _is_there(self, name: str) -> bool:
        """Tell whether a file that could not be opened is there all the same, so that it is no use to wait for it to come."""
        try:
            return stat.S_ISREG(os.lstat(self.path / name).st_mode)
        except OSError:
            return False

    def _files(self, below: str = "") -> Iterator[tuple[str, Signature]]:
        """Yield every file that counts, links and pipes among them. Raises OSError when the folder itself fails."""
        inner: list[str] = []
        prefix = f"{below}/" if below else ""
        with os.scandir(self.path / below if below else self.path) as entries:
            for entry in entries:
                if unfinished(entry.name):
                    continue
                if self._file_name.fullmatch(entry.name) and (signature := _signature(entry)):
                    yield prefix + entry.name, signature
                elif self.subfolders and _is_folder(entry):
                    inner.append(entry.name)
        for name in inner if below.count("/") < DEEPEST else ():
            try:
                yield from self._files(prefix + name)
            except (FileNotFoundError, NotADirectoryError):
                continue  # gone between two looks
            except PermissionError:
                yield prefix + name, _CLOSED  # what lies beside it counts all the same

    def _follow_mounts(self) -> None:
        """Take note of what is mounted on sub-folders. Raises AdapterError when a mount is gone and its folder is not."""
        if not self.subfolders:
            return
        try:
            mounts = self.mounts()
            points = {mount.point for mount in mounts}
            for point in points:
                with contextlib.suppress(PermissionError):  # told when it is looked into
                    os.stat(f"{point}/.")  # one that hangs or fails is as bad as none
            inner = f"{os.path.realpath(self.path)}/"  # another `path` may have been set since
            bare = [point for point in sorted(self.below - points) if point.startswith(inner) and is_bare(point)]
        except OSError as error:
            raise self._lost(error) from error
        if bare:
            hint = "mount the share; if it is no longer wanted, remove its empty folder"
            raise AdapterError(f"nothing is mounted on {bare[0]} any more", hint)
        if self.is_local and any(mount.is_network for mount in mounts):
            raise AdapterError(f"a share was mounted below {self.path}", "it is read anew by itself, and polled")
        self.below.clear()
        self.below |= points

    def _require_sentinel(self) -> None:
        if self._sentinel is None:
            return
        try:
            os.lstat(self.path / self._sentinel)
        except FileNotFoundError as error:
            hint = f"mount the share, or put a file {self._sentinel} into the folder on the file server"
            raise AdapterError(f"{self.path} has no {self._sentinel}: the share is not mounted", hint) from error
        except OSError as error:
            raise self._lost(error) from error

    def _raise_if_lost(self, error: OSError) -> None:
        """Raise AdapterError unless only this one file fails and the folder can still be listed."""
        try:
            self.check()
            with os.scandir(self.path) as entries:
                next(entries, None)
        except OSError as wider:
            raise self._lost(wider) from error

    def _lost(self, error: OSError) -> AdapterError:
        hint = "check that the share is mounted and that the service may read it"
        return AdapterError(f"the PLM folder {self.path} cannot be read: {error.strerror}", hint)


def _read(handle: int, largest: int) -> Held | None:
    before = os.fstat(handle)
    _require_regular(before, largest)
    chunks: list[bytes] = []
    size = 0
    while chunk := os.read(handle, _CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            raise Unreadable("too_large", limit=largest)
    after = _signed(os.fstat(handle))
    same = after == _signed(before) and after.size == size
    return Held(b"".join(chunks), after if same else None)


def _require_regular(found: os.stat_result, largest: int) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise Unreadable("symlink")
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("not_regular")
    if found.st_size > largest:
        raise Unreadable("too_large", limit=largest)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _signature(entry: os.DirEntry[str]) -> Signature | None:
    try:
        return None if entry.is_dir(follow_symlinks=False) else _signed(entry.stat(follow_symlinks=False))
    except OSError:
        return UNKNOWN  # reading it tells what is wrong with it, or that it is gone by now


def _signed(found: os.stat_result) -> Signature:
    return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns)


__all__ = ["Changes", "Folder", "Held", "Signature", "Unchanged", "shown"]
