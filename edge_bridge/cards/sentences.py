"""Reasons in the reader's language: what adapters and the domain say in English, found by its sentence in a catalogue.

`reasons.LANGUAGE.yaml`, here and in each adapter's folder: English sentence with {placeholders} → the same in that language.
`settings.LANGUAGE.yaml`, in the same places: what is wrong with the configuration.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import structlog

from edge_bridge import strict_yaml
from edge_bridge.cards.places import is_place, place
from edge_bridge.errors import ConfigError

ADAPTERS = "edge_bridge.adapters"  # their entry points; `plugins` loads what they name, here only their folder matters
REASONS, SETTINGS = "reasons", "settings"
LONGEST = 4000  # characters; nothing longer is a reason
_DEEPEST = 6  # parts within parts
_MARKS = {"zh-CN": ("；", "：")}  # between reasons, and between a place or thing and what is said of it

log = structlog.get_logger(__name__)

_Pieces = tuple[tuple[str, str | None], ...]  # literal text and the placeholder behind it


class Catalogue:
    """The sentences of one language. A sentence that is not in it stays as it is, whole or in part: never nothing."""

    def __init__(self, sentences: Mapping[str, str], language: str = "") -> None:
        """Take sentences with {placeholders} as str.format writes them. Raises ValueError for one that is no template."""
        self._language = language
        self._then, self._colon = _MARKS.get(language, ("; ", ": "))
        pairs = [(_pieces(one), _pieces(other)) for one, other in sentences.items()]
        self._whole = {one[0][0]: other[0][0] for one, other in pairs if len(one) == 1 and one[0][1] is None}
        templates = [pair for pair in pairs if any(name for _, name in pair[0])]
        self._with_parts = [one for one, _ in templates if any("; " in literal for literal, _ in one)]
        # the sentence with the most words of its own says best what is meant
        self._templates = sorted(templates, key=lambda pair: -sum(len(literal) for literal, _ in pair[0]))

    def told(self, text: str) -> str:
        """Return a reason in this language: `what → hint`, `place: what`, several with `; `, each as far as it is known."""
        return text if len(text) > LONGEST else self._told(text, 0)

    def _told(self, text: str, depth: int) -> str:
        if not text or depth > _DEEPEST:
            return text
        if (whole := self._whole.get(text)) is not None:
            return whole
        what, arrow, hint = text.rpartition(" → ")
        if arrow:
            return f"{self._told(what, depth + 1)} → {self._told(hint, depth + 1)}"
        for pieces, other in self._templates:
            if (values := _values(pieces, text)) is not None:
                told = {name: self._told(value, depth + 1) for name, value in values.items()}
                return "".join(literal + (told.get(name, "") if name else "") for literal, name in other)
        return place(text, self._language) if is_place(text) else self._in_parts(text, depth)

    def _in_parts(self, text: str, depth: int) -> str:
        """Return a text that is no sentence of ours, with those of its parts told that are; else as it is."""
        at = text.find(": ") if "; " in text else -1
        for _ in range(_DEEPEST):  # `file: line 1: …; …` where the rest is one sentence
            if at < 0:
                break
            if any(_values(pieces, text[at + 2 :]) is not None for pieces in self._with_parts):
                return f"{self._told(text[:at], depth + 1)}{self._colon}{self._told(text[at + 2 :], depth + 1)}"
            at = text.find(": ", at + 2)
        parts = text.split("; ")
        if len(parts) > 1 and (told := [self._told(part, depth + 1) for part in parts]) != parts:
            return self._then.join(told)
        head, colon, tail = text.partition(": ")
        if colon and (said := (self._told(head, depth + 1), self._told(tail, depth + 1))) != (head, tail):
            return self._colon.join(said)
        return text


@cache
def catalogue(language: str, of: str = REASONS) -> Catalogue:
    """Return what is known in a language: the core's sentences and those of every installed adapter.

    of: settings: also what is wrong with the configuration, which nobody else has to search.
    """
    sentences: dict[str, str] = {}
    files = [file for name in dict.fromkeys((REASONS, of)) for file in _files(language, name)]
    for file in files:
        try:
            sentences |= read(file)
        except ConfigError as error:  # an adapter from elsewhere: its reasons stay English, everything else goes on
            log.warning("reasons cannot be read", file=str(file), error=str(error))
    return Catalogue(sentences, language)


def read(file: Path) -> dict[str, str]:
    """Return the sentences of one file, all of them templates. Raises ConfigError with the place."""
    section = strict_yaml.load(file)
    for sentence, other in section.items():
        where = section.where((sentence,))
        if not isinstance(other, str):
            raise ConfigError("a sentence has one text", "write it as a quoted text", where=where)
        try:
            missing = {name for _, name in _pieces(other) if name} - {name for _, name in _pieces(sentence) if name}
        except ValueError as error:
            raise ConfigError(f"not a template: {error}", "write {{ and }} for braces", where=where) from None
        if missing:
            raise ConfigError(f"the sentence has no {{{missing.pop()}}}", "use its own placeholders", where=where)
    return {str(sentence): str(other) for sentence, other in section.items()}


def _files(language: str, of: str = REASONS) -> Iterator[Path]:
    """Yield the catalogues. No adapter is loaded for it: that takes its protocol's library, and a second."""
    name = f"{of}.{language}.yaml"
    packages = sorted({point.module.rpartition(".")[0] for point in entry_points(group=ADAPTERS)})
    folders = [Path(place) for package in packages if package for place in _places(package)]
    for folder in (Path(__file__).parent, *folders):
        if (folder / name).is_file():
            yield folder / name


def _places(package: str) -> list[str]:
    try:
        found = find_spec(package)
    except (ImportError, ValueError):
        return []  # `plugins` says it, when somebody wants to use it
    return list(found.submodule_search_locations or ()) if found is not None else []


def _pieces(template: str) -> _Pieces:
    """Return the text before each placeholder with its name, and what is behind the last one. Raises ValueError."""
    found: list[tuple[str, str | None]] = []
    literal = ""
    for text, name, _, _ in string.Formatter().parse(template):  # `{{` begins a new piece, without a name
        literal += text
        if name is not None:
            found.append((literal, name))
            literal = ""
    return (*found, (literal, None)) if literal or not found else tuple(found)


def _values(pieces: _Pieces, text: str) -> dict[str, str] | None:
    """Return what stands in a text for each placeholder, None when it is another sentence. Each takes as little as it can.

    Linear in the text whatever it holds: regular expressions with several gaps are not.
    """
    first, name = pieces[0]
    if not text.startswith(first):
        return None
    values: dict[str, str] = {}
    at = len(first)
    for number, (literal, following) in enumerate(pieces[1:], 1):
        last = number == len(pieces) - 1 and following is None
        end = len(text) - len(literal) if last else text.find(literal, at + 1)
        if end <= at or not text.endswith(literal if last else ""):
            return None
        values[name or ""] = text[at:end]
        at, name = end + len(literal), following
    if name is not None:
        if at >= len(text):
            return None
        values[name] = text[at:]
    return values if name is not None or at == len(text) else None
