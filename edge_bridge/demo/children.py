"""Processes that the demo and `simulate` start: each says when it is ready, obeys lines, and is ended by its own pid."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from edge_bridge.errors import EdgeBridgeError

SIMULATORS = "edge_bridge.simulators"
READY_S = 60.0  # a small computer that starts six Python processes at once needs a while
ANSWER_S = 20.0
GOODBYE_S = 10.0


class ChildError(EdgeBridgeError):
    """A process that did not start, or does not answer."""


class Child:
    """One running process with lines in and out.

    It gets a process group of its own, so that Ctrl-C reaches only who started it, and everybody is ended in order.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, *, talks: bool = True) -> None:
        self.name = name
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else errors,
                stderr=errors,
                text=True,
                process_group=0,
            )
        if talks:
            threading.Thread(target=self._listen, name=f"{name} lines", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def ready(self) -> list[str]:
        """Wait for its line `ready …` and return the words after it. Raises ChildError."""
        words = self._line(READY_S).split()
        if words[:1] != ["ready"]:
            raise ChildError(f"{self.name} said {' '.join(words)!r} instead of ready")
        return words[1:]

    def tell(self, line: str) -> str:
        """Give one command line and return the answer. Raises ChildError when it is no `ok …`."""
        answer = self.ask(line)
        if answer.split()[:1] != ["ok"]:
            raise ChildError(f"{self.name} refused {line!r}: {answer}")
        return answer

    def ask(self, line: str) -> str:
        """Give one command line and return the answer, `ok …` or `error …`. Raises ChildError when it is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            raise ChildError(f"{self.name} has ended: {self.last_words()}") from None
        return self._line(ANSWER_S)

    def kill(self) -> None:
        """End it at once, as a pulled plug does."""
        self._process.kill()
        self._process.wait(GOODBYE_S)
        self._close()

    def stop(self) -> int:
        """Ask it to end, insist after a while, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(GOODBYE_S)
        self._close()
        return self._process.returncode

    def last_words(self) -> str:
        """Return the last line of its log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _line(self, within: float) -> str:
        try:
            line = self._lines.get(timeout=within)
        except queue.Empty:
            raise ChildError(f"{self.name} did not answer within {within:.0f} s") from None
        if line is None:
            raise ChildError(f"{self.name} has ended: {self.last_words()}")
        return line

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _close(self) -> None:
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                pass  # a last line that nobody reads any more


def simulator(kind: str, name: str, options: Mapping[str, object], log: Path) -> Child:
    """Start an installed simulated controller (`opcua`, `modbus`). Raises ChildError when none is installed."""
    found = {point.name: point for point in entry_points(group=SIMULATORS)}
    if kind not in found:
        raise ChildError(f"no simulated controller `{kind}` is installed", "reinstall edge-bridge")
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return Child(name, ["-m", found[kind].module, *words], log)
