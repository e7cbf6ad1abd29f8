"""How `edge-bridge ecn` tells its dry run: each ECN, its rows, the routes, and what would turn red."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.dry_run import EcnRead, FileRead, Outlook, kind_of
from edge_bridge.cli.words import known
from edge_bridge.domain.ecn import STAGES
from edge_bridge.domain.instant import When
from edge_bridge.ports import Trace

MOST_TRACED = 8  # ECNs, and items, of a file whose fields are traced without being asked for
MOST_CAUSES = 15
MOST_ECNS = 200  # of one file, that are shown whole; of more, only the first of those that somebody must look at
STYLES = {"red": "bold red", "green": "green", "blind": "yellow", "none": "dim"}


def show_file(one: FileRead, desk: Desk, *, fields: bool = False) -> None:
    """Print one file. fields: with the origin of every field, however many there are."""
    output.say("")
    if one.error:
        what = one.chinese if desk.language == "zh-CN" and one.chinese else one.error
        output.paragraph(desk.words("ecn.unreadable", what=what), "bold red")
        return
    output.paragraph(desk.words("ecn.file", file=one.name, count=len(one.ecns)), "bold")
    if one.elsewhere:
        output.paragraph(desk.words("ecn.elsewhere", count=one.elsewhere), "dim", indent=2)
    shown = one.ecns if len(one.ecns) <= MOST_ECNS else [ecn for ecn in one.ecns if ecn.faulty][:MOST_ECNS]
    few = sum(len(ecn.draft.items) for ecn in shown) <= MOST_TRACED and len(shown) <= MOST_TRACED
    for ecn in shown:
        for text, style, indent in _lines(ecn, desk, fields=fields or few):
            output.paragraph(text, style, indent=indent)
    if not few and not fields and any(ecn.origin for ecn in shown):
        output.paragraph(desk.words("ecn.more_fields"), "dim", indent=2)
    if left := len(one.ecns) - len(shown):
        output.paragraph(desk.words("ecn.left_out", count=left), "dim", indent=2)


def show_causes(found: Sequence[FileRead], desk: Desk) -> None:
    """Print what must be mended, each cause once with the number of files and one of them, the most frequent first."""
    files: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in found:
        for cause in sorted(one.causes):
            files[cause].append(one.name)
    ordered = sorted(files.items(), key=lambda pair: -len(pair[1]))
    for (kind, detail), names in ordered[:MOST_CAUSES]:
        values = {"word": detail} if kind == "unknown_status" else {"reason": desk.reason(detail)}
        what = (
            desk.words("ecn.unreadable", what=desk.reason(detail))
            if kind == "unreadable"
            else desk.words(f"ecn.{kind}", **values)
        )
        output.paragraph(desk.words("ecn.cause", count=len(names), what=what, file=names[0]), "red")
    if (left := len(ordered) - MOST_CAUSES) > 0:
        output.paragraph(desk.words("ecn.more_causes", count=left), "dim")


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
        unknown=sum(ecn.draft.status is None and not ecn.alone for ecn in ecns),
        unreadable=sum(bool(one.error) for one in found),
    )


def _lines(one: EcnRead, desk: Desk, *, fields: bool) -> Iterator[tuple[str, str, int]]:
    """Yield an ECN's lines with style and indent. fields: with the origin of each field, where it is known."""
    origin = one.origin if fields else None
    draft = one.draft
    status = desk.words(draft.status) if draft.status else "?"
    word = f" ({draft.status_word})" if draft.status_word and draft.status_word != draft.status else ""
    title = f": {draft.title}" if draft.title else ""
    yield desk.words("ecn.head", ecn=draft.number, status=status, word=word, title=title), "bold", 2
    if one.alone:
        yield desk.words("ecn.alone"), "bold red", 4
    elif one.bare:
        yield desk.words("ecn.bare"), "bold red", 4
    elif draft.status is None:
        yield desk.words("ecn.unknown_status", word=draft.status_word), "bold red", 4
    released, effective = _when(draft.released, desk), _when(draft.effective_from, desk)
    yield desk.words("ecn.times", released=released, effective=effective), "", 4
    if draft.status is not None and draft.status.in_force and draft.released is None and draft.effective_from is None:
        yield desk.words("ecn.undated"), "yellow", 4
    for text in _special(one, desk):
        yield text, "yellow", 4
    if origin is not None:
        yield from _origins(origin.head, desk, indent=4)
    by_item: defaultdict[int, list[Outlook]] = defaultdict(list)
    for outlook in one.outlooks:
        by_item[outlook.demand.item].append(outlook)
    lost_ways = {id(lost.item): lost for lost in one.unrouted if not one.bare}
    for lost in one.unrouted if not draft.items and not one.bare else ():
        yield desk.words("ecn.unrouted", reason=desk.reason(lost.reason)), "bold red", 4
    for place, item in enumerate(draft.items):
        facts = {
            name: getattr(item, name) or "–" for name in ("row", "part", "drawing", "revision", "program", "version")
        }
        facts["row"] = desk.place(facts["row"])
        yield desk.words("ecn.item", machines=", ".join(item.machines) or "–", **facts), "", 4
        if item.effectivity:
            yield desk.words("effectivity", text=desk.reason(item.effectivity)), "yellow", 6
        if origin is not None and place < len(origin.items):
            yield from _origins(origin.items[place], desk, indent=6)
        if (found := lost_ways.get(id(item))) is not None:
            yield desk.words(f"ecn.{kind_of(found)}", reason=desk.reason(found.reason)), "bold red", 6
        elif not by_item[place]:
            yield desk.words("ecn.later_row"), "yellow", 6
        for outlook in by_item[place]:
            yield _demand(outlook, desk), "", 6
            yield _outlook(outlook, desk, held=one.same), STYLES[outlook.colour], 8


def _origins(traces: Mapping[str, Trace], desk: Desk, *, indent: int) -> Iterator[tuple[str, str, int]]:
    """Yield where each field came from, as the file has it."""
    for field, trace in traces.items():
        place = desk.place(trace.place)
        yield desk.words("ecn.origin", field=field, raw=trace.raw, place=place, header=trace.header), "dim", indent


def _special(one: EcnRead, desk: Desk) -> Iterator[str]:
    """Yield what is special about its dates, its stage and its content."""
    if one.draft.stage:
        mapped = one.draft.stage in STAGES
        yield desk.words("ecn.stage" if mapped else "ecn.stage_as_said", stage=desk.stage(one.draft.stage))
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


def _demand(one: Outlook, desk: Desk) -> str:
    demand = one.demand
    rule = desk.config.plant.index.numbered(demand.route)
    if rule is None:
        by = desk.words("ecn.by_itself")
    else:
        match = ", ".join(f"{name}: {pattern}" for name, pattern in rule.route.match.items())
        file, line, _ = (rule.route.place or "routes.yaml:–:–").rsplit(":", 2)
        by = desk.words("ecn.by_route", file=file, line=line, match=match)
    version = demand.version or f"SHA-256 {(demand.sha256 or '')[:12]}"
    machine = desk.called(one.machine)
    return desk.words("ecn.demand", machine=machine, program=demand.program, version=version, route=by)


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
