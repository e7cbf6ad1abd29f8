"""One connection to a folder: decides what to read when, and turns each file into one report."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.plm_folder.complete import SETTLING, Settling
from adapters.plm_folder.disk import Disk
from adapters.plm_folder.first_scan import FirstScan
from adapters.plm_folder.folder import Folder, Held, Signature
from adapters.plm_folder.intake import Intake, sha256
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.unreadable import NEVER_BETTER, Unreadable
from edge_bridge.blocking import BlockingCalls
from edge_bridge.domain.instant import MINUTE, SECOND, Milliseconds
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.errors import AdapterError
from edge_bridge.ports import Clock

TICK_SECONDS = 0.5
_RESCAN: Milliseconds = MINUTE
_POLL: Milliseconds = SECOND
_BATCH = 16
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
        self._source, self._folder, self._clock = source, folder, clock
        self._disk = Disk(folder, calls, may_hang=polling)
        self._polling = polling
        self._intake = Intake(source, options)
        self._known: dict[str, _Known] = {}
        self._settling = Settling()
        self._arrived: dict[str, bool] = {}  # name → whether this is the last try; in order
        self._backlog: deque[str] = deque()
        self._first = FirstScan((), 0)
        self._ready: deque[PlmReport] = deque()
        self._wake = asyncio.Event()
        self._tick = False
        self._lost = ""
        self._next_check = self._next_scan = clock.now().boottime

    def arrived(self, name: str) -> None:
        """Take note of a file that was closed or moved into the folder."""
        if self._folder.wants(name):
            self._arrived.setdefault(name, False)
            self._wake.set()

    def appeared(self, name: str) -> None:
        """Take up a file that was linked here; one that is being written is closed later."""
        if self._folder.wants(name) and self._folder.is_linked(name):
            self.arrived(name)

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

    def __aiter__(self) -> Session:
        return self

    async def __anext__(self) -> PlmReport:
        """Return the next report. Raises AdapterError when the folder is lost."""
        while not self._ready:
            await self._step()
        return self._ready.popleft()

    async def start(self) -> None:
        """Make the first scan: everything that lies in the folder, oldest first."""
        listing = await self._disk.list()
        now = self._clock.now()
        self._next_scan = now.boottime + (_POLL if self._polling else _RESCAN)
        self._first = FirstScan(listing, now.boottime)
        for name, signature in listing.items():
            if self._polling or self._is_fresh(signature, now.utc):
                self._settling.see(name, signature, now.boottime)
            else:
                self._backlog.append(name)
        self._end_first_scan()

    async def _step(self) -> None:
        """Do the next thing: the timer, what lay in the folder at connect, then what came since, each in order."""
        if self._lost:
            raise AdapterError(self._lost, "it is read anew when it is back")
        if self._tick:
            self._tick = False
            await self._on_tick()
        elif self._backlog:
            await self._attempt(self._backlog[0], final=False)
            self._backlog.popleft()
            if len(self._backlog) % _BATCH == 0:
                await self._clock.sleep(0)
        elif name := next((name for name in self._arrived if not self._first.holds_back(name)), None):
            await self._attempt(name, final=self._arrived.pop(name))
        else:
            await self._wake.wait()
            self._wake.clear()
        self._end_first_scan()

    async def _attempt(self, name: str, *, final: bool) -> None:
        self._first.try_now(name)
        try:
            await self._take(name, final=final)
        except asyncio.CancelledError:
            self._arrived.setdefault(name, final)
            raise

    def _end_first_scan(self) -> None:
        now = self._clock.now()
        if not self._backlog and self._first.ends(now.boottime):
            self._ready.append(ScanDone(self._source, now, self._first.delivered))

    # one file

    async def _take(self, name: str, *, final: bool) -> None:
        """Read one file and report it; leave it waiting when it may not be complete yet."""
        held: Held | None = None
        try:
            held = await self._disk.read(name)
            if held is None:
                self._forget(name)
                return
            at, digest = self._clock.now(), await sha256(held.data)
            if held.signature is None:
                await self._wait(name)
                return
            final = final and self._settling.holds(name, held.signature)
            known = self._known.get(name)
            if known is None or known.sha256 != digest:
                self._ready.append(await self._intake.notice(name, held, digest, at, settled=final))
                self._decided(name, _Known(digest, held.signature), delivered=True)
            else:
                self._decided(name, _Known(digest, held.signature, known.reason), delivered=False)
        except Unreadable as refusal:
            if final or refusal.kind in NEVER_BETTER:
                await self._reject(name, held, refusal)
            else:
                await self._wait(name, held.signature if held else None, tried=True)

    async def _wait(self, name: str, signature: Signature | None = None, *, tried: bool = False) -> None:
        """Leave a file until it has not changed for a while."""
        if signature is None:
            signature = (await self._disk.signatures([name])).get(name)
        if signature is None:
            self._forget(name)
        else:
            self._settling.see(name, signature, self._clock.now().boottime, tried=tried)

    async def _reject(self, name: str, held: Held | None, refusal: Unreadable) -> None:
        """Report a file that is complete and makes no sense, once; keep a copy when there is somewhere to put it."""
        at = self._clock.now()
        digest = await sha256(held.data) if held else ""
        signature = held.signature if held else (await self._disk.signatures([name])).get(name)
        known = self._known.get(name)
        repeated = known is not None and not digest and not known.sha256 and known.reason == refusal.reason
        if not repeated:
            self._ready.append(await self._intake.rejection(name, held, digest, at, refusal))
        self._decided(name, _Known(digest, signature, refusal.reason), delivered=not repeated)

    def _decided(self, name: str, known: _Known, *, delivered: bool) -> None:
        self._known[name] = known
        self._settling.drop(name)
        self._first.decide(name, delivered=delivered)

    def _forget(self, name: str) -> None:
        """Forget a file that is not there any more: that is no news."""
        self._known.pop(name, None)
        self._settling.drop(name)
        self._first.decide(name, delivered=False)

    # the timer

    async def _on_tick(self) -> None:
        now = self._clock.now().boottime
        if now >= self._next_check:
            await self._disk.check()
            self._next_check = self._clock.now().boottime + SECOND
        if now >= self._next_scan:
            listing = await self._disk.list()
            done = self._clock.now().boottime
            pause = max(_POLL, 3 * (done - now)) if self._polling else _RESCAN
            self._next_scan = done + pause
            self._compare(listing)
        elif self._settling.names and not self._polling:
            self._look_again(await self._disk.signatures(self._settling.names))

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
