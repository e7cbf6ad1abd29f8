"""The dry run of `edge-bridge ecn`: the source's own reader, the ledger's own intake in memory, nothing written."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

from edge_bridge.cards import place, told
from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.dry_halves import Stated, joined
from edge_bridge.config import AdapterConfig
from edge_bridge.domain.dates import Timing, timing
from edge_bridge.domain.ecn import Ecn, EcnDraft
from edge_bridge.domain.evidence import Assessment
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.portions import finished
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import Demand, Demands, Unrouted, machine_of, route
from edge_bridge.domain.signal import EcnNotice
from edge_bridge.domain.state import KINDS, State
from edge_bridge.errors import AdapterError, EdgeBridgeError
from edge_bridge.ports import TracedEcn, Traces
from edge_bridge.store import Snapshot


class Reader(Protocol):
    """An ECN source that can say what bytes would be read as."""

    def read(self, name: str, data: bytes) -> tuple[EcnDraft, ...]:
        """Return the ECNs. Raises AdapterError with the place and the fix."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which source reads. why: named, folder, only, first, none. of: how many there were to choose from."""

    id: str
    adapter: AdapterConfig
    why: str
    of: int

    @property
    def reader(self) -> Reader:
        """The source's reader."""
        return cast(Reader, self.adapter.adapter)

    @property
    def joins(self) -> bool:
        """Whether the source has ECNs in one file and items in another."""
        return getattr(self.adapter.options, "join", None) is not None

    @property
    def subfolders(self) -> bool:
        """Whether the source looks into the folders below its own."""
        return bool(getattr(self.adapter.options, "subfolders", False))

    def wants(self, name: str) -> bool:
        """Tell whether the source would take a file of this name, below its folder."""
        takes = getattr(self.adapter.options, "takes", None)
        return takes is None or bool(takes(name))


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one demand would mean on a machine, by its id. rules: what would be in force there, None when nothing."""

    machine: str
    demand: Demand
    rules: Requirement | None
    reading: Reading | None
    assessment: Assessment | None

    @property
    def in_force(self) -> bool:
        """Whether this very demand would rule: not another ECN's, and not what the same ECN says elsewhere."""
        if self.rules is None or self.rules.demand.ecn != self.demand.ecn:
            return False
        return self.rules.demand.same_need(self.demand)

    @property
    def colour(self) -> str:
        """red, green, or blind when nothing is known."""
        if not self.in_force:
            return "none"
        if self.assessment is None:
            return "blind"
        return "red" if self.assessment.wrong else "green" if self.assessment.matches else "blind"


@dataclass(frozen=True, slots=True)
class EcnRead:
    """One ECN of the file: what it says, what its dates mean, where it leads, and what would become of it.

    alone: it is items that wait for their ECN, which is in none of the files. bare: it is an ECN that waits for its items.
    """

    draft: EcnDraft
    timing: Timing
    ecn: Ecn | None
    same: bool
    demands: Demands
    outlooks: tuple[Outlook, ...] = ()
    unrouted: tuple[Unrouted, ...] = ()
    origin: TracedEcn | None = None
    alone: bool = False
    bare: bool = False

    @property
    def faulty(self) -> bool:
        """Whether somebody must do something before it can work."""
        in_force = self.draft.status is not None and self.draft.status.in_force
        return self.draft.status is None or (in_force and bool(self.unrouted))

    @property
    def causes(self) -> frozenset[tuple[str, str]]:
        """What somebody must mend, as (kind, detail): the same in thousands of files is one thing to do."""
        if self.alone or self.bare:
            return frozenset({("alone" if self.alone else "bare", "")})
        if self.draft.status is None:
            return frozenset({("unknown_status", self.draft.status_word)})
        if not self.faulty:
            return frozenset()
        return frozenset((kind_of(one), one.reason) for one in self.unrouted)


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file: its ECNs, or why it cannot be read. elsewhere: how many are shown with the file of their other half."""

    name: str
    sha256: str
    ecns: tuple[EcnRead, ...] = ()
    error: str = ""
    chinese: str = ""
    what: str = ""
    elsewhere: int = 0

    @property
    def faulty(self) -> bool:
        """Whether somebody must do something before it can work."""
        return bool(self.error) or any(one.faulty for one in self.ecns)

    @property
    def causes(self) -> frozenset[tuple[str, str]]:
        """What somebody must mend in it; what is unreadable is told without the place, which differs from file to file."""
        if self.error:
            return frozenset({("unreadable", self.what or self.error)})
        return frozenset(cause for one in self.ecns for cause in one.causes)


def kind_of(lost: Unrouted) -> str:
    """Return what has to be mended so that an item leads somewhere: the export, a machine's name, or the routes."""
    if lost.item.doubt:
        return "doubt"
    if lost.reason.endswith("holds until the ECN states only one"):
        return "two_needs"
    return "no_machine" if lost.reason.startswith("unknown machine") else "unrouted"


