"""The folder itself: every call that touches the disk or the share, and nothing else. All of them may block."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapters.plm_folder.reading import LARGEST_FILE
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.errors import AdapterError

_UNFINISHED = re.compile(r"\.|~\$|.*\.(?:part|tmp)\Z", re.IGNORECASE)
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY, errno.EAGAIN})
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Signature:
    """What changes when a file is written: its size and its times.

    The time of its last change counts too, which nobody can set: `cp -p` and many PLMs give a new content the old time of
    modification.
    """

    size: int
    modified_ns: int
    changed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A file's bytes, read once. `signature` is None when it changed while it was read."""

    data: bytes
    signature: Signature | None


class Folder:
    """One watched folder, remembered by device and inode: what is mounted over or under it is another folder."""

    def __init__(self, path: Path, file_name: re.Pattern[str]) -> None:
        self.path = path
        self._file_name = file_name
        self._identity: tuple[int, int] | None = None

    def wants(self, name: str) -> bool:
        """Tell whether a file of this name counts: matches the pattern, and is no half-written or hidden file."""
        return self._file_name.fullmatch(name) is not None and _UNFINISHED.match(name) is None

    def check(self) -> None:
        """Raise AdapterError when the folder is gone, unreadable, or no longer the one that was there at first."""
        try:
            found = os.stat(f"{self.path}/.")  # the dot makes an automounter mount it, and a file no folder
        except OSError as error:
            raise self._lost(error) from error
        identity = (found.st_dev, found.st_ino)
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            raise AdapterError(
                f"{self.path} is another folder than before", "a share was mounted or unmounted; it is read anew"
            )

    def list(self) -> dict[str, Signature]:
        """Return the files that count, oldest first, links and pipes among them, sub-folders not. Raises AdapterError."""
        found: dict[str, Signature] = {}
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if self.wants(entry.name) and (signature := _signature(entry)):
                        found[entry.name] = signature
        except OSError as error:
            raise self._lost(error) from error
        return dict(sorted(found.items(), key=lambda entry: (entry[1].modified_ns, entry[0])))

    def signatures(self, names: Iterable[str]) -> dict[str, Signature]:
        """Return the signatures of those of these files that are there."""
        found: dict[str, Signature] = {}
        for name in names:
            try:
                found[name] = _signed(os.lstat(self.path / name))
            except OSError as error:
                if error.errno not in _GONE | _REFUSED:
                    raise self._lost(error) from error
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

        Raises Unreadable for what is not a file, is too large or may not be opened; AdapterError when the share fails.
        """
        path = self.path / name
        try:
            _require_regular(os.lstat(path))  # before opening: to open a device can be an action
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return _read(handle)
            finally:
                os.close(handle)
        except OSError as error:
            if error.errno in _GONE:
                return None
            if error.errno == errno.ELOOP:
                raise Unreadable("symlink") from error
            if error.errno == errno.ENXIO:
                raise Unreadable("not_regular") from error
            if error.errno in _REFUSED:
                raise Unreadable("no_access", detail=error.strerror) from error
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> AdapterError:
        hint = "check that the share is mounted and that the service may read it"
        return AdapterError(f"the PLM folder {self.path} cannot be read: {error.strerror}", hint)


def shown(name: str) -> str:
    """Return a file name that is sound text, whatever bytes it has on the disk."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _read(handle: int) -> Held | None:
    before = os.fstat(handle)
    if stat.S_ISDIR(before.st_mode):
        return None
    _require_regular(before)
    chunks: list[bytes] = []
    size = 0
    while chunk := os.read(handle, _CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_FILE:
            raise Unreadable("too_large", limit=LARGEST_FILE)
    after = _signed(os.fstat(handle))
    same = after == _signed(before) and after.size == size
    return Held(b"".join(chunks), after if same else None)


def _require_regular(found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise Unreadable("symlink")
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("not_regular")
    if found.st_size > LARGEST_FILE:
        raise Unreadable("too_large", limit=LARGEST_FILE)


def _signature(entry: os.DirEntry[str]) -> Signature | None:
    try:
        return None if entry.is_dir(follow_symlinks=False) else _signed(entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        return None


def _signed(found: os.stat_result) -> Signature:
    return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns)
