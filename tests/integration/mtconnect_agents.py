"""Starts simulated MTConnect agents in other processes, and talks to them line by line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Agent:
    """A simulated agent that is starting; `url`, where it listens, waits until it does."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "adapters.simulated.mtconnect_agent", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    @cached_property
    def url(self) -> str:
        """Where it listens, as soon as it does."""
        ready, url = self._answer().split()
        assert ready == "ready", ready
        return url

    @property
    def port(self) -> int:
        """Its TCP port."""
        return int(self.url.rsplit(":", 1)[1])

    def tell(self, *lines: str) -> str:
        """Give command lines; return the last answer's text after `ok`."""
        assert self._process.stdin is not None
        assert self.url
        answer = ""
        for line in lines:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._answer()
            assert answer == "ok" or answer.startswith("ok "), f"{line}: {answer}"
        return answer.removeprefix("ok").strip()

    def requests(self) -> dict[str, int]:
        """Return how often each kind of document was asked for."""
        return {what: int(count) for what, count in (pair.split("=") for pair in self.tell("requests").split())}

    def connections(self) -> tuple[int, int]:
        """Return how many connections there are, and how many there were at most."""
        now, most = self.tell("connections").split()
        return int(now), int(most)

    def freeze(self) -> None:
        """Stop the process without closing its connections, as a hanging agent does."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def terminate(self) -> int:
        """Ask the process to end, and return its exit code."""
        self._process.terminate()
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
def running(*arguments: str) -> Iterator[Agent]:
    """Yield a simulated agent that listens, and end it whatever happened to it."""
    agent = Agent(*arguments)
    try:
        assert agent.url
        yield agent
    finally:
        agent.kill()
