"""Both sides of one finding in words: what is required and how that is known, what was seen and how, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator

from edge_bridge.cli.desk import Desk
from edge_bridge.cli.findings import Finding
from edge_bridge.cli.stages import stages_of
from edge_bridge.cli.words import known
from edge_bridge.domain.card import Card
from edge_bridge.domain.evidence import judged_programs
from edge_bridge.domain.obligation import Verdict
from edge_bridge.domain.reading import Evidence

Lines = Iterator[tuple[str, str]]


def lines_of(one: Finding, desk: Desk) -> Lines:
    """Yield a finding's lines, each with the label of its paragraph."""
    for label, lines in (
        ("required", _required(one, desk)),
        ("seen", _seen(one, desk)),
        ("verdict", _verdict(one, desk)),
        ("stages", stages_of(one, desk)),
        ("why", _why(one, desk)),
        ("do", _do(one, desk)),
        ("match", _match(one, desk)),
        ("cards", _cards(one, desk)),
    ):
        for text in lines:
            yield desk.words(f"label.{label}"), text


def _required(one: Finding, desk: Desk) -> Iterator[str]:
    demand, ecn, obligation = one.demand, one.ecn, one.obligation
    status = desk.words(str(ecn.status)) if ecn else desk.words("unknown")
    if demand.version is not None:
        yield desk.words("req.version", version=demand.version, ecn=demand.ecn, status=status)
    if demand.sha256 is not None:
        yield desk.words("req.content", sha256=demand.sha256[:12], ecn=demand.ecn, status=status)
    drawing = {"part": demand.part or "–", "drawing": demand.drawing or "–", "revision": demand.revision or "–"}
    yield desk.words("req.part", scheme=demand.rule.scheme, **drawing)
    if demand.effectivity:
        yield desk.words("effectivity", text=desk.reason(demand.effectivity))
    source = obligation or ecn
    if source is not None:
        facts = {"source": source.source, "file": source.file, "sha256": source.sha256[:12]}
        yield desk.words("req.file", row=desk.place(demand.row) or "–", **facts)
    if ecn is not None:
        yield desk.words("req.times", released=desk.time(ecn.release), arrived=desk.time(ecn.arrived.utc))
    if obligation is not None:
        limit = desk.duration(obligation.demand.limit)
        yield desk.words("req.due", limit=limit, due=desk.time(obligation.due.utc))
    elif one.requirement is not None and one.requirement.baseline is not None:
        yield desk.words("req.baseline")


def _seen(one: Finding, desk: Desk) -> Iterator[str]:
    sight = one.sight
    if sight.reading is None or sight.machine is None:
        yield desk.words("explain.never")
        return
    if one.demand.key not in judged_programs(sight.reading, sight.machine):
        yield desk.words("seen.other", program=sight.reading.main_program or "–")
        return
    decided = one.assessment.evidence if one.assessment else None
    if not sight.reading.evidence:
        yield desk.words("seen.nothing")
    for evidence in sight.reading.evidence:
        yield desk.joined(_answer(evidence, desk), _bound(one, evidence, desk), _mark(evidence is decided, desk))


def _mark(decided: bool, desk: Desk) -> str:
    return desk.words("seen.decided") if decided else ""


def _answer(evidence: Evidence, desk: Desk) -> str:
    program = f": {evidence.program}" if evidence.program and evidence.program != evidence.raw else ""
    extractor = desk.words(evidence.extractor)
    text = desk.words("seen.line", value=evidence.value, field=evidence.field, extractor=extractor, program=program)
    if evidence.raw != evidence.value:
        text += desk.words("seen.raw", raw=evidence.raw)
    if evidence.source_time is not None:
        when = desk.words("seen.when", source_time=desk.time(evidence.source_time), quality=evidence.quality)
        return desk.joined(text, when)
    return text


