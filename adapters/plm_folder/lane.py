"""One parser process and the files that wait for it, in order. It is replaced when it dies or takes too long."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

import structlog
from pydantic import TypeAdapter

from adapters.plm_folder.frames import PREFIX, Header, frame, header_of, lengths
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft, Item
from edge_bridge.errors import AdapterError

START_SECONDS = 30.0
LOOK_SECONDS = 0.1
_DYING_SECONDS = 2.0
_DRAFTS = TypeAdapter(tuple[EcnDraft, ...])
_ITEMS = TypeAdapter(tuple[Item, ...])
Drafts = tuple[EcnDraft, ...]

log = structlog.get_logger(__name__)


class Overdue(Exception):
    """The file took longer than this lane gives it."""


@dataclass(frozen=True, slots=True)
class Order:
    """How a parser process is started: what reads files, with which options; MB and processor seconds for one file."""

    source: str
    entry: str
    options: Mapping[str, Any]
    root: str
    memory: int
    seconds: int


@dataclass(slots=True)
class _Request:
    data: bytes
    settled: bool
    again: bool = False
    answer: asyncio.Future[Drafts] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Lane:
    """Files go in and come out in order. wall, processor: seconds for one file, by the clock and of computing: on a busy
    computer a sound file waits for its turn, and is not to blame.

    idle: seconds until an unused process is ended; without it the process stays, and a second one stands by to take over:
    to start one takes longer than the next file may wait.
    """

    def __init__(self, order: Order, *, wall: float, processor: float = inf, idle: float | None = None) -> None:
        self._order, self._idle = order, idle
        self._wall, self._processor = wall, processor
        self._spare: asyncio.Task[Process] | None = None
        self._requests: deque[_Request] = deque()
        self._asked = asyncio.Event()
        self._process: Process | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process that reads now, if there is one."""
        return self._process.pid if self._process is not None else None

    async def parse(self, data: bytes, *, settled: bool) -> Drafts:
        """Return the ECNs of a file. Raises Unreadable; Overdue; AdapterError when no process can be started."""
        request = _Request(data, settled)
        self._requests.append(request)
        if self._process is not None:
            self._send(self._process, request)
        self.warm()
        self._asked.set()
        return await request.answer

    def warm(self) -> None:
        """Have a process started before the first file comes."""
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), name=f"parser of {self._order.source}")
            self._serving.add_done_callback(self._ended)

    async def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._serving is not None:
            serving, self._serving = self._serving, None
            serving.cancel()
            await asyncio.wait({serving})
        await self._end()
        if self._spare is not None:
            self._spare.cancel()
            await asyncio.wait({self._spare})
            if not self._spare.cancelled() and self._spare.exception() is None:
                await _kill(self._spare.result())
            self._spare = None
        for request in self._requests:
            request.answer.cancel()
        self._requests.clear()

    async def _serve(self) -> None:
        """Answer one request after another, until nobody has asked for a while."""
        try:
            while True:
                if self._process is None and (self._requests or self._idle is None):
                    await self._start()
                if self._requests:
                    await self._answer_first()
                    continue
                self._asked.clear()
                async with asyncio.timeout(self._idle):
                    await self._asked.wait()
        except TimeoutError:
            await self._end()
        except (AdapterError, OSError) as error:
            await self._end()
            self._refuse_all(error)

    def _ended(self, serving: asyncio.Task[None]) -> None:
        """Let nobody wait for a task that is over; whoever asked while it ended gets a new one."""
        if serving is not self._serving:
            return
        self._serving = None
        if serving.cancelled():
            return
        if (defect := serving.exception()) is not None:
            self._refuse_all(defect)
        elif self._requests:
            self.warm()

    async def _answer_first(self) -> None:
        assert self._process is not None
        request = self._requests[0]
        watch = _Watch(self._process, self._wall, self._processor)
        try:
            drafts = await self._receive()
        except Unreadable as refusal:
            self._answered(request, refusal)
            if refusal.kind == "too_much_memory":
                await self._end()  # what it could not get back from the system is better begun anew
        except (EOFError, ConnectionError, ValueError) as error:  # what it says is no answer: it is as good as dead
            code = await self._end(dying=True)
            if code == -signal.SIGKILL and not watch.overdue and not request.again:
                request.again = True  # somebody else ended it, perhaps before this file came: that proves nothing
                return
            self._answered(request, Overdue() if watch.overdue else self._cause(code, error))
        else:
            self._answered(request, drafts)
        finally:
            watch.cancel()

    def _answered(self, request: _Request, outcome: Drafts | Exception) -> None:
        self._requests.popleft()
        if request.answer.done():
            return  # nobody waits any more
        if isinstance(outcome, Exception):
            request.answer.set_exception(outcome)
        else:
            request.answer.set_result(outcome)

    def _refuse_all(self, error: BaseException) -> None:
        while self._requests:
            why = AdapterError(
                f"the program that reads files cannot be started: {error}", "see the log before this line"
            )
            self._answered(self._requests[0], why)

    # the process

    async def _start(self) -> None:
        """Put a process to work on all that waits. Raises AdapterError, OSError."""
        self._process = await self._standing_by() or await self._launch()
        if self._idle is None:
            self._spare = asyncio.create_task(self._launch(), name=f"second parser of {self._order.source}")
        self._requests = deque(request for request in self._requests if not request.answer.done())
        for request in self._requests:
            self._send(self._process, request)

    async def _standing_by(self) -> Process | None:
        """Return the process that stands by, None when there is none or it did not come up: then a new one is tried."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        try:
            process = await spare
        except (AdapterError, OSError) as error:
            log.warning("no second parser", adapter=self._order.source, error=str(error))
            return None
        return process if process.returncode is None else None

    async def _launch(self) -> Process:
        """Start a process; return when it is ready. Raises AdapterError, OSError."""
        command = [sys.executable, "-P", "-B", "-m", "adapters.plm_folder.worker", self._order.entry, str(os.getpid())]
        started = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=_environment())
        settings = {
            "options": dict(self._order.options),
            "root": self._order.root,
            "memory": self._order.memory * 1_000_000,
            "seconds": self._order.seconds,
        }
        assert started.stdin is not None
        started.stdin.write(frame(settings))
        try:
            async with asyncio.timeout(START_SECONDS):
                if (await _next_frame(started))[0].get("is") != "ready":
                    raise ValueError("it says something else than that it is ready")
        except (TimeoutError, EOFError, ConnectionError, ValueError) as error:
            code = await _kill(started, dying=True)
            raise AdapterError(f"it did not come up (exit code {code}): {error}") from error
        except asyncio.CancelledError:
            await _kill(started)
            raise
        return started

    @staticmethod
    def _send(process: Process, request: _Request) -> None:
        if not request.answer.done():
            assert process.stdin is not None
            process.stdin.write(frame({"settled": request.settled}, request.data))

    async def _end(self, *, dying: bool = False) -> int | None:
        """End the process if there is one; return what it ended with. dying: it seems to end by itself."""
        process, self._process = self._process, None
        return await _kill(process, dying=dying) if process is not None else None

    async def _receive(self) -> Drafts:
        """Return the answer to the first request. Raises Unreadable; EOFError, ConnectionError, ValueError."""
        assert self._process is not None
        found: list[EcnDraft] = []
        while True:
            header, body = await _next_frame(self._process)
            match header.get("is"):
                case "ecns":
                    found.extend(_DRAFTS.validate_json(body))
                case "items" if found:
                    found.append(_longer(found.pop(), _ITEMS.validate_json(body)))
                case _:
                    raise self._refusal(header)
            if header.get("end"):
                return tuple(found)
            await asyncio.sleep(0)  # noqa: TID251 - no time passes: the loop gets its turn between two pieces

    def _refusal(self, header: Header) -> Exception:
        match header:
            case {"is": "unreadable", "kind": str(kind), "where": str(where), "facts": dict(facts)}:
                try:
                    return Unreadable(kind, where, **facts)
                except (KeyError, TypeError, IndexError) as error:
                    return ValueError(f"a reason that is none: {error}")
            case {"is": "memory"}:
                return Unreadable("too_much_memory", limit=self._order.memory)
            case {"is": "defect", "error": str(error), "text": str(text)}:
                log.error("a defect: a file cannot be read", adapter=self._order.source, traceback=text)
                return Unreadable("defect", detail=error)
        return ValueError("an answer that is none")

    def _cause(self, code: int | None, error: Exception) -> Unreadable:
        """Return why a process ended while it read a file."""
        if code == -signal.SIGXCPU:
            return Unreadable("too_slow", limit=self._order.seconds)
        if code is not None and code < 0:
            return Unreadable("crashed", detail=signal.Signals(-code).name)
        return Unreadable("crashed", detail=f"{type(error).__name__}, exit code {code}")


class _Watch:
    """Ends a process that takes too long over one file; it looks only at files that take long at all."""

    def __init__(self, process: Process, wall: float, processor: float) -> None:
        self.overdue = False
        self._process, self._wall, self._processor = process, wall, processor
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._computed: float | None = None  # what it had computed by the first look
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def cancel(self) -> None:
        """End watching: the file is through."""
        self._timer.cancel()

    def _look(self) -> None:
        computed = _computed(self._process.pid)
        if self._computed is None:
            self._computed = computed
        too_much = computed - self._computed + LOOK_SECONDS >= self._processor
        if too_much or self._loop.time() - self._began >= self._wall:
            self.overdue = True
            self._process.kill()
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)


def _computed(pid: int) -> float:
    """Return the processor seconds of a process so far (proc(5), stat fields 14 and 15); none when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _kill(process: Process, *, dying: bool = False) -> int:
    """End a process; return what it ended with."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_DYING_SECONDS if dying else 0):
            return await process.wait()
    except TimeoutError:
        if process.returncode is None:
            process.kill()
    return await process.wait()


async def _next_frame(process: Process) -> tuple[Header, bytes]:
    assert process.stdout is not None
    head, body = lengths(await process.stdout.readexactly(PREFIX))
    header = header_of(await process.stdout.readexactly(head))
    return header, await process.stdout.readexactly(body) if body else b""


def _longer(draft: EcnDraft, more: tuple[Item, ...]) -> EcnDraft:
    fields = {name: getattr(draft, name) for name in draft.__dataclass_fields__}
    return EcnDraft(**{**fields, "items": (*draft.items, *more)})


def _environment() -> dict[str, str]:
    """Return what the process needs to find the same modules as this one, and nothing else of ours."""
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LANG": "C.UTF-8"}
