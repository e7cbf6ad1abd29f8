"""What `edge-bridge status` looks like: the worst first, readable at 80 columns and without colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.identify import short_ids
from edge_bridge.health import spaced

MOST_LINES = 15  # obligations and cards each; the rest is a number
COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "violated": "bold red", "unverifiable": "yellow"}

Facts = Mapping[str, Any]


def shown(found: Facts, desk: Desk) -> list[RenderableType]:
    """Return everything there is to see, in the order in which a person needs it."""
    lines: list[RenderableType] = [*_head(found, desk), Text()]
    lines += [_machines(found, desk), Text()]
    lines += [*_obligations(found, desk), Text(), *_cards(found, desk), Text()]
    lines += [*_around(found, desk)]
    return lines


def _head(found: Facts, desk: Desk) -> Iterator[Text]:
    if not found["running"]:
        if found["silent"]:
            yield output.coloured(desk.words("no_word", why=found["silent"]), "bold red")
        else:
            yield output.coloured(desk.words("status.off"), "bold red")
            yield output.coloured(desk.words("status.start"), "")
        return
    up = desk.duration(1000 * found["uptime_s"])
    head = desk.words("status.head", site=found["site"], gateway=found["gateway"], up=up, version=found["version"])
    yield output.coloured(head, "bold")
    if troubles := found["troubles"]:
        parts = [f"{_part(name, desk)}: {desk.reason(what)}" for name, what in troubles.items()]
        yield output.coloured(desk.words("status.trouble", what="; ".join(parts)), "bold red")
    else:
        yield output.coloured(desk.words("status.fine"), "green")


def _part(name: str, desk: Desk) -> str:
    return name if name.startswith("adapter ") else desk.words(f"trouble.{name}")


def _machines(found: Facts, desk: Desk) -> RenderableType:
    headings = [desk.words(word) for word in ("machine", "state", "program", "version", "doing", "open", "cards")]
    rows = [_machine(one, desk, running=found["running"]) for one in found["machines"]]
    return output.table(headings, rows, whole=(6,))


def _machine(one: Facts, desk: Desk, *, running: bool) -> tuple[object, ...]:
    name = one["machine"] if one["name"] in ("", one["machine"]) else f"{one['name']} {one['machine']}"
    version = f"{one['version']} {desk.words(one['extractor'])}" if one["version"] else None
    doing = " ".join(desk.words(one[part]) for part in ("execution", "mode") if one[part])
    counts = [(part, one[part]) for part in ("violated", "unverifiable", "pending") if one[part]]
    return (
        f"{name}, {one['area']}" if one["area"] else name,
        _state(one, desk, running=running),
        one["main_program"],
        version,
        doing or None,
        Text("\n").join(
            output.coloured(desk.words(f"status.counts.{part}", n=number), COLOURS.get(part, ""))
            for part, number in counts
        ),
        output.coloured(str(one["cards"]), "bold red" if one["cards"] else ""),
    )


def _state(one: Facts, desk: Desk, *, running: bool) -> Text:
    if not running:
        return output.coloured(desk.words("status.unwatched", seen=desk.time(one["seen"])), "yellow")
    if one["reachable"] is None:
        return output.coloured(desk.words("status.never"), "yellow")
    key, style = ("status.up", "green") if one["reachable"] else ("status.lost", "bold red")
    said = output.coloured(desk.words(key, since=desk.since(one["since"])), style)
    return said.append(f"\n{output.safe(desk.reason(one['error']))}", "") if one["error"] else said


def _obligations(found: Facts, desk: Desk) -> Iterator[RenderableType]:
    if not found["obligations"]:
        yield output.coloured(desk.words("status.no_obligations"), "")
        return
    yield output.coloured(desk.words("status.obligations", count=found["obligations_open"]), "bold")
    columns = ("time left", "verdict", "machine", "program", "required", "seen", "ecn")
    rows = [_obligation(one, desk) for one in found["obligations"][:MOST_LINES]]
    yield output.table([desk.words(column) for column in columns], rows, whole=(0, 4, 5))
    yield from _more(found["obligations_open"] - len(rows), desk)


def _obligation(one: Facts, desk: Desk) -> tuple[object, ...]:
    left = round(1000 * one["left_s"])
    key = "status.left" if left > 0 else "status.over"
    style = COLOURS.get(one["verdict"], "")
    return (
        output.coloured(desk.words(key, left=desk.duration(abs(left))), style),
        output.coloured(desk.words(one["verdict"]), style),
        one["machine"],
        one["program"],
        one["required"],
        one.get("seen") or one["observed"],  # a daemon of an older release says the latter alone
        one["ecn"],
    )


def _cards(found: Facts, desk: Desk) -> Iterator[RenderableType]:
    cards = found["cards"]
    if not cards:
        yield output.coloured(desk.words("status.no_cards"), "")
        return
    active = sum(card["active"] for card in cards)
    counted = desk.words("status.cards", active=active, returned=len(cards) - active)
    yield output.coloured(counted, "bold")
    shorts = short_ids(card["card_id"] for card in cards)
    rows = [_card(card, shorts[card["card_id"]], desk) for card in cards[:MOST_LINES]]
    yield output.table([desk.words(column) for column in ("card", "severity", "since", "what")], rows, whole=(0, 1, 2))
    yield from _more(found["cards_open"] - len(rows), desk)


def _card(card: Facts, short: str, desk: Desk) -> tuple[object, ...]:
    style = COLOURS.get(card["severity"], "") if card["active"] else "dim"
    return (
        short,
        output.coloured(desk.words(card["severity"]), style),
        desk.since(card["raised"]),
        output.coloured(card["title"][desk.language], style),
    )


def _more(count: int, desk: Desk) -> Iterator[Text]:
    if count > 0:
        yield output.coloured(desk.words("more", count=count), "dim")


def _around(found: Facts, desk: Desk) -> Iterator[Text]:
    """Sources, buffer, broker, and what to type next."""
    if found["sources"]:
        listed = "; ".join(_source(source, desk) for source in found["sources"])
        lost = any(source["lost"] for source in found["sources"])
        yield output.coloured(desk.words("status.sources", list=listed), "bold red" if lost else "")
    buffer = found["buffer"]
    size = output.size(buffer["bytes"])
    yield output.coloured(
        desk.words("status.buffer", unsent=buffer["unsent"], parked=buffer["parked"], size=size),
        "yellow" if buffer["parked"] else "",
    )
    if broker := found.get("broker"):
        yield from _broker(broker, desk)
    yield output.coloured(desk.words("status.next"), "dim")


def _source(source: Facts, desk: Desk) -> str:
    name = source["source"]
    if source["lost"]:
        return desk.words(
            "status.source.lost", source=name, since=desk.since(source["lost"]), error=desk.reason(source["error"])
        )
    if scan := source["scanning"]:
        return desk.words("status.source.progress", source=name, done=spaced(scan["done"]), files=spaced(scan["files"]))
    key = "status.source.ok" if source["first_scan"] else "status.source.scanning"
    return desk.words(key, source=name)


def _broker(broker: Facts, desk: Desk) -> Iterator[Text]:
    since = desk.since(broker["since"])
    if broker["connected"]:
        text = desk.words("status.broker.up", broker=broker["broker"], version=broker["version"], since=since)
        yield output.coloured(text, "")
        if topic := broker["nobody_subscribes"]:
            yield output.coloured(desk.words("status.broker.nobody", topic=topic), "yellow")
    else:
        error = desk.reason(broker["last_error"] or "") or desk.words("unknown")
        text = desk.words("status.broker.down", broker=broker["broker"], since=since, error=error)
        yield output.coloured(text, "bold red")
