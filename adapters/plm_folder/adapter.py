"""A folder into which a PLM exports ECNs: reads each complete file once, and says so when one cannot be read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar, Literal

import structlog

from adapters.plm_folder.folder import Folder
from adapters.plm_folder.halves import Halves
from adapters.plm_folder.joining import joined
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.reading import read_file, trace_file
from adapters.plm_folder.session import TICK_SECONDS, PlmReport, Session
from adapters.plm_folder.unreadable import Unreadable
from adapters.plm_folder.watch import inotify, is_network
from edge_bridge.blocking import BlockingCalls
from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.errors import AdapterError, ConfigError
from edge_bridge.options import read_options
from edge_bridge.ports import Clock, TracedEcn

_CONNECT_TIMEOUT = 5.0  # seconds

log = structlog.get_logger(__name__)


class PlmFolderAdapter:
    """One PLM folder. Delivers EcnNotice, FileRejected and one ScanDone per connection."""

    delivers: ClassVar[Literal["ecns"]] = "ecns"
    Options: ClassVar[type[PlmFolderOptions]] = PlmFolderOptions
    watch = staticmethod(inotify)

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        """Check the options; nothing outside is touched. Raises ConfigError."""
        self.name = name
        self.options = read_options(PlmFolderOptions, options)
        self._clock = clock
        self._calls = BlockingCalls(Unreadable)
        copies = self.options.quarantine
        if copies is not None and os.path.normpath(copies / name) == os.path.normpath(self.options.path):
            raise ConfigError("copies of unreadable files would land in `path`", "choose another", key=("quarantine",))

    def read(self, name: str, data: bytes) -> tuple[EcnDraft, ...]:
        """Return what these bytes would be read as. Raises AdapterError with the reason and the fix."""
        try:
            return read_file(data, self.options)
        except Unreadable as error:
            raise _refused(name, error) from error

    def trace(self, name: str, data: bytes) -> tuple[TracedEcn, ...]:
        """Return the ECNs of a file with the origin of every field. Raises AdapterError with the place and the fix."""
        try:
            return trace_file(data, self.options)
        except Unreadable as error:
            raise _refused(name, error) from error

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[PlmReport]]:
        """Enter = the folder could be listed. Raises AdapterError when it is not there, cannot be read or does not answer."""
        folder = Folder(self.options.path, self.options.file_name)
        await self._calls.run(_CONNECT_TIMEOUT, folder.check)
        polling = await self._calls.run(_CONNECT_TIMEOUT, self._must_poll)
        async with AsyncExitStack() as stack:
            session = self._polled(folder) if polling else self._watched(folder, stack)
            await session.start()  # after the watch was set: what arrives in between is seen twice, never missed
            await stack.enter_async_context(_ticking(session, self._clock))
            yield await stack.enter_async_context(self._joined(session)) if self.options.join else session

    def _polled(self, folder: Folder) -> Session:
        return Session(self.name, self.options, folder, self._clock, self._calls, polling=True)

    def _watched(self, folder: Folder, stack: AsyncExitStack) -> Session:
        """Return a session that the kernel tells of new files; one that polls, and a warning, when it has no watch left."""
        session = Session(self.name, self.options, folder, self._clock, self._calls, polling=False)
        try:
            stack.enter_context(self.watch(self.options.path, session))
        except OSError as error:
            hint = "raise fs.inotify.max_user_instances and max_user_watches, or set `watch: poll`"
            log.warning("polling instead of inotify", adapter=self.name, error=error.strerror, hint=hint)
            return self._polled(folder)
        return session

    def _joined(self, session: Session) -> AbstractAsyncContextManager[AsyncIterator[PlmReport]]:
        assert self.options.join is not None
        return joined(session, Halves(self.name, self.options.join.timeout), self._clock, self.name)

    def _must_poll(self) -> bool:
        if self.options.watch == "auto":
            return is_network(self.options.path)
        return self.options.watch == "poll"


def _refused(name: str, error: Unreadable) -> AdapterError:
    place = f"{name}: {error.where}" if error.where else name
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
