"""How `edge-bridge ecn` tells its dry run: each ECN, its rows, the routes, and what would turn red."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.dry_run import Choice, EcnRead, FileRead, Outlook
from edge_bridge.cli.words import known
from edge_bridge.domain.instant import When, to_text_or_none
from edge_bridge.domain.routing import Demand

MOST_ECNS = 200  # of one file, that are shown whole; of more, only the first of those that somebody must look at
STYLES = {"red": "bold red", "green": "green", "blind": "yellow", "none": "dim"}


def show_file(one: FileRead, desk: Desk) -> None:
    """Print one file."""
    output.say("")
    if one.error:
        what = one.chinese if desk.language == "zh-CN" and one.chinese else one.error
        output.paragraph(desk.words("ecn.unreadable", what=what), "bold red")
        return
    output.paragraph(desk.words("ecn.file", file=one.name, count=len(one.ecns)), "bold")
    shown = one.ecns if len(one.ecns) <= MOST_ECNS else [ecn for ecn in one.ecns if ecn.faulty][:MOST_ECNS]
    for ecn in shown:
        for text, style, indent in _lines(ecn, desk):
            output.paragraph(text, style, indent=indent)
    if left := len(one.ecns) - len(shown):
        output.paragraph(desk.words("ecn.left_out", count=left), "dim", indent=2)


def summary(found: Sequence[FileRead], desk: Desk) -> str:
    """Return the counts in one line."""
    ecns = [ecn for one in found for ecn in one.ecns]
    colours = Counter(outlook.colour for ecn in ecns for outlook in ecn.outlooks)
    return desk.words(
        "ecn.summary",
        files=len(found),
        ecns=len(ecns),
        red=colours["red"],
        green=colours["green"],
        blind=colours["blind"],
        unrouted=sum(len(ecn.unrouted) for ecn in ecns),
        unknown=sum(ecn.draft.status is None for ecn in ecns),
        unreadable=sum(bool(one.error) for one in found),
    )


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
                "error": one.error or None,
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
        "baseline": bool(one.ecn and one.ecn.baseline),
        "items": [
            {
                name: getattr(item, name)
                for name in ("row", "part", "drawing", "revision", "program", "version", "machines")
            }
            for item in draft.items
        ],
        "demands": [_outlook_data(outlook, desk) for outlook in one.outlooks],
        "unrouted": [{"row": u.item.row, "part": u.item.part, "reason": u.reason} for u in one.unrouted],
    }


def _when_data(when: When | None) -> dict[str, Any] | None:
    return None if when is None else {"at": to_text_or_none(when.utc), "quality": when.quality, "text": when.text}


def _outlook_data(one: Outlook, desk: Desk) -> dict[str, Any]:
    return {
        "machine": one.demand.machine,
        "program": one.demand.program,
        "required": one.demand.version,
        "row": one.demand.row,
        "route": _entry(one.demand, desk),
        "in_force": one.in_force,
        "outlook": one.colour,
        "reason": str(one.assessment.blind or one.assessment.comparison) if one.assessment else None,
        "seen": one.assessment.seen if one.assessment else None,
        "read": to_text_or_none(one.reading.at.utc if one.reading else None),
    }


def _lines(one: EcnRead, desk: Desk) -> Iterator[tuple[str, str, int]]:
    """Yield an ECN's lines with style and indent."""
    draft = one.draft
    status = desk.words(draft.status) if draft.status else "?"
    word = f" ({draft.status_word})" if draft.status_word and draft.status_word != draft.status else ""
    title = f": {draft.title}" if draft.title else ""
    yield desk.words("ecn.head", ecn=draft.number, status=status, word=word, title=title), "bold", 2
    if draft.status is None:
        yield desk.words("ecn.unknown_status", word=draft.status_word), "bold red", 4
    released, effective = _when(draft.released, desk), _when(draft.effective_from, desk)
    yield desk.words("ecn.times", released=released, effective=effective), "", 4
    if draft.status is not None and draft.status.in_force and draft.released is None and draft.effective_from is None:
        yield desk.words("ecn.undated"), "yellow", 4
    for text in _special(one, desk):
        yield text, "yellow", 4
    by_item = {place: [o for o in one.outlooks if o.demand.item == place] for place in range(len(draft.items))}
    reasons = {id(u.item): u.reason for u in one.unrouted}
    for lost in one.unrouted if not draft.items else ():
        yield desk.words("ecn.unrouted", reason=desk.reason(lost.reason)), "bold red", 4
    for place, item in enumerate(draft.items):
        facts = {
            name: getattr(item, name) or "–" for name in ("row", "part", "drawing", "revision", "program", "version")
        }
        facts["row"] = desk.place(facts["row"])
        yield desk.words("ecn.item", machines=", ".join(item.machines) or "–", **facts), "", 4
        if reason := reasons.get(id(item)):
            yield desk.words("ecn.doubt" if item.doubt else "ecn.unrouted", reason=desk.reason(reason)), "bold red", 6
        for outlook in by_item[place]:
            yield _demand(outlook.demand, desk), "", 6
            yield _outlook(outlook, desk, held=one.same), STYLES[outlook.colour], 8


