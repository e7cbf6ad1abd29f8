"""From the answers of one poll to a reading. Pure: tested without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.opcua import values, versions
from adapters.opcua.notation import NodeReference
from adapters.opcua.values import Answer, NoValueError
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Evidence, Execution, Fault, Mode, Reading, without_empty
from edge_bridge.options import ExtractorOptions


@dataclass(frozen=True, slots=True)
class Wanted:
    """One node to read. feeds: the reading's field, or `version` for a version variable; node: as configured."""

    feeds: str
    node: str
    reference: NodeReference
    words: Mapping[str, object] = field(default_factory=dict)
    entry: ExtractorOptions | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What is read from one machine: its nodes in order, its version extractors, and how program names are compared."""

    machine: str
    wanted: tuple[Wanted, ...]
    extractors: tuple[ExtractorOptions, ...] = ()
    exact_names: bool = False


@dataclass(slots=True)
class _Found:
    """A reading in the making."""

    texts: dict[str, str | None] = field(default_factory=dict)
    execution: Execution | None = None
    mode: Mode | None = None
    flags: list[bool | None] = field(default_factory=list)
    variables: dict[str, Evidence] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def take(self, wanted: Wanted, answer: Answer) -> None:
        """Put one answer where it belongs; one that cannot be used is a fault of its field only."""
        try:
            self._take(wanted, answer, values.usable(answer))
        except NoValueError as error:
            self.faults.append(_fault(wanted, str(error)))
            if wanted.feeds == "test":
                self.flags.append(None)

    def _take(self, wanted: Wanted, answer: Answer, value: object) -> None:
        match wanted.feeds:
            case "execution":
                self.execution = Execution(values.word(value, wanted.words, tuple(Execution)))
            case "mode":
                self.mode = Mode(values.word(value, wanted.words, tuple(Mode)))
            case "test":
                self.flags.append(values.flag(value, wanted.words))
            case "version":
                assert wanted.entry is not None
                assert not isinstance(answer, str)  # `usable` refuses a text
                if found := versions.from_variable(wanted.entry, answer, wanted.node):
                    self.variables[wanted.node] = found
            case name:
                self.texts[name] = values.text(value)


def reading(layout: Layout, at: Stamp, answers: Sequence[Answer]) -> Reading:
    """Return one machine's reading; `answers` stand in the order of `layout.wanted`. `at`: when they had arrived."""
    found = _Found()
    for wanted, answer in zip(layout.wanted, answers, strict=True):
        found.take(wanted, answer)
    evidence = versions.evidence(layout.extractors, found.texts, found.variables, exact_names=layout.exact_names)
    return Reading(
        machine=layout.machine,
        at=at,
        main_program=found.texts.get("main_program"),
        active_program=found.texts.get("active_program"),
        program_path=found.texts.get("program_path"),
        execution=found.execution,
        mode=found.mode,
        test=values.any_set(found.flags),
        evidence=without_empty(evidence),
        faults=tuple(found.faults),
    )


def _fault(wanted: Wanted, error: str) -> Fault:
    """Name the node too where several feed one field."""
    several = wanted.feeds in ("test", "version")
    return Fault(wanted.feeds, f"{error} ({wanted.node})" if several else error)
