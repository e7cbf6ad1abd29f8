"""One look at a share of released programs: which lie there, and what version each is said to have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from edge_bridge.domain.signal import ProgramFound, ScanDone
from edge_bridge.domain.version import Extractor
from edge_bridge.ports import Report

PATIENCE_S = 8.0  # a file that is being written takes a second look, which comes after `every`
MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class ShareLook:
    """What lies on a share. without: how many have no version. whole: everything was seen in the time for one look."""

    programs: int = 0
    without: int = 0
    shown: tuple[ProgramFound, ...] = ()
    whole: bool = True


async def look_at_share(reports: AsyncIterator[Report]) -> ShareLook:
    """Take what a share tells until it was read whole, or for some seconds."""
    found: list[ProgramFound] = []
    whole = False
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for report in reports:
                if isinstance(report, ScanDone):
                    whole = True
                    break
                if isinstance(report, ProgramFound):
                    found.append(report)
    except TimeoutError:
        pass  # what was seen so far is told, and that it is not all
    without = [one for one in found if not _says_version(one)]
    # those without a version first: they are what somebody has to look at
    shown = (*without, *filter(_says_version, found))[:MOST_SHOWN]
    return ShareLook(len(found), len(without), shown, whole)


def _says_version(one: ProgramFound) -> bool:
    """Tell whether anything but the content itself says a version."""
    return any(piece.extractor is not Extractor.DIGEST for piece in one.evidence)
