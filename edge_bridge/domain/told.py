"""How the books are told to the outside: the data of events and of the retained topics, in the contract's names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from typing import Any

from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Card
from edge_bridge.domain.ecn import Ecn, Item
from edge_bridge.domain.instant import Milliseconds, to_text, to_text_or_none
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import Demands, machine_of
from edge_bridge.domain.state import MachineState

EFFECTIVITY = ("serial_from", "serial_to", "lot")
MOST_ECNS = 50  # a card lists the newest; the rest is a number
MOST_REQUIREMENTS = 200  # of one machine in its retained state


def seconds(duration: Milliseconds | None) -> float | None:
    """Return a duration as the contract gives it, in seconds."""
    return None if duration is None else duration / 1000


def ecn_data(ecn: Ecn, demands: Demands) -> dict[str, Any]:
    """Return the data of `ecn.received` and `ecn.changed`."""
    draft, by_item = ecn.draft, _by_item(demands)
    return {
        "ecn": draft.number,
        "title": draft.title,
        "category": draft.category,
        "designer": draft.designer,
        "status": draft.status,
        "released": to_text_or_none(draft.released.utc if draft.released else None),
        "effective_from": to_text_or_none(draft.effective_from.utc if draft.effective_from else None),
        "late_arrival": ecn.late_arrival,
        "time_quality": ecn.time_quality,
        "skew_s": seconds(ecn.skew),
        "baseline": ecn.baseline,
        "waiting": ecn.waiting,
        "supersedes": list(draft.supersedes),
        "stages": {stage: to_text(at) for stage, at in ecn.stages.items()},
        "stage_history": [{"stage": stage, "at": to_text(at)} for stage, at in ecn.steps],
        "items": [_item_data(item, by_item.get(index, {})) for index, item in enumerate(draft.items)],
        "source": ecn.source,
        "file": ecn.file,
        "sha256": ecn.sha256,
    }


def _item_data(item: Item, demands: Demands) -> dict[str, Any]:
    data = {
        "part": item.part,
        "drawing": item.drawing,
        "revision": item.revision,
        "program": item.program or _first(d.program for d in demands.values()),
        "required": item.version or _first(d.version for d in demands.values()),
        "sha256": item.sha256,
        "machines": sorted({machine_of(key) for key in demands}) or list(item.machines),
        "row": item.row,
    }
    for name in EFFECTIVITY:
        if (value := getattr(item, name)) is not None:
            data[name] = value
    return data


def _by_item(demands: Demands) -> Mapping[int, Demands]:
    """Sort demands by the item they come from: an ECN may have thousands of either."""
    found: defaultdict[int, Demands] = defaultdict(dict)
    for key, demand in demands.items():
        found[demand.item][key] = demand
    return found


def card_data(card: Card, books: Books) -> dict[str, Any]:
    """Return the data of `card.*`, which is also the retained card."""
    machine = books.machine(card.machine)
    texts: dict[str, Any] = {"title": {}, "text": {}, "next_step": {}} | dict(books.texts(card, machine))
    return {
        "card_id": card.id,
        "dedup_key": card.dedup_key,
        "kind": card.kind,
        "severity": card.severity,
        "machine": card.machine,
        "machine_name": machine.name if machine else None,
        "area": machine.area if machine else None,
        "ecn": card.ecns[-1] if card.ecns else None,
        "ecns": list(card.ecns[-MOST_ECNS:]),
        "ecn_count": len(card.ecns),
        "program": card.program,
        "seen": card.seen,
        "parties": list(card.parties),
        "active": card.active,
        "state": card.state,
        "acks": {
            party: {"by": ack.by, "at": to_text(ack.at), "revision": ack.revision, "comment": ack.comment}
            for party, ack in card.acks.items()
        },
        "revision": card.revision,
        "level": card.level,
        "raised": to_text(card.raised.utc),
        "cleared": to_text_or_none(card.cleared),
        "facts": card.facts,
        **texts,
    }


def program_data(reading: Reading) -> dict[str, Any]:
    """Return the data of `program.changed`: `version` as read, untouched."""
    first = next(iter(reading.evidence), None)
    return {
        "machine": reading.machine,
        "main_program": reading.main_program,
        "active_program": reading.active_program,
        "version": first.value if first else None,
        "extractor": first.extractor if first else None,
        "execution": reading.execution,
        "mode": reading.mode,
        "test": reading.test,
        "faults": {fault.field: fault.error for fault in reading.faults},
    }


def state_data(books: Books, machine: str, requirements: Sequence[Requirement], sequence: int) -> dict[str, Any]:
    """Return what is true of a machine now: its retained topic. The requirements that matter now come first."""
    kept: MachineState | None = books.state.machine.get(machine)
    configured = books.machine(machine)
    reading = books.latest.get(machine) or (kept.reading if kept else None)
    shown = program_data(reading) if reading else {}
    return {
        "machine": machine,
        "name": configured.name if configured else "",
        "area": configured.area if configured else "",
        "sequence": f"{sequence:020d}",
        "reachable": bool(kept and kept.reachable),
        "since": to_text_or_none(kept.since if kept else None),
        **{name: shown.get(name) for name in ("main_program", "active_program", "version", "extractor")},
        **{name: shown.get(name) for name in ("execution", "mode")},
        "seen": to_text_or_none(reading.at.utc if reading else None),
        "requirements": [requirement_data(r) for r in _weightiest(requirements)],
        "requirements_total": len(requirements),
    }


def requirement_data(r: Requirement) -> dict[str, Any]:
    """Return one line of the register."""
    return {
        "program": r.demand.program,
        "required": r.demand.version,
        "verdict": r.verdict,
        "ecn": r.demand.ecn,
        "due": to_text_or_none(r.due),
        "last_match": to_text_or_none(r.matched),
        "seen": r.seen,
        "baseline": r.baseline is not None,
    }


def _weightiest(requirements: Sequence[Requirement]) -> list[Requirement]:
    """Open trouble first, then what was judged, then the quiet rest; newest first within each."""
    order = {"violated": 0, "unverifiable": 1, "pending": 2, None: 4}
    return nsmallest(MOST_REQUIREMENTS, requirements, lambda r: (order.get(r.verdict, 3), -(r.due or r.since.utc)))


def _first(values: Any) -> Any:
    return next((value for value in values if value), None)
