"""`edge-bridge run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import signal

from edge_bridge import logs
from edge_bridge.app import Daemon
from edge_bridge.clock import SystemClock
from edge_bridge.config import folder_for

NAME = "run"
HELP = "run the daemon: SIGTERM or Ctrl-C stops it, SIGHUP reloads the configuration"


def arguments(parser: argparse.ArgumentParser) -> None:
    """`run` has no arguments of its own."""


def run(args: argparse.Namespace) -> int:
    """Run until told to stop; 0 after a clean stop, 78 when the configuration cannot be used."""
    logs.start(debug=args.debug)
    asyncio.run(_serve(args))
    return 0


async def _serve(args: argparse.Namespace) -> None:
    daemon = Daemon.open(folder_for(args.config), SystemClock())
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[str | None]] = set()

    def reload() -> None:
        task = loop.create_task(daemon.reload(), name="reload")
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await daemon.run()
