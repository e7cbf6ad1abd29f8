"""Breaks lines of English and Chinese: between words, and between Chinese characters, but never before a closing mark."""

from __future__ import annotations

import re

from rich.cells import cell_len

# A word with the marks that must not stand alone behind it; a Chinese character is a word.
_WIDE = r"[\u2e80-\u9fff\uff00-\uffef]"
_CLOSING = "，。、：；！？）》」”’…"
_PIECE = re.compile(rf"\s+|(?:{_WIDE}|(?:(?!{_WIDE})[^\s{_CLOSING}])+)[{_CLOSING}]*|[{_CLOSING}]+")


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, each at most `width` terminal cells wide; spaces at the start of it are kept."""
    lines, line = [], ""
    for piece in _PIECE.findall(text):
        while cell_len(piece) > width:  # a path or an address that fits on no line
            room = width - cell_len(line)
            line, piece = line + piece[:room], piece[room:]
            lines.append(line)
            line = ""
        if cell_len(line) + cell_len(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()] if line.strip() or not lines else lines
