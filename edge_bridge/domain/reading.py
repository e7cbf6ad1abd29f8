"""A reading: what an adapter saw at one instant, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.version import Extractor


class Execution(StrEnum):
    """What the control does with the program, in one vocabulary for every profile."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    IDLE = "idle"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """The operating mode, in one vocabulary for every profile."""

    AUTOMATIC = "automatic"
    MDI = "mdi"
    MANUAL = "manual"
    EDIT = "edit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One extractor's answer.

    extractor: `variable`, `name`, `path`, … value: the version it gives, as read. raw: the text it came from. field: the
    node, register or field it was read from. program: the program it belongs to by nature, as read; None for a variable,
    which says nothing about the program until they are seen together. bound: the control or PLC writes it on load.
    source_time: the source's own time in UTC ms, with `quality` as the source gives it (`good`, `uncertain`).
    trusted_time: the source time may prove when the version changed.
    """

    extractor: Extractor
    value: str
    raw: str
    field: str
    program: str | None = None
    bound: bool = False
    source_time: Milliseconds | None = None
    quality: str = "good"
    trusted_time: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A field that could not be read in an otherwise good reading: where, and the server's or PLC's own words."""

    field: str
    error: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one machine. A field that is not configured, or that could not be read, is None."""

    machine: str
    at: Stamp
    main_program: str | None = None
    active_program: str | None = None
    program_path: str | None = None
    stack: tuple[str, ...] = ()
    called: tuple[str, ...] | None = None  # what the main program's text calls; None: its text was not read
    execution: Execution | None = None
    mode: Mode | None = None
    test: bool | None = None
    evidence: tuple[Evidence, ...] = ()  # every extractor that answered, in the configured order
    faults: tuple[Fault, ...] = ()

    @property
    def running(self) -> bool:
        """Tell whether the machine produces: executing, in automatic or no mode known, not in test or dry run."""
        return self.execution is Execution.RUNNING and self.mode in (None, Mode.AUTOMATIC) and not self.test

    def same_as(self, other: Reading) -> bool:
        """Tell whether both say the same, time of reading aside."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in (
                "main_program",
                "active_program",
                "program_path",
                "stack",
                "called",
                "execution",
                "mode",
                "test",
                "faults",
            )
        ) and [(e.extractor, e.value, e.program) for e in self.evidence] == [
            (e.extractor, e.value, e.program) for e in other.evidence
        ]


def blank(text: str | None) -> str | None:
    """Return a control's text without NULs and blanks around it, or None when nothing is left: empty is no evidence."""
    cleaned = (text or "").replace("\0", " ").strip()
    return cleaned or None


def without_empty(evidence: Iterable[Evidence | None]) -> tuple[Evidence, ...]:
    """Return the answers that say something, in order."""
    return tuple(item for item in evidence if item is not None and item.value.strip())
