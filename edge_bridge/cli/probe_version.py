"""What each entry of `version:` answered in one look, which one counts, and why the others do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_bridge.domain.extract import from_names, from_paths
from edge_bridge.domain.reading import Evidence, Reading
from edge_bridge.domain.state import Binding
from edge_bridge.domain.version import Extractor, VersionRule
from edge_bridge.options import ControllerOptions, ExtractorOptions


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. entry: its line in the file, "" where the file has no list. evidence: None when it says nothing.

    bound: whether it surely belongs to the selected program. fits: whether it is a version of the scheme. counts: the
    first that is both.
    """

    entry: str
    extractor: Extractor | None
    evidence: Evidence | None
    normalised: str = ""
    bound: bool = True
    fits: bool = False
    counts: bool = False


def entry_text(entry: ExtractorOptions) -> str:
    """Return an entry as it stands in the file."""
    value = getattr(entry, entry.extractor)
    return f"{entry.extractor}: {value.pattern if isinstance(value, re.Pattern) else value}"


def answers(options: ControllerOptions, reading: Reading, rule: VersionRule, binding: Binding) -> tuple[Answer, ...]:
    """Return every entry's answer in the configured order, and those that belong to no entry."""
    left = list(reading.evidence)
    found: list[Answer] = []
    for entry in options.version:
        own = [piece for piece in left if _from(entry, piece, options, reading)]
        for piece in own:
            left.remove(piece)
        found += [_answer(entry_text(entry), piece, rule, binding) for piece in own] or [
            Answer(entry_text(entry), entry.extractor, None)
        ]
    found += [_answer("", piece, rule, binding) for piece in left]
    return tuple(_with_first(found))


def _answer(entry: str, piece: Evidence, rule: VersionRule, binding: Binding) -> Answer:
    bound = piece.program is not None or piece.bound or binding.ran or piece.field in binding.bound
    fits = rule.key(piece.value) is not None
    return Answer(entry, piece.extractor, piece, rule.normalise(piece.value), bound, fits)


def _with_first(found: Sequence[Answer]) -> Iterator[Answer]:
    """Mark the first that counts; a digest compares content, and is no version."""
    counted = False
    for one in found:
        counts = not counted and one.fits and one.bound and one.extractor is not Extractor.DIGEST
        counted = counted or counts
        yield Answer(one.entry, one.extractor, one.evidence, one.normalised, one.bound, one.fits, counts)


def _from(entry: ExtractorOptions, piece: Evidence, options: ControllerOptions, reading: Reading) -> bool:
    """Tell whether this entry gave this piece: two entries may be of one kind."""
    if piece.extractor is not entry.extractor:
        return False
    if sum(other.extractor is entry.extractor for other in options.version) == 1:
        return True
    texts = {name: getattr(reading, name) for name in ("main_program", "active_program", "program_path")}
    exact = options.names == "exact"
    match entry.extractor:
        case Extractor.NAME if entry.name is not None:
            return piece in tuple(from_names(entry.name, texts, exact=exact))
        case Extractor.PATH if entry.path is not None:
            return piece in tuple(from_paths(entry.path, texts, exact=exact))
        case Extractor.VARIABLE:
            return piece.field in (entry.variable, "version")
        case _:
            pattern = getattr(entry, entry.extractor)
            match = pattern.search(piece.raw) if isinstance(pattern, re.Pattern) else None
            return match is None or (match["version"] or "").strip() == piece.value
