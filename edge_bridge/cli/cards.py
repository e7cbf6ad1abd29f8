"""`edge-bridge cards`: the open warning cards, the worst first, each with the line to type to acknowledge it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.identify import short_ids
from edge_bridge.control import NotRunning
from edge_bridge.domain.card import KINDS, Card, Kind
from edge_bridge.domain.told import card_data
from edge_bridge.errors import ControlError

NAME = "cards"
HELP = "List the open cards, the worst first, with the line that acknowledges each. Exit code 1: one is active."
COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow"}

Told = Mapping[str, Any]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take `--all`."""
    parser.add_argument("--all", action="store_true", help="closed ones too, the newest last")


def run(args: argparse.Namespace) -> int:
    """List them; 1 when one is active."""
    desk, _ = Desk.beside(args)
    told, silent = _found(desk, closed_too=args.all)
    shorts = short_ids(card["card_id"] for card in told)
    if args.json:
        output.print_json(
            {"running": silent is None, "cards": [{**card, "short": shorts[card["card_id"]]} for card in told]}
        )
    else:
        if silent is not None:
            said = "not_running" if isinstance(silent, NotRunning) else "no_word"
            output.paragraph(desk.words(said, why=silent.what), "bold red")
        _show(told, shorts, desk)
    return int(any(card["active"] for card in told))


def _found(desk: Desk, *, closed_too: bool) -> tuple[list[Told], ControlError | None]:
    """Return the cards, and why the daemon did not give them: from it, else from the database."""
    silent = None
    try:
        cards = desk.status()["cards"]
        if not closed_too:
            return cards, None
    except ControlError as error:
        silent = error
    with desk.database_for(silent) as snapshot:
        rows: Mapping[str, Card] = snapshot.rows("card") if closed_too else snapshot.find("card", closed=False)
    return _told(rows.values(), desk), silent


def _told(cards: Iterable[Card], desk: Desk) -> list[Told]:
    """Return cards as the daemon tells them: active, returned, closed; the most severe first."""
    books = desk.books()
    ordered = sorted(cards, key=lambda c: (c.closed, not c.active, -c.severity.rank, c.raised.utc))
    return [card_data(card, books) for card in ordered]


def _show(told: Sequence[Told], shorts: Mapping[str, str], desk: Desk) -> None:
    if not told:
        output.say(desk.words("cards.none"), "green")
        return
    active = sum(card["active"] for card in told)
    closed = sum(card["state"] == "closed" for card in told)
    counted = desk.words("cards.counts", active=active, returned=len(told) - active - closed)
    output.say(counted + (desk.words("cards.counts_closed", closed=closed) if closed else ""), "bold")
    for card in told:
        output.say("")
        for place, (text, style) in enumerate(_lines(card, shorts[card["card_id"]], desk)):
            output.paragraph(text, style, indent=2 if place else 0)


def _lines(card: Told, short: str, desk: Desk) -> Iterator[tuple[str, str]]:
    """Yield a card's lines with their styles."""
    title, severity = card["title"][desk.language], desk.words(card["severity"])
    style = COLOURS.get(card["severity"], "bold") if card["active"] else "dim"
    yield desk.words("cards.head", short=short, severity=severity, title=title), style
    yield card["text"][desk.language], ""
    yield _where(card, desk), ""
    yield _state(card, desk), "" if card["active"] else "dim"
    if card["state"] != "closed":
        yield desk.words("cards.next", text=card["next_step"][desk.language]), ""
    for party, ack in card["acks"].items():
        yield _acknowledged(party, ack, desk), "green"
    waiting = [party for party in card["parties"] if party not in card["acks"]]
    if waiting and card["state"] != "closed":
        yield desk.words("cards.waiting", parties=", ".join(waiting)), ""
        yield ack_line(short, waiting[0]), "bold"


def ack_line(short: str, party: str) -> str:
    """Return what to type to acknowledge a card."""
    return shlex.join(["edge-bridge", "ack", short, "--party", party, "--by"]) + " NAME"


def _where(card: Told, desk: Desk) -> str:
    ecns = ", ".join(card["ecns"][-5:]) or "–"
    if card["ecn_count"] > 5:
        ecns += f" ({card['ecn_count']})"
    machine = desk.called(card["machine"]) if card["machine"] else card["dedup_key"].split("|", 1)[0]
    return desk.words("cards.where", machine=machine, revision=card["revision"], ecns=ecns)


def _state(card: Told, desk: Desk) -> str:
    raised, since = desk.time(card["raised"]), desk.since(card["raised"])
    if card["state"] == "closed":
        return desk.words("cards.closed", raised=raised)
    if card["active"]:
        return desk.words("cards.active", raised=raised, since=since)
    if KINDS[Kind(card["kind"])].one_shot:
        return desk.words("cards.oneshot", raised=raised, since=since)
    return desk.words("cards.returned", raised=raised, cleared=desk.time(card["cleared"]))


def _acknowledged(party: str, ack: Told, desk: Desk) -> str:
    comment = f": {ack['comment']}" if ack["comment"] else ""
    at = desk.time(ack["at"])
    return desk.words("cards.acked", party=party, by=ack["by"], at=at, revision=ack["revision"], comment=comment)
