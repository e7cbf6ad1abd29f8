"""Bytes to text: byte order mark, then what the file or the site says, then strict UTF-8, then GB18030."""

from __future__ import annotations

import codecs
import re

from adapters.plm_folder.unreadable import Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODECS = {"gbk": "gb18030", "gb2312": "gb18030"}  # what is called GB2312 is nearly always GBK; GB18030 includes both
_DECLARED = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_MARKUP_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))


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


def decode_xml(data: bytes, encoding: str) -> str:
    """Return XML as text: a mark says most, then `encoding`, then the document's own declaration. Raises Unreadable.

    What declares an encoding is not tried in another one: the site can say that the declaration is wrong.
    """
    marked = any(data.startswith(mark) for mark, _ in _MARKS)
    if not marked and encoding == "auto":
        for start, wide in _MARKUP_UTF16:
            if data.startswith(start):
                return _strict(data, wide)
        if declared := _DECLARED.match(data.lstrip()):
            return _strict(data, _known(declared[1].decode("ascii")))
    return decode(data, encoding)


def _known(declared: str) -> str:
    try:
        codec = codecs.lookup(declared)
    except LookupError as error:
        raise Unreadable("declared", "line 1", encoding=declared) from error
    if not codec._is_text_encoding:  # rot13, zlib and their kind are no text encodings
        raise Unreadable("declared", "line 1", encoding=declared)
    return codec.name


def _strict(data: bytes, encoding: str, *, shown: str = "") -> str:
    try:
        text = data.decode(_CODECS.get(encoding, encoding))
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = data.count(b"\n", 0, start) + 1
        raise Unreadable("encoding", f"line {line}", encoding=shown or encoding.upper()) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Unreadable("control", f"line {line}", character="U+0000", field="the text")
    if not text.strip():
        raise Unreadable("empty")
    return text
