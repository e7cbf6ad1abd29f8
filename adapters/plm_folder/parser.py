"""One parser process as the daemon sees it: started, asked, looked at and ended."""

from __future__ import annotations

import asyncio
import mmap
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.plm_folder.frames import COUNT, PREFIX, Header, frame, header_of, lengths
from edge_bridge.errors import AdapterError

START_SECONDS = 30.0
LOOK_SECONDS = 0.05
_DYING_SECONDS = 2.0
_PATIENT = 5  # niceness of what takes long: whatever else is to be done goes first


@dataclass(frozen=True, slots=True)
class Order:
    """How a parser process is started: what reads files, with which options; MB and processor seconds for one file.

    patient: it reads what takes long, and lets others go first.
    """

    source: str
    entry: str
    options: Mapping[str, Any]
    root: str
    memory: int
    seconds: int
    patient: bool = False


class Parser:
    """A process that is ready. Files are numbered from 1 in the order in which they are sent."""

    def __init__(self, process: Process, begun: mmap.mmap) -> None:
        self._process = process
        self._begun = begun
        self._sent = 0

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as is known."""
        return self._process.returncode is None

    @property
    def begun(self) -> int:
        """The number of the file that it has begun last."""
        return int(COUNT.unpack_from(self._begun)[0])

    @classmethod
    async def launch(cls, order: Order) -> Parser:
        """Start one; return when it is ready. Raises AdapterError, OSError."""
        shared = os.memfd_create("begun")
        try:
            os.ftruncate(shared, COUNT.size)
            begun = mmap.mmap(shared, COUNT.size)
            command = [sys.executable, "-P", "-B", "-m", "adapters.plm_folder.worker", order.entry, str(os.getpid())]
            process = await asyncio.create_subprocess_exec(
                *command, str(shared), stdin=PIPE, stdout=PIPE, env=_environment(), pass_fds=(shared,)
            )
        finally:
            os.close(shared)
        parser = cls(process, begun)
        await parser._settle_in(order)
        return parser

    def send(self, files: Sequence[tuple[bytes, bool]]) -> int:
        """Have files read, in one go; return the number of the first. Each with whether it has settled."""
        assert self._process.stdin is not None
        header = {"files": [[len(data), settled] for data, settled in files]}
        self._process.stdin.write(frame(header, b"".join(data for data, _ in files)))
        first = self._sent + 1
        self._sent += len(files)
        return first

    async def next_frame(self) -> tuple[Header, bytes]:
        """Return the next frame that it sends. Raises EOFError, ConnectionError, ValueError."""
        assert self._process.stdout is not None
        head, body = lengths(await self._process.stdout.readexactly(PREFIX))
        header = header_of(await self._process.stdout.readexactly(head))
        return header, await self._process.stdout.readexactly(body) if body else b""

    def look(self) -> tuple[float, bool]:
        """Return the processor seconds so far, and whether it is asleep (proc(5), stat fields 14, 15 and 3)."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return 0.0, False  # it has ended
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), fields[0] != "R"

    def kill(self) -> None:
        """End it at once."""
        if self.alive:
            self._process.kill()

    async def end(self, *, dying: bool = False) -> int:
        """End it; return what it ended with. dying: it seems to end by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_DYING_SECONDS if dying else 0):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
        return await self._process.wait()

    async def _settle_in(self, order: Order) -> None:
        assert self._process.stdin is not None
        settings = {
            "options": dict(order.options),
            "root": order.root,
            "memory": order.memory * 1_000_000,
            "seconds": order.seconds,
        }
        self._process.stdin.write(frame(settings))
        try:
            if order.patient:
                os.setpriority(os.PRIO_PROCESS, self.pid, _PATIENT)
            async with asyncio.timeout(START_SECONDS):
                if (await self.next_frame())[0].get("is") != "ready":
                    raise ValueError("it says something else than that it is ready")
        except (TimeoutError, EOFError, OSError, ValueError) as error:
            code = await self.end(dying=True)
            raise AdapterError(f"it did not come up (exit code {code}): {error}") from error
        except asyncio.CancelledError:
            await self.end()
            raise


class Watch:
    """Ends a process that takes too long over one file; it looks only at files that take long at all.

    What counts is how long it computed or was asleep. By the clock, a busy computer makes sound files look slow while they
    wait for a processor; by computing alone, what hangs looks idle. wall: seconds by the clock, all the same.
    """

    def __init__(self, parser: Parser, wall: float, patience: float) -> None:
        self.overdue = False
        self._parser, self._wall, self._patience = parser, wall, patience
        self._loop = asyncio.get_running_loop()
        self._file = 0
        self._began = self._spent = 0.0  # when this file was first seen, and what it has taken since
        self._last = (0.0, 0.0, False)  # when it was last looked at, what it had computed, whether it was asleep
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def cancel(self) -> None:
        """End watching: the files are through."""
        self._timer.cancel()

    def _look(self) -> None:
        now, file, (computed, asleep) = self._loop.time(), self._parser.begun, self._parser.look()
        last, computed_then, asleep_then = self._last
        self._last = (now, computed, asleep)
        if self._file != file:
            self._file, self._began, self._spent = file, now, LOOK_SECONDS
        elif computed != computed_then:
            self._spent += computed - computed_then
        elif asleep and asleep_then:
            self._spent += now - last
        if self._spent >= self._patience or now - self._began >= self._wall:
            self.overdue = True
            self._parser.kill()
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)


def _environment() -> dict[str, str]:
    """Return what the process needs to find the same modules as this one, and nothing else of ours."""
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LANG": "C.UTF-8"}