def choose(desk: Desk, path: Path, named: str | None, sample: tuple[Path, bytes] | None) -> Choice:
    """Return the source that would read a file: the named one, the one whose folder it lies in, the only, the first."""
    sources = {id_: adapter for id_, adapter in desk.config.adapters.items() if hasattr(adapter.adapter, "read")}
    sources = {id_: adapter for id_, adapter in sources.items() if adapter.delivers == "ecns"}
    if named is not None:
        if named not in sources:
            known = ", ".join(sources) or "–"
            raise EdgeBridgeError(
                desk.words("ecn.no_such_source", source=named), desk.words("ecn.sources", sources=known)
            )
        return Choice(named, sources[named], "named", len(sources))
    if not sources:
        raise EdgeBridgeError(desk.words("ecn.no_source"), desk.words("ecn.no_source.fix"))
    folders = {id_: _folder(adapter) for id_, adapter in sources.items()}
    above = {id_: folder for id_, folder in folders.items() if folder and path.resolve().is_relative_to(folder)}
    if above:
        nearest = max(above, key=lambda id_: len(above[id_].parts))  # one source's folder may lie below another one's
        return Choice(nearest, sources[nearest], "folder", len(sources))
    first = next(iter(sources))
    if len(sources) == 1:
        return Choice(first, sources[first], "only", 1)
    for id_, adapter in sources.items():
        if sample is not None and _can_read(adapter, *sample):
            return Choice(id_, adapter, "first", len(sources))
    return Choice(first, sources[first], "none", len(sources))


def _folder(adapter: AdapterConfig) -> Path | None:
    folder = getattr(adapter.options, "path", None)
    return folder.resolve() if isinstance(folder, Path) else None


def _can_read(adapter: AdapterConfig, path: Path, data: bytes) -> bool:
    try:
        cast(Reader, adapter.adapter).read(path.name, data)
    except AdapterError:
        return False
    return True


