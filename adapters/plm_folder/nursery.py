"""The process from which parser processes are forked: it has imported everything, so that a new one is there at once."""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.plm_folder.frames import COUNT
from adapters.plm_folder.parser import Parser
from edge_bridge.errors import AdapterError

START_SECONDS = 30.0
_LONGEST = 1 << 18  # bytes of one message


@dataclass(frozen=True, slots=True)
class Order:
    """What parser processes are for: what reads files, with which options; MB and processor seconds for one file."""

    source: str
    entry: str
    options: Mapping[str, Any]
    root: str
    memory: int
    seconds: int


class Nursery:
    """Makes parser processes, and is told by their parent when they end. It never sees a file."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._control: socket.socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._births: deque[asyncio.Future[tuple[int, asyncio.Future[int]]]] = deque()
        self._ends: dict[int, asyncio.Future[int]] = {}

    async def parser(self) -> Parser:
        """Return a new parser process that is ready. Raises AdapterError, OSError."""
        try:
            return await self._bring_up()
        except (AdapterError, OSError):
            if self._listening is None or not self._listening.done():
                raise
            return await self._bring_up()  # somebody ended the process that forks

    async def close(self) -> None:
        """End it; the parser processes that are left end with it."""
        if self._listening is not None:  # first: a loop that still watches a closed socket takes the next one for it
            listening, self._listening = self._listening, None
            listening.cancel()
            await asyncio.wait({listening})
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            process, self._process = self._process, None
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _bring_up(self) -> Parser:
        async with self._starting:
            if self._listening is None or self._listening.done():
                await self.close()
                await self._launch()
        ours, theirs = socket.socketpair()
        shared = os.memfd_create("begun")
        try:
            os.ftruncate(shared, COUNT.size)
            begun = mmap.mmap(shared, COUNT.size)
            pid, ended = await self._fork(theirs.fileno(), shared)
            reader, writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(shared)
        parser = Parser(pid, reader, writer, begun, ended)
        await self._settle_in(parser)
        return parser

    async def _fork(self, requests: int, shared: int) -> tuple[int, asyncio.Future[int]]:
        assert self._control is not None
        birth: asyncio.Future[tuple[int, asyncio.Future[int]]] = asyncio.get_running_loop().create_future()
        self._births.append(birth)
        try:
            socket.send_fds(self._control, [b"fork"], [requests, shared])
            async with asyncio.timeout(START_SECONDS):
                return await birth
        except (TimeoutError, EOFError) as error:
            raise AdapterError(f"it did not come up: {error}") from error

    async def _settle_in(self, parser: Parser) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                if (await parser.next_frame())[0].get("is") != "ready":
                    raise ValueError("it says something else than that it is ready")
        except (TimeoutError, EOFError, OSError, ValueError) as error:
            code = await parser.end(dying=True)
            raise AdapterError(f"it did not come up (exit code {code}): {error}") from error
        except asyncio.CancelledError:
            await parser.end()
            raise

    async def _launch(self) -> None:
        """Start the process; return when it has imported what reads files. Raises AdapterError, OSError."""
        order, loop = self.order, asyncio.get_running_loop()
        command = [sys.executable, "-P", "-B", "-m", "adapters.plm_folder.worker", order.entry, str(os.getpid())]
        settings = {
            "options": dict(order.options),
            "root": order.root,
            "memory": order.memory * 1_000_000,
            "seconds": order.seconds,
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._control = ours
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=theirs.fileno(), stdout=DEVNULL, env=_environment()
            )
        try:
            await loop.sock_sendall(ours, json.dumps(settings).encode())
            async with asyncio.timeout(START_SECONDS):
                if await loop.sock_recv(ours, _LONGEST) != b"ready":
                    raise ValueError("it ended")
        except (TimeoutError, OSError, ValueError) as error:
            code = await self._process.wait() if isinstance(error, ValueError) else None
            await self.close()
            raise AdapterError(f"it did not come up (exit code {code}): {error}") from error
        self._listening = asyncio.create_task(self._listen(ours), name=f"parsers of {order.source}")

    async def _listen(self, control: socket.socket) -> None:
        """Take note of births and ends, until it ends itself, and all of them with it."""
        loop = asyncio.get_running_loop()
        try:
            while message := await loop.sock_recv(control, _LONGEST):
                match json.loads(message):
                    case {"born": int(pid)}:
                        ended = self._ends[pid] = loop.create_future()
                        birth = self._births.popleft()
                        if not birth.done():
                            birth.set_result((pid, ended))
                    case {"ended": int(pid), "code": int(code)}:
                        self._ends.pop(pid).set_result(code)
        except OSError:
            return  # it was closed here, or there
        finally:
            for birth in self._births:
                if not birth.done():
                    birth.set_exception(EOFError("it ended"))
            for ended in self._ends.values():
                ended.set_result(-signal.SIGKILL)
            self._births.clear()
            self._ends.clear()


def _environment() -> dict[str, str]:
    """Return what the process needs to find the same modules as this one, and nothing else of ours."""
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LANG": "C.UTF-8"}
