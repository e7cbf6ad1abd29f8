"""The Unix socket beside the database: how the command line reaches the one process that writes.

One JSON object a line each way. Whoever may open the socket (the service's user and group) may use it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from edge_bridge.errors import ControlError, EdgeBridgeError

LONGEST_LINE = 1 << 20


class NotRunning(ControlError):
    """No daemon of this database answers."""


Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

log = structlog.get_logger(__name__)


def socket_path(database: Path) -> Path:
    """Return where the daemon of this database listens."""
    return database.with_suffix(".sock")


@asynccontextmanager
async def listening(path: Path, handle: Handler) -> AsyncIterator[None]:
    """Answer requests on the socket while the context is open; `handle` gets one object and returns one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                writer.write(await _answer(line, handle) + b"\n")
                await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)  # left over from a kill: the database's lock says that no other daemon is there
    before = os.umask(0o117)
    try:
        with _short(path) as address:
            server = await asyncio.start_unix_server(serve, address, limit=LONGEST_LINE)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def request(path: Path, message: Mapping[str, Any], *, within: float = 10.0) -> dict[str, Any]:
    """Ask the running daemon. Raises NotRunning when none runs, ControlError when it says no."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(within)
            with _short(path) as address:
                line.connect(address)
            line.sendall(json.dumps(message).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = json.loads(answers.readline() or b"{}")
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunning(
            "edge-bridge is not running here", "start it: edge-bridge run, or systemctl start edge-bridge"
        ) from None
    except PermissionError:
        raise ControlError(
            f"you may not use {path}", "run it as root or as a member of the group edge-bridge"
        ) from None
    except (OSError, ValueError) as error:
        raise ControlError(f"the daemon did not answer: {error}", "look at: journalctl -u edge-bridge") from error
    if not isinstance(answer, dict) or answer.get("error"):
        raise ControlError(str(answer.get("error") if isinstance(answer, dict) else answer))
    return answer


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a socket's path in a form below the 107 bytes of unix(7), however deep its folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


async def _answer(line: bytes, handle: Handler) -> bytes:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        return _packed({"error": "not a JSON object"})
    try:
        return _packed(await handle(message))
    except EdgeBridgeError as error:
        return _packed({"error": str(error)})
    except Exception as defect:  # whoever asks gets a sentence, and the daemon goes on
        log.error("a defect: a request could not be answered", do=str(message.get("do")), exc_info=True)
        return _packed({"error": f"this is a defect in edge-bridge: {type(defect).__name__}; see its log"})


def _packed(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
