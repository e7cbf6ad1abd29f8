"""One connection to a folder: decides what to read when, and turns each file into one report."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

from adapters.plm_folder.blocking import BlockingCalls
from adapters.plm_folder.complete import SETTLING, Settling
from adapters.plm_folder.folder import Folder, Held, Signature, shown
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.quarantine import Quarantine
from adapters.plm_folder.reading import read_file
from adapters.plm_folder.unreadable import NEVER_BETTER, Unreadable
from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.domain.instant import MINUTE, SECOND, Milliseconds
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.errors import AdapterError
from edge_bridge.ports import Clock

TICK_SECONDS = 0.5
_RESCAN: Milliseconds = MINUTE
_POLL: Milliseconds = SECOND
_LONGEST_SCAN: Milliseconds = 10 * SECOND  # a file that is still being written then does not hold back ScanDone
_LARGE = 256_000  # bytes; parsed in a thread
_BATCH = 16
_PATIENCE = {"check": 5.0, "list": 60.0, "signatures": 10.0, "read": 60.0}  # seconds that a share may take
Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
PlmReport = EcnNotice | FileRejected | ScanDone


@dataclass(frozen=True, slots=True)
class _Known:
    """A file that was dealt with. `sha256` is empty when its bytes could not be had; `reason` when it was accepted."""

    sha256: str
    signature: Signature | None
    reason: str = ""


class Session:
    """The iterator that `connect` yields. Nothing is lost when a waiting `__anext__` is cancelled."""

    def __init__(
        self,
        source: str,
        options: PlmFolderOptions,
        folder: Folder,
        clock: Clock,
        calls: BlockingCalls,
        *,
        polling: bool,
    ) -> None:
        self._source, self._options, self._folder, self._clock, self._calls = source, options, folder, clock, calls
        self._polling = polling
        self._quarantine = Quarantine(options.quarantine / source) if options.quarantine else None
        self._known: dict[str, _Known] = {}
        self._settling = Settling()
        self._arrived: dict[str, bool] = {}  # name → whether this is the last try; in order
        self._backlog: deque[str] = deque()
        self._first: set[str] | None = None  # of the first scan, what is not yet decided; None once ScanDone is out
        self._delivered_first = 0
        self._ready: deque[PlmReport] = deque()
        self._wake = asyncio.Event()
        self._tick = False
        self._lost = ""
        self._opened = self._next_check = self._next_scan = clock.now().boottime

    # what the watcher and the ticker call

    def arrived(self, name: str) -> None:
        """Take note of a file that was closed or moved into the folder."""
        if self._folder.wants(name):
            self._arrived.setdefault(name, False)
            self._wake.set()

    def missed(self) -> None:
        """Scan now: the kernel dropped events."""
        self._next_scan = 0
        self.tick()

    def left(self) -> None:
        """End: the folder was deleted, renamed or unmounted."""
        self._lost = f"the PLM folder {self._folder.path} was deleted, renamed or unmounted"
        self._wake.set()

    def tick(self) -> None:
        """Look at whatever is due."""
        self._tick = True
        self._wake.set()

    # the iterator

    def __aiter__(self) -> Session:
        return self

    async def __anext__(self) -> PlmReport:
        """Return the next report. Raises AdapterError when the folder is lost."""
        while not self._ready:
            await self._step()
        return self._ready.popleft()

    async def start(self) -> None:
        """Make the first scan: everything that lies in the folder, oldest first."""
        listing = await self._blocking("list", self._folder.list)
        now = self._clock.now()
        self._next_scan = now.boottime + (_POLL if self._polling else _RESCAN)
        self._first = set(listing)
        for name in sorted(listing, key=lambda name: (listing[name].modified_ns, name)):
            if self._polling or self._is_fresh(listing[name], now.utc):
                self._settling.see(name, listing[name], now.boottime)
            else:
                self._backlog.append(name)
        self._end_first_scan()

    async def _step(self) -> None:
        """Do the most urgent thing: a new file, the timer, then the backlog of the first scan."""
        if self._lost:
            raise AdapterError(self._lost, "it is read anew when it is back")
        if self._arrived:
            name, final = next(iter(self._arrived.items()))
            del self._arrived[name]
            await self._attempt(name, final=final)
        elif self._tick:
            self._tick = False
            await self._on_tick()
        elif self._backlog:
            await self._attempt(self._backlog[0], final=False)
            self._backlog.popleft()
            if len(self._backlog) % _BATCH == 0:
                await self._clock.sleep(0)
        else:
            await self._wake.wait()
            self._wake.clear()
        self._end_first_scan()

    async def _attempt(self, name: str, *, final: bool) -> None:
        try:
            await self._take(name, final=final)
        except asyncio.CancelledError:
            self._arrived.setdefault(name, final)
            raise

    def _end_first_scan(self) -> None:
        if self._first is None or self._backlog:
            return
        now = self._clock.now()
        if not self._first or now.boottime - self._opened > _LONGEST_SCAN:
            self._first = None
            self._ready.append(ScanDone(self._source, now, self._delivered_first))

    # one file

    async def _take(self, name: str, *, final: bool) -> None:
        """Read one file and report it; leave it waiting when it may not be complete yet."""
        held: Held | None = None
        try:
            held = await self._local("read", self._folder.read, name)
            if held is None:
                self._forget(name)
                return
            at, digest = self._clock.now(), hashlib.sha256(held.data).hexdigest()
            if held.signature is None:
                await self._wait(name)
                return
            final = final and self._settling.holds(name, held.signature)
            known = self._known.get(name)
            if known is None or known.sha256 != digest:
                ecns = await self._parse(held.data, settled=final)
                self._ready.append(EcnNotice(self._source, at, shown(name), digest, ecns))
                self._decided(name, _Known(digest, held.signature), counts=True)
            else:
                self._decided(name, _Known(digest, held.signature, known.reason), counts=False)
        except Unreadable as refusal:
            if final or refusal.kind in NEVER_BETTER:
                await self._reject(name, held, refusal)
            else:
                await self._wait(name, held.signature if held else None, tried=True)

    async def _parse(self, data: bytes, *, settled: bool) -> tuple[EcnDraft, ...]:
        if len(data) > _LARGE:
            return await asyncio.to_thread(read_file, data, self._options, settled=settled)
        return read_file(data, self._options, settled=settled)

    async def _wait(self, name: str, signature: Signature | None = None, *, tried: bool = False) -> None:
        """Leave a file until it has not changed for a while."""
        if signature is None:
            signature = (await self._local("signatures", self._folder.signatures, [name])).get(name)
        if signature is None:
            self._forget(name)
        else:
            self._settling.see(name, signature, self._clock.now().boottime, tried=tried)

    async def _reject(self, name: str, held: Held | None, refusal: Unreadable) -> None:
        """Report a file that is complete and makes no sense, once; keep a copy when there is somewhere to put it."""
        at = self._clock.now()
        digest = hashlib.sha256(held.data).hexdigest() if held else ""
        signature = held.signature if held else (await self._signatures_of(name)).get(name)
        known = self._known.get(name)
        repeated = known is not None and not digest and not known.sha256 and known.reason == refusal.reason
        if not repeated:
            note = await self._quarantined(name, held.data, digest, refusal) if held else ""
            self._ready.append(
                FileRejected(self._source, at, shown(name), digest, refusal.reason + note, refusal.where)
            )
        self._decided(name, _Known(digest, signature, refusal.reason), counts=not repeated)

    async def _quarantined(self, name: str, data: bytes, digest: str, refusal: Unreadable) -> str:
        if self._quarantine is None:
            return ""
        try:
            await asyncio.to_thread(self._quarantine.keep, name, data, digest, refusal)
        except OSError as error:
            return f" (no copy could be made: {error.strerror})"
        return ""

    def _decided(self, name: str, known: _Known, *, counts: bool) -> None:
        self._known[name] = known
        self._settling.drop(name)
        if self._first is not None and name in self._first:
            self._first.discard(name)
            self._delivered_first += counts

    def _forget(self, name: str) -> None:
        """Forget a file that is not there any more: that is no news."""
        self._known.pop(name, None)
        self._settling.drop(name)
        if self._first is not None:
            self._first.discard(name)

    # the timer

    async def _on_tick(self) -> None:
        now = self._clock.now().boottime
        if now >= self._next_check:
            await self._local("check", self._folder.check)
            self._next_check = self._clock.now().boottime + SECOND
        if now >= self._next_scan:
            listing = await self._blocking("list", self._folder.list)
            done = self._clock.now().boottime
            pause = max(_POLL, 3 * (done - now)) if self._polling else _RESCAN
            self._next_scan = done + pause
            self._compare(listing)
        elif self._settling.names and not self._polling:
            self._look_again(await self._local("signatures", self._folder.signatures, self._settling.names))

    def _compare(self, listing: Mapping[str, Signature]) -> None:
        """Find what no event told: new and changed files; forget those that are gone."""
        now = self._clock.now()
        for name in [name for name in self._known if name not in listing]:
            self._forget(name)
        for name, signature in listing.items():
            known = self._known.get(name)
            if known is not None and known.sha256 and known.signature == signature:
                continue  # without a digest it could not be opened: perhaps it can be now
            if self._polling or name in self._settling or self._is_fresh(signature, now.utc):
                self._settling.see(name, signature, now.boottime)
            else:
                self._arrived.setdefault(name, False)
        self._look_again(listing)

    def _look_again(self, present: Mapping[str, Signature]) -> None:
        """Take up the waiting files whose time is over."""
        now = self._clock.now().boottime
        for name in self._settling.keep_only(present):
            self._forget(name)
        for name in self._settling.names:
            self._settling.see(name, present[name], now)
        for name, tried in self._settling.due(now):
            self._arrived[name] = self._arrived.get(name, tried)

    @staticmethod
    def _is_fresh(signature: Signature, utc: Milliseconds) -> bool:
        """Tell whether a file was modified so lately, or in the future, that it may still be written."""
        return utc - signature.modified_ns // 1_000_000 < SETTLING

    # where calls run

    async def _signatures_of(self, name: str) -> dict[str, Signature]:
        return await self._local("signatures", self._folder.signatures, [name])

    async def _blocking(self, kind: str, call: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        return await self._calls.run(_PATIENCE[kind], call, *args)

    async def _local(self, kind: str, call: Callable[[*Arguments], Result], *args: *Arguments) -> Result:
        """Call at once on a local disk, which answers in microseconds; in a thread where a share can hang."""
        if self._polling:
            return await self._blocking(kind, call, *args)
        return call(*args)
