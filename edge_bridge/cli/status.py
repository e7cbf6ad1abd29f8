"""`edge-bridge status`: where the plant stands now, from the running daemon; without one, what the database holds."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.live import Live

from edge_bridge import health
from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.status_view import shown
from edge_bridge.control import NotRunning
from edge_bridge.errors import ControlError, StoreError

NAME = "status"
HELP = "Show machines, open obligations with countdown, cards, sources, buffer and broker. Exit code 1: something is wrong."
REFRESH_S = 1.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take `--watch`."""
    parser.add_argument("--watch", action="store_true", help="refresh each second, until Ctrl-C")


def run(args: argparse.Namespace) -> int:
    """Print where it stands; 0 when nothing is wrong."""
    desk, readable = Desk.beside(args)
    if args.watch and not args.json:
        return _watch(desk)
    try:
        found = standing(desk)
    except (ControlError, StoreError):
        if not args.json:
            output.say(desk.words("status.nothing"), "bold red")  # first what is worst; why follows as the error
        raise
    if args.json:
        output.print_json(found)
    else:
        output.show(*shown(found, desk))
    return exit_code(found) if readable else 1


def standing(desk: Desk) -> dict[str, Any]:
    """Return the daemon's snapshot, or the same facts from the database and why they come from there.

    Raises StoreError, ControlError when neither can be had.
    """
    try:
        return {"running": True, **desk.status()}
    except ControlError as error:
        silent = error
    with desk.database_for(silent) as snapshot:
        counts, meta = snapshot.counts(), snapshot.meta()
        plant = desk.config.plant
        return {
            "running": False,
            "silent": None if isinstance(silent, NotRunning) else str(silent),
            "site": plant.site,
            "gateway": plant.gateway,
            **health.told(desk.books(snapshot)),
            "buffer": {"unsent": counts.unsent, "parked": counts.parked, "bytes": counts.bytes},
            "sent_upto": meta.get("sent_upto", 0),
        }


def exit_code(found: Mapping[str, Any]) -> int:
    """Return 1 when somebody should look: no daemon, trouble, active cards, violations, a machine or source that is away."""
    wrong = (
        not found["running"]
        or found.get("trouble")
        or any(card["active"] for card in found["cards"])
        or any(one["verdict"] == "violated" for one in found["obligations"])
        or any(not machine["reachable"] for machine in found["machines"])
        or any(source["lost"] for source in found["sources"])
    )
    return int(bool(wrong))


def _watch(desk: Desk) -> int:
    console = output.console_now()
    if not console.is_terminal:
        output.say(desk.words("status.terminal"))
        return 2
    never = threading.Event()
    try:
        with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                desk = desk.later()
                live.update(Group(*shown(standing(desk), desk)), refresh=True)
                never.wait(REFRESH_S)
    except KeyboardInterrupt:
        return 0
