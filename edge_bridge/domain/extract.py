"""Versions found in text: a program's name or path and the technician's pattern give one piece of evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from edge_bridge.domain import program
from edge_bridge.domain.nc_program import Content
from edge_bridge.domain.reading import Evidence, blank
from edge_bridge.domain.version import Extractor

Texts = Mapping[str, str | None]
"""The program fields of a reading: main_program, active_program, program_path."""

BELONG_TOGETHER = ("main_program", "active_program", "version")
"""Fields that must be seen at one instant: the program of before with the version of after is evidence of neither."""
ATTEMPTS = 3
TORN = "program and version changed again and again while they were read"

_DECORATED = re.compile(r"_N_(?P<name>.+)_(?P<ending>MPF|SPF)", re.IGNORECASE)


def from_text(
    extractor: Extractor, pattern: re.Pattern[str], text: str | None, field: str, owner: str | None = None
) -> Evidence | None:
    """Return the version that `pattern` finds anywhere in `text`, or None: no match and an empty version are no evidence.

    pattern: has the group `version`; it ignores case only where it says so itself (`(?i)`). field: which field of the
    reading the text came from. owner: the program, as read, that the text belongs to by nature.
    """
    if text is None:
        return None
    found = pattern.search(text)
    version = blank(found["version"]) if found else None
    if version is None:
        return None
    return Evidence(extractor=extractor, value=version, raw=text, field=field, program=owner)


def from_names(pattern: re.Pattern[str], texts: Texts, *, exact: bool) -> Iterator[Evidence]:
    """Yield what the main program's name says, and the active program's when that is another.

    The pattern sees the name without its path, and without SINUMERIK's decoration too. exact: names are compared as they
    are.
    """
    answered = set()
    for field in ("main_program", "active_program"):
        raw = texts.get(field)
        if raw is None or (key := program.key(raw, exact=exact)) in answered:
            continue
        found = (from_text(Extractor.NAME, pattern, spelling, field, raw) for spelling in spellings(raw))
        if first := next((piece for piece in found if piece is not None), None):
            answered.add(key)
            yield first


def from_paths(pattern: re.Pattern[str], texts: Texts, *, exact: bool) -> Iterator[Evidence]:
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


def from_header(pattern: re.Pattern[str], contents: Iterable[Content], *, last: bool = False) -> Iterator[Evidence]:
    """Yield the version that `pattern` finds in each program's first text.

    last: of several places the last one counts; some shops add to a history at its end, others at its beginning.
    """
    for one in contents:
        found = list(pattern.finditer(one.head))
        match = found[-1 if last else 0] if found else None
        if match and (version := blank(match["version"])):
            yield Evidence(
                Extractor.HEADER, version, raw=_line(one.head, match.start()), field=one.field, program=one.program
            )


def from_comments(pattern: re.Pattern[str], contents: Iterable[Content], *, last: bool = False) -> Iterator[Evidence]:
    """Yield the version that `pattern` finds in each program's remarks, the first or the last that has one."""
    for one in contents:
        said = reversed(one.comments) if last else one.comments
        found = (from_text(Extractor.COMMENT, pattern, text, one.field, one.program) for text in said)
        if first := next((piece for piece in found if piece is not None), None):
            yield first


def from_digest(contents: Iterable[Content]) -> Iterator[Evidence]:
    """Yield each program's digest: of its normalised text as the value, of its bytes as what was read."""
    for one in contents:
        if one.digest is not None and one.raw_digest is not None:
            yield Evidence(Extractor.DIGEST, one.digest, raw=one.raw_digest, field=one.field, program=one.program)


def spellings(raw: str) -> tuple[str, ...]:
    """Return the name without its path, and without SINUMERIK's decoration where it has that: patterns fit either."""
    name = program.leaf(raw)
    found = _DECORATED.fullmatch(name)
    return (name, f"{found['name']}.{found['ending']}") if found else (name,)


def _line(text: str, at: int) -> str:
    """Return the line of a text in which a place lies: a whole header is no evidence to read aloud."""
    return re.split(r"[\r\n]", text[max(0, at - 200) : at])[-1] + re.split(r"[\r\n]", text[at : at + 200])[0]


def _owner(path: str, main: str | None) -> str:
    """Return the program a path belongs to: the main program when it leads to it or to its folder, else the path's own."""
    if main is not None and program.normalised(path) in ("", program.normalised(main)):
        return main
    return path
