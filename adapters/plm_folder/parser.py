"""One parser process as the daemon sees it: asked, looked at and ended."""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
from collections.abc import Sequence

from adapters.plm_folder.frames import COUNT, PREFIX, Header, frame, header_of, lengths

LOOK_SECONDS = 0.05
_DYING_SECONDS = 2.0


class Parser:
    """A process that is ready. Files are numbered from 1 in the order in which they are sent.

    begun: memory in which it notes what it does. ended: the code with which it ended, told by the process that made it.
    """

    def __init__(
        self,
        pid: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        begun: mmap.mmap,
        ended: asyncio.Future[int],
    ) -> None:
        self.pid = pid
        self._reader, self._writer = reader, writer
        self._begun = begun
        self._ended = ended
        self._handle = _handle(pid)
        self._sent = 0

    @property
    def begun(self) -> int:
        """The number of the file that it has begun last."""
        return int(COUNT.unpack_from(self._begun)[0])

    def send(self, files: Sequence[tuple[bytes, bool]]) -> int:
        """Have files read, in one go; return the number of the first. Each with whether it has settled."""
        header = {"files": [[len(data), settled] for data, settled in files]}
        self._writer.write(frame(header, b"".join(data for data, _ in files)))
        first = self._sent + 1
        self._sent += len(files)
        return first

    async def next_frame(self) -> tuple[Header, bytes]:
        """Return the next frame that it sends. Raises EOFError, ConnectionError, ValueError."""
        head, body = lengths(await self._reader.readexactly(PREFIX))
        header = header_of(await self._reader.readexactly(head))
        return header, await self._reader.readexactly(body) if body else b""

    def look(self) -> tuple[float, bool]:
        """Return the processor seconds so far, and whether it is asleep (proc(5), stat fields 14, 15 and 3)."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return 0.0, False  # it has ended
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), fields[0] != "R"

    def kill(self) -> None:
        """End it at once: this process, not another one that has its number by now."""
        if self._handle is not None and not self._ended.done():
            try:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            except ProcessLookupError:
                return  # it has ended, and that is about to be told

    async def end(self, *, dying: bool = False) -> int:
        """End it; return what it ended with. dying: it seems to end by itself."""
        self._writer.close()
        if dying:
            await asyncio.wait({self._ended}, timeout=_DYING_SECONDS)
        self.kill()
        await asyncio.wait({self._ended})
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        return self._ended.result()


class Watch:
    """Ends a process that takes too long over one file; it looks only at files that take long at all.

    What counts is how long it computed or was asleep. By the clock, a busy computer makes sound files look slow while they
    wait for a processor; by computing alone, what hangs looks idle. wall: seconds by the clock, all the same.
    """

    def __init__(self, parser: Parser, wall: float, patience: float) -> None:
        self.overdue = False
        self._parser, self._wall, self._patience = parser, wall, patience
        self._loop = asyncio.get_running_loop()
        self._file = -1  # the process may not have begun any
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


def _handle(pid: int) -> int | None:
    """Return a handle of a process; None when it has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
