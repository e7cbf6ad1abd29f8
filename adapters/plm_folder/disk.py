"""The folder as the loop sees it: at once on a local disk, in a thread with a time limit where a share can hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, TypeVarTuple

from adapters.plm_folder.folder import Changes, Folder, Held, Signature, Unchanged
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.blocking import BlockingCalls
from edge_bridge.errors import AdapterError

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
Found = Held | Unreadable | None
BYTES_TOGETHER = 256_000  # of several files that are read in one go
_WHILE, _WHILE_THREADED = 0.005, 1.0  # seconds in which further ones are begun: a cold disk must not hold up the loop
_SHORT, _LONG = 5.0, 60.0  # seconds that a share may take: for one file's state, for a file or a whole list
_FAILING = 3  # files in a row that cannot be read: it is not the files


class Disk:
    """Every look at the folder. Raises AdapterError when the folder is lost or does not answer."""

    def __init__(self, folder: Folder, calls: BlockingCalls, *, may_hang: bool) -> None:
        self.folder = folder
        self._calls = calls
        self._may_hang = may_hang
        self._failing: set[str] = set()

    async def check(self) -> None:
        """Raise AdapterError when the folder is gone or another one."""
        await self._call(_SHORT, self.folder.check)

    async def changes(self, known: Iterable[str], unchanged: Unchanged) -> Changes:
        """Return what is new and what is gone; in a thread always, for ten thousand files take a while."""
        return await self._calls.run(_LONG, self.folder.changes, known, unchanged)

    async def signatures(self, names: Iterable[str]) -> dict[str, Signature]:
        """Return what those of these files that are there look like."""
        return await self._call(_SHORT, self.folder.signatures, names)

    async def read(self, names: Sequence[str]) -> dict[str, Found]:
        """Return the bytes of the first of these files, of one at least: None for one that is gone, Unreadable for one that
        cannot be had."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (_WHILE_THREADED if self._may_hang else _WHILE)
        found = await self._call(_LONG, self._read, names, lambda: loop.time() >= until)
        for name, held in found.items():
            self._note(name, held)
        return found

    def _read(self, names: Sequence[str], enough: Callable[[], bool]) -> dict[str, Found]:
        found: dict[str, Found] = {}
        size = 0
        for name in names:
            try:
                held = found[name] = self.folder.read(name)
            except Unreadable as refusal:
                found[name] = refusal
            else:
                size += len(held.data) if held is not None else 0
            if size > BYTES_TOGETHER or enough():
                break
        return found

    def _note(self, name: str, found: Found) -> None:
        """Raise AdapterError when one file after another cannot be read: then it is not the files."""
        if not isinstance(found, Unreadable):
            self._failing.clear()
        elif found.kind == "read_error":
            self._failing.add(name)
            if len(self._failing) >= _FAILING:
                hint = "check that the share is mounted and the file server well"
                raise AdapterError(f"no file of {self.folder.path} can be read: {found.what}", hint) from found

    async def _call(self, timeout: float, call: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        return await self._calls.run(timeout, call, *args) if self._may_hang else call(*args)
