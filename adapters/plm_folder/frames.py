"""What daemon and parser process say to each other: a JSON header and bytes, each with its length before it. Never pickle:
what reads hostile files may send anything."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct(">II")
PREFIX = _LENGTHS.size
COUNT = struct.Struct("<Q")  # in memory that both see: how many files the process has begun
LONGEST = 64_000_000  # bytes of one frame; an answer in more bytes than that is none
Header = dict[str, Any]


def frame(header: Header, body: bytes = b"") -> bytes:
    """Return one frame."""
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return _LENGTHS.pack(len(head), len(body)) + head + body


def lengths(prefix: bytes) -> tuple[int, int]:
    """Return how long header and body are. Raises ValueError when no sound frame is that long."""
    head, body = _LENGTHS.unpack(prefix)
    if head + body > LONGEST:
        raise ValueError(f"a frame of {head + body} bytes")
    return head, body


def header_of(head: bytes) -> Header:
    """Return a header. Raises ValueError when it is none."""
    match json.loads(head.decode("utf-8", "surrogatepass")):
        case dict(header):
            return header
    raise ValueError("a header that is no object")


def read_frame(source: BinaryIO) -> tuple[Header, bytes] | None:
    """Return the next frame, None at the end. It comes from the daemon, which knows how large a file may be."""
    prefix = source.read(PREFIX)
    if len(prefix) < PREFIX:
        return None
    head, body = _LENGTHS.unpack(prefix)
    return header_of(source.read(head)), source.read(body)
