"""Texts that have most in common: a frame that is made once, with marks where each text has a piece of its own.

Marks are control characters, which JSON has only as escapes: no piece can look like one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Whole = TypeVar("Whole")

MOST = 30  # pieces
LEAST = 20  # texts in a row that a frame is worth making for
SEPARATOR = "\x1f"


def mark(number: int) -> str:
    """Return what stands in a frame for the piece of this number, the first is 1; it may stand there more than once."""
    assert 1 <= number <= MOST
    return chr(number)


def filled(frame: str, own: str, first: int = 1) -> str:
    """Return the text: the frame with the pieces, which come joined by SEPARATOR, in their places. first: whose mark is
    that of the first piece."""
    for number, piece in enumerate(own.split(SEPARATOR), first):
        frame = frame.replace(chr(number), piece)
    return frame


def remembering(write: Callable[[Whole], str], of: Callable[[Whole], Any]) -> Callable[[Whole], str]:
    """Return the same with a memory of the newest text: thousands of rows in a row share what it is made of.

    of: gives that of a row; nobody edits it.
    """
    newest: tuple[Any, str] = (None, "")

    def remembered(row: Whole) -> str:
        nonlocal newest
        known, text = newest
        part = of(row)
        if known is not part:
            text = write(row)
            newest = part, text
        return text

    return remembered
