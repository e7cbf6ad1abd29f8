"""Versions found in text: a program's name or path and the technician's pattern give one piece of evidence."""

from __future__ import annotations

import re

from edge_bridge.domain.reading import Evidence, blank
from edge_bridge.domain.version import Extractor


def from_text(
    extractor: Extractor, pattern: re.Pattern[str], text: str | None, field: str, program: str | None = None
) -> Evidence | None:
    """Return the version that `pattern` finds anywhere in `text`, or None: no match and an empty version are no evidence.

    pattern: has the group `version`; it ignores case only where it says so itself (`(?i)`). field: which field of the
    reading the text came from. program: the program, as read, that the text belongs to by nature.
    """
    if text is None:
        return None
    found = pattern.search(text)
    version = blank(found["version"]) if found else None
    if version is None:
        return None
    return Evidence(extractor=extractor, value=version, raw=text, field=field, program=program)
