"""What a technician pastes into `version-test`: program headers and names, apart where a line `---` stands between them."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from edge_bridge.cli import output
from edge_bridge.cli.words import words
from edge_bridge.domain.nc_program import Content, content, decoded
from edge_bridge.errors import UsageError

LARGEST = 4_000_000  # bytes; a larger program is not read whole from a control either
STDIN = "-"
_BETWEEN = re.compile(rb"^---[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_CODE = re.compile(r"[\s;()%\[\]=\"]")


@dataclass(frozen=True, slots=True)
class Sample:
    """One program as far as it is known. label: what it is called here; name, path, value: None when not given.

    text: all of what was pasted; content: what would be read of it on a control.
    """

    label: str
    content: Content | None = None
    text: str = ""
    name: str | None = None
    path: str | None = None
    value: str | None = None


def samples(args: argparse.Namespace, language: str) -> tuple[Sample, ...]:
    """Return what was given by options, else what is pasted. Raises UsageError when that is nothing."""
    alone = not (args.header or args.name or args.path or args.comment or args.value)
    texts = [(file, _file(Path(file), language)) for file in args.header if file != STDIN]
    if alone or STDIN in args.header:
        texts += _pasted(language)
    if alone:
        return tuple(_block(label, data) for label, data in texts)
    return _together(args, texts)


def _together(args: argparse.Namespace, texts: list[tuple[str, bytes]]) -> tuple[Sample, ...]:
    """One text and one name are one program; several stand for several programs."""
    rest = {"path": args.path, "value": args.value}
    if len(texts) <= 1 and len(args.name) <= 1:
        name = next(iter(args.name), None)
        label, data = texts[0] if texts else ("", b"")
        shown = name or args.path or label or args.comment or args.value
        return (_sample(shown, name or shown, data, args.comment, name=name, **rest),)
    found = [_sample(label, label, data, args.comment, **rest) for label, data in texts]
    return (*found, *(_sample(name, name, b"", args.comment, name=name, **rest) for name in args.name))


def _sample(label: str, program: str, data: bytes, comment: str | None, **known: str | None) -> Sample:
    held = content(program, "header", data, whole=bool(data), comment=comment) if data or comment else None
    return Sample(label, held, decoded(data), **known)


def _block(label: str, data: bytes) -> Sample:
    """A pasted block of one line without blanks and signs of code is a program's name; anything else is its text."""
    lines = [line for line in decoded(data).splitlines() if line.strip()]
    name = lines[0].strip() if len(lines) == 1 and not _CODE.search(lines[0]) else None
    if name is None:
        return _sample(label, label, data, None)
    return Sample(name, name=name, path=name if re.search(r"[/\\]", name) else None)


def _file(file: Path, language: str) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST)
    except OSError as error:
        what = words(language, "ecn.no_access", file=file, error=error.strerror)
        raise UsageError(what, words(language, "version.no_file.fix")) from error


def _pasted(language: str) -> list[tuple[str, bytes]]:
    """Return the blocks on standard input; a person is told how to end."""
    if sys.stdin.isatty():
        output.note(words(language, "version.paste"))
    blocks = [block for block in _BETWEEN.split(sys.stdin.buffer.read(LARGEST)) if block.strip()]
    if not blocks:
        raise UsageError(words(language, "version.nothing"), words(language, "version.nothing.fix"))
    return [(words(language, "version.block", number=number), block) for number, block in enumerate(blocks, 1)]
