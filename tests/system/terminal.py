"""Commands under test: in this process, or on a terminal of a given width as a person would see them."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from edge_bridge.cli import main
from tests.system.site import PROGRAM, Site
from tests.waiting import until_sync

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def here(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `edge-bridge WORDS` in this process, which spares a second of imports: same parser, text and exit code."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words, "--config", str(site.config)])
    assert "bug in edge-bridge" not in err.getvalue(), err.getvalue()
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def _as_in_a_shell() -> None:
    """Listen to Ctrl-C: whoever runs the tests in the background hands on that it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """One command on a terminal of its own."""

    def __init__(self, site: Site, *words: str, columns: int = 80) -> None:
        self._parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        os.set_blocking(self._parent, False)
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        self.process = subprocess.Popen(
            [PROGRAM, *words, "--config", str(site.config)],
            stdin=child,
            stdout=child,
            stderr=child,
            env={"HOME": "/", "LANG": "C.UTF-8", "TERM": "xterm", **kept},
            cwd=Path("/"),
            start_new_session=True,
            preexec_fn=_as_in_a_shell,
        )
        os.close(child)
        self.raw = b""

    @property
    def text(self) -> str:
        """Everything printed so far."""
        return _ESCAPES.sub("", self.raw.decode(errors="replace")).replace("\r\n", "\n")

    def read(self) -> bool:
        """Take in what was printed; tell whether the command has ended and all of it is here."""
        ended = self.process.poll() is not None
        try:
            while chunk := os.read(self._parent, 65_536):
                self.raw += chunk
        except BlockingIOError:
            pass
        except OSError:  # Linux says so when the other end of a terminal is closed
            return True
        return ended

    def wait_for(self, said: str) -> None:
        """Wait until this was printed."""
        until_sync(lambda: (self.read(), said in self.text)[1], within=20, what=f"{said!r} on the terminal")

    def type(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._parent, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.kill(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait for the command to end, and return its exit code."""
        until_sync(self.read, within=20, what="the command to end")
        os.close(self._parent)
        return self.process.wait(10)
