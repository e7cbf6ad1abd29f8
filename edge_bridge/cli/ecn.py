"""`edge-bridge ecn`: a dry run: what a file would be read as, which routes match, and what would turn red."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.dry_run import Choice, DryRun, FileRead, choose
from edge_bridge.cli.dry_run_data import as_data
from edge_bridge.cli.dry_run_view import show_causes, show_file, summary
from edge_bridge.errors import EdgeBridgeError
from edge_bridge.store import Snapshot

NAME = "ecn"
HELP = "Dry run of an ECN file. Exit code 1: something is unreadable, unrouted, or has an unknown status."
MOST_FILES = 10  # of a folder, that are shown whole; of more, only those that somebody must look at
MOST_FAULTY = 5  # of many files, that are shown whole; the causes of all are counted
LARGE = 200_000  # bytes
LARGEST = 50_000_000  # bytes; no source reads more


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take a file or folder, and the source that should read it."""
    parser.add_argument("file", metavar="FILE|FOLDER", type=Path, help="an ECN file, or a folder of them")
    parser.add_argument(
        "--fields", action="store_true", help="say of every field from which line or cell it came, also of many ECNs"
    )
    parser.add_argument(
        "--source", metavar="ID", help="read it as this source would; default: the one whose folder it is"
    )


def run(args: argparse.Namespace) -> int:
    """Read it, and say what would happen; nothing is recorded."""
    desk = Desk.of(args)
    files = _files(args.file, desk)
    choice = choose(desk, args.file, args.source, (files[0], _content(files[0], desk)))
    wanted = [path for path in files if len(files) == 1 or choice.wants(path.name)]
    traced = args.fields or len(wanted) <= MOST_FILES
    snapshot = _database(desk)
    try:
        dry = DryRun(desk, choice, snapshot)
        if sum(path.stat().st_size for path in wanted if path.exists()) > LARGE and not args.json:
            output.say(desk.words("ecn.wait"), "dim")  # it takes seconds, and silence looks like a fault
        found = dry.read_all(((path.name, _content(path, desk)) for path in wanted), traced=traced)
    finally:
        if snapshot is not None:
            snapshot.close()
    if args.json:
        output.print_json(as_data(found, choice, desk))
    else:
        if snapshot is None:
            output.paragraph(desk.words("ecn.no_database"), "yellow")
        _show(found, choice, desk, fields=args.fields)
        if skipped := len(files) - len(wanted):
            output.paragraph(desk.words("ecn.skipped", count=skipped), "dim")
        output.paragraph(summary(found, desk), "bold")
        output.paragraph(desk.words("ecn.dry"), "dim")
    return int(any(one.faulty for one in found) or not found)


def _show(found: Sequence[FileRead], choice: Choice, desk: Desk, *, fields: bool) -> None:
    """Print what was read: of many files only the first of those that somebody must look at, and every cause once."""
    output.paragraph(
        desk.words("ecn.source", source=choice.id, why=desk.words(f"ecn.why.{choice.why}", count=choice.of))
    )
    many = len(found) > MOST_FILES
    for one in [one for one in found if one.faulty][:MOST_FAULTY] if many else found:
        show_file(one, desk, fields=fields)
    output.say("")
    if many:
        show_causes(found, desk)


def _files(given: Path, desk: Desk) -> list[Path]:
    """Return the file, or the files of the folder. Raises EdgeBridgeError when there are none."""
    try:
        if given.is_dir():
            files = sorted(path for path in given.iterdir() if path.is_file() and not path.name.startswith("."))
        else:
            files = [given] if given.exists() else []
    except OSError as error:
        raise _unreadable(given, error, desk) from error
    if not files:
        raise EdgeBridgeError(desk.words("ecn.no_file", file=given), desk.words("ecn.no_file.fix"))
    return files


def _content(path: Path, desk: Desk) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise _unreadable(path, error, desk) from error


def _unreadable(path: Path, error: OSError, desk: Desk) -> EdgeBridgeError:
    what = desk.words("ecn.no_access", file=path, error=error.strerror)
    return EdgeBridgeError(what, desk.words("ecn.no_access.fix"))


def _database(desk: Desk) -> Snapshot | None:
    """Return the database when there is one: without, nothing is compared. Raises StoreError when it cannot be read."""
    return desk.database() if desk.has_database() else None
