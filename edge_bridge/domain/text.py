"""Bytes of a control as text. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

ENCODINGS = ("utf-8", "gb18030", "cp1252")  # controls do not say their encoding: the strict ones first
ENDS = (b"\0", b"\xff")  # what controls write behind a text
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def decoded(data: bytes, *, ends: Sequence[bytes] = ENDS, encodings: Sequence[str] = ENCODINGS) -> str:
    """Return text that ends at the first NUL or 0xFF: what follows is left over from a longer text before.

    ends: other bytes that end it. encodings: tried in order; where they are the usual ones, any bytes are text.
    Raises ValueError for control characters, which no name or version has: they come from a wrong place, or from the length
    that a PLC keeps in front of its text; and for bytes that are no text in the encodings asked for.
    """
    for end in ends:
        data = data.split(end, 1)[0]
    if control := _CONTROL.search(data.strip()):
        raise ValueError(f"not text: there is a 0x{control[0][0]:02X} in it")
    for encoding in encodings:
        try:
            return data.decode(encoding).strip()
        except UnicodeDecodeError:
            continue
    if encodings != ENCODINGS:
        raise ValueError(f"not {' or '.join(encodings)} text: {data[:8].hex(' ').upper()}")
    return data.decode("cp1252", "replace").strip()
