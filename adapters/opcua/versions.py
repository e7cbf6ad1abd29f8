"""Versions of the programs on one machine: from variables, names, paths and program texts, in the configured order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asyncua import ua

from adapters.opcua.values import status_of, text, usable, utc
from edge_bridge.domain import program
from edge_bridge.domain.extract import (
    Texts,
    from_comments,
    from_digest,
    from_header,
    from_names,
    from_paths,
    from_text,
    spellings,
)
from edge_bridge.domain.nc_program import Content
from edge_bridge.domain.reading import Evidence
from edge_bridge.domain.version import Extractor
from edge_bridge.options import ExtractorOptions


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


@dataclass(frozen=True, slots=True)
class Named:
    """The programs that a reading names: in its fields, and beyond them in a stack or in the main program's text."""

    fields: Texts
    more: tuple[str, ...] = ()


def evidence(
    extractors: Sequence[ExtractorOptions],
    named: Named,
    variables: Mapping[str, Evidence],
    contents: Sequence[Content] = (),
    *,
    exact_names: bool,
) -> Iterable[Evidence | None]:
    """Yield every extractor's answers in the configured order; `variables` by node as configured."""
    for entry in extractors:
        if entry.variable is not None:
            yield variables.get(entry.variable.strip())
        elif entry.name is not None:
            yield from from_names(entry.name, named.fields, exact=exact_names)
            yield from _of_others(Extractor.NAME, entry.name, named, exact=exact_names)
        elif entry.path is not None:
            yield from from_paths(entry.path, named.fields, exact=exact_names)
            yield from _of_others(Extractor.PATH, entry.path, named, exact=exact_names)
        elif entry.header is not None:
            yield from from_header(entry.header, contents, last=entry.which == "last")
        elif entry.comment is not None:
            yield from from_comments(entry.comment, contents, last=entry.which == "last")
        elif entry.digest is not None:
            yield from from_digest(contents)


def _of_others(
    extractor: Extractor, pattern: re.Pattern[str], named: Named, *, exact: bool
) -> Iterable[Evidence | None]:
    """Yield what the names or paths say of programs that stand in no field of their own."""
    told = {program.key(raw, exact=exact) for raw in named.fields.values() if raw is not None}
    for raw in named.more:
        if (key := program.key(raw, exact=exact)) not in told:
            told.add(key)
            seen = spellings(raw) if extractor is Extractor.NAME else (raw,) if re.search(r"[/\\]", raw) else ()
            found = (from_text(extractor, pattern, text, "stack or call", raw) for text in seen)
            yield next((one for one in found if one is not None), None)
