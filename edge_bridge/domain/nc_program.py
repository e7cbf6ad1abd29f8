"""An NC program's text: decoded whatever it is, what identifies its content, its comments, and what it calls. Pure."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from edge_bridge.domain.reading import blank

HEAD_BYTES = 8192
"""The first kilobytes, which hold a program's header on every control that is known."""
WHOLE_BYTES = 4_000_000
"""A program larger than this is not read whole: its digest and its calls are not known."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ENCODINGS = ("utf-8", "gb18030")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_TRANSFER = re.compile(r"\s*(?:%|%_N_\S*|;\$PATH\b.*)\s*", re.IGNORECASE)
_SEMICOLON = re.compile(r";.*")
_BRACKETED = re.compile(r"\(([^()]*)\)")
_CALLS = re.compile(
    r"""\b(?:EXTCALL|PCALL|MCALL|CALL)\s*\(?\s*"(?P<quoted>[^"]+)"
    |\bCALL[ ]PGM\s+"?(?P<klartext>[^";\s]+)
    |\bSEL[ ]PGM\s+"(?P<selected>[^"]+)"
    """,
    re.IGNORECASE | re.VERBOSE,
)
_NUMBERED = re.compile(
    r"(?<![A-Z])(?:M0*98|M0*198|G0*65|G0*66)(?![0-9.])[^\n]*?(?:P0*(?P<number>\d+)|<(?P<name>[^>]+)>)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of one program on a control or share.

    program: its name as read. field: where its text was read, a node or a path. head: its first text. comments: what the
    control itself says of it, else the comments in `head`. digest: SHA-256 of the normalised text, raw_digest of the
    bytes; both None unless it was read whole. calls: the programs that it calls, as it writes them; None unless whole.
    """

    program: str
    field: str
    head: str
    comments: tuple[str, ...] = ()
    digest: str | None = None
    raw_digest: str | None = None
    calls: tuple[str, ...] | None = None


def content(program: str, field: str, data: bytes, *, whole: bool, comment: str | None = None) -> Content:
    """Return what these bytes of a program say. whole: they are all of it. comment: the control's own remark on it."""
    text = decoded(data)
    head = text[:HEAD_BYTES]
    return Content(
        program=program,
        field=field,
        head=head,
        comments=(comment,) if comment else tuple(comments(head)),
        digest=digest(text) if whole else None,
        raw_digest=hashlib.sha256(data).hexdigest() if whole else None,
        calls=calls(text) if whole else None,
    )


def decoded(data: bytes) -> str:
    """Return text for any bytes: byte order mark, UTF-8, GB18030, then CP1252, in which everything is text.

    The bytes may end inside a character, because only a program's beginning was read.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    for encoding in _ENCODINGS:
        try:
            return codecs.getincrementaldecoder(encoding)().decode(data)
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", "replace")


def digest(text: str) -> str:
    """Return the SHA-256 of a program's normalised text: what a transfer changes does not count.

    Line ends are one, blanks at the end of a line, NULs, the byte order mark, empty lines around the text, and the lines
    `%`, `%_N_…` and `;$PATH…` are gone: controls and DNC systems add and rewrite them.
    """
    lines = [line.rstrip() for line in _LINE_ENDS.split(text.replace("\0", "").removeprefix("\ufeff"))]
    kept = "\n".join(line for line in lines if not _TRANSFER.fullmatch(line))
    return hashlib.sha256(kept.strip("\n").encode("utf-8", "surrogatepass")).hexdigest()


def comments(text: str) -> Iterator[str]:
    """Yield a program's remarks in order: after `;`, and in round brackets where no `;` stands before them."""
    for line in _LINE_ENDS.split(text):
        code, _, remark = line.partition(";")
        if not _CALLS.search(code):  # a call's arguments are no remark
            yield from (said for said in map(blank, _BRACKETED.findall(code)) if said)
        if said := blank(remark):
            yield said


def calls(text: str) -> tuple[str, ...]:
    """Return the programs that a program calls, as it writes them, each once: EXTCALL, CALL, CALL PGM, M98, G65.

    M98 names a number: `P1234`, and in `P51234` the last four digits after the repeats; as a name that is `O1234`.
    """
    found: dict[str, None] = {}
    for line in _LINE_ENDS.split(text):
        code = _SEMICOLON.sub("", line)
        for call in _CALLS.finditer(code):
            found[call["quoted"] or call["klartext"] or call["selected"]] = None
        for call in _NUMBERED.finditer(_BRACKETED.sub(" ", code)):
            found[call["name"] or f"O{int(call['number'][-4:]):04d}"] = None
    return tuple(found)
