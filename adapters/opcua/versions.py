"""Versions of the programs on one machine: from variables, program names and paths, in the configured order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from asyncua import ua

from adapters.opcua.values import status_of, text, usable, utc
from edge_bridge.domain.extract import Texts, from_names, from_paths
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


def evidence(
    extractors: Sequence[ExtractorOptions], texts: Texts, variables: Mapping[str, Evidence], *, exact_names: bool
) -> Iterable[Evidence | None]:
    """Yield every extractor's answers in the configured order; `variables` by node as configured."""
    for entry in extractors:
        if entry.variable is not None:
            yield variables.get(entry.variable.strip())
        elif entry.name is not None:
            yield from from_names(entry.name, texts, exact=exact_names)
        elif entry.path is not None:
            yield from from_paths(entry.path, texts, exact=exact_names)
