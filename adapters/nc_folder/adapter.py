"""A share of released NC programs: looks at it every so often, and tells what is new, changed or gone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from typing import Any, ClassVar, Literal

from adapters.nc_folder.options import NcFolderOptions
from adapters.nc_folder.programs import found, shown
from adapters.nc_folder.share import Share, Signature
from edge_bridge.blocking import BlockingCalls
from edge_bridge.domain.instant import MINUTE, SECOND
from edge_bridge.domain.nc_program import HEAD_BYTES, WHOLE_BYTES
from edge_bridge.domain.signal import ProgramFound, ProgramGone, ScanDone
from edge_bridge.options import read_options
from edge_bridge.pacing import Pace
from edge_bridge.ports import Clock

PATIENT_LOOKS = 3  # a file that is locked or always being written does not hold up the end of the first scan
TOGETHER = 32  # files in one call: a slow share is noticed after this many, not after all
ProgramReport = ProgramFound | ProgramGone | ScanDone


class NcFolderAdapter:
    """Polls one folder of released programs. It reads only."""

    delivers: ClassVar[Literal["programs"]] = "programs"
    Options: ClassVar[type[NcFolderOptions]] = NcFolderOptions

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        """Check the options; nothing outside is touched. Raises ConfigError."""
        self.name = name
        self.options = read_options(NcFolderOptions, options)
        self._clock = clock
        self._calls = BlockingCalls()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[ProgramReport]]:
        """Enter = the share could be listed. Raises AdapterError when it is not there or does not answer."""
        share = Share(self.options.path, self.options.wants, subfolders=self.options.subfolders)
        listing = await self._calls.run(self.options.timeout / SECOND, share.list)
        async with aclosing(self._reports(share, listing)) as reports:
            yield reports

    async def _reports(self, share: Share, listing: Mapping[str, Signature]) -> AsyncGenerator[ProgramReport, None]:
        """Yield what lies there, then what changes; a file counts once it looked the same twice."""
        pace = Pace(self._clock, self.options.every)
        await pace.next_poll()
        told: dict[str, Signature] = {}
        before: Mapping[str, Signature] = self._long_settled(listing)
        looks, scanned = 0, False
        while True:
            looks += 1
            for name in [name for name in told if name not in listing]:
                del told[name]
                yield ProgramGone(self.name, self._clock.now(), shown(name))
            settled = {name: now for name, now in listing.items() if before.get(name) == now and told.get(name) != now}
            async for name, signature, report in self._read(share, settled):
                told[name] = signature
                if report is not None:
                    yield report
            if not scanned and (looks == PATIENT_LOOKS or not listing.keys() - told.keys()):
                scanned = True
                yield ScanDone(self.name, self._clock.now(), len(told))
            before = listing
            await pace.next_poll()
            listing = await self._calls.run(self.options.timeout / SECOND, share.list)

    async def _read(
        self, share: Share, settled: Mapping[str, Signature]
    ) -> AsyncGenerator[tuple[str, Signature, ProgramFound | None], None]:
        """Yield each file that could be read in this very state; the others come up again at the next look."""
        most = 0 if not self.options.reads_text else WHOLE_BYTES if self.options.reads_whole else HEAD_BYTES
        for names in _batches(settled):
            held = await self._calls.run(self.options.timeout / SECOND, share.read, names, most)
            for name in names:
                one = held[name]
                if one is not None and one.signature == settled[name]:
                    at = self._clock.now()
                    yield name, one.signature, found(self.name, self.options, name, one.data, at, whole=one.whole)

    def _long_settled(self, listing: Mapping[str, Signature]) -> Mapping[str, Signature]:
        """Return the files that nobody has written for a minute: at the first look they need no second one."""
        now = self._clock.now().utc
        return {name: one for name, one in listing.items() if now - one.modified_ns // 1_000_000 >= MINUTE}


def _batches(names: Mapping[str, Signature]) -> Iterator[tuple[str, ...]]:
    left = iter(names)
    while batch := tuple(islice(left, TOGETHER)):
        yield batch
