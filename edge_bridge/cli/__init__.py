"""The command line: finds the command, runs it, and turns whatever happens into a sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Protocol, cast

from edge_bridge import __version__
from edge_bridge.cli.parser import Parser
from edge_bridge.errors import ConfigErrors, EdgeBridgeError

# One module per command (`-` is `_` in its name); it has NAME, HELP, arguments(parser) and run(args). Imported only when
# it is the one asked for.
COMMANDS = {
    "run": "run the daemon",
    "check": "validate the configuration without touching the network",
    "demo": "show a whole plant in a minute",
    "status": "show the running daemon: machines, obligations, cards, buffer, broker",
    "explain": "say why a machine or ECN is red, with both sides of the evidence",
    "ecn": "show what an ECN file would be read as, and what would turn red",
    "probe": "look once at one machine or ECN source: what comes, what it means, what it would be judged",
    "browse": "walk through a machine's nodes or registers, and print YAML to paste",
    "version-test": "try version patterns on program headers and names",
    "cards": "list the open cards",
    "ack": "acknowledge a card",
    "buffer": "show what waits for the broker, what is parked and why",
    "trust": "accept or reject the certificates of machines, by fingerprint",
    "simulate": "run simulated controllers alone",
}
FINE, FOUND, USAGE, BUG, CONFIG, INTERRUPTED = 0, 1, 2, 70, 78, 130


class Command(Protocol):
    """What a module of this package offers."""

    NAME: str
    HELP: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it, and return the exit code. args has config, json, lang, debug and the command's own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 found something, 2 wrong usage, 78 bad configuration."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    args: argparse.Namespace | None = None
    try:
        args = _parsed(words)
        code: int = args.run(args)
        sys.stdout.flush()  # a reader that went away is noticed here, not while the interpreter ends
        return code
    except EdgeBridgeError as error:
        return _failed(error, args, debug=debug, as_json="--json" in words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except Exception as error:  # noqa: BLE001  the last door: a person must see a sentence, never a traceback
        if debug:
            traceback.print_exc()
        said = f"this is a bug in edge-bridge: {type(error).__name__}: {error}"
        _say(EdgeBridgeError(f"{said}{'' if debug else '; run again with --debug'}"), as_json="--json" in words)
        return BUG


def _failed(error: EdgeBridgeError, args: argparse.Namespace | None, *, debug: bool, as_json: bool) -> int:
    """Say what went wrong, and return the exit code."""
    if debug:
        traceback.print_exc()
    said = ""
    if args is not None:
        problems = importlib.import_module(f"{__name__}.problems")  # no other command needs what it takes
        said = problems.shown(error, problems.language_for(args))
    _say(error, said, as_json=as_json)
    return error.exit_code


def _say(error: EdgeBridgeError, said: str = "", *, as_json: bool) -> None:
    """Tell a person and, where JSON was asked for, the program that reads it. said: the same in the person's language."""
    if as_json:
        problems = error.problems if isinstance(error, ConfigErrors) else (error,)
        told = [{"what": one.what, "fix": one.hint, "where": getattr(one, "where", "")} for one in problems]
        print(json.dumps({"ok": False, "error": str(error), "problems": told}, ensure_ascii=False, indent=2))
    for line in (said or str(error)).splitlines():
        print(f"edge-bridge: {line}", file=sys.stderr)


def available() -> tuple[str, ...]:
    """Return the commands whose module is there."""
    return tuple(name for name in COMMANDS if find_spec(_module(name)) is not None)


def _module(name: str) -> str:
    return f"{__name__}.{name.replace('-', '_')}"


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """Parse the words; only the module of the command that was asked for is imported."""
    parser = Parser(
        prog="edge-bridge",
        description="Makes sure a released engineering change (ECN) reaches the machine.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"edge-bridge {__version__}")
    shared(parser, first=True)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for name in available():
        own = commands.add_parser(name, help=COMMANDS[name], description=COMMANDS[name], allow_abbrev=False)
        shared(own, first=False)
        if name in words:
            command = cast(Command, importlib.import_module(_module(name)))
            own.description = command.HELP
            command.arguments(own)
            own.set_defaults(run=command.run)
    return parser.parse_args(words)


def shared(parser: argparse.ArgumentParser, *, first: bool) -> None:
    """Add what every command takes, before or after its name; after it, an absent option leaves the earlier one alone."""

    def default(value: object) -> object:
        return value if first else argparse.SUPPRESS

    parser.add_argument("--config", metavar="DIR", default=default(None), help="configuration folder")
    parser.add_argument("--json", action="store_true", default=default(False), help="print JSON")
    parser.add_argument(
        "--lang", choices=("zh-CN", "en"), default=default(None), help="language (default: the configuration's)"
    )
    parser.add_argument(
        "--debug", action="store_true", default=default(False), help="show tracebacks and debug messages"
    )
