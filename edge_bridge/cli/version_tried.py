"""Every entry of `version:` tried on one sample: all its matches, which of them counts, and which entry does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge_bridge.cli.probe_version import entry_text
from edge_bridge.cli.version_samples import Sample
from edge_bridge.domain.extract import from_comments, from_digest, from_header, from_names, from_paths, spellings
from edge_bridge.domain.reading import Evidence, blank
from edge_bridge.domain.version import Comparison, Extractor, VersionRule
from edge_bridge.options import ExtractorOptions

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a pattern matches. line: in a text, None in a name. counts: the one that is taken."""

    text: str
    version: str
    line: int | None = None
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """One entry on one sample. why: the key of the sentence why it gives nothing, "" when it does.

    counts: it is the first entry whose version fits the scheme.
    """

    entry: str
    extractor: Extractor
    evidence: Evidence | None
    hits: tuple[Hit, ...] = ()
    which: str = "first"
    normalised: str = ""
    fits: bool = False
    comparison: Comparison | None = None
    counts: bool = False
    why: str = ""

    @property
    def ambiguous(self) -> bool:
        """Whether its matches say different versions: a history, or something else that looks like a version."""
        return len({hit.version for hit in self.hits}) > 1


@dataclass(frozen=True, slots=True)
class Testing:
    """What is tried, and how versions are compared."""

    entries: tuple[ExtractorOptions, ...]
    rule: VersionRule
    exact_names: bool = False
    required: str | None = None


def tried(sample: Sample, testing: Testing) -> tuple[Tried, ...]:
    """Return every entry's answer, in order."""
    counted = False
    found = []
    for entry in testing.entries:
        one = _one(entry, sample, testing)
        counts = not counted and one.fits and one.extractor is not Extractor.DIGEST
        counted = counted or counts
        found.append(replace(one, counts=counts))
    return tuple(found)


def _one(entry: ExtractorOptions, sample: Sample, testing: Testing) -> Tried:
    piece = next(_answers(entry, sample, testing), None)
    hits = tuple(_hits(entry, sample))
    if hits and piece is not None:
        place = len(hits) - 1 if entry.which == "last" and hits[0].line is not None else 0
        hits = tuple(replace(hit, counts=number == place) for number, hit in enumerate(hits))
    text, extractor = entry_text(entry), entry.extractor
    if piece is None:
        return Tried(text, extractor, None, hits, entry.which, why=_why(entry, sample))
    fits = testing.rule.key(piece.value) is not None
    required = testing.required
    comparison = testing.rule.compare(piece.value, required) if required is not None else None
    normalised = testing.rule.normalise(piece.value)
    return Tried(text, extractor, piece, hits, entry.which, normalised, fits, comparison)


def _answers(entry: ExtractorOptions, sample: Sample, testing: Testing) -> Iterator[Evidence]:
    """Yield what an entry says, by the same code as in the daemon."""
    texts = {"main_program": sample.name, "program_path": sample.path}
    contents = [sample.content] if sample.content is not None else []
    last = entry.which == "last"
    if entry.name is not None:
        yield from from_names(entry.name, texts, exact=testing.exact_names)
    elif entry.path is not None:
        yield from from_paths(entry.path, texts, exact=testing.exact_names)
    elif entry.header is not None:
        yield from from_header(entry.header, contents, last=last)
    elif entry.comment is not None:
        yield from from_comments(entry.comment, contents, last=last)
    elif entry.digest is not None:
        yield from from_digest(contents)
    elif (value := blank(sample.value)) is not None:
        yield Evidence(entry.extractor, value, value, entry.variable or "asset", bound=entry.bound == "always")


def _hits(entry: ExtractorOptions, sample: Sample) -> Iterator[Hit]:
    """Yield every match of an entry's pattern, in order."""
    held = sample.content
    if entry.header is not None and held is not None:
        lines = _LINE_END.split(held.head)
        for match in entry.header.finditer(held.head):
            number = len(_LINE_END.split(held.head[: match.start()]))
            yield Hit(lines[number - 1].strip(), (match["version"] or "").strip(), number)
    elif entry.comment is not None and held is not None:
        for number, remark in enumerate(held.comments, 1):
            if found := entry.comment.search(remark):
                yield Hit(remark, (found["version"] or "").strip(), number)
    else:
        yield from _hits_in_name(entry, sample)


def _hits_in_name(entry: ExtractorOptions, sample: Sample) -> Iterator[Hit]:
    pattern = entry.name or entry.path
    text = sample.name if entry.name is not None else sample.path or sample.name
    if pattern is None or not text:
        return
    for spelling in spellings(text) if entry.name is not None else (text,):
        if found := pattern.search(spelling):
            yield Hit(spelling, (found["version"] or "").strip())


def _why(entry: ExtractorOptions, sample: Sample) -> str:
    """Return the key of the sentence why an entry gives nothing here."""
    held = sample.content
    match entry.extractor:
        case Extractor.VARIABLE | Extractor.ASSET:
            return "version.none.value"
        case Extractor.NAME:
            return "version.none.no_name" if sample.name is None else "version.none.match"
        case Extractor.PATH:
            return "version.none.no_path" if sample.path is None else "version.none.match"
        case Extractor.HEADER if held is not None and _behind(entry.header, sample.text, len(held.head)):
            return "version.none.behind"
        case Extractor.COMMENT if held is not None and not held.comments:
            return "version.none.no_comment"
        case _:
            return "version.none.no_text" if held is None else "version.none.match"


def _behind(pattern: re.Pattern[str] | None, text: str, head: int) -> bool:
    """Tell whether a pattern matches only where a control's program is not read."""
    return pattern is not None and len(text) > head and pattern.search(text) is not None
