"""systemd is told the truth over a real datagram socket, and the watchdog starves when one loop stands still."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_bridge import systemd
from edge_bridge.progress import Progress


class Listener:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(2)

    def next(self) -> list[str]:
        """Return the lines of the next message."""
        return self._socket.recv(4096).decode().split("\n")

    def is_silent(self) -> bool:
        """Say whether nothing has come in."""
        self._socket.setblocking(False)
        try:
            return not self._socket.recv(4096)
        except BlockingIOError:
            return True

    def close(self) -> None:
        """Leave."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """A socket in the file system, and one in the abstract name space."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@edge-bridge-test-{os.getpid()}-{id(request)}"
    listening = Listener(address)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    yield listening
    listening.close()


def test_each_word_arrives_as_one_message(listener: Listener) -> None:
    """Ready, status, stopping and watchdog are what sd_notify(3) calls them."""
    systemd.ready("watching 3 machines")
    assert listener.next() == ["READY=1", "STATUS=watching 3 machines"]
    systemd.ready()
    assert listener.next() == ["READY=1"]
    systemd.status("预警卡片 2")
    assert listener.next() == ["STATUS=预警卡片 2"]
    systemd.watchdog()
    assert listener.next() == ["WATCHDOG=1"]
    systemd.stopping()
    assert listener.next() == ["STOPPING=1"]


def test_a_reload_carries_the_monotonic_clock(listener: Listener) -> None:
    """systemd refuses a reload that seems to have begun before it asked."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    systemd.reloading()
    first, second = listener.next()
    assert first == "RELOADING=1"
    key, _, value = second.partition("=")
    assert key == "MONOTONIC_USEC"
    assert before <= int(value) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_status_text_cannot_smuggle_a_second_assignment(listener: Listener) -> None:
    """A machine name with a line break is still one status line."""
    systemd.status("mill\nSTOPPING=1")
    assert listener.next() == ["STATUS=mill STOPPING=1"]


def test_an_empty_status_says_nothing(listener: Listener) -> None:
    """There is nothing to show, so nothing is sent."""
    systemd.status("")
    assert listener.is_silent()


@pytest.mark.parametrize("address", ["", "relative/path", "/nobody/listens/here", "@edge-bridge-nobody", "vsock:2:1"])
def test_without_a_listener_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, in a container, or when systemd is gone, the daemon does not care."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.ready("on a terminal")
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.watchdog()


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", "", 15.0),
        ("30000000", "own", 15.0),
        ("30000000", "1", None),
        ("0", "", None),
        ("", "own", None),
        ("soon", "", None),
        ("-5", "", None),
    ],
)
def test_signs_of_life_come_twice_per_allowance(
    usec: str, pid: str, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half the time that systemd allows; none when it asks for none, or means another process."""
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert systemd.watchdog_interval() == expected


def test_without_a_watchdog_there_is_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by hand, nobody watches."""
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert systemd.watchdog_interval() is None


def test_every_loop_has_its_own_allowance() -> None:
    """A fast loop that stands still starves the watchdog; a slow one may take its time."""
    progress = Progress()
    progress.expect("pipeline", allowance_ms=5_000, now_ms=0)
    progress.expect("plm", allowance_ms=60_000, now_ms=0)
    assert progress.alive(5_000)
    assert progress.late(5_001) == ("pipeline",)
    assert not progress.alive(5_001)
    progress.beat("pipeline", 5_001)
    assert progress.alive(10_001)
    assert progress.late(60_001) == ("pipeline", "plm")


def test_nothing_expected_is_alive() -> None:
    """Before the loops are started there is nobody to wait for."""
    assert Progress().alive(1_000_000)


def test_a_retired_loop_may_be_silent_and_its_last_beat_changes_nothing() -> None:
    """A machine taken out of the configuration does not bring the daemon down, and does not come back by itself."""
    progress = Progress()
    progress.expect("dmu50-01", allowance_ms=1_000, now_ms=0)
    progress.retire("dmu50-01")
    progress.retire("dmu50-01")
    progress.beat("dmu50-01", 10)
    assert progress.alive(1_000_000)


def test_expecting_again_starts_anew() -> None:
    """A loop that was restarted gets its allowance from then on."""
    progress = Progress()
    progress.expect("forwarder", allowance_ms=1_000, now_ms=0)
    progress.expect("forwarder", allowance_ms=2_000, now_ms=10_000)
    assert progress.alive(12_000)
    assert not progress.alive(12_001)


def test_a_beat_from_the_past_does_not_take_progress_back() -> None:
    """Two beats may arrive out of order; the newest counts."""
    progress = Progress()
    progress.expect("forwarder", allowance_ms=1_000, now_ms=0)
    progress.beat("forwarder", 900)
    progress.beat("forwarder", 100)
    assert progress.alive(1_900)


def test_an_allowance_must_leave_time() -> None:
    """Zero would mean a daemon that is never alive."""
    with pytest.raises(ValueError, match="pipeline"):
        Progress().expect("pipeline", allowance_ms=0, now_ms=0)
