"""Cuts a `multipart/x-mixed-replace` stream into its documents, in whatever pieces the bytes come. Pure."""

from __future__ import annotations

import re

LARGEST = 8_000_000
"""Bytes of one document: the largest known, a five axis machine's `/current`, has 130 kB."""
_LONGEST_HEADERS = 4096
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"^content-length\s*:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
_ROOT_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?MTConnect(?:Streams|Error|Assets|Devices)\s*>")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"(?P<quoted>[^"]+)"|(?P<plain>[^;\s]+))', re.IGNORECASE)


class BrokenStreamError(ValueError):
    """What came is no multipart stream, in words."""


def boundary_of(content_type: str) -> str | None:
    """Return the boundary of a multipart content type; None when it is none."""
    if not content_type.strip().lower().startswith("multipart/"):
        return None
    found = _BOUNDARY.search(content_type)
    return (found["quoted"] or found["plain"]) if found else None


class Parts:
    """Takes bytes, gives whole documents."""

    def __init__(self, boundary: str, largest: int = LARGEST) -> None:
        self._mark = b"--" + boundary.removeprefix("--").encode("latin-1")
        self._largest = largest
        self._buffer = bytearray()
        self._length: int | None = None  # of the document that is coming; None while its headers are
        self._in_document = False
        self._searched = 0
        self.ended = False
        """The closing boundary came: no document follows."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the documents that these bytes complete. Raises BrokenStreamError."""
        self._buffer += data
        found: list[bytes] = []
        while not self.ended and (document := self._next()) is not None:
            found.append(document)
        if len(self._buffer) > self._largest + _LONGEST_HEADERS:
            raise BrokenStreamError(f"a document has more than {self._largest // 1_000_000} MB")
        return found

    def _next(self) -> bytes | None:
        if not self._in_document and not self._begin():
            return None
        if self._length is not None:
            if len(self._buffer) < self._length:
                return None
            return self._cut(self._length)
        end = self._end()
        return None if end is None else self._cut(end)

    def _begin(self) -> bool:
        """Take a boundary and the headers after it."""
        at = self._buffer.find(self._mark)
        if at < 0:
            if len(self._buffer) > _LONGEST_HEADERS:
                raise BrokenStreamError("no boundary comes where a document should begin")
            return False
        if bytes(self._buffer[:at]).strip():
            raise BrokenStreamError("a document is longer than its Content-length says")
        after = at + len(self._mark)
        if self._buffer[after : after + 2] == b"--":
            self.ended = True
            return False
        end = _HEADERS_END.search(self._buffer, after)
        if end is None:
            if len(self._buffer) > _LONGEST_HEADERS:
                raise BrokenStreamError("a document's headers do not end")
            return False
        length = _LENGTH.search(bytes(self._buffer[after : end.start()]))
        self._length = int(length[1]) if length else None
        if self._length is not None and self._length > self._largest:
            raise BrokenStreamError(f"a document of {self._length} bytes is announced")
        del self._buffer[: end.end()]
        self._in_document, self._searched = True, 0
        return True

    def _end(self) -> int | None:
        """Return where a document without a length ends: with its root, else at the next boundary."""
        start = max(0, self._searched - 64)
        self._searched = len(self._buffer)
        if root := _ROOT_END.search(self._buffer, start):
            return root.end()
        at = self._buffer.find(self._mark, start)
        return at if at >= 0 else None

    def _cut(self, end: int) -> bytes:
        document = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._in_document, self._length = False, None
        return document
