"""What commands print: tables, JSON, durations and times in the reader's language and the plant's time zone."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from edge_bridge.domain.instant import Milliseconds, to_datetime

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_UNITS = {
    "en": ((86_400, " d"), (3600, " h"), (60, " min"), (1, " s")),
    "zh-CN": ((86_400, "天"), (3600, "小时"), (60, "分"), (1, "秒")),
}
_WORDS = {
    "problem": "问题",
    "problems": "问题",
    "warning": "警告",
    "warnings": "警告",
    "machine": "机床",
    "machines": "机床",
    "source": "数据源",
    "sources": "数据源",
    "route": "路由",
    "routes": "路由",
    "party": "责任方",
    "parties": "责任方",
    "id": "编号",
    "name": "名称",
    "area": "区域",
    "kind": "类型",
    "every": "周期",
    "judged": "判定程序",
    "cards": "预警卡片",
    "areas": "区域",
    "all": "全部",
    "usual": "默认",
    "would start": "可以启动",
    "would not start": "无法启动",
}


def word(text: str, language: str) -> str:
    """Return a heading or short word in the reader's language."""
    return _WORDS.get(text, text) if language == "zh-CN" else text


def print_json(value: object) -> None:
    """Print a value as JSON, for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", language: str = "en"
) -> None:
    """Print a table: with colour on a terminal, plain text in a pipe."""
    show(table([word(column, language) for column in columns], rows, title=title))


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", whole: Collection[int] = ()
) -> Table:
    """Return a table to show. whole: the columns whose cells are never broken into two lines."""
    made = Table(
        title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False, header_style="bold"
    )
    for place, heading in enumerate(headings):
        made.add_column(heading, overflow="fold", no_wrap=place in whole)
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row))
    return made


def coloured(text: str, style: str) -> Text:
    """Return a text that is seen in colour on a terminal; it must say the same without."""
    return Text(safe(text), style=style)


def show(*shown: RenderableType) -> None:
    """Print tables and texts, each from the start of a line; long texts are broken between words."""
    console = console_now()
    for one in shown:
        console.print(one)


def say(text: str, style: str = "") -> None:
    """Print one line; the style is seen on a terminal only."""
    console_now().print(Text(safe(text), style=style), soft_wrap=True)


def paragraph(text: str, style: str = "", *, indent: int = 0) -> None:
    """Print a text: broken between words on a terminal, one whole line in a pipe."""
    console, shown = console_now(), Text(safe(text), style=style)
    lines = shown.wrap(console, max(20, console.width - indent)) if console.is_terminal else [shown]
    for line in lines:
        console.print(Text(" " * indent) + line, soft_wrap=True)


def labelled(label: str, text: str, *, width: int = 12) -> None:
    """Print a line with its label before it; what does not fit goes on under the text."""
    console, shown = console_now(), Text(safe(text))
    lines = shown.wrap(console, max(20, console.width - width - 2)) if console.is_terminal else [shown]
    head = Text("  ") + Text(label, style="bold") + Text(" " * max(1, width - cell_len(label)))
    for place, line in enumerate(lines):
        console.print((head if place == 0 else Text(" " * (width + 2))) + line, soft_wrap=True)


def complain(text: str) -> None:
    """Print one line to standard error, where a script looks for what went wrong."""
    print(f"edge-bridge: {safe(text)}", file=sys.stderr)


def note(text: str) -> None:
    """Print one line for a person to standard error, where it is in no program's way."""
    print(safe(text), file=sys.stderr, flush=True)


def as_json(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[Mapping[str, Any]]:
    """Return a table as a list of objects, for `--json`."""
    return [dict(zip(columns, row, strict=True)) for row in rows]


def safe(value: object) -> str:
    """Return a value as text that cannot move the cursor, colour a terminal or turn a line round: names come from anywhere."""
    text = "–" if value is None else str(value)
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def named(file: object) -> str:
    """Return a file's name on one line, whatever bytes it has on the disk: what is no UTF-8 as \\xff."""
    text = os.fsencode(str(file)).decode("utf-8", "backslashreplace")
    return safe(text).replace("\n", "\\n").replace("\t", "\\t")


def duration(value: Milliseconds, language: str = "en") -> str:
    """Return milliseconds as people say them, in at most two units: `2 h 5 min`, `2小时5分`."""
    seconds, sign = abs(value) // 1000, "-" if value <= -1000 else ""
    parts: list[str] = []
    for size, unit in _UNITS[language]:
        count, seconds = divmod(seconds, size)
        if count or (size == 1 and not parts):
            parts.append(f"{count}{unit}")
        elif parts:
            break
    joint = "" if language == "zh-CN" else " "
    return sign + joint.join(parts[:2])


def cut(text: str, width: int) -> str:
    """Return the text in at most this many columns; Chinese characters take two."""
    shown = safe(text)
    return shown if cell_len(shown) <= width else f"{set_cell_size(shown, max(0, width - 1))}…"


def size(count: int) -> str:
    """Return bytes as people read them: `498 kB`, `1.2 GB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
        if count >= factor:
            value = count / factor
            return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
    return f"{count} B"


def local_time(utc: Milliseconds | None, timezone: str, *, seconds: bool = False) -> str:
    """Return an instant (UTC ms) on the plant's clock, `2026-03-01 08:15`; `–` when there is none."""
    if utc is None:
        return "–"
    moment = to_datetime(utc).astimezone(ZoneInfo(timezone))
    return f"{moment:%Y-%m-%d %H:%M:%S}" if seconds else f"{moment:%Y-%m-%d %H:%M}"


class _Console(Console):
    """A console that tells of a reader who went away like any other output: rich would exit with 1, `it found something`."""

    def on_broken_pipe(self) -> None:
        """Let whoever runs the command decide."""
        raise BrokenPipeError


def console_now() -> Console:
    """Return a console for standard output as it is now; a pipe is not cut to a terminal's width."""
    terminal = sys.stdout.isatty()
    return _Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=None if terminal else 200)
