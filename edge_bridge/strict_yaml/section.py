"""One settings file as plain text values, each of which knows its line and column; and a site's file over a profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Key = tuple[str | int, ...]
ENTRIES = "entries"  # where `load_list` puts the list


class Section(dict[str, Any]):
    """One YAML file: a dict of str, dict, list and None that can say where each of its values stands.

    `root` is the configuration folder: relative paths and `credentials/` are looked for there. `doubts` are values that
    were understood, though perhaps not as they were meant: place, question and fix.
    """

    def __init__(self, file: Path, root: Path | None = None) -> None:
        super().__init__()
        self.file = file
        self.root = root or file.parent
        self.marks: dict[Key, tuple[int, int]] = {(): (1, 1)}
        self.origins: dict[Key, Path] = {}  # keys that a profile brought in: their own file
        self.doubts: list[tuple[str, str, str]] = []
        self.sha256 = ""  # of the bytes that were read

    def where(self, key: Key) -> str:
        """Return `file:line:column` of a key, or of the nearest thing around it that is there."""
        while key not in self.marks:
            key = key[:-1]
        line, column = self.marks[key]
        return f"{self.origins.get(key, self.file)}:{line}:{column}"

    def replacing(self, values: Mapping[str, Any]) -> Section:
        """Return a copy with these top-level values in it, which stand in no line of the file."""
        section = Section(self.file, self.root)
        section.update({**self, **values})
        section.marks, section.origins, section.doubts = self.marks, self.origins, self.doubts
        section.sha256 = self.sha256
        return section


def merged(profile: Mapping[str, Any], site: Mapping[str, Any]) -> Section | dict[str, Any]:
    """Return `site` laid over `profile`, both untouched: mappings key by key, anything else whole, and the site wins.

    A Section comes back when `site` is one: it still says where each value stands, a profile's value in the profile's
    own file.
    """
    laid = _laid(profile, site)
    if not isinstance(site, Section):
        return laid
    section = Section(site.file, site.root)
    section.update(laid)
    section.doubts, section.sha256 = site.doubts, site.sha256
    if isinstance(profile, Section):
        kept = {key: mark for key, mark in profile.marks.items() if _came_through(site, key)}
        section.marks.update(kept)
        section.origins.update({key: profile.origins.get(key, profile.file) for key in kept})
    section.marks.update(site.marks)
    section.origins = {key: file for key, file in section.origins.items() if key not in site.marks} | site.origins
    return section


def _laid(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    both = {**lower, **upper}
    for key in lower.keys() & upper.keys():
        if isinstance(lower[key], Mapping) and isinstance(upper[key], Mapping):
            both[key] = _laid(lower[key], upper[key])
    return both


def _came_through(site: Mapping[str, Any], key: Key) -> bool:
    """Tell whether the profile's value at `key` is still there: nothing of the site's stands in its place."""
    over: Any = site
    for part in key:
        if not isinstance(over, Mapping):
            return False
        if part not in over:
            return True
        over = over[part]
    return False
