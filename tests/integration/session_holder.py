"""A process that starts clients which take a session on a control, and ends each with kill -9 as soon as it has one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import structlog

from adapters.opcua.adapter import OpcUaAdapter
from edge_bridge.clock import SystemClock
from edge_bridge.errors import AdapterError

OPTIONS = {
    "adapter": "opcua",
    "profile": "sinumerik",
    "security": "None",
    "allow_insecure": "true",
    "every": "100ms",
    "read": "subscribe",
}


async def hold(endpoint: str, session_timeout: str, answer: int) -> None:
    """Take a session and a subscription, say so, and keep them."""
    options = {**OPTIONS, "endpoint": endpoint, "limits": {"session_timeout": session_timeout}}
    try:
        async with OpcUaAdapter("m1", options, SystemClock()).connect() as readings:
            await anext(readings)
            await anext(readings)
            os.write(answer, b"held\n")
            async for _ in readings:
                pass
    except AdapterError as error:
        os.write(answer, f"{error.what}\n".encode())


def one(endpoint: str, session_timeout: str) -> str:
    """Start a client, kill it once it has its session, and return what it said: `held`, or why it was not let in."""
    mouth, ear = os.pipe()[::-1]
    child = os.fork()
    if child == 0:
        os.close(ear)
        asyncio.run(hold(endpoint, session_timeout, mouth))
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ear) as listening:
        said = listening.readline().strip()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return said


def main(endpoint: str, session_timeout: str, rounds: int) -> None:
    """Do it so many times; print one answer a line."""
    for _ in range(rounds):
        print(one(endpoint, session_timeout), flush=True)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
