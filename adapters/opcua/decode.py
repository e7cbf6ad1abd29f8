"""From OPC UA data values to a reading. Pure: tested without a network."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncua import ua

from adapters.opcua.notation import NodeReference
from edge_bridge.domain import program
from edge_bridge.domain.extract import from_text
from edge_bridge.domain.instant import Milliseconds, Stamp, from_datetime
from edge_bridge.domain.reading import Evidence, Execution, Fault, Mode, Reading, blank, without_empty
from edge_bridge.domain.version import Extractor
from edge_bridge.options import ExtractorOptions

_NAMES = ("main_program", "active_program", "program_path")
_TRUTH = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
_DECORATED = re.compile(r"_N_(?P<name>.+)_(?P<ending>MPF|SPF)", re.IGNORECASE)
EARLIEST: Milliseconds = 0  # a source time before 1970 is a control that has no clock


@dataclass(frozen=True, slots=True)
class Wanted:
    """One node to read. field: the reading's field it feeds, `version` for a version variable; node: as configured."""

    field: str
    node: str
    reference: NodeReference
    words: Mapping[str, object] = dataclasses.field(default_factory=dict)
    entry: ExtractorOptions | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What is read from one machine: its nodes in order, its version extractors, and how program names are compared."""

    machine: str
    wanted: tuple[Wanted, ...]
    extractors: tuple[ExtractorOptions, ...] = ()
    exact_names: bool = False


Answer = ua.DataValue | str
"""What came back for one node; a text says why it could not even be asked for."""


class _NoValueError(Exception):
    """A node gave nothing that can be used, in words; the others go on."""


def reading(layout: Layout, at: Stamp, answers: Sequence[Answer]) -> Reading:
    """Return one machine's reading; `answers` stand in the order of `layout.wanted`. `at`: when they had arrived."""
    faults: list[Fault] = []
    texts: dict[str, str | None] = {}
    execution: Execution | None = None
    mode: Mode | None = None
    flags: list[bool | None] = []
    variables: dict[str, Evidence] = {}
    for wanted, answer in zip(layout.wanted, answers, strict=True):
        try:
            if wanted.field in _NAMES:
                texts[wanted.field] = text(_value(answer))
            elif wanted.field == "test":
                flags.append(_flag(_value(answer), wanted.words))
            elif wanted.field == "version":
                if found := _variable(wanted, answer):
                    variables[wanted.node] = found
            elif wanted.field == "execution":
                execution = Execution(_word(_value(answer), wanted.words, tuple(Execution)))
            else:
                mode = Mode(_word(_value(answer), wanted.words, tuple(Mode)))
        except _NoValueError as error:
            if wanted.field == "test":
                flags.append(None)
            faults.append(_fault(wanted, str(error)))
    return Reading(
        machine=layout.machine,
        at=at,
        main_program=texts.get("main_program"),
        active_program=texts.get("active_program"),
        program_path=texts.get("program_path"),
        execution=execution,
        mode=mode,
        test=_any(flags),
        evidence=without_empty(_evidence(layout, texts, variables)),
        faults=tuple(faults),
    )


def text(value: object) -> str | None:
    """Return a value as people would write it, or None when it is empty. Raises _NoValueError for what is no text.

    Numbers lose leading zeros and a fraction of nothing: an R parameter is a Double, and revision 3 is not `3.0`.
    """
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        raise _NoValueError(f"is an array of {len(value)}: name one element of it")
    if isinstance(value, (ua.LocalizedText, ua.QualifiedName)):
        value = value.Text if isinstance(value, ua.LocalizedText) else value.Name
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, float) and not math.isfinite(value):
        raise _NoValueError(f"is {value}: a finite number was expected")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, (str, int, float)):
        return blank(None if value is None else str(value))
    raise _NoValueError(f"is a {type(value).__name__}: text or a number was expected")


def _fault(wanted: Wanted, error: str) -> Fault:
    """Name the node too where several feed one field."""
    several = wanted.field in ("test", "version")
    return Fault(wanted.field, f"{error} ({wanted.node})" if several else error)


def _value(answer: Answer) -> object:
    """Return the value of a usable answer; `uncertain` is usable. OPC 10000-4 7.38.1: a bad value must not be used."""
    if isinstance(answer, str):
        raise _NoValueError(answer)
    status = answer.StatusCode or ua.StatusCode()  # absent on the wire means Good: OPC 10000-6 5.2.2.17
    if status.is_bad():
        raise _NoValueError(status.name)
    return answer.Value.Value if answer.Value is not None else None


