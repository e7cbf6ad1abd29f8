"""A plant for the benchmarks: the real daemon as a process, real servers in other processes, a real broker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edge_bridge.testing import Subscriber
from tests.integration.mosquitto import Mosquitto

SITE = """\
site: bench
gateway: edge-01
timezone: UTC
limit: 15m
mqtt: {{url: "{url}"}}
store: {{path: {folder}/edge-bridge.db}}
"""
PLM = """\
adapter: plm_folder
path: {folder}/plm
format: csv
"""
OPCUA = """\
adapter: opcua
profile: sinumerik
endpoint: {endpoint}
security: None
allow_insecure: true
every: {every}
version:
  - variable: /Channel/Parameter/R[u1,90]
    bound: always
"""


class Simulator:
    """Simulated SINUMERIK-like controls in a process of their own, obeying lines."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "adapters.simulated.opcua_server", "--port", "0", *arguments]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self._child.stdout is not None
        self.endpoints = self._child.stdout.readline().split()[1:]

    def tell(self, line: str) -> str:
        """Give one command; return its answer's text after `ok`."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(line + "\n")
        answer = self._child.stdout.readline()
        assert answer.startswith("ok"), answer
        return answer.removeprefix("ok").strip()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def end(self) -> None:
        """Stop it."""
        self._child.terminate()
        self._child.wait(20)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


class Watcher(Subscriber):
    """A platform that notes when each message came, on this process's monotonic clock."""

    def __init__(self, port: int, *filters: str) -> None:
        super().__init__(port, *filters)
        self.arrived: list[tuple[float, bytes]] = []
        self.news = threading.Condition()
        self._client.on_message = self._note

    def _note(self, _client: object, _data: object, message: object) -> None:
        now = time.perf_counter()
        with self.news:
            self.arrived.append((now, message.payload))  # type: ignore[attr-defined]
            self.news.notify_all()

    def wait(self, text: bytes, *, within: float = 30.0) -> float:
        """Return when the first message with this text came."""
        deadline = time.perf_counter() + within
        seen = 0
        with self.news:
            while True:
                for at, payload in self.arrived[seen:]:
                    if text in payload:
                        return at
                seen = len(self.arrived)
                if not self.news.wait(deadline - time.perf_counter()):
                    raise TimeoutError(f"{text!r} did not arrive within {within} s")


@contextmanager
def sink(port: int, topic: str) -> Iterator[None]:
    """Subscribe with QoS 0 and throw away what comes: a platform somewhere else, which takes nothing of this computer.

    A client in Python spends as much on 100 000 events as the daemon does on the files that they tell of.
    """
    name = topic.encode()
    connect = (
        b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00"  # MQTT 5, clean start, no keep alive, no id, no properties
    )
    subscribe = b"\x00\x01\x00" + len(name).to_bytes(2, "big") + name + b"\x00"
    assert len(subscribe) < 128
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(connect + b"\x82" + bytes((len(subscribe),)) + subscribe)
        answers = _exactly(connection, 2)
        assert answers[0] == 0x20, answers
        assert _exactly(connection, answers[1])[1] == 0, "the broker refused the connection"
        assert _exactly(connection, 2)[0] == 0x90
        assert _exactly(connection, 4)[3] == 0, "the broker refused the subscription"
        thread = threading.Thread(target=_throw_away, args=(connection,))
        thread.start()
        try:
            yield
        finally:
            connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = connection.recv(count, socket.MSG_WAITALL)
    assert len(found) == count, "the broker closed the connection"
    return found


def _throw_away(connection: socket.socket) -> None:
    room = bytearray(1 << 16)
    while connection.recv_into(room):
        pass


def write_site(folder: Path, url: str, adapters: Mapping[str, str]) -> Path:
    """Write a configuration folder; return it."""
    config = folder / "config"
    (config / "adapters").mkdir(parents=True)
    (folder / "plm").mkdir()
    (config / "edge-bridge.yaml").write_text(SITE.format(url=url, folder=folder))
    for name, text in adapters.items():
        (config / "adapters" / f"{name}.yaml").write_text(text)
    return config


@contextmanager
def daemon(config: Path, *, env: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run the real daemon on a configuration; give its process id. env: added to the environment."""
    log = (config.parent / "daemon.log").open("ab")
    command = [sys.executable, "-m", "edge_bridge", "run", "--config", str(config)]
    child = subprocess.Popen(command, stderr=log, env={**os.environ, **(env or {})})
    try:
        yield child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)
        log.close()


@contextmanager
def broker(folder: Path) -> Iterator[Mosquitto]:
    """Run a real Mosquitto."""
    with Mosquitto(folder / "broker", "log_type none") as running:
        yield running


def cpu_seconds(pid: int) -> float:
    """Return the user and system time a process has used (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


def percentile(values: list[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
