"""Bytes of one file to the ECNs in it: pure, the same for the daemon and for a dry run, in this process or another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from adapters.plm_folder.draft import drafts, traced
from adapters.plm_folder.formats import ole, sheets, xls, xlsx
from adapters.plm_folder.formats.csv_reader import read_csv
from adapters.plm_folder.formats.fixed_width import read_fixed_width
from adapters.plm_folder.formats.json_reader import read_json
from adapters.plm_folder.formats.table import Record
from adapters.plm_folder.formats.text import decode, decode_xml
from adapters.plm_folder.formats.xml_reader import read_xml
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.ports import TracedEcn

_ZIP = b"PK\x03\x04"
_TEXT_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LOOKED_AT = 500  # bytes


def read_file(data: bytes, options: PlmFolderOptions, *, settled: bool = True) -> tuple[EcnDraft, ...]:
    """Return the ECNs that these bytes state, at least one. Raises Unreadable and nothing else.

    settled: the file has not changed for a while; see `csv_reader.read_csv`.
    """
    form = _format(data, options)
    return drafts(_records(form, data, options, settled=settled), options.reading(form))


def trace_file(data: bytes, options: PlmFolderOptions) -> tuple[TracedEcn, ...]:
    """Return the same with the origin of every field. Raises Unreadable and nothing else."""
    form = _format(data, options)
    return traced(_records(form, data, options, settled=True), options.reading(form))


def _format(data: bytes, options: PlmFolderOptions) -> str:
    """Return the format: the configured one, or what the first bytes show. A workbook is what it is, whatever its name."""
    if len(data) > options.max_file_size:
        raise Unreadable("too_large", limit=options.max_file_size)
    if options.format in ("xlsx", "xls", "auto"):
        if data.startswith(_ZIP):
            return "xlsx"
        if data.startswith(ole.MAGIC):
            return "xls"
    elif data.startswith((_ZIP, ole.MAGIC)):
        raise Unreadable("is_workbook")
    if options.format != "auto":
        return options.format
    start = data[:200].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip(b"\xff\xfe \t\r\n")[:1]
    return {b"<": "xml", b"{": "json", b"[": "json"}.get(start, "csv")


def _records(form: str, data: bytes, options: PlmFolderOptions, *, settled: bool) -> Sequence[Record]:
    match form:
        case "xlsx" | "xls":
            return _workbook(form, data, options)
        case "xml":
            mapped = options.mapped
            if mapped is None:
                raise Unreadable("no_paths")
            return read_xml(decode_xml(data, options.encoding), mapped, options.wanted)
    text = decode(data, options.encoding)
    if form == "json":
        return read_json(text, options.wanted)
    text = _without_last_line(text, options.last_line)
    if form == "text":
        return read_fixed_width(text, options.wanted, options.widths, settled=settled)
    return read_csv(text, options.wanted, settled=settled, header_row=options.header_row)


def _workbook(form: str, data: bytes, options: PlmFolderOptions) -> Sequence[Record]:
    if not data.strip():
        raise Unreadable("empty")
    if data.startswith(_TEXT_MARKS) or not _BINARY.search(data[:_LOOKED_AT]):
        raise Unreadable("no_workbook")
    book = (xlsx if form == "xlsx" else xls).read_workbook(data)
    return sheets.read_sheets(book, options.wanted, named=options.sheet, header_row=options.header_row)


def _without_last_line(text: str, expected: str | None) -> str:
    """Take away the line that ends every complete file. Raises Unreadable when it is not there."""
    if expected is None:
        return text
    before = text.rstrip()
    at = max(before.rfind("\n"), before.rfind("\r")) + 1
    last = before[at:]
    if not last or not fnmatchcase(last.strip().casefold(), expected.strip().casefold()):
        raise Unreadable("no_end", "last line", expected=expected)
    return before[:at]
