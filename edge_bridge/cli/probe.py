"""`edge-bridge probe`: one look at one adapter: can it be reached, what comes, what it means, and what it would be judged."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Mapping
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.chosen import announced, chosen, own_session_argument, where
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.patience import Patience, to_the_end
from edge_bridge.cli.probe_judged import judged, problems
from edge_bridge.cli.probe_look import Looked, is_config, look
from edge_bridge.cli.probe_view import as_data, show
from edge_bridge.config import AdapterConfig
from edge_bridge.errors import ConfigError

NAME = "probe"
HELP = (
    "One look at one machine or ECN source, beside a running daemon too. Exit code 1: it cannot be reached, something "
    "cannot be read, its program has no version, or another version than the released one."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take the adapter, and whether a second session is wanted."""
    parser.add_argument("adapter", metavar="ADAPTER", help="id (the file's name) or name of a machine or ECN source")
    own_session_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Look, and say what was seen; 0 when all is well."""
    desk, adapter = chosen(args, args.adapter)
    held = announced(desk, adapter, args)
    looked = to_the_end(_looking(desk, adapter, held, args), desk, debug=args.debug)
    if args.debug and looked.error is not None and looked.error.__cause__ is not None:
        traceback.print_exception(looked.error.__cause__)
    seen = judged(looked, desk)
    found = problems(looked, seen, desk)
    if args.json:
        output.print_json(as_data(looked, seen, found, desk))
    else:
        show(looked, seen, found, desk)
    return ConfigError.exit_code if is_config(looked.error) else int(bool(found))


async def _looking(
    desk: Desk, adapter: AdapterConfig, held: Mapping[str, Any] | None, args: argparse.Namespace
) -> Looked:
    async with Patience(desk, desk.words("probe.waiting", where=where(adapter)), silent=args.json):
        return await look(adapter, held, own_session=args.own_session)
