"""What systemd is told: ready, reloading, stopping, the status line, and signs of life. Elsewhere it does nothing."""

from __future__ import annotations

import os
import socket
import time


def ready(status: str = "") -> None:
    """Say that the daemon serves (after a start or a reload), with a first status line."""
    _notify("READY=1", *_status_lines(status))


def status(text: str) -> None:
    """Set the line that `systemctl status` shows."""
    _notify(*_status_lines(text))


def reloading() -> None:
    """Say that a reload has begun; `ready` ends it."""
    # sd_notify(3): systemd compares this with its own CLOCK_MONOTONIC; nothing that we decide hangs on it.
    _notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> None:
    """Say that the daemon is on its way out."""
    _notify("STOPPING=1")


def watchdog() -> None:
    """Give one sign of life. Only after `Progress.alive`: a process that merely exists is no proof that it works."""
    _notify("WATCHDOG=1")


def watchdog_interval() -> float | None:
    """Return the seconds between two signs of life (half of what systemd allows), or None when it asks for none."""
    allowed_us = os.environ.get("WATCHDOG_USEC", "")
    meant_for = os.environ.get("WATCHDOG_PID", "")
    if not allowed_us.isdecimal() or int(allowed_us) == 0:
        return None
    if meant_for and meant_for != str(os.getpid()):
        return None
    return int(allowed_us) / 2_000_000


def _status_lines(text: str) -> list[str]:
    # One line is one assignment in the protocol: a status text must not bring a second one.
    return [f"STATUS={' '.join(text.split())}"] if text else []


def _notify(*lines: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not lines or not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), address)
    except OSError:
        # Whoever started us is gone or busy. Verdicts do not depend on being watched.
        return
