"""The dry run of `edge-bridge ecn` for programs: what its view tells people, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_bridge.cli.desk import Desk
from edge_bridge.cli.dry_run import Choice, EcnRead, FileRead, Outlook
from edge_bridge.domain.ecn import Item
from edge_bridge.domain.instant import When, to_text_or_none
from edge_bridge.ports import Trace, TracedEcn


def as_data(found: Sequence[FileRead], choice: Choice, desk: Desk) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "source": choice.id,
        "source_chosen": choice.why,
        "ok": not any(one.faulty for one in found),
        "files": [
            {
                "file": one.name,
                "sha256": one.sha256,
                "name_fits": choice.wants(one.name),
                "error": one.error or None,
                "elsewhere": one.elsewhere,
                "ecns": [_ecn_data(ecn, desk) for ecn in one.ecns],
            }
            for one in found
        ],
    }


def _ecn_data(one: EcnRead, desk: Desk) -> dict[str, Any]:
    draft = one.draft
    return {
        "ecn": draft.number,
        "status": draft.status,
        "status_word": draft.status_word,
        "title": draft.title,
        "released": _when_data(draft.released),
        "effective_from": _when_data(draft.effective_from),
        "suspect_time": one.timing.suspect,
        "waits_until": to_text_or_none(one.timing.waits_until),
        "same": one.same,
        "alone": one.alone,
        "bare": one.bare,
        "baseline": bool(one.ecn and one.ecn.baseline),
        "stage": draft.stage,
        "items": [_item_data(item) for item in draft.items],
        "origin": _origin_data(one.origin) if one.origin else None,
        "demands": [_outlook_data(outlook, desk) for outlook in one.outlooks],
        "unrouted": [{"row": u.item.row, "part": u.item.part, "reason": u.reason} for u in one.unrouted],
    }


def _item_data(item: Item) -> dict[str, Any]:
    names = ("row", "part", "drawing", "revision", "program", "version", "machines", "serial_from", "serial_to", "lot")
    return {name: getattr(item, name) for name in (*names, "doubt")}


def _origin_data(origin: TracedEcn) -> dict[str, Any]:
    """Return where each field came from: of the ECN itself, and of each item in order."""

    def data(traces: Mapping[str, Trace]) -> dict[str, Any]:
        return {field: {"place": t.place, "header": t.header, "raw": t.raw} for field, t in traces.items()}

    return {"ecn": data(origin.head), "items": [data(traces) for traces in origin.items]}


def _when_data(when: When | None) -> dict[str, Any] | None:
    return None if when is None else {"at": to_text_or_none(when.utc), "quality": when.quality, "text": when.text}


def _outlook_data(one: Outlook, desk: Desk) -> dict[str, Any]:
    rule = desk.config.plant.index.numbered(one.demand.route)
    return {
        "machine": one.machine,
        "program": one.demand.program,
        "required": one.demand.version,
        "row": one.demand.row,
        "route": rule.number + 1 if rule else None,
        "route_place": rule.route.place if rule else None,
        "in_force": one.in_force,
        "outlook": one.colour,
        "reason": str(one.assessment.blind or one.assessment.comparison) if one.assessment else None,
        "seen": one.assessment.seen if one.assessment else None,
        "read": to_text_or_none(one.reading.at.utc if one.reading else None),
    }
