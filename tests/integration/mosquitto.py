"""A real Mosquitto in a child process, on a loopback port of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType

from tests.waiting import until_sync

PROGRAM = "/usr/sbin/mosquitto"


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """Starts on entering, is killed on leaving; in between it can be stopped, killed and started on the same port.

    folder: for its configuration and log. config: further lines of mosquitto.conf. anonymous: whether everybody may
    connect. persistent: keep retained messages and sessions over a restart (written on a clean stop).
    """

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        port: int | None = None,
        anonymous: bool = True,
        persistent: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.log = folder / "mosquitto.log"
        self._file = folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'true' if anonymous else 'false'}",
            f"persistence {'true' if persistent else 'false'}",
            f"persistence_location {folder}/",
            "log_type all",
            *(["user root"] if os.geteuid() == 0 else []),
        ]
        self._file.write_text("\n".join(lines) + "\n" + config + "\n")
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for `mqtt.url`."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id. Fails when it does not run."""
        assert self._child is not None
        return self._child.pid

    def start(self) -> Mosquitto:
        """Start it and wait until it takes connections."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen([PROGRAM, "-c", str(self._file)], stdout=log, stderr=log)
        until_sync(self._listening, what=f"Mosquitto on port {self.port}")
        return self

    def stop(self) -> None:
        """End it cleanly: it disconnects its clients and saves what it keeps."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Make it silent without closing anything."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Mosquitto:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self.kill()

    def _end(self, how: signal.Signals) -> None:
        assert self._child is not None
        self._child.send_signal(how)
        self._child.wait(10)
        self._child = None

    def _listening(self) -> bool:
        assert self._child is not None
        assert self._child.poll() is None, self.log.read_text(errors="replace")[-2000:]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
