"""One snapshot of everyone's last word: what `status`, the control socket and the birth message tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_bridge.domain.instant import to_text, to_text_or_none
from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.told import card_data, program_data

MOST_OBLIGATIONS = 200  # in one answer: the most urgent ones; the rest is a number


def machines(ledger: Ledger) -> list[dict[str, Any]]:
    """Return one line for each machine: where it stands, what it shows, how much is open on it."""
    books = ledger.books
    lines = []
    for machine in books.plant.machines.values():
        kept = books.state.machine[machine.id]
        reading = books.latest.get(machine.id) or kept.reading
        open_here = books.obligations_at(machine.id)
        shown = program_data(reading) if reading else {}
        lines.append(
            {
                "machine": machine.id,
                "name": machine.name,
                "area": machine.area,
                "reachable": kept.reachable,
                "since": to_text_or_none(kept.since),
                "error": kept.error,
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


def obligations(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the open obligations, the most urgent first, with the seconds left."""
    books = ledger.books
    urgent = sorted(books.state.obligation.values(), key=lambda o: (o.due.remaining(books.now), o.id))
    return [_obligation(o, ledger) for o in urgent[:MOST_OBLIGATIONS]]


def cards(ledger: Ledger) -> list[dict[str, Any]]:
    """Return every open card as the platform has it, the most severe first."""
    books = ledger.books
    ordered = sorted(books.state.card.values(), key=lambda c: (not c.active, -c.severity.rank, c.raised.utc))
    return [card_data(card, books) for card in ordered]


def sources(ledger: Ledger) -> list[dict[str, Any]]:
    """Return one line for each ECN source."""
    books = ledger.books
    return [
        {
            "source": source.id,
            "lost": to_text_or_none(source.lost.utc if source.lost else None),
            "error": source.error,
            "first_scan": to_text_or_none(source.scanned.utc if source.scanned else None),
        }
        for source in books.state.source.values()
        if source.id in books.plant.sources
    ]


def trouble(parts: Mapping[str, str | None]) -> str | None:
    """Return what keeps the gateway from doing its work, in one line, or None."""
    return "; ".join(f"{name}: {what}" for name, what in parts.items() if what) or None


def _obligation(o: Obligation, ledger: Ledger) -> dict[str, Any]:
    return {
        "obligation": o.id,
        "machine": o.machine,
        "program": o.demand.program,
        "required": o.demand.version,
        "observed": o.observed,
        "ecn": o.ecn,
        "verdict": o.verdict,
        "reason": o.reason,
        "due": to_text(o.due.utc),
        "left_s": round(o.due.remaining(ledger.books.now) / 1000, 1),
    }
