"""Versions: normalised by one rule, compared by a named scheme; order exists only where the scheme has one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Extractor(StrEnum):
    """How a version is known. No control has a version node: it is always derived, and which one answered is kept."""

    VARIABLE = "variable"
    NAME = "name"
    PATH = "path"
    HEADER = "header"
    COMMENT = "comment"
    DIGEST = "digest"
    ASSET = "asset"


class Scheme(StrEnum):
    """How two versions are compared."""

    EXACT = "exact"
    NUMERIC = "numeric"
    LETTERS = "letters"
    DOTTED = "dotted"
    DATE = "date"


class Match(StrEnum):
    """Whether newer than required is accepted, up to the newest released version, or only the required one."""

    AT_LEAST = "at_least"
    EXACT = "exact"


class Comparison(StrEnum):
    """What a seen version is to a required one."""

    MATCH = "match"
    OLDER = "older"
    AHEAD = "ahead"  # newer than the newest released one: never compliant
    OTHER = "other"  # not the required one; the scheme knows no order between them
    UNFIT = "unfit"  # does not fit the scheme: no evidence, and shown


_PREFIX = re.compile(r"^(?:REV(?:ISION)?\b[\s.:_-]*|REV(?=\d)|版本[\s.:：_-]*)", re.IGNORECASE)
_V_BEFORE_DIGIT = re.compile(r"^V(?=\d)")
_LETTERS = re.compile(r"^[A-Z]{1,3}$")
_NUMERIC = re.compile(r"^\d+(?:\.\d+)*$")
_DOTTED = re.compile(r"^[A-Z0-9]+(?:\.[A-Z0-9]+)*$")
_DATE = re.compile(r"^(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})$")

Key = tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class VersionRule:
    """How one machine or route compares versions: scheme, match, aliases (`"-": initial`), letters a shop skips."""

    scheme: Scheme = Scheme.EXACT
    match: Match = Match.AT_LEAST
    aliases: Mapping[str, str] = field(default_factory=dict)
    skipped_letters: str = ""

    def normalise(self, raw: str) -> str:
        """Return the version for comparing: trimmed, upper case, `REV`/`版本` gone, `V` gone before a digit, alias applied."""
        text = raw.replace("\0", " ").strip().upper()
        if text in self.aliases:
            return self.aliases[text].strip().upper()
        text = _V_BEFORE_DIGIT.sub("", _PREFIX.sub("", text).strip())
        return self.aliases.get(text, text).strip().upper()

    def key(self, raw: str) -> Key | None:
        """Return a sortable key of a version, or None when it does not fit the scheme."""
        text = self.normalise(raw)
        if not text:
            return None
        match self.scheme:
            case Scheme.EXACT:
                return ((0, 0, text),)
            case Scheme.NUMERIC:
                return tuple((int(part), 0, "") for part in text.split(".")) if _NUMERIC.match(text) else None
            case Scheme.LETTERS:
                fits = _LETTERS.match(text) and not set(text) & set(self.skipped_letters.upper())
                return ((len(text), 0, text),) if fits else None
            case Scheme.DOTTED:
                return _dotted(text) if _DOTTED.match(text) else None
            case Scheme.DATE:
                found = _DATE.match(text)
                return tuple((int(part), 0, "") for part in found.groups()) if found else None

    def compare(self, seen: str, required: str, newest: str | None = None) -> Comparison:
        """Say what `seen` is to `required`; `newest` is the newest released version (default: the required one).

        A required version that does not fit the scheme itself is compared exactly: a wrong scheme must not make green.
        """
        wanted, found = self.key(required), self.key(seen)
        if found is None:
            return Comparison.UNFIT
        if wanted is None:
            return Comparison.MATCH if self.normalise(seen) == self.normalise(required) else Comparison.OTHER
        if found == wanted:
            return Comparison.MATCH
        if self.scheme is Scheme.EXACT:
            return Comparison.OTHER
        if found < wanted:
            return Comparison.OLDER
        top = max(wanted, self.key(newest) or wanted) if newest is not None else wanted
        if found > top:
            return Comparison.AHEAD
        return Comparison.MATCH if self.match is Match.AT_LEAST else Comparison.OTHER

    def same(self, one: str, other: str) -> bool:
        """Tell whether two versions are the same one, whatever is newer."""
        return self.compare(one, other) is Comparison.MATCH


def _dotted(text: str) -> Key:
    """Order each dotted part by number when it is one, else by text: `A.10 > A.9`; numbers sort before words."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in text.split("."))
