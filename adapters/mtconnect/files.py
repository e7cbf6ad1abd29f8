"""File assets: which one is a program's, whether its version counts, and what it says then. Pure.

The one place of MTConnect with a real program version. `state` says whether the file is the released one: REVISION is a
production file that was modified, and EXPERIMENTAL one that is not released yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from adapters.mtconnect.layout import Layout
from adapters.mtconnect.model import File, Observation
from edge_bridge.domain import program
from edge_bridge.domain.reading import Evidence
from edge_bridge.domain.version import Extractor

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Matched:
    """The file of each program, by the field that names it, and why one has none."""

    matched: dict[str, File] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def of_programs(
    layout: Layout, programs: Mapping[str, Observation], path: str | None, files: Sequence[File], uuid: str
) -> Matched:
    """Return each program's file. programs: by field. path: the main program's location. uuid: the device's own."""
    ours = [one for one in files if _may_be_ours(one, uuid)]
    matched: dict[str, File] = {}
    faults: list[str] = []
    seen: set[str] = set()
    for name, one in programs.items():
        key = program.key(one.value or "", exact=layout.exact_names)
        if key in seen:
            continue
        seen.add(key)
        fitting = [file for file in ours if key in _keys(layout, file)]
        if name == "main_program" and path:
            fitting = [file for file in fitting if _located(file) == unquote(path)] or fitting
        if len({(file.version, file.state, file.signature) for file in fitting}) > 1:
            ids = ", ".join(sorted(file.id for file in fitting))
            faults.append(f"the File assets {ids} are all called {one.value}, and do not agree")
            fitting = [file for file in fitting if not accepted(layout, file)]  # the worst of them may be the one
        if fitting:
            matched[name] = fitting[0]
    return Matched(matched, tuple(faults))


def accepted(layout: Layout, file: File) -> bool:
    """Tell whether the file's version counts as it stands."""
    return (file.state or "NONE") in layout.accept_states


def version(layout: Layout, selected: Observation, file: File) -> Evidence:
    """Return what a file's `versionId` says; in a state that is not accepted, that state is part of what was seen.

    `B (REVISION)` is under no scheme the version B: it is another value, or no version at all, and people can read why.
    """
    said = file.version or ""
    value = said if accepted(layout, file) else f"{said} ({file.state or 'no state'})".strip()
    times = [one for one in (file.time, selected.time) if one is not None]
    return Evidence(
        extractor=Extractor.ASSET,
        value=value,
        raw=f"{said} {file.state}".strip(),
        field=f"asset {file.id}",
        program=selected.value,
        source_time=max(times) if len(times) == 2 else None,
    )


def is_sha256(signature: str) -> bool:
    """Tell whether a signature is a SHA-256 in hexadecimal: the standard only says that it is a secure hash."""
    return _SHA256.fullmatch(signature) is not None


def _may_be_ours(file: File, uuid: str) -> bool:
    """Leave out another machine's files, and files that are no program: a set-up sheet may carry the same name."""
    return (not file.device or not uuid or file.device == uuid) and file.application in ("", "PRODUCTION_PROGRAM")


def _keys(layout: Layout, file: File) -> set[str]:
    names = [file.name] if file.name else []
    if file.href and (end := program.leaf(_located(file))):
        names.append(end)
    return {program.key(name, exact=layout.exact_names) for name in names}


def _located(file: File) -> str:
    return unquote(file.href or "")
