"""What PyYAML finds wrong with a file, said so that a technician can mend it."""

from __future__ import annotations

import re

import yaml

_QUOTES = "put the whole value in single quotes: '…'"
FAULTS: tuple[tuple[str, str, str], ...] = (  # part of PyYAML's words → what is wrong, what to do
    (r"anchors and aliases", "anchors and aliases (`&`, `*`) are not used here", "write the value out"),
    (r"tags are not used", "tags (`!…`) are not used here", f"remove it, or {_QUOTES}"),
    (r"nested too deeply", "nested too deeply", "flatten it"),
    (r"scanning an (alias|anchor)", "a value cannot start with `*` or `&`", _QUOTES),
    (r"character '\\t'", "a tab", "indent with blanks, not tabs"),
    (r"cannot start any token", "a value cannot start with this character", _QUOTES),
    (r"another document", "a second document starts here", "remove the line `---`: a settings file is one document"),
    (r"found unknown escape", "a backslash in double quotes starts a code", "use single quotes: '…'"),
    (r"quoted scalar", "the quote that opens here is never closed", "close it"),
    (r"flow (sequence|mapping|node)", "the bracket that opens here is never closed, or a comma is missing", "mend it"),
    (r"expected the node content", "a value is expected here", _QUOTES),
    (r"block scalar", "`|` and `>` start a block of text", _QUOTES),
    (r"could not find expected ':'", "a key without a colon", "write `key: value`"),
    (r"but found '<scalar>'", "text after a closing bracket or quote", _QUOTES),
    (r"but found '\?'|block (mapping|collection)", "does not line up with the lines above", "indent it as they are"),
)
_TWO_COLONS = re.compile(r":\s.*:(\s|$)")


def sentence(error: yaml.MarkedYAMLError, text: str) -> tuple[int, int, str, str]:
    """Return line and column (from 1), what is wrong, and what to do."""
    mark = error.problem_mark or error.context_mark
    words = f"{error.context or ''} {error.problem or ''}"
    if re.search(r"end of stream|stream end|quoted scalar|flow (sequence|mapping)", words):
        mark = error.context_mark or mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text)
    if line >= len(lines) or not lines[line].strip():
        line, column = _last_written(lines)
    what, hint = _said(words, lines[line])
    return line + 1, column + 1, what, hint


def _said(words: str, shown: str) -> tuple[str, str]:
    indent = shown[: len(shown) - len(shown.lstrip())]
    if "\t" in indent:
        return "a tab", "indent with blanks, not tabs"
    if "mapping values are not allowed" in words:
        if _TWO_COLONS.search(shown):
            return "a second colon in one line", "put the value in single quotes: 'a: b'"
        return "does not line up with the lines above", "indent it as they are"
    for part, what, hint in FAULTS:
        if re.search(part, words):
            return what, hint
    return words.strip(), "check the indentation and the colons of this line and the one above"


def _last_written(lines: list[str]) -> tuple[int, int]:
    written = [index for index, line in enumerate(lines) if line.strip()]
    return (written[-1], len(lines[written[-1]].rstrip())) if written else (0, 0)