class DryRun:
    """A ledger in memory, filled from the database, that takes files in as the running one would."""

    def __init__(self, desk: Desk, choice: Choice, snapshot: Snapshot | None) -> None:
        self._desk = desk
        self._choice = choice
        rows = {kind: _rows(snapshot, kind) for kind in KINDS}
        self._ledger = Ledger(State.of(rows), desk.config.plant, desk.now, lambda: str(uuid.uuid4()))

    def read(self, name: str, data: bytes, *, traced: bool = False) -> FileRead:
        """Return what the file would be read as, and what would become of it.

        traced: with the line or cell of each field, where the source can say it.
        """
        return self.read_all([(name, data)], traced=traced)[0]

    def read_all(self, files: Iterable[tuple[str, bytes | EdgeBridgeError]], *, traced: bool = False) -> list[FileRead]:
        """Return the same of several files, taken in one after another, and what becomes of each when all are; where a
        source joins two files, of all of them together.

        Each with its bytes, or why they cannot be had.
        """
        if not self._choice.joins:
            taken = [self._taken(*self._parse(name, data, traced=traced)) for name, data in files]
        else:
            parsed = [self._parse(name, data, traced=traced) for name, data in files]
            whole = joined({read.name: stated for read, stated in parsed})
            taken = [self._taken(read, whole[read.name], len(stated)) for read, stated in parsed]
        # only now: a later file may change, supersede or withdraw what an earlier one says
        return [replace(one, ecns=tuple(self._judged(ecn) for ecn in one.ecns)) for one in taken]

    def _parse(self, name: str, data: bytes | EdgeBridgeError, *, traced: bool) -> tuple[FileRead, list[Stated]]:
        shown = output.named(name)
        if isinstance(data, EdgeBridgeError):
            return FileRead(shown, "", error=str(data), what=str(data)), []
        digest, adapter = hashlib.sha256(data).hexdigest(), self._choice.adapter.adapter
        try:
            if traced and hasattr(adapter, "trace"):
                origins = cast(Traces, adapter).trace(name, data)
                return FileRead(shown, digest), [Stated(origin.draft, origin) for origin in origins]
            return FileRead(shown, digest), [Stated(draft) for draft in self._choice.reader.read(name, data)]
        except AdapterError as error:
            chinese = _in_chinese(shown, error)
            return FileRead(shown, digest, error=str(error), chinese=chinese, what=_what(error)), []

    def _taken(self, read: FileRead, stated: Sequence[Stated], of: int = 0) -> FileRead:
        """Take in what a file states. of: what it stated before parts of it went to the ECNs of another file."""
        ecns = tuple(self._take(one, read.name, read.sha256) for one in stated)
        return replace(read, ecns=ecns, elsewhere=max(0, of - len(stated)))

    def _take(self, one: Stated, name: str, digest: str) -> EcnRead:
        draft, alone = one.draft, self._choice.joins and one.is_items
        bare = self._choice.joins and one.is_header and draft.status is not None and draft.status.in_force
        books, plant = self._ledger.books, self._desk.config.plant
        dates = timing(draft, self._desk.now.utc, plant)
        demands, unrouted = route(draft, plant)
        held = books.state.ecn.get(draft.number)
        same = held is not None and held.draft.digest == draft.digest
        if draft.status is not None:
            # a name of its own: a file that the daemon has taken in already would not be looked at again
            notice = EcnNotice(self._choice.id, self._desk.now, f"dry run/{name}/{draft.number}", digest, (draft,))
            finished(self._ledger.intake.take(notice))  # and no cards: nobody reads them here
        held = books.state.ecn.get(draft.number)
        return EcnRead(draft, dates, held, same, demands, (), tuple(unrouted), one.origin, alone, bare)

    def _judged(self, one: EcnRead) -> EcnRead:
        return replace(one, outlooks=tuple(self._outlook(key, demand) for key, demand in one.demands.items()))

    def _outlook(self, key: str, demand: Demand) -> Outlook:
        books, name = self._ledger.books, machine_of(key)
        rules = books.state.requirement.get(key)
        kept, machine = books.state.machine.get(name), books.machine(name)
        reading = kept.reading if kept is not None else None
        if rules is None or reading is None or machine is None:
            return Outlook(name, demand, rules, reading, None)
        as_if_now = replace(reading, at=books.now)
        return Outlook(name, demand, rules, reading, self._ledger.watch.assessment(rules, machine, as_if_now))


def _in_chinese(name: str, error: AdapterError) -> str:
    """Return why a file cannot be read in Chinese, from a reader that says what and where; else nothing."""
    what, where = _what(error), place(getattr(error.__cause__, "where", ""), "zh-CN")
    said = f"{where}：{told(what, 'zh-CN')}" if where else told(what, "zh-CN")
    return f"{name}：{said} → {told(error.hint, 'zh-CN')}" if what else ""


def _what(error: AdapterError) -> str:
    """Return what is wrong with a file without its place, from a reader that says it."""
    return str(getattr(error.__cause__, "what", ""))


def _rows(snapshot: Snapshot | None, kind: str) -> dict[str, Any]:
    if snapshot is None:
        return {}
    return snapshot.find(kind, closed=False) if kind in ("obligation", "card") else snapshot.rows(kind)
