"""Versions of the programs on one machine, each with the program that it belongs to, or none. Pure.

An agent keeps a remark until it hears another one: after a program was selected, its data items are, for a moment or for
ever, those of the program before. What is older than the selection is no evidence of the selected program by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from adapters.mtconnect import files as assets
from adapters.mtconnect.layout import Layout
from adapters.mtconnect.model import File, Observation
from adapters.mtconnect.stamps import same
from edge_bridge.domain import program
from edge_bridge.domain.extract import from_comments, from_digest, from_header, from_names, from_paths
from edge_bridge.domain.nc_program import Content
from edge_bridge.domain.reading import Evidence, Fault, blank
from edge_bridge.domain.version import Extractor
from edge_bridge.options import ExtractorOptions

_FIELDS = {"main_program": ("main_header", "main_comment"), "active_program": ("active_header", "active_comment")}


@dataclass(frozen=True, slots=True)
class Said:
    """A version variable: its data item, and its text or that of the entry in it."""

    one: Observation
    text: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """Every extractor's answers in the configured order, and what speaks against them."""

    evidence: tuple[Evidence, ...]
    faults: tuple[Fault, ...] = ()


def evidence(
    layout: Layout, said: Mapping[str, Observation], variables: Mapping[str, Said], files: tuple[File, ...], uuid: str
) -> Judged:
    """Return what is known of the versions. said: by field, usable values only. uuid: of the device."""
    texts = {name: one.value for name, one in said.items()}
    programs = {name: one for name, one in said.items() if name in _FIELDS and one.value}
    found = assets.of_programs(layout, programs, texts.get("program_path"), files, uuid)
    answers: list[Evidence] = []
    for entry in layout.extractors:
        answers += _answers(layout, entry, said, variables, found.matched)
    faults = [Fault("version", text) for text in found.faults]
    answers = _without_modified(layout, answers, found, said)
    if edited := _edited(layout, said):
        keys, text = edited
        answers = [replace(one, quality="uncertain") if _about(layout, one, keys, said) else one for one in answers]
        faults.append(Fault("version", text))
    trusted = [replace(one, trusted_time=layout.trust_time and one.source_time is not None) for one in answers]
    return Judged(tuple(trusted), tuple(faults))


def together(said: Observation, selected: Observation) -> bool:
    """Tell whether a data item belongs to the selection of a program: it was said with it, or after it.

    Sequences order what one agent has heard. An adapter sends what belongs together in one line with one time stamp, in
    any order.
    """
    return said.sequence > selected.sequence or same(said.stamp, selected.stamp)


def _answers(
    layout: Layout,
    entry: ExtractorOptions,
    said: Mapping[str, Observation],
    variables: Mapping[str, Said],
    matched: Mapping[str, File],
) -> Iterator[Evidence]:
    """Yield what one entry of `version:` finds."""
    texts = {name: one.value for name, one in said.items()}
    match entry.extractor:
        case Extractor.VARIABLE if entry.variable is not None:
            yield from _variable(entry, variables.get(entry.variable.strip()))
        case Extractor.NAME if entry.name is not None:
            yield from (_timed(one, said) for one in from_names(entry.name, texts, exact=layout.exact_names))
        case Extractor.PATH if entry.path is not None:
            found = from_paths(entry.path, texts, exact=layout.exact_names)
            yield from (_timed(_own_path(layout, one, said), said) for one in found)
        case Extractor.HEADER | Extractor.COMMENT:
            for name in _FIELDS:
                yield from _remarks(layout, entry, name, said)
        case Extractor.DIGEST:
            yield from _digests(matched, said)
        case Extractor.ASSET:
            yield from (assets.version(layout, said[name], file) for name, file in matched.items())


def _variable(entry: ExtractorOptions, found: Said | None) -> Iterator[Evidence]:
    value = blank(found.text) if found else None
    if found is not None and value is not None:
        bound = entry.bound == "always"
        field = (entry.variable or "").strip()
        yield Evidence(Extractor.VARIABLE, value, value, field, bound=bound, source_time=found.one.time)


