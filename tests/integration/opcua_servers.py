"""Starts simulated OPC UA controls in other processes, and talks to them line by line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class OpcUaServer:
    """A running simulated control; `endpoint` is where it listens."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "adapters.simulated.opcua_server", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        ready = self._answer().split()
        assert ready[0] == "ready", ready
        self.endpoints = ready[1:]
        self.endpoint = self.endpoints[0]

    def tell(self, *lines: str) -> str:
        """Give command lines; return the last answer's text after `ok`."""
        assert self._process.stdin is not None
        answer = ""
        for line in lines:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._answer()
            assert answer == "ok" or answer.startswith("ok "), f"{line}: {answer}"
        return answer.removeprefix("ok").strip()

    def ask(self, line: str) -> int:
        """Return the number that a command answers."""
        return int(self.tell(line))

    def freeze(self) -> None:
        """Stop the process without closing its connections, as a hanging control does."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def terminate(self) -> int:
        """Ask the process to end, and return its exit code."""
        self._process.terminate()
        return self._process.wait(10)

    def hang_up(self) -> int:
        """Say that no more commands come, and return the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(10)

    def kill(self) -> None:
        """End the process at once, as a power cut does, and release the pipes."""
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")


@contextmanager
def running(*arguments: str) -> Iterator[OpcUaServer]:
    """Yield a simulated control, and end it whatever happened to it."""
    server = OpcUaServer(*arguments)
    try:
        yield server
    finally:
        server.kill()
