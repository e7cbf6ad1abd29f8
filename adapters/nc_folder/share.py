"""The share itself: every call that touches the disk, and nothing else. All of them may block."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_bridge.errors import AdapterError

MOST_PROGRAMS = 50_000
DEEPEST = 16
_NOT_NOW = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EBUSY, errno.ETXTBSY, errno.EAGAIN})


@dataclass(frozen=True, slots=True)
class Signature:
    """What changes when a file is written."""

    size: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Held:
    """The beginning of a file, or all of it, and what the file looked like while it was read."""

    data: bytes
    whole: bool
    signature: Signature


class Share:
    """One folder, remembered by device and inode: what is mounted over or under it is another folder."""

    def __init__(self, path: Path, wants: Callable[[str], bool], *, subfolders: bool) -> None:
        self.path = path
        self._wants = wants
        self._deepest = DEEPEST if subfolders else 0
        self._identity: tuple[int, int] | None = None

    def list(self) -> dict[str, Signature]:
        """Return every program by its path below the share. Raises AdapterError when the share cannot be read."""
        try:
            found = os.stat(f"{self.path}/.")  # the dot makes an automounter mount it
            identity = (found.st_dev, found.st_ino)
            if self._identity is not None and identity != self._identity:
                raise AdapterError(
                    f"{self.path} is another folder than before", "a share was mounted or unmounted; it is read anew"
                )
            self._identity = identity
            return dict(self._walk("", 0))
        except OSError as error:
            raise self._lost(error) from error

    def _walk(self, below: str, depth: int) -> Iterator[tuple[str, Signature]]:
        count = 0
        with os.scandir(self.path / below) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{below}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if depth < self._deepest and not entry.name.startswith("."):
                        yield from self._below(f"{name}/", depth + 1)
                elif self._wants(entry.name) and (signature := _regular(entry)):
                    count += 1
                    if count > MOST_PROGRAMS:
                        raise AdapterError(
                            f"{self.path} holds more than {MOST_PROGRAMS} programs in one folder",
                            "name a sub-folder as `path`, or a narrower `pattern`",
                        )
                    yield name, signature

    def _below(self, below: str, depth: int) -> Iterator[tuple[str, Signature]]:
        """Walk a sub-folder; one that was just removed or may not be read is left out, the share goes on."""
        try:
            yield from self._walk(below, depth)
        except OSError as error:
            if error.errno not in _NOT_NOW:
                raise

    def read(self, names: Iterable[str], most: int) -> dict[str, Held | None]:
        """Return up to `most` bytes of each file; None when it is not there, is locked, or changed while it was read."""
        return {name: self._read(name, most) for name in names}

    def _read(self, name: str, most: int) -> Held | None:
        try:
            handle = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                before = os.fstat(handle)
                data = _up_to(handle, most) if stat.S_ISREG(before.st_mode) else None
                after = os.fstat(handle)
            finally:
                os.close(handle)
        except OSError as error:
            if error.errno in _NOT_NOW or error.errno in (errno.ELOOP, errno.ENXIO):
                return None
            raise self._lost(error) from error
        signature = _signed(before)
        if data is None or _signed(after) != signature:
            return None
        return Held(data, len(data) == before.st_size, signature)

    def _lost(self, error: OSError) -> AdapterError:
        hint = "check that the share is mounted and that the service may read it"
        return AdapterError(f"the program share {self.path} cannot be read: {error.strerror}", hint)


def _up_to(handle: int, most: int) -> bytes:
    chunks: list[bytes] = []
    left = most
    while left > 0 and (chunk := os.read(handle, min(left, 1 << 20))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _regular(entry: os.DirEntry[str]) -> Signature | None:
    """Return a plain file's signature; links, pipes and devices are no programs."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return _signed(found) if stat.S_ISREG(found.st_mode) else None


def _signed(found: os.stat_result) -> Signature:
    return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns)
