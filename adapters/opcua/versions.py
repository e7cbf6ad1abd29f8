"""Versions of the programs on one machine: from variables, program names and paths, in the configured order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from asyncua import ua

from adapters.opcua.values import status_of, text, usable, utc
from edge_bridge.domain import program
from edge_bridge.domain.extract import from_text
from edge_bridge.domain.reading import Evidence
from edge_bridge.domain.version import Extractor
from edge_bridge.options import ExtractorOptions

Texts = Mapping[str, str | None]
"""The program fields of a reading: main_program, active_program, program_path."""

_DECORATED = re.compile(r"_N_(?P<name>.+)_(?P<ending>MPF|SPF)", re.IGNORECASE)


def from_variable(entry: ExtractorOptions, answer: ua.DataValue, node: str) -> Evidence | None:
    """Return what a version variable says, with the source's own time and quality. Raises NoValueError."""
    value = text(usable(answer))
    if value is None:
        return None
    return Evidence(
        extractor=Extractor.VARIABLE,
        value=value,
        raw=value,
        field=node,
        bound=entry.bound == "always",
        source_time=utc(answer.SourceTimestamp),
        quality="good" if status_of(answer).is_good() else "uncertain",
    )


def evidence(
    extractors: Sequence[ExtractorOptions], texts: Texts, variables: Mapping[str, Evidence], *, exact_names: bool
) -> Iterable[Evidence | None]:
    """Yield every extractor's answers in the configured order; `variables` by node as configured."""
    for entry in extractors:
        if entry.variable is not None:
            yield variables.get(entry.variable.strip())
        elif entry.name is not None:
            yield from _from_names(entry.name, texts, exact=exact_names)
        elif entry.path is not None:
            yield from _from_paths(entry.path, texts, exact=exact_names)


def spellings(raw: str) -> tuple[str, ...]:
    """Return the name without its path, and without SINUMERIK's decoration where it has that: patterns fit either."""
    name = program.leaf(raw)
    found = _DECORATED.fullmatch(name)
    return (name, f"{found['name']}.{found['ending']}") if found else (name,)


def _from_names(pattern: re.Pattern[str], texts: Texts, *, exact: bool) -> Iterable[Evidence]:
    """Yield one piece for the main program, and one for the active program when that is another."""
    answered = set()
    for field in ("main_program", "active_program"):
        raw = texts.get(field)
        if raw is None or (key := program.key(raw, exact=exact)) in answered:
            continue
        found = (from_text(Extractor.NAME, pattern, spelling, field, raw) for spelling in spellings(raw))
        if first := next((piece for piece in found if piece is not None), None):
            answered.add(key)
            yield first


def _from_paths(pattern: re.Pattern[str], texts: Texts, *, exact: bool) -> Iterable[Evidence]:
    """Yield what the path says, and what the program names say where they carry a path themselves."""
    answered = set()
    for field in ("program_path", "main_program", "active_program"):
        raw = texts.get(field)
        if raw is None or not re.search(r"[/\\]", raw):
            continue
        owner = _owner(raw, texts.get("main_program")) if field == "program_path" else raw
        key = program.key(owner, exact=exact)
        if key not in answered and (found := from_text(Extractor.PATH, pattern, raw, field, owner)):
            answered.add(key)
            yield found


def _owner(path: str, main: str | None) -> str:
    """Return the program a path belongs to: the main program when it leads to it or to its folder, else the path's own."""
    if main is not None and program.normalised(path) in ("", program.normalised(main)):
        return main
    return path
