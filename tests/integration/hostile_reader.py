"""A parser that does what the file tells it to: every way in which a real one could go wrong, in the real parser process.

Named by `PlmFolderAdapter.reader`; `HostileFolderAdapter` is such an adapter, for daemons too (see `as_package`).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from adapters.plm_folder.adapter import PlmFolderAdapter
from adapters.plm_folder.answers import Drafts
from adapters.plm_folder.frames import COUNT
from adapters.plm_folder.groups import Outcome, Question
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.reading import read_file
from adapters.plm_folder.sandbox import Limits, Sandbox
from edge_bridge.domain.ecn import EcnDraft

ADAPTER = "hostile_folder"
ENTRY_POINTS = f"[edge_bridge.adapters]\n{ADAPTER} = tests.integration.hostile_reader:HostileFolderAdapter\n"


def read(data: bytes, options: PlmFolderOptions, *, settled: bool) -> tuple[EcnDraft, ...]:
    """Read a file, except when its first line says otherwise."""
    match data.partition(b"\n")[0].decode("latin-1").split():
        case ["#burn"]:
            while True:
                pass
        case ["#wait"]:
            signal.pause()
        case ["#eat"]:
            return read(b"#eat\n" * 2, options, settled=settled) if len(bytearray(2_000_000_000)) else ()
        case ["#crash"]:
            ctypes.string_at(0)
        case ["#blame"]:
            _say_that_another_file_is_being_read()
            ctypes.string_at(0)
        case ["#kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["#exit"]:
            os._exit(7)
        case ["#defect"]:
            raise TypeError("no such thing")
        case ["#write", path]:
            Path(path).write_bytes(b"x" * 100)
        case ["#print"]:
            os.write(1, b"\0\0\0\2\0\0\0\0{}")
    return read_file(data.partition(b"\n")[2] if data.startswith(b"#") else data, options, settled=settled)


def _say_that_another_file_is_being_read() -> None:
    frame = sys._getframe()
    while "begun" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    begun = frame.f_locals["begun"]
    COUNT.pack_into(begun, 0, COUNT.unpack_from(begun)[0] + 1)


def asked(sandbox: Sandbox, data: bytes, late: Callable[[], None] = lambda: None) -> asyncio.Future[Drafts]:
    """Have a sandbox read one file, now; the result is what it says, or what it raises instead."""
    answer: asyncio.Future[Drafts] = asyncio.get_running_loop().create_future()

    def tell(outcome: Outcome) -> None:
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    sandbox.ask([Question(data, True, tell, late)])
    return answer


async def parsed(sandbox: Sandbox, data: bytes, late: Callable[[], None] = lambda: None) -> Drafts:
    """Return what a sandbox reads one file as. Raises what it says instead."""
    return await asked(sandbox, data, late)


class HostileFolderAdapter(PlmFolderAdapter):
    """The PLM folder with that parser, and with limits that a test can wait for."""

    reader: ClassVar[str] = "tests.integration.hostile_reader:read"
    limits: ClassVar[Limits] = Limits(processor=1, wall=15.0, idle=1.0)


def as_package(folder: Path) -> dict[str, str]:
    """Make an installed package of the adapter; return the environment in which a daemon finds it."""
    about = folder / "hostile_folder-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-folder\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return {"PYTHONPATH": os.pathsep.join((str(folder), str(Path(__file__).parents[2])))}
