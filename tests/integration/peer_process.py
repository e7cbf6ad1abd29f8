"""A peer in a process of its own: it says `ready …` when it listens, obeys command lines, and ends with the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python(module: str, *arguments: str, warnings: str | None = None) -> list[str]:
    """Return the command that runs a module with this Python. warnings: what becomes of them, such as `error`."""
    options = ["-W", warnings] if warnings else []
    return [sys.executable, *options, "-m", module, *arguments]


class PeerProcess:
    """A peer that is starting. quiet: what it writes to standard error is nobody's concern."""

    def __init__(self, command: Sequence[str], *, quiet: bool = False, env: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            cwd=ROOT,
            env=env,
        )

    @cached_property
    def where(self) -> list[str]:
        """What it says behind `ready`, as soon as it does."""
        ready, *where = self._answer().split()
        assert ready == "ready", ready
        return where

    def say(self, line: str) -> str:
        """Give one command line and return the whole answer."""
        assert self.where
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def tell(self, *lines: str) -> str:
        """Give command lines that must be obeyed; return the last answer's text after `ok`."""
        answer = ""
        for line in lines:
            answer = self.say(line)
            assert answer == "ok" or answer.startswith("ok "), f"{line}: {answer}"
        return answer.removeprefix("ok").strip()

    def ask(self, line: str) -> int:
        """Return the number that a command answers."""
        return int(self.tell(line))

    def requests(self) -> dict[str, int]:
        """Return how often each kind of document was asked for."""
        return {what: int(count) for what, count in (pair.split("=") for pair in self.tell("requests").split())}

    def freeze(self) -> None:
        """Stop the process without closing its connections, as a hanging peer does."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def terminate(self) -> int:
        """Ask the process to end, and return its exit code."""
        self.process.terminate()
        return self.process.wait(10)

    def hang_up(self) -> int:
        """Say that no more commands come, and return the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(10)

    def kill(self) -> None:
        """End the process at once, as a power cut does, and release the pipes."""
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # a command that it did not live to read
                    pipe.close()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")
