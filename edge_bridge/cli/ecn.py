"""`edge-bridge ecn`: a dry run: what a file would be read as, which routes match, and what would turn red."""

from __future__ import annotations

import argparse
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
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
LARGEST = 100_000_001  # bytes; no source reads more: one too many, so that its reader sees that there are more


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
    choice = choose(desk, args.file, args.source, _sample(files, desk))
    if choice.subfolders and args.file.is_dir():
        files = _files(args.file, desk, deep=True)
    wanted = [path for path in files if path == args.file or choice.wants(_name(args.file, path))]
    if not wanted:
        what = desk.words("ecn.none_fits", count=len(files), file=output.named(args.file), source=choice.id)
        raise EdgeBridgeError(what, desk.words("ecn.none_fits.fix"))
    traced = args.fields or len(wanted) <= MOST_FILES
    snapshot = _database(desk)
    try:
        dry = DryRun(desk, choice, snapshot)
        if sum(path.stat().st_size for path in wanted if path.is_file()) > LARGE and not args.json:
            output.say(desk.words("ecn.wait"), "dim")  # it takes seconds, and silence looks like a fault
        found = dry.read_all(_contents(args.file, wanted, desk), traced=traced)
    finally:
        if snapshot is not None:
            snapshot.close()
    if args.json:
        output.print_json(as_data(found, choice, desk))
    else:
        if snapshot is None:
            output.paragraph(desk.words("ecn.no_database"), "yellow")
        _show(found, choice, desk, fields=args.fields)
        if not args.file.is_dir() and not choice.wants(args.file.name):
            output.paragraph(desk.words("ecn.not_taken", source=choice.id), "yellow")
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


def _files(given: Path, desk: Desk, *, deep: bool = False) -> list[Path]:
    """Return the file, or what lies in the folder and is no folder. deep: also below it. Raises EdgeBridgeError for none."""
    try:
        if given.is_dir():
            found = given.rglob("*") if deep else given.iterdir()
            below = [path for path in found if not _hidden(path.relative_to(given)) and not path.is_dir()]
            files = sorted(below, key=lambda path: (_modified(path), _name(given, path)))  # as the daemon takes them in
        else:
            files = [given] if given.exists() or given.is_symlink() else []
    except OSError as error:
        raise unreadable(given, error, desk) from error
    if not files:
        raise EdgeBridgeError(desk.words("ecn.no_file", file=output.named(given)), desk.words("ecn.no_file.fix"))
    return files


def _name(given: Path, path: Path) -> str:
    """Return a file's name as its source calls it, below the folder."""
    return path.name if path == given else path.relative_to(given).as_posix()


def _modified(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0  # it went away, and is told when its turn comes


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _sample(files: Sequence[Path], desk: Desk) -> tuple[Path, bytes] | None:
    """Return the first file that can be opened, to find the source that understands it."""
    for path in files[:MOST_FILES]:
        try:
            return path, _content(path, desk)
        except EdgeBridgeError:
            continue  # it is told when its turn comes
    return None


def _contents(given: Path, files: Iterable[Path], desk: Desk) -> Iterator[tuple[str, bytes | EdgeBridgeError]]:
    """Yield each file's name, below the folder, and its bytes, or why they cannot be had: one file stops no other."""
    for path in files:
        name = _name(given, path)
        try:
            yield name, _content(path, desk)
        except EdgeBridgeError as error:
            yield name, error


def _content(path: Path, desk: Desk) -> bytes:
    """Return a file's bytes. Raises EdgeBridgeError for what no source reads either: links, pipes, sockets, devices."""
    try:
        # a pipe is opened without waiting for somebody who writes into it
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise EdgeBridgeError(
                    desk.words("ecn.not_regular", file=output.named(path)), desk.words("ecn.not_regular.fix")
                )
            return file.read(LARGEST)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
            raise EdgeBridgeError(
                desk.words("ecn.not_regular", file=output.named(path)), desk.words("ecn.not_regular.fix")
            ) from error
        raise unreadable(path, error, desk) from error


def unreadable(path: Path, error: OSError, desk: Desk) -> EdgeBridgeError:
    """Return why a file or folder cannot be read, as the system says it, in the reader's language."""
    what = desk.words("ecn.no_access", file=output.named(path), error=desk.reason(error.strerror or ""))
    return EdgeBridgeError(what, desk.words("ecn.no_access.fix"))


def _database(desk: Desk) -> Snapshot | None:
    """Return the database when there is one: without, nothing is compared. Raises StoreError when it cannot be read."""
    return desk.database() if desk.has_database() else None