def _special(one: EcnRead, desk: Desk) -> Iterator[str]:
    """Yield what is special about its dates and its content."""
    if one.timing.suspect:
        yield desk.words("ecn.suspect")
    if one.timing.waits_until is not None:
        yield desk.words("ecn.waits", at=desk.time(one.timing.waits_until))
    if one.same:
        yield desk.words("ecn.same")
    elif one.ecn is not None and one.ecn.baseline:
        yield desk.words("ecn.baseline")


def _when(when: When | None, desk: Desk) -> str:
    if when is None:
        return "–"
    quality = desk.words("ecn.instant" if when.quality == "instant" else str(when.quality))
    return desk.words("ecn.time", at=desk.time(when.utc), quality=quality, text=when.text or "–")


def _demand(demand: Demand, desk: Desk) -> str:
    entry = _entry(demand, desk)
    if entry is None:
        by = desk.words("ecn.by_itself")
    else:
        rule = desk.config.plant.routes[entry - 1]
        match = ", ".join(f"{name}: {pattern}" for name, pattern in rule.match.items())
        by = desk.words("ecn.by_route", number=entry, match=match)
    version = demand.version or f"SHA-256 {(demand.sha256 or '')[:12]}"
    machine = desk.called(demand.machine)
    return desk.words("ecn.demand", machine=machine, program=demand.program, version=version, route=by)


def _entry(demand: Demand, desk: Desk) -> int | None:
    """Return which entry of routes.yaml led here, counted from 1."""
    digests = [rule.digest for rule in desk.config.plant.routes]
    return digests.index(demand.route) + 1 if demand.route in digests else None


def _outlook(one: Outlook, desk: Desk, *, held: bool) -> str:
    if one.rules is None:
        return desk.words("ecn.nothing_in_force")
    if not one.in_force:
        rules = one.rules.demand
        return desk.words("ecn.not_in_force", ecn=rules.ecn, version=rules.version or "–")
    if one.reading is None or one.assessment is None:
        return desk.words("ecn.colour.none")
    if one.colour == "blind":
        key = f"why.{one.assessment.blind}"
        values = {"seen": one.assessment.seen or "–", "scheme": one.demand.rule.scheme, "fault": "main_program"}
        return desk.words(
            "ecn.colour.blind", why=desk.words(key, **values) if known(key) else str(one.assessment.blind)
        )
    seen, at = one.assessment.seen or "–", desk.time(one.reading.at.utc)
    limit = desk.duration(one.demand.limit)
    key = "ecn.colour.is_red" if held and one.colour == "red" else f"ecn.colour.{one.colour}"
    return desk.words(key, seen=seen, at=at, limit=limit)
