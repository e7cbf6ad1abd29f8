"""`edge-bridge demo`: a whole plant in a minute, and the proof that nothing of it was lost."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_bridge.cli import output
from edge_bridge.clock import SystemClock
from edge_bridge.demo.stage import Wishes, perform

NAME = "demo"
HELP = (
    "Play a plant on this computer: a broker, two simulated controllers, a PLM folder, the real daemon and an independent "
    "subscriber. Exit code 0 only if the subscriber received exactly what the scenario demands."
)
LIMIT_S = 15  # seconds here, minutes in a plant


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the demo takes."""
    parser.add_argument(
        "--keep", action="store_true", help="leave everything running until Ctrl-C, and keep its folder"
    )
    parser.add_argument(
        "--limit", type=_seconds, default=LIMIT_S, metavar="SECONDS", help=f"time for a change (default: {LIMIT_S})"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="write every message that arrives, as JSON lines")


def run(args: argparse.Namespace) -> int:
    """Play, and return 0 when everything arrived as demanded, 1 when not."""
    wishes = Wishes(args.lang or "en", args.limit, args.keep, args.json, args.record)
    found = perform(wishes, SystemClock())
    if args.json:
        output.print_json(found.as_data())
    return 0 if found.passed else 1


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 3 <= int(text) <= 900:
        raise argparse.ArgumentTypeError("a whole number of seconds from 3 to 900")
    return int(text)
