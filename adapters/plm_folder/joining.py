"""The reports of a folder whose ECNs and items come in files of their own, joined; see `halves`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog

from adapters.plm_folder.disk import Disk
from adapters.plm_folder.folder import Held, Signature
from adapters.plm_folder.halves import Halves, Orphans
from adapters.plm_folder.intake import Intake, sha256
from edge_bridge.domain.instant import SECOND, Milliseconds, Stamp
from edge_bridge.domain.signal import EcnNotice, FileRejected, ScanDone
from edge_bridge.ports import Clock

PlmReport = EcnNotice | FileRejected | ScanDone
NANOSECONDS = 1_000_000  # in a millisecond
Refuse = Callable[[Orphans, Stamp], Awaitable[FileRejected]]

log = structlog.get_logger(__name__)


@asynccontextmanager
async def joined(
    reports: AsyncIterator[PlmReport], halves: Halves, clock: Clock, refuse: Refuse, *, adapter: str, first_time: bool
) -> AsyncIterator[AsyncIterator[PlmReport]]:
    """Enter = nothing was read yet; iterate = complete ECNs; leaving takes back what is still being waited for.

    first_time: the source was never scanned before.
    """
    joining = Joining(reports, halves, clock, refuse, adapter=adapter, first_time=first_time)
    try:
        yield joining
    finally:
        await joining.close()


async def refused(intake: Intake, disk: Disk, orphans: Orphans, at: Stamp) -> FileRejected:
    """Return the report of items without an ECN; a copy of their file, as it was read, is kept with the reason."""
    found = (await disk.read([orphans.file]))[orphans.file]
    held = found if isinstance(found, Held) else None  # it cannot be read any more: the session will say so itself
    if held is not None and await sha256(held.data) != orphans.sha256:
        held = None
    return await intake.rejection(orphans.file, held, orphans.sha256, at, orphans.refusal)


class Joining:
    """Joins while it hands on. Nothing is lost when a waiting `__anext__` is cancelled."""

    def __init__(
        self,
        reports: AsyncIterator[PlmReport],
        halves: Halves,
        clock: Clock,
        refuse: Refuse,
        *,
        adapter: str,
        first_time: bool,
    ) -> None:
        self._reports, self._halves, self._clock, self._refuse = reports, halves, clock, refuse
        self._adapter, self._first_time = adapter, first_time
        self._scanning = True  # what lay there at connect is still being read: the other half may be among it
        self._ready: deque[PlmReport] = deque()
        self._overdue: deque[tuple[EcnNotice | Orphans | ScanDone, Stamp]] = deque()
        self._next: asyncio.Future[PlmReport] | None = None

    def __aiter__(self) -> Joining:
        return self

    async def __anext__(self) -> PlmReport:
        """Return the next report. Raises what the folder raises."""
        while not self._ready:
            await (self._tell() if self._overdue else self._step())
        return self._ready.popleft()

    async def close(self) -> None:
        """Take back what is being waited for."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next})
            if not self._next.cancelled():
                self._next.exception()  # it was lost while nobody waited any more; the next connection finds out

    async def _step(self) -> None:
        if self._next is None:
            self._next = asyncio.ensure_future(self._one())
        timer = asyncio.ensure_future(self._until_due())
        waited_for: set[asyncio.Future[Any]] = {self._next, timer}
        try:
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        if self._next.done():
            done, self._next = self._next, None
            self._take(done.result())
        now = self._clock.now()
        if not self._scanning:
            self._overdue.extend((one, now) for one in self._halves.overdue(now))

    async def _tell(self) -> None:
        """Hand on what has waited too long, one by one: to keep a copy takes a moment in which this may be cancelled."""
        one, at = self._overdue[0]
        self._ready.append(await self._refuse(one, at) if isinstance(one, Orphans) else one)
        self._overdue.popleft()

    async def _one(self) -> PlmReport:
        return await anext(self._reports)

    async def _until_due(self) -> None:
        due = None if self._scanning else self._halves.next_due
        while due is None:
            await self._clock.sleep(3600)
        while (left := due - self._clock.now().boottime) > 0:
            await self._clock.sleep(left / SECOND)

    def _take(self, report: PlmReport) -> None:
        match report:
            case EcnNotice():
                before = set(self._halves.waiting)
                self._ready.extend(self._halves.take(report, _age(report) if self._scanning else 0))
                for number, file, header in set(self._halves.waiting) - before:
                    missing = "items" if header else "ECN"
                    log.info(
                        "waiting for the other half", adapter=self._adapter, ecn=number, file=file, missing=missing
                    )
            case ScanDone():
                self._scanning = False
                if self._first_time:
                    # what lay there before anybody watched has no other half: it belongs to the first scan. After a
                    # restart it may have come a moment ago, and has what is left of its time
                    alone = self._halves.overdue(report.at, all_of_them=True)
                    self._overdue.extend((one, report.at) for one in (*alone, report))
                else:
                    self._ready.append(report)
            case _:
                self._ready.append(report)


def _age(report: EcnNotice) -> Milliseconds:
    """Return how long a file has lain there as it is, as far as its times say; nothing for one that has not settled."""
    signature = Signature.of(report.mark)
    if signature is None:
        return 0
    return report.at.utc - max(signature.modified_ns, signature.changed_ns) // NANOSECONDS
