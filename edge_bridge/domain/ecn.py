"""Engineering change notices: what a file says (EcnDraft), and what the gateway holds (Ecn)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from edge_bridge.domain.instant import Stamp, When
from edge_bridge.domain.making import quickly_made

STAGES = ("released", "programming", "review", "approved", "available")  # what a file or a share can say, in order
LOADED = "loaded"  # the last stage: the program on the machine, which no file can say
MOST_STEPS = 100  # of one ECN's way through its stages that are kept, the newest


class Status(StrEnum):
    """Canonical status; a site's own words are mapped in YAML."""

    IN_WORK = "in_work"
    RELEASED = "released"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"

    @property
    def in_force(self) -> bool:
        """Tell whether its requirements hold: a closed ECN is finished, what it demands stays."""
        return self in _IN_FORCE


_IN_FORCE = (Status.RELEASED, Status.CLOSED)  # asked for six times with each ECN


@dataclass(frozen=True, slots=True)
class Item:
    """One change inside an ECN, as the file says it; routes fill what is None. `row` is the line, cell or path it came from.

    doubt: why a value in it cannot be what was meant, such as a part number that a spreadsheet turned into 1.00E+05; such
    an item leads to no machine until the file, or the source's settings, are put right.
    """

    part: str | None = None
    drawing: str | None = None
    revision: str | None = None
    program: str | None = None
    version: str | None = None
    sha256: str | None = None
    machines: tuple[str, ...] = ()
    row: str = ""
    doubt: str = ""
    serial_from: str | None = None
    serial_to: str | None = None
    lot: str | None = None

    @property
    def effectivity(self) -> str:
        """Return the serial numbers and lots from which it holds, as people write them; empty when it says none."""
        if not (self.serial_from or self.serial_to or self.lot):
            return ""  # as nearly always
        serials = (
            f"serial {self.serial_from or '…'} – {self.serial_to or '…'}" if self.serial_from or self.serial_to else ""
        )
        return ", ".join(part for part in (serials, f"lot {self.lot}" if self.lot else "") if part)

    @property
    def missing(self) -> bool:
        """Tell whether it stands for items that have not come: it says nothing but that it is in doubt."""
        return bool(self.doubt) and self == Item(row=self.row, doubt=self.doubt)


@dataclass(frozen=True, slots=True)
class EcnDraft:
    """An ECN as one file states it. `status` is None when the site's word is unknown; `status_word` keeps the word."""

    number: str
    status: Status | None
    status_word: str = ""
    items: tuple[Item, ...] = ()
    title: str | None = None
    category: str | None = None
    designer: str | None = None
    released: When | None = None
    effective_from: When | None = None
    supersedes: tuple[str, ...] = ()
    stage: str | None = None
    stage_date: When | None = None

    @property
    def digest(self) -> str:
        """Return the content digest: number, status, dates, items, and the category, by which routes go; no title, no rows."""
        items = sorted(
            json.dumps(
                [i.part, i.drawing, i.revision, i.program, i.version, i.sha256, sorted(i.machines)]
                + ([i.doubt] if i.doubt else [])
                + ([i.effectivity] if i.effectivity else [])
            )
            for i in self.items
        )
        dates = [when and [when.utc, when.quality] for when in (self.released, self.effective_from)]
        content = [self.number, self.status, dates, items, sorted(self.supersedes)]
        content += [self.category] if self.category else []
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


@quickly_made
@dataclass(frozen=True, slots=True)
class Ecn:
    """An ECN as the gateway holds it, with where and when it came from.

    arrived: when the gateway first held this state completely. release: the instant R from which it holds, UTC ms, None
    when the file gives none that can be trusted. waiting: effective later; the old requirement stays in force until then.
    skew: ms by which the release lay ahead of our clock and was taken as now. baseline: it was there before its source
    was watched. stages: stage → UTC ms of when it was first reached since the release, the raw material of the heat map.
    steps: its whole way, in order: a stage that it came back to is there twice.
    """

    draft: EcnDraft
    source: str
    file: str
    sha256: str
    arrived: Stamp
    release: int | None = None
    waiting: bool = False
    skew: int = 0
    baseline: bool = False
    time_quality: str = "instant"
    suspect_time: bool = False
    late_arrival: bool = False
    stages: dict[str, int] = field(default_factory=dict)
    steps: tuple[tuple[str, int], ...] = ()

    @property
    def number(self) -> str:
        """The ECN's number, its identity across files."""
        return self.draft.number

    @property
    def status(self) -> Status:
        """The canonical status; a held ECN always has one."""
        assert self.draft.status is not None
        return self.draft.status


def numbers(ecns: Iterable[Ecn]) -> tuple[str, ...]:
    """Return the numbers, sorted and without repeats, as cards list them."""
    return tuple(sorted({ecn.number for ecn in ecns}))
