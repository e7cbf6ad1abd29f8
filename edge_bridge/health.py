"""One snapshot of the books: what `status`, the control socket and the service manager tell, running or not."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nsmallest
from typing import Any

from edge_bridge.domain.books import Books
from edge_bridge.domain.evidence import counting, selected_program
from edge_bridge.domain.instant import to_text, to_text_or_none
from edge_bridge.domain.obligation import Obligation, Verdict
from edge_bridge.domain.opening import Opened
from edge_bridge.domain.plant import Machine
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.routing import register_key
from edge_bridge.domain.state import Binding
from edge_bridge.domain.told import card_data, program_data

MOST_OBLIGATIONS = 200  # in one answer: the most urgent ones; the rest is a number
MOST_CARDS = 500


Scanning = Mapping[str, tuple[int, int]]
"""First scans that run now, by source: files dealt with, of so many."""
NONE: Scanning = {}


def told(books: Books, scans: Scanning = NONE) -> dict[str, Any]:
    """Return machines, sources, open obligations and open cards, JSON-ready."""
    return {
        "machines": machines(books),
        "sources": sources(books, scans),
        "obligations": obligations(books),
        "obligations_open": len(books.state.obligation),
        "cards": cards(books),
        "cards_open": len(books.state.card),
    }


def summary(books: Books, trouble: str | None, scans: Scanning = NONE) -> str:
    """Return where the plant stands in one line, for the service manager."""
    reachable = sum(bool(m.reachable) for m in books.state.machine.values())
    active = sum(card.active for card in books.state.card.values())
    counts = f"{reachable}/{len(books.plant.machines)} machines, {len(books.state.obligation)} open obligations"
    text = f"{counts}, {active} active cards"
    for source, (done, files) in scans.items():
        text += f"; first scan of {source}: {spaced(done)} of {spaced(files)} files"
    return f"{text}; {trouble}" if trouble else text


def spaced(number: int) -> str:
    """Return a number that a person can read at a glance: 34 000."""
    return f"{number:,}".replace(",", " ")


def machines(books: Books) -> list[dict[str, Any]]:
    """Return one line for each machine: where it stands, what it shows, how much is open on it."""
    lines = []
    for machine in books.plant.machines.values():
        kept = books.state.machine.get(machine.id)
        reading = books.latest.get(machine.id) or (kept.reading if kept else None)
        open_here = books.obligations_at(machine.id)
        shown = program_data(reading) | _version(reading, machine, books) if reading else {}
        lines.append(
            {
                "machine": machine.id,
                "name": machine.name,
                "area": machine.area,
                "reachable": kept.reachable if kept else None,
                "since": to_text_or_none(kept.since) if kept else None,
                "error": kept.error if kept else "",
                "seen": to_text_or_none(reading.at.utc if reading else None),
                **{key: shown.get(key) for key in ("main_program", "version", "extractor", "execution", "mode")},
                "faults": shown.get("faults", {}),
                "pending": sum(o.verdict == "pending" for o in open_here),
                "violated": sum(o.verdict == "violated" for o in open_here),
                "unverifiable": sum(o.verdict == "unverifiable" for o in open_here),
                "cards": sum(card.active for card in books.cards_of(machine.id)),
            }
        )
    return lines


def _version(reading: Reading, machine: Machine, books: Books) -> dict[str, Any]:
    """Return the version that counts for the selected program, with the extractor that gave it."""
    kept, selected = books.state.machine.get(machine.id), selected_program(reading, machine)
    rules = books.state.requirement.get(register_key(machine.id, selected)) if selected else None
    demand = rules.demand if rules is not None else None
    rule = demand.rule if demand is not None else machine.rule
    found = counting(reading, machine, kept.binding if kept is not None else Binding(), demand, rule)
    return {"version": found.value, "extractor": found.extractor} if found is not None else {}


def obligations(books: Books) -> list[dict[str, Any]]:
    """Return the open obligations, the most urgent first, with the seconds left: violated, to come, cannot be seen."""
    held = books.state.obligation
    urgent = nsmallest(
        MOST_OBLIGATIONS, held.as_put.values(), key=lambda o: (_urgency(o), o.due.remaining(books.now), o.id)
    )
    return [_obligation(held[o.id], books) for o in urgent]


def cards(books: Books) -> list[dict[str, Any]]:
    """Return every open card as the platform has it, the most severe first."""
    ordered = sorted(books.state.card.values(), key=lambda c: (not c.active, -c.severity.rank, c.raised.utc))
    return [card_data(card, books) for card in ordered[:MOST_CARDS]]


def sources(books: Books, scans: Scanning = NONE) -> list[dict[str, Any]]:
    """Return one line for each folder that is read: ECN sources and program shares."""
    folders = books.plant.folders
    return [
        {
            "source": source.id,
            "name": folders[source.id].name,
            "lost": to_text_or_none(source.lost.utc if source.lost else None),
            "error": source.error,
            "first_scan": to_text_or_none(source.scanned.utc if source.scanned else None),
            "scanning": dict(zip(("done", "files"), scans[source.id], strict=True)) if source.id in scans else None,
        }
        for source in books.state.source.values()
        if source.id in folders
    ]


def _urgency(o: Obligation | Opened) -> int:
    """Order so that hundreds of parts that are not scheduled hide neither a violation nor a deadline."""
    if isinstance(o, Opened):
        return 1
    if o.reason == "not_loaded":
        return 3
    return {Verdict.VIOLATED: 0, Verdict.PENDING: 1}.get(o.verdict, 2)


def _obligation(o: Obligation, books: Books) -> dict[str, Any]:
    rules = books.state.requirement.get(register_key(o.machine, o.program))
    return {
        "obligation": o.id,
        "machine": o.machine,
        "program": o.demand.program,
        "required": o.demand.version,
        "observed": o.observed,
        "seen": (rules.seen if rules is not None and rules.demand.ecn == o.ecn else None) or o.observed,
        "ecn": o.ecn,
        "verdict": o.verdict,
        "reason": o.reason,
        "due": to_text(o.due.utc),
        "left_s": round(o.due.remaining(books.now) / 1000, 1),
    }
