"""`edge-bridge run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import threading

import structlog

from edge_bridge import garbage, logs
from edge_bridge.app import Daemon
from edge_bridge.clock import SystemClock
from edge_bridge.config import folder_for

NAME = "run"
HELP = "run the daemon: SIGTERM or Ctrl-C stops it, SIGHUP reloads the configuration"
LAST_WORDS_S = 1.0

log = structlog.get_logger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """`run` has no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Run until told to stop; 0 after a clean stop, 78 when the configuration cannot be used."""
    logs.start(debug=args.debug)
    asyncio.run(_serve(args))
    return 0


async def _serve(args: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()  # a signal may come while the database is still being opened
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    daemon = Daemon.open(folder_for(args.config), SystemClock())
    garbage.look_seldom()
    reloads: set[asyncio.Task[str | None]] = set()

    def reload() -> None:
        task = loop.create_task(daemon.reload(), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    stopping = loop.create_task(_pass_on(told, daemon), name="signals")
    await daemon.run()
    stopping.cancel()
    _leave_soon()


async def _pass_on(told: asyncio.Event, daemon: Daemon) -> None:
    await told.wait()
    daemon.stop()


def _leave_soon() -> None:
    """End the process even if a library's thread or task does not: a dead share, a name server that does not answer.

    Everything is committed, told and closed by now.
    """
    leaving = threading.Timer(LAST_WORDS_S, os._exit, (0,))
    leaving.daemon = True
    leaving.start()
