"""File names: which never count, which are refused, and how one is written as text. Pure."""

from __future__ import annotations

import os
import re

# half-written, hidden, a lock of Office; sub-folders of file servers that hold old or deleted states, or are nobody's to read
_UNFINISHED = re.compile(
    r"\.|~\$|~snapshot\Z|\$RECYCLE\.BIN\Z|@eadir\Z|lost\+found\Z|System Volume Information\Z|.*\.(?:part|tmp)\Z",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# what turns the direction of writing or is not seen at all: a name, or a value, that is read as another one
UNSEEN = "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_ESCAPED = re.compile(f"[{UNSEEN}\x00-\x1f\x7f-\x9f\u2028\u2029]")


def unfinished(name: str) -> bool:
    """Tell whether a file or sub-folder of this name never counts."""
    return _UNFINISHED.match(name) is not None


def counts(name: str, file_name: re.Pattern[str]) -> bool:
    """Tell whether a file counts, by its name below the folder: its own fits the pattern, and no part of it never counts."""
    *above, last = name.split("/")
    return file_name.fullmatch(last) is not None and not any(map(unfinished, (*above, last)))


def soundly_named(name: str) -> bool:
    """Tell whether a name can be shown on one line."""
    return _CONTROL.search(name) is None


def shown(name: str) -> str:
    """Return a file name that is sound text on one line, whatever bytes it has on the disk."""
    text = name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else _ESCAPED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
