"""`edge-bridge buffer`: what waits for the broker, what is parked and why; show, export and send again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from edge_bridge.cli import output, shared
from edge_bridge.cli.desk import Desk
from edge_bridge.errors import EdgeBridgeError
from edge_bridge.options import duration_text
from edge_bridge.store import Snapshot, StoredEvent

NAME = "buffer"
HELP = "Show what waits for the broker, what is parked and why. Exit code 1: something is parked."
PAGE = 500  # events read at a time
MOST_LINES = 50


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take `--parked`, or one of show, export, replay."""
    parser.add_argument("--parked", action="store_true", help="list what the broker refused, with its reason")
    parser.set_defaults(what=None)
    verbs = parser.add_subparsers(metavar="[show|export|replay]", title="what to do with events", required=False)
    showing = verbs.add_parser("show", help="print one event as it was, or will be, sent", allow_abbrev=False)
    showing.add_argument("sequence", type=_number)
    exporting = verbs.add_parser("export", help="write events to a file, one JSON object a line", allow_abbrev=False)
    exporting.add_argument("file", type=Path)
    exporting.add_argument("--from", dest="first", type=_number, default=1, metavar="N", help="default: the oldest")
    exporting.add_argument("--to", dest="last", type=_number, metavar="N", help="default: the newest")
    exporting.add_argument("--force", action="store_true", help="write over an existing file")
    again = verbs.add_parser("replay", help="have the running daemon send events again", allow_abbrev=False)
    again.add_argument("first", metavar="FROM", type=_number)
    again.add_argument("last", metavar="TO", type=_number)
    for verb, work in ((showing, _show), (exporting, _export), (again, _replay)):
        shared(verb, first=False)
        verb.set_defaults(what=work)


def run(args: argparse.Namespace) -> int:
    """Show the buffer, or do what was asked with its events."""
    desk, _ = Desk.beside(args)
    return int(args.what(args, desk)) if args.what is not None else _look(args, desk)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a sequence is a whole number from 1 on, not {text!r}")
    return int(text)


def _look(args: argparse.Namespace, desk: Desk) -> int:
    with desk.database() as snapshot:
        counts = snapshot.counts()
        sent = int(snapshot.meta().get("sent_upto", 0))
        oldest = next(iter(snapshot.events(after=sent, limit=1)), None)
        parked = list(_parked(snapshot)) if args.parked or args.json else []
    if args.json:
        output.print_json(
            {
                "unsent": counts.unsent,
                "sent_upto": sent,
                "last": sent + counts.unsent,
                "oldest": _brief(oldest) if oldest else None,
                "parked": parked,
                "bytes": counts.bytes,
                "max_bytes": desk.config.store.max_size,
                "retain_ms": desk.config.store.retain,
            }
        )
    elif args.parked:
        _list_parked(parked, desk)
    else:
        _summary(desk, counts.unsent, sent, oldest)
        _say_parked(counts.parked, desk)
        store = desk.config.store
        most, retain = output.size(store.max_size), duration_text(store.retain)
        output.say(desk.words("buffer.disk", size=output.size(counts.bytes), most=most, retain=retain))
    return int(counts.parked > 0)


def _summary(desk: Desk, unsent: int, sent: int, oldest: StoredEvent | None) -> None:
    if oldest is None or not unsent:
        output.say(desk.words("buffer.empty", upto=sent), "green")
        return
    output.say(desk.words("buffer.unsent", count=unsent, first=sent + 1, last=sent + unsent), "bold")
    at, since = desk.time(oldest.recorded), desk.since(oldest.recorded)
    facts = {"sequence": oldest.sequence, "type": oldest.type, "origin": oldest.origin}
    output.say(desk.words("buffer.oldest", at=at, since=since, **facts))


def _say_parked(count: int, desk: Desk) -> None:
    if not count:
        output.say(desk.words("buffer.none_parked"))
        return
    output.say(desk.words("buffer.parked", count=count), "yellow")
    output.say(desk.words("buffer.see"))


def _parked(snapshot: Snapshot) -> Iterator[dict[str, object]]:
    """Yield what was set aside: the broker's word, and the event's own."""
    for row in snapshot.parked():
        event = _event(snapshot, row.sequence)
        yield {
            "sequence": row.sequence,
            "code": f"0x{row.code:02X}",
            "reason": row.reason,
            "at": row.at,
            "type": event.type if event else None,
            "origin": event.origin if event else None,
        }


def _list_parked(parked: list[dict[str, object]], desk: Desk) -> None:
    if not parked:
        output.say(desk.words("buffer.none_parked"), "green")
        return
    output.say(desk.words("buffer.parked", count=len(parked)), "bold")
    columns = ("sequence", "code", "why", "type", "origin", "when")
    rows = [
        [one[name] for name in ("sequence", "code", "reason", "type", "origin")]
        + [desk.time(one["at"] if isinstance(one["at"], int) else None)]
        for one in parked[:MOST_LINES]
    ]
    output.show(output.table([desk.words(column) for column in columns], rows, whole=(0, 1)))
    if len(parked) > MOST_LINES:
        output.say(desk.words("more", count=len(parked) - MOST_LINES))
    output.say(desk.words("buffer.again"))


def _show(args: argparse.Namespace, desk: Desk) -> int:
    """Print one event's body, as JSON that a person can read."""
    with desk.database() as snapshot:
        event = _event(snapshot, args.sequence)
    if event is None:
        raise EdgeBridgeError(desk.words("buffer.unknown", sequence=args.sequence), desk.words("buffer.unknown.fix"))
    output.print_json(json.loads(event.body))
    return 0


def _export(args: argparse.Namespace, desk: Desk) -> int:
    """Write the stored bytes of events, one a line."""
    count = 0
    try:
        with desk.database() as snapshot, args.file.open("wb" if args.force else "xb") as file:
            for event in _events(snapshot, args.first, args.last):
                file.write(event.body + b"\n")
                count += 1
    except FileExistsError:
        raise EdgeBridgeError(desk.words("buffer.exists", file=args.file), desk.words("buffer.exists.fix")) from None
    except OSError as error:
        what = desk.words("buffer.cannot_write", file=args.file, error=error.strerror)
        raise EdgeBridgeError(what, desk.words("buffer.cannot_write.fix")) from error
    if args.json:
        output.print_json({"file": str(args.file), "events": count})
    else:
        output.say(desk.words("buffer.exported", count=count, file=args.file))
    return 0


def _replay(args: argparse.Namespace, desk: Desk) -> int:
    answer = desk.ask({"do": "replay", "from": args.first, "to": args.last})
    if args.json:
        output.print_json(answer)
    elif answer["ok"]:
        output.say(answer["reason"])
    else:
        output.complain(desk.words("buffer.refused", reason=answer["reason"]))
    return 0 if answer["ok"] else 1


def _event(snapshot: Snapshot, sequence: int) -> StoredEvent | None:
    found = snapshot.events(after=sequence - 1, before=sequence + 1, limit=1)
    return found[0] if found else None


def _events(snapshot: Snapshot, first: int, last: int | None) -> Iterator[StoredEvent]:
    after, before = first - 1, None if last is None else last + 1
    while page := snapshot.events(after=after, before=before, limit=PAGE):
        yield from page
        after = page[-1].sequence


def _brief(event: StoredEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in ("sequence", "type", "origin", "subject", "recorded")}
