"""Where in a file something is, in the reader's language."""

from __future__ import annotations

import re

_PLACES = (
    (re.compile(r"\bline (\d+)\b"), r"第 \1 行"),
    (re.compile(r",? column (\d+)\b"), r"，第 \1 列"),
    (re.compile(r"^((?:[^:]+: )?)sheet (.+), cell ([A-Z]+\d+)$"), r"\1工作表 \2，单元格 \3"),
    (re.compile(r"^((?:[^:]+: )?)sheet (.+), row (\d+)$"), r"\1工作表 \2，第 \3 行"),
    (re.compile(r",? characters (\d+-\d*)$"), r"，第 \1 字符"),
)
_NOTHING_ELSE = re.compile(r"line \d+(?:,? column \d+)?|sheet .+, (?:cell [A-Z]+\d+|row \d+)")


def place(where: str, language: str) -> str:
    """Return a place in a file as its reader says it: `line 7`, `第 7 行`."""
    if language != "zh-CN":
        return where
    for pattern, chinese in _PLACES:
        where = pattern.sub(chinese, where)
    return where


def is_place(text: str) -> bool:
    """Tell whether a part of a sentence is a place and nothing else."""
    return _NOTHING_ELSE.fullmatch(text) is not None
