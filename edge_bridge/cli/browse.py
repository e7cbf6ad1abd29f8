"""`edge-bridge browse`: walk through an OPC UA tree or a block of Modbus registers, and print YAML to paste."""

from __future__ import annotations

import argparse
import asyncio
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from edge_bridge.cli import output
from edge_bridge.cli.browse_view import Found, heading, line
from edge_bridge.cli.chosen import announced, chosen, own_session_argument, single_session, where
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.patience import Patience, to_the_end
from edge_bridge.cli.probe_look import in_words
from edge_bridge.config import AdapterConfig
from edge_bridge.errors import ConfigError, EdgeBridgeError, UsageError
from edge_bridge.ports import Browses

NAME = "browse"
HELP = (
    "Walk through what a machine offers; nothing is written. START: a node or path of an OPC UA server; registers as 100, "
    "100-160 or input:100-160. Exit code 1: nothing was found, or it cannot be reached."
)
USUAL_DEPTH, FINDING_DEPTH = 3, 10
MOST_ENTRIES = 2000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take the adapter, where to begin, how deep to go, and what to look for."""
    parser.add_argument("adapter", metavar="ADAPTER", help="id (the file's name) or name of a machine")
    parser.add_argument(
        "start", metavar="START", nargs="?", help="where to begin; default: the top, or what is configured"
    )
    parser.add_argument(
        "--depth",
        type=_count,
        metavar="N",
        help=f"levels below START (default: {USUAL_DEPTH}, with --find {FINDING_DEPTH})",
    )
    parser.add_argument("--find", metavar="TEXT", help="only what has this in its name, place or value, in any case")
    parser.add_argument(
        "--most", type=_count, default=MOST_ENTRIES, metavar="N", help="stop after this many (default: %(default)s)"
    )
    own_session_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Walk; 0 when something was found."""
    desk, adapter = chosen(args, args.adapter)
    if not hasattr(adapter.adapter, "browse"):
        raise UsageError(
            desk.words("browse.cannot", kind=adapter.kind), desk.words("browse.cannot.fix", adapter=adapter.id)
        )
    held = announced(desk, adapter, args)
    if held is not None and single_session(adapter) and not args.own_session:
        raise EdgeBridgeError(desk.words("browse.held"), desk.words("browse.held.fix"))
    found = Found(args.find, args.most)
    interrupted = False
    try:
        to_the_end(_walk(desk, adapter, args, found), desk, debug=args.debug)
    except KeyboardInterrupt:  # what was seen until then is of use
        interrupted = True
    if args.debug and found.error is not None and found.error.__cause__ is not None:
        traceback.print_exception(found.error.__cause__)
    if isinstance(found.error, ConfigError):
        raise UsageError(found.error.what, found.error.hint)
    if args.json:
        output.print_json(_as_data(found, adapter, args, interrupted=interrupted))
    else:
        _close(found, adapter, desk, args, interrupted=interrupted)
    if interrupted:
        return 130
    return int(found.error is not None or not found.useful)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


async def _walk(desk: Desk, adapter: AdapterConfig, args: argparse.Namespace, found: Found) -> None:
    """Walk until the end or the bound, printing what is wanted as it comes; an error is kept, for what was seen stays."""
    depth = args.depth or (FINDING_DEPTH if args.find else USUAL_DEPTH)
    async with Patience(desk, desk.words("browse.waiting", where=where(adapter)), silent=args.json) as patience:
        try:
            async with cast(Browses, adapter.adapter).browse(args.start, depth) as entries:
                async for entry in entries:
                    if found.take(entry) and not args.json:
                        patience.clear()
                        if len(found.kept) == 1:
                            heading(desk, entry)
                        line(entry, flat=args.find is not None)
                    patience.say(desk.words("browse.seen", seen=found.seen, where=where(adapter)))
                    if found.full:
                        break
        except EdgeBridgeError as error:
            found.error = error
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except Exception as failure:  # noqa: BLE001 - whatever a protocol library raises concerns this adapter alone
            found.error = in_words(failure, adapter)


def _close(found: Found, adapter: AdapterConfig, desk: Desk, args: argparse.Namespace, *, interrupted: bool) -> None:
    """Print what can be pasted, and what to do next."""
    sections = found.to_paste(type(adapter.options).model_fields)
    if sections:
        output.say("")
        output.paragraph(desk.words("browse.paste"), "dim")
    for section, lines in sections.items():
        if section:
            output.say(f"{section}:")
        for text in lines:
            output.say(f"  {text}" if section else text)
    if found.more_yaml:
        output.paragraph(desk.words("browse.paste.more", count=found.more_yaml), "dim")
    sys.stdout.flush()
    if found.full:
        output.paragraph(desk.words("browse.full", most=min(args.most, found.seen)), "yellow")
    if found.error is not None:
        output.complain(str(found.error))
    elif not found.useful and not interrupted:
        key = "browse.refused" if found.kept else "browse.not_found" if args.find and found.seen else "browse.nothing"
        output.paragraph(desk.words(key, text=args.find, seen=found.seen), "yellow")


def _as_data(found: Found, adapter: AdapterConfig, args: argparse.Namespace, *, interrupted: bool) -> dict[str, Any]:
    sections = found.to_paste(type(adapter.options).model_fields)
    kept: Sequence[Any] = found.kept
    return {
        "adapter": adapter.id,
        "kind": adapter.kind,
        "where": where(adapter),
        "start": args.start,
        "find": args.find,
        "seen": found.seen,
        "complete": not (interrupted or found.full or found.error is not None),
        "error": {"what": found.error.what, "fix": found.error.hint} if found.error is not None else None,
        "entries": [asdict(one) for one in kept],
        "paste": [{"under": section or None, "lines": lines} for section, lines in sections.items()],
    }
