"""A folder into which a PLM exports ECNs: reads each complete file once, and says so when one cannot be read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import structlog

from adapters.plm_folder.disk import Disk
from adapters.plm_folder.folder import Folder
from adapters.plm_folder.halves import Halves
from adapters.plm_folder.intake import Intake
from adapters.plm_folder.joining import joined, refused
from adapters.plm_folder.mounts import Mount, mount_of, not_mounted
from adapters.plm_folder.names import shown, soundly_named
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.reading import read_file, trace_file
from adapters.plm_folder.sandbox import READER, Limits, Sandbox
from adapters.plm_folder.session import TICK_SECONDS, PlmReport, Session
from adapters.plm_folder.unreadable import Unreadable
from adapters.plm_folder.watch import inotify
from edge_bridge.blocking import BlockingCalls, in_thread
from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.errors import AdapterError, ConfigError
from edge_bridge.options import read_options
from edge_bridge.ports import Clock, SourceMemory, TracedEcn

_CONNECT_TIMEOUT = 5.0  # seconds

log = structlog.get_logger(__name__)


class PlmFolderAdapter:
    """One PLM folder. Delivers EcnNotice, FileRejected and one ScanDone per connection.

    reader, limits: what parses files, and within which limits.
    """

    delivers: ClassVar[Literal["ecns"]] = "ecns"
    Options: ClassVar[type[PlmFolderOptions]] = PlmFolderOptions
    watch = staticmethod(inotify)
    reader: ClassVar[str] = READER
    limits: ClassVar[Limits] = Limits()

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        """Check the options; nothing outside is touched. Raises ConfigError."""
        self.name = name
        self.options = read_options(PlmFolderOptions, options)
        self._given, self._root = dict(options), Path(getattr(options, "root", Path()))
        self._clock = clock
        self._calls = BlockingCalls(Unreadable)
        self._memory: SourceMemory | None = None
        self._place = ""  # where the folder lay when it was last read
        self._below: set[str] = set()  # what was mounted on its sub-folders
        self._session: Session | None = None
        copies = self.options.quarantine
        if copies is not None and os.path.normpath(copies / name) == os.path.normpath(self.options.path):
            raise ConfigError("copies of unreadable files would land in `path`", "choose another", key=("quarantine",))

    @property
    def scan(self) -> tuple[int, int] | None:
        """How far the first scan of this connection is: files dealt with, of so many; None when none runs."""
        return self._session.progress if self._session is not None else None

    def recall(self, memory: SourceMemory) -> None:
        """Take note of what the core holds of this source: its files are not read again as long as they stay the same."""
        self._memory = memory

    def read(self, name: str, data: bytes) -> tuple[EcnDraft, ...]:
        """Return what these bytes would be read as. Raises AdapterError with the reason and the fix."""
        try:
            _require_name(name)
            return read_file(data, self.options)
        except Unreadable as error:
            raise _refused(name, error) from error

    def trace(self, name: str, data: bytes) -> tuple[TracedEcn, ...]:
        """Return the ECNs of a file with the origin of every field. Raises AdapterError with the place and the fix."""
        try:
            _require_name(name)
            return trace_file(data, self.options)
        except Unreadable as error:
            raise _refused(name, error) from error

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[PlmReport]]:
        """Enter = the folder could be listed. Raises AdapterError when it is not there, cannot be read or does not answer."""
        options = self.options
        folder = Folder(
            options.path,
            options.file_name,
            sentinel=options.sentinel,
            subfolders=options.subfolders,
            largest=options.max_file_size,
        )
        mounts = await self._calls.run(_CONNECT_TIMEOUT, self._look, folder)
        async with AsyncExitStack() as stack:
            sandbox = Sandbox(self.name, self._given, str(self._root), self.limits, self.reader)
            stack.push_async_callback(sandbox.close)
            intake = Intake(self.name, options, sandbox)
            polling = self._must_poll(mounts)
            folder.is_local = self.options.watch == "auto" and not polling
            if polling:
                session = self._session_of(folder, intake, polling=True)
            else:
                session = await self._watched(folder, intake, stack)
            await session.start()  # after the watch was set: what arrives in between is seen twice, never missed
            await stack.enter_async_context(_ticking(session, self._clock))
            self._session = session
            joins = self.options.join is not None
            yield await stack.enter_async_context(self._joined(session, intake, folder)) if joins else session

    def _look(self, folder: Folder) -> list[Mount]:
        """Look at the folder for the first time; return the mounts on which it lies, its own first. Raises AdapterError when it
        is not there, or looks like a mount point without its share.
        """
        place, *below = (self._place or (self._memory.place if self._memory is not None else "")).split("\n")
        before = Mount.of(place)
        folder.below = self._below
        folder.below.update(below)
        folder.check()
        mount = mount_of(self.options.path)
        if folder.is_empty():
            if len(before.point) > len(mount.point):
                raise AdapterError(
                    f"{self.options.path} is empty and no longer {before}: the share is not mounted",
                    "mount it; if the folder has moved and is meant to be empty, put any file into it",
                )
            if point := not_mounted(self.options.path):
                raise AdapterError(f"{self.options.path} is empty, and nothing is mounted on {point}", f"mount {point}")
        elif (point := self._bare(mount, before)) and not folder.holds_any(self._is_known):
            raise AdapterError(  # what somebody has put into the mount point is not the share
                f"nothing is mounted on {point}, and no file in {self.options.path} is known: the share is not mounted",
                "mount it; if this is the folder all the same, set `sentinel` to a file that always lies in it",
            )
        self._place = "\n".join((str(mount), *sorted(folder.below)))
        return [mount, *folder.mounts()]

    def _bare(self, mount: Mount, before: Mount) -> str | None:
        """Return the mount point of a network share above `path` that has nothing mounted on it; a sentinel would know."""
        if self.options.sentinel is not None:
            return None
        return mount.uncovers(before, self.options.path) or not_mounted(self.options.path, shares_only=True)

    def _is_known(self, name: str) -> bool:
        return self._memory is not None and self._memory.mark(shown(name)) is not None

    def _session_of(self, folder: Folder, intake: Intake, *, polling: bool) -> Session:
        disk = Disk(folder, self._calls, may_hang=polling)
        # a half that is known may be the one that the other half waits for: where files are joined, all are read again
        memory = None if self.options.join else self._memory
        return Session(intake, disk, self._clock, polling=polling, place=self._place, memory=memory)

    async def _watched(self, folder: Folder, intake: Intake, stack: AsyncExitStack) -> Session:
        """Return a session that the kernel tells of new files; one that polls, and a warning, when it has no watch left."""
        session = self._session_of(folder, intake, polling=False)
        try:
            async with AsyncExitStack() as watches:
                tree = watches.enter_context(self.watch(folder, session))
                await in_thread(tree.deepen)
                stack.push_async_exit(watches.pop_all())
        except OSError as error:
            hint = "raise fs.inotify.max_user_instances and max_user_watches, or set `watch: poll`"
            log.warning("polling instead of inotify", adapter=self.name, error=error.strerror, hint=hint)
            return self._session_of(folder, intake, polling=True)
        return session

    def _joined(
        self, session: Session, intake: Intake, folder: Folder
    ) -> AbstractAsyncContextManager[AsyncIterator[PlmReport]]:
        assert self.options.join is not None
        refuse = partial(refused, intake, Disk(folder, BlockingCalls(Unreadable), may_hang=True))
        halves = Halves(self.name, self.options.join.timeout)
        first_time = self._memory is None or not self._memory.place
        return joined(session, halves, self._clock, refuse, adapter=self.name, first_time=first_time)

    def _must_poll(self, mounts: list[Mount]) -> bool:
        if self.options.watch == "auto":
            return any(mount.is_network for mount in mounts)
        return self.options.watch == "poll"


def _require_name(name: str) -> None:
    """Raise Unreadable for what the folder would refuse unread, whatever is in it."""
    if not soundly_named(name):
        raise Unreadable("name")


def _refused(name: str, error: Unreadable) -> AdapterError:
    place = f"{shown(name)}: {error.where}" if error.where else shown(name)
    return AdapterError(f"{place}: {error.what}", error.hint)


@asynccontextmanager
async def _ticking(session: Session, clock: Clock) -> AsyncIterator[None]:
    """Wake the session twice a second."""

    async def tick() -> None:
        while True:
            await clock.sleep(TICK_SECONDS)
            session.tick()

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


__all__ = ["PlmFolderAdapter", "PlmFolderOptions"]