def _remarks(layout: Layout, entry: ExtractorOptions, name: str, said: Mapping[str, Observation]) -> Iterator[Evidence]:
    """Yield what a program's header or comment says, as its own where it was said with the program or after it.

    An older one may be the same text again, which an agent does not repeat, or left over: it names no program, and the
    ledger believes it once the selected program has run.
    """
    field = _FIELDS[name][0 if entry.header is not None else 1]
    one, selected = said.get(field), said.get(name)
    if one is None or selected is None or one.value is None or not selected.value:
        return
    bound = together(one, selected)
    if _shared(one, said):
        active, main = said["active_program"], said["main_program"]
        if _key(layout, active) != _key(layout, main) or not (together(one, active) and bound):
            return  # whose remark it is, nobody can tell
    content = Content(selected.value, one.place, one.value, comments=(one.value,))
    last = entry.which == "last"
    if entry.header is not None:
        found = from_header(entry.header, [content], last=last)
    elif entry.comment is not None:
        found = from_comments(entry.comment, [content], last=last)
    else:
        return
    for piece in found:
        timed = replace(piece, source_time=_later(one, selected))
        if bound:
            yield timed
        elif name == _selected(layout, said):
            yield replace(timed, program=None)


def _shared(one: Observation, said: Mapping[str, Observation]) -> bool:
    """Tell whether a remark is said for no program in particular while the machine tells main and active apart."""
    active, main = said.get("active_program"), said.get("main_program")
    return one.sub_type is None and active is not None and main is not None and active.id != main.id


def _selected(layout: Layout, said: Mapping[str, Observation]) -> str:
    """Return the field whose program a value without an owner is about: the one that the ledger takes as selected."""
    return "active_program" if layout.judge == "active" or not said.get("main_program") else "main_program"


def _own_path(layout: Layout, piece: Evidence, said: Mapping[str, Observation]) -> Evidence:
    """Take the program from a location that does not name it itself and is older than its selection."""
    path, main = said.get("program_path"), said.get("main_program")
    if piece.field != "program_path" or path is None or main is None or piece.program != main.value:
        return piece
    named = program.leaf(unquote(path.value or ""))
    if (named and _same(layout, named, main)) or together(path, main):
        return piece
    return replace(piece, program=None)


def _digests(matched: Mapping[str, File], said: Mapping[str, Observation]) -> Iterator[Evidence]:
    for name, file in matched.items():
        if file.signature and assets.is_sha256(file.signature):
            owner = said[name].value or ""
            content = Content(owner, f"asset {file.id}", "", digest=file.signature, raw_digest=file.signature)
            yield from (replace(one, source_time=file.time) for one in from_digest([content]))


def _without_modified(
    layout: Layout, answers: Iterable[Evidence], found: assets.Matched, said: Mapping[str, Observation]
) -> list[Evidence]:
    """Keep of a program whose file is not in an accepted state only the evidence that says so.

    Its name, remarks and signature may still be those of the released file; its content is not.
    """
    kept = list(answers)
    for name, file in reversed(found.matched.items()):
        if assets.accepted(layout, file):
            continue
        keys = {_key(layout, said[name])}
        kept = [one for one in kept if not _about(layout, one, keys, said)]
        kept.insert(0, assets.version(layout, said[name], file))
    return kept


def _edited(layout: Layout, said: Mapping[str, Observation]) -> tuple[set[str], str] | None:
    """Return the keys of the programs that are being edited at the control, and words for it."""
    edit, name = said.get("edit"), said.get("edited_program")
    if edit is None or (edit.value or "").upper() != "ACTIVE":
        return None
    keys = {_key(layout, said[field]) for field in _FIELDS if field in said and said[field].value}
    if name is None or not name.value:
        return (keys, "a program is being edited at the control") if keys else None
    key = _key(layout, name)
    return ({key}, f"{name.value} is being edited at the control") if key in keys else None


def _about(layout: Layout, piece: Evidence, keys: set[str], said: Mapping[str, Observation]) -> bool:
    """Tell whether evidence is about one of these programs; what names none is about the selected one."""
    if piece.program is not None:
        return program.key(piece.program, exact=layout.exact_names) in keys
    selected = said.get(_selected(layout, said))
    return selected is not None and _key(layout, selected) in keys


def _timed(piece: Evidence, said: Mapping[str, Observation]) -> Evidence:
    """Add the source's own time to what a name or path says."""
    one = said.get(piece.field)
    return replace(piece, source_time=one.time if one else None)


def _later(one: Observation, other: Observation) -> int | None:
    return None if one.time is None or other.time is None else max(one.time, other.time)


def _key(layout: Layout, one: Observation) -> str:
    return program.key(one.value or "", exact=layout.exact_names)


def _same(layout: Layout, name: str, one: Observation) -> bool:
    return program.normalised(name) == program.normalised(one.value or "") or program.key(
        name, exact=layout.exact_names
    ) == _key(layout, one)
