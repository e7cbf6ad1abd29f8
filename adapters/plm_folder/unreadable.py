"""Why a file cannot be read as ECNs: one reason a person can act on."""

from __future__ import annotations

from adapters.plm_folder.refusals import REFUSALS

_REASONS: dict[str, tuple[str, str]] = {
    # kind: (what is wrong, what to do); in other languages: reasons.*.yaml
    "empty": (
        "the file is empty",
        "export it again; check the free space where it is written",
    ),
    "no_rows": (
        "there is no ECN in the file",
        "export it again with at least one ECN",
    ),
    "encoding": (
        "the text is not {encoding}",
        "save it as UTF-8, or set `encoding:` to what the PLM writes",
    ),
    "control": (
        "a character that text does not have ({character}) in {field}",
        "export it again as text; it may be binary, or UTF-16 without a byte order mark",
    ),
    "column": (
        "the column `{column}` is missing; found: {found}",
        "say which one it is: `columns: {{{column}: <header in the file>}}`, or where the header stands: `header_row:`; "
        "check `encoding:` if they look scrambled",
    ),
    "column_twice": (
        "the column `{column}` is there twice",
        "remove or rename one of them",
    ),
    "key_twice": (
        "the key `{key}` is twice in one object",
        "keep one of them",
    ),
    "quotes": (
        "the quotes do not match ({detail})",
        'close the quote, or write a quote inside a value twice ("")',
    ),
    "fields": (
        "{count} fields where the header has {expected}",
        "put a value that holds the delimiter into quotes",
    ),
    "cut_off": (
        "the last line is cut off: {count} fields of {expected}, and no line end",
        "export it again; write to a temporary name and rename it when it is complete",
    ),
    "json": (
        "not valid JSON: {detail}",
        "export it again; it may have been cut off",
    ),
    "shape": (
        "{detail}",
        'write an object, a list of objects, or {{"ecns": [...]}}, with text in every field',
    ),
    "other_list": (
        "`{key}` seems to be a list of items",
        "call it `items`, or write one object for each item",
    ),
    "number": (
        "the ECN number is missing",
        "fill in the number; each row needs one",
    ),
    "line_break": (
        "the ECN number has a line break in it",
        "look for a quote that is not closed",
    ),
    "conflict": (
        "`{field}` of {number} is {value!r} here and {other!r} at {place}",
        "one ECN has one {field}: correct the row, or use another number",
    ),
    "sha256": (
        "`sha256` is {value!r}: not 64 hexadecimal digits",
        "export the SHA-256 of the program, or leave it empty",
    ),
    "too_long": (
        "`{field}` is longer than {limit} characters",
        "shorten it; a quote may not be closed",
    ),
    "too_large": (
        "the file is larger than {limit} bytes",
        "export fewer ECNs into one file",
    ),
    "too_many": (
        "more than {limit} rows",
        "export fewer ECNs into one file",
    ),
    "symlink": (
        "it is a symbolic link, and links are not followed",
        "put the file itself into the folder",
    ),
    "not_regular": (
        "it is not a regular file (pipe, socket or device)",
        "remove it from the folder",
    ),
    "no_access": (
        "it cannot be opened: {detail}",
        "give the service the right to read it; another program may hold it locked",
    ),
    "closed": (
        "this sub-folder cannot be looked into: {detail}",
        "give the service the right to read it; if nothing in it counts, move it out of the folder",
    ),
    "name": (
        "its name has a line break or another control character in it",
        "rename it",
    ),
    "not_found": (
        "the folder lists it, and nothing is found under its name",
        "rename it on the file server; the mount may not know a character in its name (CIFS: `mapposix`)",
    ),
    "read_error": (
        "it cannot be read: {detail}",
        "check the disk or the file server; export it again",
    ),
    "too_slow": (
        "reading it was given up after {limit} s",
        "look at what is in it: no sound export takes that long; export fewer ECNs into one file",
    ),
    "too_much_memory": (
        "reading it takes more than {limit} MB of memory",
        "look at what is in it; export fewer ECNs into one file",
    ),
    "crashed": (
        "the program that reads it ended ({detail})",
        "look at what is in it; if it is a sound export, report it with this file",
    ),
    "defect": (
        "reading it met a defect in edge-bridge ({detail})",
        "report it with this file and the log",
    ),
    "unterminated": (
        "the last line has no line end yet",
        "wait: it may still be written",
    ),
    **REFUSALS,
}
NEVER_BETTER = frozenset(
    {"symlink", "not_regular", "closed", "too_large", "name", "too_slow", "too_much_memory", "defect"}
)
"""Kinds that waiting cannot mend."""


class Unreadable(Exception):
    """A file that cannot be read as ECNs: `reason` in English, `where` in it (line, field or path)."""

    def __init__(self, kind: str, where: str = "", **facts: object) -> None:
        what, hint = (text.format(**facts) for text in _REASONS[kind])
        super().__init__(f"{where}: {what}" if where else what)
        self.kind = kind
        self.where = where
        self.facts = facts
        self.what, self.hint = what, hint

    def __reduce__(self) -> tuple[object, ...]:
        """Say how it is made again on the other side of a process."""
        return _again, (self.kind, self.where, self.facts)

    @staticmethod
    def kinds() -> tuple[str, ...]:
        """Return every kind there is."""
        return tuple(_REASONS)

    @property
    def reason(self) -> str:
        """What is wrong and what to do about it, in one line."""
        return f"{self.what} → {self.hint}"


def _again(kind: str, where: str, facts: dict[str, object]) -> Unreadable:
    return Unreadable(kind, where, **facts)
