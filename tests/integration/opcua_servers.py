"""Starts simulated OPC UA controls in other processes, and talks to them line by line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


class OpcUaServer:
    """A simulated control that is starting; `endpoint`, where it listens, waits until it does."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "adapters.simulated.opcua_server", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    @cached_property
    def endpoint(self) -> str:
        """Where it listens, as soon as it does."""
        return self.endpoints[0]

    @cached_property
    def endpoints(self) -> list[str]:
        """All its ports, with `--count`."""
        ready, *endpoints = self._answer().split()
        assert ready == "ready", ready
        return endpoints

    def tell(self, *lines: str) -> str:
        """Give command lines; return the last answer's text after `ok`."""
        assert self._process.stdin is not None
        assert self.endpoint
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
    """Yield a simulated control that listens, and end it whatever happened to it."""
    with starting({"only": arguments}) as servers:
        assert servers["only"].endpoint
        yield servers["only"]


@contextmanager
def starting(controls: Mapping[str, Sequence[str]]) -> Iterator[dict[str, OpcUaServer]]:
    """Yield simulated controls by name, with these arguments; each takes seconds to start, so all start at once."""
    servers = {name: OpcUaServer(*arguments) for name, arguments in controls.items()}
    try:
        yield servers
    finally:
        for server in servers.values():
            server.kill()
