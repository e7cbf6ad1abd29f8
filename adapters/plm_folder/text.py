"""Bytes to text: byte order mark, then strict UTF-8, then GB18030, as Chinese and European exports need it."""

from __future__ import annotations

import codecs

from adapters.plm_folder.unreadable import Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes, encoding: str) -> str:
    """Return the text without its byte order mark; a mark says more than `encoding`. Raises Unreadable."""
    if not data.strip():
        raise Unreadable("empty")
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], marked)
    if encoding != "auto":
        return _strict(data, encoding)
    try:
        return _strict(data, "utf-8")
    except Unreadable:
        return _strict(data, "gb18030", shown="UTF-8 and not GB18030")


def _strict(data: bytes, encoding: str, *, shown: str = "") -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable("encoding", f"line {line}", encoding=shown or encoding.upper()) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Unreadable("control", f"line {line}", character="U+0000", field="the text")
    if not text.strip():
        raise Unreadable("empty")
    return text
