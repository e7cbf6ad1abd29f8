"""`edge-bridge ack`: acknowledge a card on the spot; the running daemon records it. Acknowledged is not fixed."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.identify import short_ids, starting_with
from edge_bridge.control import NotRunning
from edge_bridge.errors import ControlError, UsageError

NAME = "ack"
HELP = "Acknowledge a card. Exit code 1: refused, or the daemon is not running."

Told = Mapping[str, Any]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take the card, who acknowledges it, and what there is to say."""
    parser.add_argument("card", metavar="CARD", help="the card's id, or the start of it")
    parser.add_argument("--party", help="on behalf of which party")
    parser.add_argument("--by", metavar="NAME", help="who you are")
    parser.add_argument("--comment", default="", metavar="TEXT", help="what is being done")
    parser.add_argument(
        "--revision", type=int, metavar="N", help="the revision you have seen; default: the present one"
    )


def run(args: argparse.Namespace) -> int:
    """Acknowledge it, and say what came of it."""
    desk, _ = Desk.beside(args)
    cards: Sequence[Told] = desk.status()["cards"]
    card = _one(args.card, cards, desk)
    if not args.party or not (args.by or "").strip():
        missing = "ack.no_name" if args.party else "ack.no_party"
        raise UsageError(desk.words(missing, parties="|".join(card["parties"])))
    order = {
        "id": f"cli-{uuid.uuid4()}",
        "card_id": card["card_id"],
        "revision": args.revision if args.revision is not None else card["revision"],
        "party": args.party,
        "by": args.by,
        "comment": args.comment,
    }
    answer = desk.ask({"do": "command", "verb": "ack", "payload": order})
    if not answer["ok"]:
        if args.json:
            output.print_json({"ok": False, "reason": answer["reason"], "card_id": card["card_id"]})
        else:
            output.complain(desk.words("ack.refused", reason=answer["reason"]))
        return 1
    _told(args, card, cards, desk)
    return 0


def _one(given: str, cards: Sequence[Told], desk: Desk) -> Told:
    """Return the card that was meant. Raises ControlError when there is none, or more than one."""
    by_id = {card["card_id"]: card for card in cards}
    found = starting_with(given, by_id)
    if not found:
        raise ControlError(desk.words("ack.unknown", card=given), desk.words("ack.list"))
    if len(found) > 1:
        shorts = short_ids(by_id)
        listed = ", ".join(shorts[one] for one in found[:10])
        what = desk.words("ack.several", count=len(found), card=given, cards=listed)
        raise ControlError(what, desk.words("ack.longer"))
    return by_id[found[0]]


def _told(args: argparse.Namespace, card: Told, cards: Sequence[Told], desk: Desk) -> None:
    """Say who acknowledged what, and whether it still holds."""
    now = _afterwards(card["card_id"], desk)
    if args.json:
        output.print_json(
            {"ok": True, "card_id": card["card_id"], "active": bool(now and now["active"]), "open": bool(now)}
        )
        return
    short = short_ids(one["card_id"] for one in cards)[card["card_id"]]
    title = card["title"][desk.language]
    output.say(desk.words("ack.done", by=args.by, short=short, party=args.party, title=title), "bold")
    if now is not None and now["active"]:
        output.say(desk.words("ack.still", next=now["next_step"][desk.language]), "yellow")
    else:
        output.say(desk.words("ack.closed"), "green")


def _afterwards(card_id: str, desk: Desk) -> Told | None:
    """Return the card as it is now, None when it is closed."""
    try:
        cards: Sequence[Told] = desk.status()["cards"]
    except NotRunning:  # it was stopped in between; what it answered is recorded
        return None
    return next((card for card in cards if card["card_id"] == card_id), None)
