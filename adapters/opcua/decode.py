"""From the answers of one poll to a reading. Pure: tested without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.opcua import values, versions
from adapters.opcua.instances import Root
from adapters.opcua.notation import NodeReference
from adapters.opcua.options import FileOptions, StackOptions
from adapters.opcua.values import Answer, NoValueError
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.nc_program import Content
from edge_bridge.domain.reading import Evidence, Execution, Fault, Mode, Reading, without_empty
from edge_bridge.options import ExtractorOptions


@dataclass(frozen=True, slots=True)
class Wanted:
    """One node to read. feeds: the reading's field, or `version` for a version variable; node: as configured.

    texts: its numbers stand for texts that the server knows. stack: how its structures are to be understood.
    """

    feeds: str
    node: str
    reference: NodeReference
    words: Mapping[str, object] = field(default_factory=dict)
    entry: ExtractorOptions | None = None
    texts: bool = False
    stack: StackOptions | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What is read from one machine: its nodes in order, its version extractors, and how program names are compared.

    root: the instance in which relative paths start. judge, files, recheck: which programs' texts are read, from where,
    and how often again when nothing says that they changed.
    """

    machine: str
    wanted: tuple[Wanted, ...]
    extractors: tuple[ExtractorOptions, ...] = ()
    exact_names: bool = False
    root: Root | None = None
    judge: str = "main"
    files: tuple[FileOptions, ...] = ()
    recheck: Milliseconds = 60_000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of program texts at one instant. called: by the main program, None while that is not known."""

    contents: tuple[Content, ...] = ()
    called: tuple[str, ...] | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Found:
    """A reading in the making: what the nodes said."""

    texts: dict[str, str | None] = field(default_factory=dict)
    stack: tuple[str, ...] = ()
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
            case "stack":
                items = value if isinstance(value, list) else [value]
                self.stack = tuple(text for text in map(values.text, items) if text is not None)
            case "version":
                assert wanted.entry is not None
                assert not isinstance(answer, str)  # `usable` refuses a text
                if found := versions.from_variable(wanted.entry, answer, wanted.node):
                    self.variables[wanted.node] = found
            case name:
                self.texts[name] = values.text(value)


def found(layout: Layout, answers: Sequence[Answer]) -> Found:
    """Return what the nodes said; `answers` stand in the order of `layout.wanted`."""
    making = Found()
    for wanted, answer in zip(layout.wanted, answers, strict=True):
        making.take(wanted, answer)
    return making


def reading(layout: Layout, at: Stamp, answers: Sequence[Answer]) -> Reading:
    """Return one machine's reading of these answers alone. `at`: when they had arrived."""
    return complete(layout, at, found(layout, answers), Known())


def complete(layout: Layout, at: Stamp, made: Found, known: Known) -> Reading:
    """Return one machine's reading: what its nodes said, and what is known of its programs' texts."""
    texts = versions.Named(made.texts, (*made.stack, *(known.called or ())))
    evidence = versions.evidence(
        layout.extractors, texts, made.variables, known.contents, exact_names=layout.exact_names
    )
    return Reading(
        machine=layout.machine,
        at=at,
        main_program=made.texts.get("main_program"),
        active_program=made.texts.get("active_program"),
        program_path=made.texts.get("program_path"),
        stack=made.stack,
        called=known.called,
        execution=made.execution,
        mode=made.mode,
        test=values.any_set(made.flags),
        evidence=without_empty(evidence),
        faults=(*made.faults, *known.faults),
    )


def _fault(wanted: Wanted, error: str) -> Fault:
    """Name the node too where several feed one field."""
    several = wanted.feeds in ("test", "version")
    return Fault(wanted.feeds, f"{error} ({wanted.node})" if several else error)
