"""How `explain` tells what it found: headlines, then for each program what is required, what was seen, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.findings import ORDER, Finding, Inquiry, Sight, colour_of
from edge_bridge.cli.sides import card_line, lines_of
from edge_bridge.cli.stages import waits_for, way
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.routing import register_key, route
from edge_bridge.domain.told import program_data
from edge_bridge.domain.told_obligation import ObligationTold

HEADS = {"red": "bold red", "yellow": "bold yellow", "green": "bold green", "quiet": "bold"}
MOST_STEPS = 8  # of an ECN's way, the newest
MOST = 12  # findings that are shown without --all
FEW = 3  # where none of them matters now


def show_machine(machine_id: str, inquiry: Inquiry, desk: Desk, *, everything: bool) -> str:
    """Print all about a machine, and return its colour."""
    sight, found = inquiry.sight(machine_id), inquiry.machine(machine_id)
    colour = colour_of(found, not sight.fresh)
    area = (sight.machine.area if sight.machine else "") or desk.words("explain.no_area")
    head = desk.words("explain.machine", machine=desk.called(machine_id), area=area, colour=desk.words(colour))
    output.paragraph(head, HEADS[colour])
    selected = any(inquiry.selected(one) for one in found)
    output.paragraph(_summary("explain" if selected or colour != "green" else "explain.idle", colour, found, desk))
    for text, style in _present(sight, desk):
        output.paragraph(text, style, indent=2)
    for short, card in inquiry.cards_about(machine_id):
        output.paragraph(card_line(short, card, desk), "yellow", indent=2)
    if not found:
        output.paragraph(desk.words("explain.nothing"), indent=2)
    show_findings(found, inquiry, desk, machine_id, everything=everything)
    return colour


def show_ecn(number: str, inquiry: Inquiry, desk: Desk, *, everything: bool) -> str:
    """Print all about an ECN, and return its colour."""
    ecn, found = inquiry.held(number), inquiry.ecn(number)
    assert ecn is not None
    colour = _ecn_colour(ecn, found, inquiry, desk)
    title = f": {ecn.draft.title}" if ecn.draft.title else ""
    status, shown = desk.words(str(ecn.status)), desk.words(colour)
    head = desk.words("explain.ecn", ecn=number, status=status, title=title, colour=shown)
    output.paragraph(head, HEADS[colour])
    for text, style in _about(ecn, desk):
        output.paragraph(text, style, indent=2)
    if any(one.requirement for one in found):
        output.paragraph(_summary("explain.ecn", colour, found, desk), indent=2)
    else:
        output.paragraph(desk.words("explain.ecn.nothing"), indent=2)
    if _unjudged(ecn, found, inquiry, desk):
        output.paragraph(desk.words("explain.ecn.unjudged"), "yellow", indent=2)
    for one in found:
        rules = inquiry.in_force(register_key(one.machine, one.demand.key)) if one.requirement is None else None
        if rules is not None:
            facts = {"program": rules.demand.program, "ecn": rules.demand.ecn, "version": rules.demand.version or "–"}
            text = desk.words("explain.overtaken", machine=desk.called(rules.machine), **facts)
            output.paragraph(text, indent=2)
    show_findings(found, inquiry, desk, number, everything=everything)
    return colour


def machine_data(machine_id: str, inquiry: Inquiry, desk: Desk) -> dict[str, Any]:
    """Return the same for programs."""
    sight, found = inquiry.sight(machine_id), inquiry.machine(machine_id)
    return {
        "machine": machine_id,
        "name": sight.machine.name if sight.machine else "",
        "colour": colour_of(found, not sight.fresh),
        "running": inquiry.running,
        "blind": sight.why or None,
        "reading": program_data(sight.reading) if sight.reading else None,
        "read": desk.time(sight.reading.at.utc) if sight.reading else None,
        "cards": [card.id for _, card in inquiry.cards_about(machine_id)],
        "findings": [finding_data(one, desk) for one in found],
    }


def ecn_data(number: str, inquiry: Inquiry, desk: Desk) -> dict[str, Any]:
    """Return the same for programs."""
    ecn, found = inquiry.held(number), inquiry.ecn(number)
    assert ecn is not None
    return {
        "ecn": number,
        "status": ecn.status,
        "file": ecn.file,
        "sha256": ecn.sha256,
        "colour": _ecn_colour(ecn, found, inquiry, desk),
        "running": inquiry.running,
        "stages": [{"stage": stage, "at": desk.time(at)} for stage, at in ecn.steps],
        "unrouted": [
            {"row": one.item.row, "part": one.item.part, "reason": one.reason} for one in _unrouted(ecn, desk)
        ],
        "findings": [finding_data(one, desk) for one in found],
    }


def finding_data(one: Finding, desk: Desk) -> dict[str, Any]:
    """Return one finding for programs."""
    evidence = one.assessment.evidence if one.assessment else None
    return {
        "machine": one.machine,
        "program": one.demand.program,
        "required": one.demand.version,
        "ecn": one.demand.ecn,
        "colour": one.colour,
        "state": one.what,
        "reason": one.reason,
        "in_force": one.requirement is not None,
        "seen": evidence.value if evidence else None,
        "field": evidence.field if evidence else None,
        "extractor": evidence.extractor if evidence else None,
        "waits_for": waits_for(one, desk) or None,
        "last_match": desk.time(one.requirement.matched) if one.requirement and one.requirement.matched else None,
        "cards": [card.id for _, card in one.cards],
        "obligation": dict(ObligationTold(one.obligation)) if one.obligation else None,
        "lines": [f"{label}: {text}" for label, text in lines_of(one, desk)],
    }


def _summary(family: str, colour: str, found: Sequence[Finding], desk: Desk) -> str:
    unseen = sum(map(_unseen, found)) if family == "explain.ecn" and colour == "yellow" else 0
    count = sum(one.colour == colour for one in found) + unseen
    if colour == "yellow" and not count:
        return desk.words("explain.blind")
    return desk.words(f"{family}.{colour}", count=count)


def _present(sight: Sight, desk: Desk) -> Iterator[tuple[str, str]]:
    """Yield what the machine shows now."""
    kept, reading = sight.kept, sight.reading
    if kept is not None and kept.reachable is False:
        at, since = desk.time(kept.since), desk.since(kept.since)
        yield desk.words("explain.lost", at=at, since=since, error=desk.reason(kept.error)), "bold red"
    if reading is None:
        yield desk.words("explain.never"), "yellow"
        return
    read, age = desk.time(reading.at.utc), desk.since(reading.at.utc)
    if sight.why == "not_watched":
        yield desk.words("explain.unwatched", read=read, age=age), "bold red"
    elif kept is not None and kept.reachable:
        since = desk.since(kept.since)
        yield desk.words("explain.reachable", at=desk.time(kept.since), since=since, read=read, age=age), ""
    not_known = desk.words("explain.not_known")
    execution = desk.words(reading.execution) if reading.execution else not_known
    mode = desk.words(reading.mode) if reading.mode else not_known
    yield desk.words("explain.selected", program=reading.main_program or "–", execution=execution, mode=mode), ""
    for fault in reading.faults:
        yield desk.words("explain.fault", field=fault.field, error=desk.reason(fault.error)), "yellow"


def _about(ecn: Ecn, desk: Desk) -> Iterator[tuple[str, str]]:
    """Yield where an ECN came from, and what is special about it."""
    draft = ecn.draft
    first = desk.place(draft.items[0].row) if draft.items else "–"
    yield desk.words("req.file", source=ecn.source, file=ecn.file, row=first, sha256=ecn.sha256[:12]), ""
    yield desk.words("req.times", released=_released(ecn, desk), arrived=desk.time(ecn.arrived.utc)), ""
    if draft.category or draft.designer:
        facts = {"category": draft.category or "–", "designer": draft.designer or "–"}
        yield desk.words("explain.category", **facts), ""
    if ecn.steps:
        yield desk.words("explain.way", way=way(ecn.steps[-MOST_STEPS:], desk)), ""
    if ecn.waiting:
        yield desk.words("explain.waiting", at=desk.time(ecn.release)), "yellow"
    if ecn.baseline:
        yield desk.words("explain.baseline"), ""
    if ecn.suspect_time:
        yield desk.words("ecn.suspect"), "yellow"
    if ecn.late_arrival and ecn.release is not None:
        yield desk.words("explain.late", delay=desk.duration(ecn.arrived.utc - ecn.release)), "yellow"
    for one in _unrouted(ecn, desk):
        part = one.item.part or one.item.program or "–"
        row = desk.place(one.item.row)
        said = "explain.doubt" if one.item.doubt else "explain.unrouted"
        yield desk.words(said, row=row, part=part, reason=desk.reason(one.reason)), "bold red"


def _released(ecn: Ecn, desk: Desk) -> str:
    date = ecn.draft.released or ecn.draft.effective_from
    if date is None:
        return "–"
    note = f" ({desk.words(date.quality)})" if date.quality != "instant" else ""
    return desk.time(date.utc) + note


def _unrouted(ecn: Ecn, desk: Desk) -> list[Any]:
    return route(ecn.draft, desk.config.plant)[1] if ecn.status.in_force else []


def _ecn_colour(ecn: Ecn, found: Sequence[Finding], inquiry: Inquiry, desk: Desk) -> str:
    """Return an ECN's colour: it is green only when all that it demands was seen at least once."""
    colour = colour_of([one for one in found if one.requirement is not None], blind=False)
    unsettled = ecn.waiting or _unrouted(ecn, desk) or any(map(_unseen, found)) or _unjudged(ecn, found, inquiry, desk)
    return "yellow" if colour == "green" and unsettled else colour


