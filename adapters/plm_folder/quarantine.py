"""Copies of files that could not be read, each with its reason beside it. The source stays untouched."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from adapters.plm_folder.names import shown
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.cards import place, told

MOST_COPIES = 500
MOST_BYTES = 500_000_000
_UNSAFE = re.compile(r"[^\w.\-]+")
_COPY = re.compile(r"[0-9a-f]{12}-.+")
_REASON = ".reason.txt"
_LONGEST_NAME = 200  # bytes; a file system takes 255


@dataclass(frozen=True, slots=True)
class Quarantine:
    """One source's folder of refused files; the oldest give way when there are too many. language: which comes first."""

    folder: Path
    language: str = "en"

    def keep(self, name: str, data: bytes, sha256: str, refusal: Unreadable) -> Path:
        """Copy the bytes and write down why. Raises OSError when there is no room or no right."""
        self.folder.mkdir(parents=True, exist_ok=True)
        copy = self.folder / f"{sha256[:12]}-{safe(name)}"
        if not copy.exists():
            _write(copy, data)
        try:
            _write(copy.with_name(copy.name + _REASON), _explanation(name, sha256, refusal, self.language).encode())
        except OSError:
            copy.unlink(missing_ok=True)  # nobody would know what it is
            raise
        self._make_room(copy)
        return copy

    def _make_room(self, newest: Path) -> None:
        """Remove the oldest copies above the limits; only files that `keep` named."""
        found = [
            path for path in self.folder.iterdir() if _COPY.fullmatch(path.name) and not path.name.endswith(_REASON)
        ]
        sizes = sorted(((path.lstat(), path) for path in found), key=lambda pair: pair[0].st_mtime_ns, reverse=True)
        count, total = 0, 0
        for status, path in sizes:
            count, total = count + 1, total + status.st_size
            if path != newest and (count > MOST_COPIES or total > MOST_BYTES):
                path.unlink(missing_ok=True)
                path.with_name(path.name + _REASON).unlink(missing_ok=True)


def safe(name: str) -> str:
    """Return a file name without anything a shell or another system could misread, 80 characters at most, and so few bytes
    that a file system takes it with what is added."""
    text = _UNSAFE.sub("_", shown(name))[-80:].encode()[-_LONGEST_NAME:].decode(errors="ignore")
    return text.lstrip(".") or "file"


def _write(path: Path, data: bytes) -> None:
    """Write whole or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)  # where there is no room, it must not take what is left
        raise


def _explanation(name: str, sha256: str, refusal: Unreadable, language: str) -> str:
    """Return both languages, the technician's first: whoever mends the export may read the other one."""
    where = refusal.where or "-"
    english = f"""\
This ECN file could not be read and was not used. The original was left where it is.
File:   {shown(name)}
Where:  {where}
What:   {refusal.what}
To do:  {refusal.hint}
"""
    chinese = f"""\
此变更单文件无法读取，未被采用。原文件保持不变。
文件：{shown(name)}
位置：{place(where, "zh-CN")}
问题：{told(refusal.what, "zh-CN")}
处理：{told(refusal.hint, "zh-CN")}
"""
    first, second = (chinese, english) if language == "zh-CN" else (english, chinese)
    return f"{first}\n{second}\nSHA-256: {sha256}\n"
