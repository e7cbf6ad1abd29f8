"""Bytes of one file to the ECNs in it: pure, the same for the daemon and for a dry run."""

from __future__ import annotations

from adapters.plm_folder.csv_reader import read_csv
from adapters.plm_folder.draft import Reading, drafts
from adapters.plm_folder.json_reader import read_json
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.text import decode
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft


def read_file(data: bytes, options: PlmFolderOptions, *, settled: bool = True) -> tuple[EcnDraft, ...]:
    """Return the ECNs that these bytes state, at least one. Raises Unreadable and nothing else.

    settled: the file has not changed for a while; see `csv_reader.read_csv`.
    """
    if len(data) > options.max_file_size:
        raise Unreadable("too_large", limit=options.max_file_size)
    text = decode(data, options.encoding)
    is_json, headers = options.format == "json", options.headers
    records = read_json(text, headers) if is_json else read_csv(text, headers, settled=settled)
    return drafts(records, Reading(options.words, options.date_formats, options.zone))
