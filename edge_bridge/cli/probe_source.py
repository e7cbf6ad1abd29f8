"""One look at the folder of an ECN source: is it there, which files count, and can the newest be read? Nothing is touched."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from edge_bridge.blocking import in_thread
from edge_bridge.cli.dry_run import Reader
from edge_bridge.config import AdapterConfig
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.errors import AdapterError, EdgeBridgeError

LARGEST = 50_000_000  # bytes; no source reads more
_UNFINISHED = re.compile(r"\.|~\$|.*\.(?:part|tmp)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FolderLook:
    """What stands in the folder. newest: the file that was changed last, of those that count; ecns: what it holds."""

    path: Path
    files: int = 0
    others: int = 0
    newest: str | None = None
    changed: Milliseconds | None = None
    ecns: int | None = None
    took: Mapping[str, float] = field(default_factory=dict)
    error: EdgeBridgeError | None = None


def can_be_listed(adapter: AdapterConfig) -> bool:
    """Tell whether it is a folder of files that the source can read without taking them in."""
    return isinstance(getattr(adapter.options, "path", None), Path) and hasattr(adapter.adapter, "read")


async def look_into(adapter: AdapterConfig) -> FolderLook:
    """List the folder and read its newest file. A share that stalls holds up a thread, which ends with the command."""
    now = asyncio.get_running_loop().time
    path: Path = adapter.options.path  # type: ignore[attr-defined]
    began = now()
    try:
        counted, others = await in_thread(_listed, path, getattr(adapter.options, "file_name", None))
    except OSError as refusal:
        what = f"the folder {path} cannot be listed: {refusal.strerror}"
        hint = (
            "mount the share, or correct `path:`"
            if isinstance(refusal, FileNotFoundError)
            else "check mount and rights"
        )
        return FolderLook(path, error=AdapterError(what, hint))
    listed = now()
    took = {"list": round(1000 * (listed - began), 1)}
    if not counted:
        return FolderLook(path, others=others, took=took)
    newest, changed = max(counted.items(), key=lambda pair: pair[1])
    ecns, error = await in_thread(_read, path / newest, cast(Reader, adapter.adapter))
    took["read"] = round(1000 * (now() - listed), 1)
    return FolderLook(path, len(counted), others, newest, changed, ecns, took, error)


def _listed(folder: Path, pattern: re.Pattern[str] | None) -> tuple[dict[str, Milliseconds], int]:
    """Return the files that count with the time of their last change, and how many others there are."""
    counted: dict[str, Milliseconds] = {}
    others = 0
    with os.scandir(folder) as found:
        for entry in found:
            if not entry.is_file():
                continue
            if _UNFINISHED.match(entry.name) or (pattern is not None and not pattern.fullmatch(entry.name)):
                others += 1
            else:
                counted[entry.name] = entry.stat().st_mtime_ns // 1_000_000
    return counted, others


def _read(file: Path, reader: Reader) -> tuple[int | None, EdgeBridgeError | None]:
    """Return how many ECNs a file holds, or why it cannot be read."""
    try:
        with file.open("rb") as opened:
            return len(reader.read(file.name, opened.read(LARGEST))), None
    except OSError as error:
        return None, AdapterError(f"{file.name} cannot be read: {error.strerror}", "check its rights")
    except EdgeBridgeError as error:
        return None, error