def _bound(one: Finding, evidence: Evidence, desk: Desk) -> str:
    """Say whether a variable and the selected program belong together."""
    binding = one.sight.kept.binding if one.sight.kept else None
    if evidence.program is not None:
        return ""
    if evidence.bound:
        return desk.words("bound.always")
    if binding is not None and binding.ran:
        return desk.words("bound.ran")
    if binding is not None and evidence.field in binding.bound:
        return desk.words("bound.changed")
    return desk.words("bound.no")


def _verdict(one: Finding, desk: Desk) -> Iterator[str]:
    obligation = one.obligation
    if obligation is None:
        return
    verdict = desk.words(obligation.verdict)
    if obligation.verdict is Verdict.PENDING:
        left = obligation.due.remaining(desk.now)
        yield desk.words("verdict.open" if left > 0 else "verdict.over", verdict=verdict, left=desk.duration(abs(left)))
    else:
        parts = [desk.words("verdict.line", verdict=verdict, decided=desk.time(obligation.decided))]
        if obligation.observed:
            read = desk.time(obligation.evidence.get("read_at"))
            parts.append(desk.words("verdict.observed", observed=obligation.observed, read=read))
        yield desk.joined(*parts)
        key = f"why.{obligation.reason}"
        if obligation.reason and obligation.reason != one.reason and known(key):
            yield desk.words("verdict.then", why=_sentence(one, key, desk))
    if obligation.lateness:
        yield desk.words("verdict.late", lateness=desk.duration(obligation.lateness))
    if obligation.exposure:
        yield desk.words("verdict.exposure", exposure=desk.duration(obligation.exposure))


def _why(one: Finding, desk: Desk) -> Iterator[str]:
    requirement = one.requirement
    if requirement is None:
        return
    if known(f"why.{_reason(one)}"):
        yield _sentence(one, f"why.{_reason(one)}", desk)
    if one.sight.why and one.assessment is not None and one.assessment.comparison is not None:
        yield desk.words("why.as_last_seen", why=_sentence(one, f"why.{one.assessment.comparison}", desk))
    if requirement.waiver is not None:
        yield desk.words("why.waived", by=requirement.waiver.by, reason=requirement.waiver.reason)


def _do(one: Finding, desk: Desk) -> Iterator[str]:
    if one.requirement is not None and known(f"do.{_reason(one)}"):
        yield _sentence(one, f"do.{_reason(one)}", desk)


def _reason(one: Finding) -> str:
    """Return the reason as it is told: not to be selected is no fault, unless the old version was seen before."""
    return "not_loaded_wrong" if (one.reason, one.what) == ("not_loaded", "was_wrong") else one.reason


def _sentence(one: Finding, key: str, desk: Desk) -> str:
    """Fill a reason's sentence with what is known of this finding."""
    sight, found = one.sight, one.assessment
    faults = sight.reading.faults if sight.reading else ()
    fault = next((f for f in faults if f.field in ("main_program", "active_program")), None)
    return desk.words(
        key,
        machine=desk.called(one.machine),
        program=one.demand.program,
        required=one.demand.version or (one.demand.sha256 or "")[:12],
        seen=(found.seen if found else None) or "–",
        scheme=one.demand.rule.scheme,
        fault=f"{fault.field}: {desk.reason(fault.error)}" if fault else "–",
        error=desk.reason(sight.kept.error if sight.kept else "") or "–",
        age=desk.since(sight.reading.at.utc if sight.reading else None),
    )


def _match(one: Finding, desk: Desk) -> Iterator[str]:
    if one.requirement is None:
        return
    at = one.requirement.matched
    yield desk.words("match.never") if at is None else desk.words("match.at", at=desk.time(at), since=desk.since(at))


def _cards(one: Finding, desk: Desk) -> Iterator[str]:
    for short, card in one.cards:
        yield card_line(short, card, desk)


def card_line(short: str, card: Card, desk: Desk) -> str:
    """Return a card in one line, with the start of its id as `ack` takes it."""
    title = desk.writer()(card, desk.config.plant.machines.get(card.machine or ""))["title"][desk.language]
    return f"{short}  {desk.words(card.severity.value)}  {title}"