def _unjudged(ecn: Ecn, found: Sequence[Finding], inquiry: Inquiry, desk: Desk) -> bool:
    """Tell whether its routes lead where nothing was ever demanded: a route was added, and has not been taken in yet."""
    if not ecn.status.in_force or ecn.waiting:
        return False
    known = {register_key(one.machine, one.demand.key) for one in found}
    demanded, _ = route(ecn.draft, desk.config.plant)
    return any(key not in known and inquiry.in_force(key) is None for key in demanded)


def _unseen(one: Finding) -> bool:
    """Tell whether nobody ever saw the required version: not to be selected is no fault, and no proof."""
    return one.colour == "quiet" and one.requirement is not None and one.requirement.matched is None


def show_findings(found: Sequence[Finding], inquiry: Inquiry, desk: Desk, name: str, *, everything: bool) -> None:
    """Print what matters of the findings, and how many there are besides."""
    wanted = [one for one in found if _matters(one, inquiry)][:MOST] or found[:FEW]
    shown = found if everything else wanted
    for one in shown:
        _show(one, desk)
    if rest := _rest(found, shown):
        counts = Counter(one.colour for one in rest)
        listed = ", ".join(f"{counts[colour]} {desk.words(colour)}" for colour in ORDER if counts[colour])
        output.say("")
        output.paragraph(desk.words("explain.rest", count=len(rest), listed=listed, name=name), "dim")


def _rest(found: Sequence[Finding], shown: Sequence[Finding]) -> list[Finding]:
    """Return what is not shown; findings are compared by identity, for there may be thousands."""
    there = {id(one) for one in shown}
    return [one for one in found if id(one) not in there]


def _show(one: Finding, desk: Desk) -> None:
    place = desk.words("explain.place", program=one.demand.program, machine=desk.called(one.machine))
    left = desk.duration(max(0, one.obligation.due.remaining(desk.now))) if one.obligation else ""
    what = desk.words(f"what.{one.what}", left=left)
    output.say("")
    head = desk.words("explain.heading", place=place, colour=desk.words(one.colour), what=what)
    output.paragraph(head, HEADS[one.colour])
    before = ""
    for label, text in lines_of(one, desk):
        output.labelled("" if label == before else label, text)
        before = label


def _matters(one: Finding, inquiry: Inquiry) -> bool:
    return inquiry.selected(one) or one.colour in ("red", "yellow") or bool(one.cards)