def _word(value: object, words: Mapping[str, object], known: Sequence[str]) -> str:
    """Return the word of a raw value: by the map, else by the map's default, else when the value is a word itself."""
    raw = text(value)
    if raw is None:
        return "unknown"
    if raw in words:
        return str(words[raw])
    if not words and raw.lower() in known:
        return raw.lower()
    return str(words.get("default", "unknown"))


def _flag(value: object, words: Mapping[str, object]) -> bool | None:
    raw = text(value)
    if raw is None:
        return None
    if words:
        known = words.get(raw, words.get("default"))
    else:
        known = _TRUTH.get(raw.lower())
        if known is None and isinstance(value, (int, float)):
            known = value != 0
    if known is None:
        raise _NoValueError(f"{raw!r} is neither true nor false: give it a map")
    return bool(known)


def _any(flags: Sequence[bool | None]) -> bool | None:
    """Tell whether any flag is set; None when none is and one could not be read, or when there is none."""
    if True in flags:
        return True
    return None if not flags or None in flags else False


def _variable(wanted: Wanted, answer: Answer) -> Evidence | None:
    """Return what a version variable says, with the source's own time and quality."""
    value = text(_value(answer))
    if value is None or wanted.entry is None or isinstance(answer, str):
        return None
    status = answer.StatusCode or ua.StatusCode()
    return Evidence(
        extractor=Extractor.VARIABLE,
        value=value,
        raw=value,
        field=wanted.node,
        bound=wanted.entry.bound == "always",
        source_time=_source_time(answer.SourceTimestamp),
        quality="good" if status.is_good() else "uncertain",
    )


def _source_time(moment: datetime | None) -> Milliseconds | None:
    """Return UTC ms; asyncua's times are UTC without a zone."""
    if moment is None:
        return None
    utc = from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return utc if utc > EARLIEST else None


def _evidence(
    layout: Layout, texts: Mapping[str, str | None], variables: Mapping[str, Evidence]
) -> Iterable[Evidence | None]:
    """Yield every extractor's answers in the configured order."""
    for entry in layout.extractors:
        if entry.variable is not None:
            yield variables.get(entry.variable.strip())
        elif entry.name is not None:
            yield from _from_names(layout, entry.name, texts)
        elif entry.path is not None:
            yield from _from_paths(layout, entry.path, texts)


def _from_names(layout: Layout, pattern: re.Pattern[str], texts: Mapping[str, str | None]) -> Iterable[Evidence]:
    """Yield one piece for the main program, and one for the active program when that is another."""
    answered = set()
    for name in ("main_program", "active_program"):
        raw = texts.get(name)
        if raw is None or (key := program.key(raw, exact=layout.exact_names)) in answered:
            continue
        for spelling in spellings(raw):
            if found := from_text(Extractor.NAME, pattern, spelling, name, raw):
                answered.add(key)
                yield found
                break


def _from_paths(layout: Layout, pattern: re.Pattern[str], texts: Mapping[str, str | None]) -> Iterable[Evidence]:
    """Yield what the path says, and what the program names say where they carry a path themselves."""
    answered = set()
    main = texts.get("main_program")
    for name in ("program_path", "main_program", "active_program"):
        raw = texts.get(name)
        if raw is None or not re.search(r"[/\\]", raw):
            continue
        owner = _owner(raw, main) if name == "program_path" else raw
        key = program.key(owner, exact=layout.exact_names)
        if key not in answered and (found := from_text(Extractor.PATH, pattern, raw, name, owner)):
            answered.add(key)
            yield found


def _owner(path: str, main: str | None) -> str:
    """Return the program a path belongs to: the main program when it leads to it or to its folder, else the path's own."""
    if main is not None and program.normalised(path) in ("", program.normalised(main)):
        return main
    return path


def spellings(raw: str) -> tuple[str, ...]:
    """Return the name without its path, and without SINUMERIK's decoration where it has that: patterns fit either."""
    name = program.leaf(raw)
    found = _DECORATED.fullmatch(name)
    return (name, f"{found['name']}.{found['ending']}") if found else (name,)
