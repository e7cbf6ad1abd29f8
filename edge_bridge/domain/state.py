"""What the gateway knows: rows in memory while they matter, at rest else, and committed with the events that changed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_bridge.domain.at_rest import Archive, AtRest
from edge_bridge.domain.card import Card
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.kept import Kept, Unfolded
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.opening import Opened
from edge_bridge.domain.reading import Evidence, Reading
from edge_bridge.domain.requirement import Requirement


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of production with one program version, UTC ms; `until` None while it goes on."""

    program: str
    version: str | None
    since: Milliseconds
    until: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """Whether a variable and the selected program belong together: which program, what the variables said, has it run.

    bound: fields whose value changed while this program was selected. running: it was running at the last reading.
    ran: it was seen running at an earlier reading of this selection, so it has had time to write its version.
    """

    program: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    bound: tuple[str, ...] = ()
    running: bool = False
    ran: bool = False


@dataclass(frozen=True, slots=True)
class MachineState:
    """What is known of one machine. `reading`: the last good one that was kept, at most a minute old while it lives."""

    id: str
    configured: Stamp
    reachable: bool | None = None
    since: Milliseconds | None = None
    error: str = ""
    reading: Reading | None = None
    binding: Binding = field(default_factory=Binding)
    runs: tuple[Run, ...] = ()
    lost: Stamp | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known of one ECN source or program share: first configured, first scan done, lost since, and where its
    adapter last found it."""

    id: str
    configured: Stamp
    scanned: Stamp | None = None
    lost: Stamp | None = None
    error: str = ""
    place: str = ""


IN_DOUBT = " in doubt"  # no file states a word that begins with a blank


@quickly_made
@dataclass(frozen=True, slots=True)
class FileMemory:
    """The last content processed under one path, so that it is not processed twice.

    unknown: the site's word of each ECN in it whose status nobody knows, IN_DOUBT for one with a value in doubt; these alone
    are taken in again once the word is known, or the value said to be right. rejected: why it could not be read at all.
    mark: what its adapter knows it by without reading it.
    """

    source: str
    file: str
    sha256: str
    at: Stamp
    unknown: dict[str, str] = field(default_factory=dict)
    rejected: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Available:
    """A program that lies ready on a share; `since` is when this content was first seen there."""

    share: str
    file: str
    program: str
    since: Stamp
    evidence: tuple[Evidence, ...] = ()
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """When a route was first configured: what was released before fills the register only."""

    id: str
    configured: Stamp


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What a command was answered; the same id again repeats it and does nothing."""

    id: str
    ok: bool
    reason: str
    at: Stamp


KINDS: Mapping[str, type[Any]] = {
    "ecn": Ecn,
    "requirement": Requirement,
    "obligation": Obligation,
    "card": Card,
    "machine": MachineState,
    "source": SourceState,
    "file": FileMemory,
    "available": Available,
    "known": Known,
    "command": CommandAnswer,
}
OPENED = ("requirement", "obligation")  # kinds of which one ECN opens 100 000
AT_REST = ("ecn", "file")  # kinds of which there are more every day, for ever
MOST_ITEMS = 5000  # of ECNs that are held because they were asked for lately: some 5 MB


@dataclass(slots=True)
class State:
    """All rows that matter now, by kind. Closed obligations and cards are history: committed, not held. ECNs and what is
    known of files are read when they are asked for, where there is an archive of them."""

    ecn: AtRest[Ecn] = field(default_factory=AtRest)
    requirement: Unfolded[Requirement] = field(default_factory=lambda: Unfolded(None, Opened.as_requirement))
    obligation: Unfolded[Obligation] = field(default_factory=lambda: Unfolded(None, Opened.as_obligation))
    card: Kept[Card] = field(default_factory=Kept)
    machine: Kept[MachineState] = field(default_factory=Kept)
    source: Kept[SourceState] = field(default_factory=Kept)
    file: AtRest[FileMemory] = field(default_factory=AtRest)
    available: Kept[Available] = field(default_factory=Kept)
    known: Kept[Known] = field(default_factory=Kept)
    command: Kept[CommandAnswer] = field(default_factory=Kept)

    @classmethod
    def of(cls, rows: Mapping[str, Mapping[str, Any]], archives: Mapping[str, Archive[Any]] | None = None) -> State:
        """Return the state that was committed. archives: of the kinds in AT_REST; without them their rows are held, too."""
        resting = archives or {}
        return cls(
            ecn=AtRest(
                rows.get("ecn"), resting.get("ecn"), room=MOST_ITEMS, weigh=lambda ecn: 1 + len(ecn.draft.items)
            ),
            file=AtRest(rows.get("file"), resting.get("file")),
            requirement=Unfolded(rows.get("requirement"), Opened.as_requirement),
            obligation=Unfolded(rows.get("obligation"), Opened.as_obligation),
            **{kind: Kept(rows.get(kind, {})) for kind in KINDS if kind not in (*AT_REST, *OPENED)},
        )

    def take_changes(self) -> dict[str, dict[str, Any]]:
        """Return and reset what changed, by kind and key; a deleted row is None."""
        changes = {kind: getattr(self, kind).take_changes() for kind in KINDS}
        return {kind: rows for kind, rows in changes.items() if rows}

    def settled(self) -> None:
        """Take note that everything taken is committed: what is at rest need not be held."""
        self.ecn.settled()
        self.file.settled()


def file_key(source: str, file: str) -> str:
    """Return the key of what is known of a file."""
    return f"{source}|{file}"
