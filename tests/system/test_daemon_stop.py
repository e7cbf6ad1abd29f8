"""The end of the daemon, told by SIGTERM or SIGINT: clean and soon, whatever hangs; and what systemd hears meanwhile."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from edge_bridge.clock import SystemClock
from tests.system.plant import Plant, plant
from tests.waiting import until_sync

CLOCK = SystemClock()


def stop(here: Plant, how: signal.Signals = signal.SIGTERM) -> None:
    """Stop it; clean, and within 5 s."""
    child = here.process._child
    assert child is not None
    began = CLOCK.now().boottime
    child.send_signal(how)
    try:
        assert child.wait(10) == 0
    except subprocess.TimeoutExpired:
        pytest.fail("it did not stop")
    assert CLOCK.now().boottime - began < 5000


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop(tmp_path: Path, how: signal.Signals) -> None:
    """Everything is sent, then the death message, then DISCONNECT: the will is not needed."""
    with plant(tmp_path) as here:
        here.reachable("dmu50-01", "lathe-07")
        assert here.opcua
        here.delivered()
        for _ in range(3):  # reloads that come with the stop start nothing behind its back
            here.process.signal(signal.SIGHUP)
        stop(here, how)
        until_sync(lambda: here.consumer.statuses[-1]["online"] is False)
        assert here.consumer.statuses[-1]["reason"] == "stopped"
        assert here.opcua.ask("sessions") == 0  # controls have few: each is given back
        here.process.start()  # and nothing of what it knew is told again
        here.reachable("dmu50-01", "lathe-07")
        here.delivered()
        assert len(here.events("program.changed")) == len(here.events("machine.reachable")) == 2


def test_with_a_hanging_controller_and_without_a_broker(tmp_path: Path) -> None:
    """A controller that answers nothing and a broker that is gone cannot hold up the stop."""
    with plant(tmp_path) as here:
        here.reachable("dmu50-01", "lathe-07")
        here.delivered()
        assert here.opcua
        assert here.broker
        here.opcua.freeze()
        stop(here)
        until_sync(lambda: here.consumer.statuses[-1]["online"] is False)
        here.broker.kill()
        here.process.start()
        until_sync(lambda: "broker" in here.site.status()["troubles"])
        stop(here)


def test_what_systemd_hears(tmp_path: Path) -> None:
    """READY once it serves, a status line, signs of life, RELOADING and READY, STOPPING."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        listener.setblocking(False)
        said: list[str] = []

        def heard(word: str) -> bool:
            while True:
                try:
                    said.extend(listener.recv(4096).decode().splitlines())
                except BlockingIOError:
                    return any(line.startswith(word) for line in said)

        env = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "400000"}
        with plant(tmp_path, opcua=False, env=env) as here:
            until_sync(lambda: heard("READY=1"))
            here.reachable("lathe-07")
            until_sync(lambda: heard("WATCHDOG=1"))
            until_sync(lambda: heard("STATUS=1/2 machines"), what="a status line with the machines")
            said.clear()
            here.process.signal(signal.SIGHUP)
            until_sync(lambda: heard("RELOADING=1") and heard("MONOTONIC_USEC=") and heard("READY=1"))
            said.clear()
            stop(here)
            assert heard("STOPPING=1")
