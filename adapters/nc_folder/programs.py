"""From a file's path and text to the program it is and the version it has. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from adapters.nc_folder.options import NcFolderOptions
from edge_bridge.domain.extract import from_comments, from_digest, from_header, from_text
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.nc_program import Content, content
from edge_bridge.domain.reading import Evidence, without_empty
from edge_bridge.domain.signal import ProgramFound
from edge_bridge.domain.version import Extractor
from edge_bridge.options import ExtractorOptions


def found(
    share: str, options: NcFolderOptions, name: str, data: bytes, at: Stamp, *, whole: bool
) -> ProgramFound | None:
    """Return what lies at `name`, or None when the file's name is not one of a program. data: its text, may be empty."""
    leaf = name.rsplit("/", 1)[-1]
    program = leaf
    if options.program is not None:
        match = options.program.search(leaf)
        program = (match["program"] or "").strip() if match else ""
        if not program:
            return None
    read = [content(program, shown(name), data, whole=whole)] if options.reads_text else []
    return ProgramFound(
        share=share,
        at=at,
        file=shown(name),
        program=shown(program),
        evidence=without_empty(_evidence(options.version, name, leaf, program, read)),
        digest=read[0].digest if read and options.reads_whole else None,
    )


def shown(name: str) -> str:
    """Return a name that is sound text, whatever bytes it has on the disk."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _evidence(
    entries: Sequence[ExtractorOptions], name: str, leaf: str, program: str, read: list[Content]
) -> Iterator[Evidence | None]:
    for entry in entries:
        last = entry.which == "last"
        if entry.name is not None:
            yield from_text(Extractor.NAME, entry.name, shown(leaf), "name", program)
        elif entry.path is not None:
            yield from_text(Extractor.PATH, entry.path, shown(name), "path", program)
        elif entry.header is not None:
            yield from from_header(entry.header, read, last=last)
        elif entry.comment is not None:
            yield from from_comments(entry.comment, read, last=last)
        elif entry.digest is not None:
            yield from from_digest(read)
