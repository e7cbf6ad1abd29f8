"""One connection to a folder: decides what to read when, and turns each file into one report."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Mapping
from itertools import islice

import structlog

from adapters.plm_folder.complete import SETTLING, Settling
from adapters.plm_folder.disk import Disk
from adapters.plm_folder.first_scan import FirstScan, Progress
from adapters.plm_folder.folder import UNKNOWN, Changes, Held, Signature
from adapters.plm_folder.groups import TOGETHER
from adapters.plm_folder.intake import Intake, sha256
from adapters.plm_folder.known import KnownFiles, mark_of
from adapters.plm_folder.under_way import Job, UnderWay
from adapters.plm_folder.unreadable import NEVER_BETTER, Unreadable
from edge_bridge.domain.instant import MINUTE, SECOND, Milliseconds
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.errors import AdapterError
from edge_bridge.ports import Clock, SourceMemory

TICK_SECONDS = 0.5
_RESCAN: Milliseconds = MINUTE
_POLL: Milliseconds = SECOND
_TELL: Milliseconds = 10 * SECOND  # how often the log says how far the first scan is
_OFTEN = 3  # times that a file is listed and cannot be found: it was not moved away in between
PlmReport = EcnNotice | FileRejected | ScanDone

log = structlog.get_logger(__name__)


class Session:
    """The iterator that `connect` yields. Nothing is lost when a waiting `__anext__` is cancelled.

    place: where the folder lies, told with ScanDone. memory: what the core holds of this source, where there is one.
    """

    def __init__(
        self,
        intake: Intake,
        disk: Disk,
        clock: Clock,
        *,
        polling: bool,
        place: str = "",
        memory: SourceMemory | None = None,
    ) -> None:
        self._intake, self._disk, self._clock = intake, disk, clock
        self._folder = disk.folder
        self._source, self._place = intake.source, place
        self._polling = polling
        self._known = KnownFiles(memory)
        self._settling = Settling()
        self._first = FirstScan((), 0)
        # beside those of the first scan, in order: name → whether this is the last try
        self._arrived: OrderedDict[str, bool] = OrderedDict()
        self._absent: dict[str, int] = {}  # listed, so many times in a row, and not to be looked at
        self._ready: deque[PlmReport] = deque()
        self._wake = asyncio.Event()
        self._under_way = UnderWay(self._wake.set)
        self._tick = False
        self._lost = ""
        self._next_check = self._next_scan = self._next_telling = clock.now().boottime

    @property
    def progress(self) -> Progress | None:
        """How far the first scan is; None when it is through."""
        return self._first.progress

    @property
    def idle(self) -> bool:
        """Whether nothing is being parsed and nothing waits to be taken."""
        return not self._under_way and not self._ready

    def arrived(self, name: str) -> None:
        """Take note of a file that was closed or moved into the folder."""
        if self._folder.wants(name) and not self._first.waits(name):
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
        """Make the first scan: everything that lies in the folder, oldest first, except what the core holds as it is."""
        found = await self._disk.changes((), self._known.held)
        now = self._clock.now()
        self._next_scan = now.boottime + (_POLL if self._polling else _RESCAN)
        self._next_telling = now.boottime + _TELL
        fresh = [name for name, seen in found.changed.items() if self._polling or self._is_fresh(seen, now.utc)]
        for name in fresh:
            self._settling.see(name, found.changed[name], now.boottime)
        old = [name for name in found.changed if name not in self._settling]
        self._first = FirstScan(old, now.boottime, fresh=fresh, held=len(self._known))
        self._end_first_scan()

    async def _step(self) -> None:
        """Do the next thing: the timer, what is parsed, what lay in the folder at connect, then what came since."""
        if self._lost:
            raise AdapterError(self._lost, "it is read anew when it is back")
        if self._tick:
            self._tick = False
            await self._on_tick()
        elif job := self._under_way.next_done():
            await self._finish(job)
            self._under_way.end(job)
        elif (room := self._under_way.room) and (final := self._next(min(room, TOGETHER))):
            await self._attempt(final)
        else:
            await self._wake.wait()
            self._wake.clear()
        self._end_first_scan()

    def _next(self, most: int) -> dict[str, bool]:
        """Return what is to be read next, each with whether this is the last try."""
        if self._first.reading:
            return dict.fromkeys(self._first.next(most), False)
        may = (name for name in self._arrived if not self._first.holds_back(name) and name not in self._under_way)
        return {name: self._arrived.pop(name) for name in list(islice(may, most))}

    async def _attempt(self, final: dict[str, bool]) -> None:
        """Read some files and have them parsed; those that were not come next."""
        try:
            await self._take(final)
        finally:
            for name in reversed(final):
                if not self._first.put_back(name):
                    self._arrived.setdefault(name, final[name])
                    self._arrived.move_to_end(name, last=False)

    def _end_first_scan(self) -> None:
        """Say once that everything that lay there was dealt with; what somebody still writes holds it back only so long.

        A file that takes long to parse is waited for: told after ScanDone, its old ECNs would be news.
        """
        if self._first.reading or self._first.progress is None:
            return
        if any(map(self._first.is_open, self._under_way)) or any(map(self._first.is_open, self._arrived)):
            return
        now = self._clock.now()
        if self._first.ends(now.boottime):
            self._ready.append(ScanDone(self._source, now, self._first.delivered, self._place))
            self._intake.warm()

    # one file

    async def _take(self, final: dict[str, bool]) -> None:
        """Read these files and have them parsed; leave them waiting when they may not be complete yet.

        Each is taken out of `final` when it is dealt with, or under way.
        """
        jobs: list[Job] = []
        for name, found in (await self._disk.read(list(final))).items():
            self._first.try_now(name)
            if isinstance(found, Unreadable):
                await self._refuse(name, None, found, final=final[name])
            elif found is None:
                await self._miss(name)
            elif (job := await self._job(name, found, final=final[name])) is not None:
                jobs.append(job)
                continue
            del final[name]
        for job in jobs:
            del final[job.name]
            self._under_way.begin(job)
        self._intake.read(jobs, self._under_way.parsed, self._under_way.overtake)

    async def _miss(self, name: str) -> None:
        """Forget a file that is not there any more; one that is listed again and again all the same is refused."""
        if self._absent.get(name, 0) >= _OFTEN:
            await self._reject(name, None, Unreadable("not_found"))
        else:
            self._forget(name)

    async def _job(self, name: str, held: Held, *, final: bool) -> Job | None:
        """Return what is to be parsed; None when there is nothing to, or not yet."""
        at, digest = self._clock.now(), await sha256(held.data)
        if held.signature is None:
            await self._wait(name)
        elif self._known.has(name, digest):
            self._known.put(name, digest, held.signature, self._known.reason(name))
            self._decided(name, delivered=False)
        else:
            return Job(name, held, digest, at, final and self._settling.holds(name, held.signature))
        return None

    async def _finish(self, job: Job) -> None:
        """Report what a file says, or why it says nothing."""
        assert job.outcome is not None
        if isinstance(job.outcome, Unreadable):
            await self._refuse(job.name, job.held, job.outcome, final=job.final)
            return
        if isinstance(job.outcome, Exception):
            raise job.outcome
        ecns = job.outcome
        numbers = [ecn.number for ecn in ecns]
        if job.newer:
            ecns = tuple(ecn for ecn in ecns if ecn.number not in job.newer)
        self._under_way.told(job, numbers)
        mark = mark_of(job.held.signature, job.at.utc, SETTLING)
        self._ready.append(self._intake.notice(job, ecns, mark))
        self._known.put(job.name, job.digest, job.held.signature)
        self._decided(job.name, delivered=True)

    async def _refuse(self, name: str, held: Held | None, refusal: Unreadable, *, final: bool) -> None:
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
        repeated = not digest and self._known.has(name, "") and self._known.reason(name) == refusal.reason
        if not repeated:
            self._ready.append(await self._intake.rejection(name, held, digest, at, refusal))
        self._known.put(name, digest, signature, refusal.reason)
        self._decided(name, delivered=not repeated)

    def _decided(self, name: str, *, delivered: bool) -> None:
        self._settling.drop(name)
        self._first.decide(name, delivered=delivered)

    def _forget(self, name: str) -> None:
        """Forget a file that is not there any more: that is no news."""
        self._known.drop(name)
        self._settling.drop(name)
        self._first.decide(name, delivered=False)

    # the timer

    async def _on_tick(self) -> None:
        now = self._clock.now().boottime
        if (progress := self._first.progress) and now >= self._next_telling:
            self._next_telling = now + _TELL
            log.info("first scan", adapter=self._source, done=progress.done, of=progress.files)
        if now >= self._next_check:
            await self._disk.check()
            self._next_check = self._clock.now().boottime + SECOND
        if now >= self._next_scan:
            found = await self._disk.changes(self._known, self._known.unchanged)
            done = self._clock.now().boottime
            pause = max(_POLL, 3 * (done - now)) if self._polling else _RESCAN
            self._next_scan = done + pause
            self._compare(found)
        elif self._settling.names and not self._polling:
            self._look_again(await self._disk.signatures(self._settling.names))

    def _compare(self, found: Changes) -> None:
        """Find what no event told: new and changed files; forget those that are gone."""
        now = self._clock.now()
        listed = (name for name, signature in found.changed.items() if signature == UNKNOWN)
        self._absent = {name: self._absent.get(name, 0) + 1 for name in listed}
        for name in found.gone:
            self._forget(name)
        for name, signature in found.changed.items():
            if self._known.unchanged(name, signature) or name in self._under_way:
                continue  # dealt with while the folder was listed, or being dealt with
            if name in self._arrived or self._first.waits(name):
                continue  # about to be
            if self._polling or name in self._settling or self._is_fresh(signature, now.utc):
                self._settling.see(name, signature, now.boottime)
            else:
                self._arrived.setdefault(name, False)
        self._look_again(found.changed)

    def _look_again(self, present: Mapping[str, Signature]) -> None:
        """Take up the waiting files whose time is over."""
        now = self._clock.now().boottime
        for name in self._settling.keep_only(present):
            self._forget(name)
        for name in self._settling.names:
            self._settling.see(name, present[name], now)
        for name, tried in self._settling.due(now):
            if not tried:
                self._settling.drop(name)
            if name not in self._under_way:
                self._arrived.setdefault(name, tried)

    @staticmethod
    def _is_fresh(signature: Signature, utc: Milliseconds) -> bool:
        """Tell whether a file was modified so lately, or in the future, that it may still be written."""
        return utc - signature.modified_ns // 1_000_000 < SETTLING
