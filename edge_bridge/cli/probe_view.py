"""How `probe` tells what it saw: the way there, each value raw and as understood, the version, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.chosen import where
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.explained import HEADS, finding_data, show_findings
from edge_bridge.cli.probe_judged import Judgement
from edge_bridge.cli.probe_look import Looked
from edge_bridge.cli.probe_share import ShareLook
from edge_bridge.cli.probe_source import FolderLook
from edge_bridge.cli.probe_version import Answer
from edge_bridge.cli.words import known
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.signal import ProgramFound
from edge_bridge.domain.told import program_data
from edge_bridge.domain.version import Extractor
from edge_bridge.ports import Seen

_WORDS = ("execution", "mode")


def show(looked: Looked, judged: Judgement | None, found: Sequence[str], desk: Desk) -> None:
    """Print the look."""
    if looked.asked and looked.held is not None:
        output.paragraph(desk.words("probe.asked", age=desk.since(looked.held["seen"])), "yellow", indent=2)
    if looked.error is None and looked.took:
        steps = ", ".join(f"{_step(step, desk)} {milliseconds(took)}" for step, took in looked.took.items())
        output.paragraph(desk.words("probe.took", total=milliseconds(looked.total), steps=steps), indent=2)
    if looked.folder is not None and (looked.folder.error is None or looked.folder.files):
        _show_folder(looked.folder, desk)
    if looked.share is not None and looked.share.programs:
        _show_share(looked.share, desk)
    if judged is not None and judged.reading is not None:
        _show_values(looked, judged.reading, desk)
        _show_version(judged, desk)
        _show_register(judged, desk)
    output.say("")
    for text in found:
        output.paragraph(text, "bold red")
    if not found:
        output.paragraph(desk.words("probe.fine"), "bold green")


def _step(step: str, desk: Desk) -> str:
    """Return what an adapter calls a step, in the reader's language where that is known."""
    return desk.words(f"step.{step}") if known(f"step.{step}") else step


def milliseconds(value: float) -> str:
    """Return a time as people read it."""
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _show_folder(folder: FolderLook, desk: Desk) -> None:
    if folder.newest is None:
        output.paragraph(desk.words("probe.folder.empty", others=folder.others), "yellow", indent=2)
        return
    output.paragraph(desk.words("probe.folder", files=folder.files, others=folder.others), indent=2)
    if folder.ecns is None:
        return  # why it cannot be read follows
    changed = desk.time(folder.changed)
    text = desk.words("probe.newest", file=folder.newest, changed=changed, count=folder.ecns)
    output.paragraph(text, indent=2)


def _show_share(share: ShareLook, desk: Desk) -> None:
    text = "probe.share" if share.whole else "probe.share.partly"
    output.paragraph(desk.words(text, count=share.programs), indent=2)
    headings = [desk.words(f"probe.share.{heading}") for heading in ("file", "program", "version")]
    rows = [(one.file, one.program, _versions(one)) for one in share.shown]
    output.show(output.table(headings, rows))
    if (rest := share.programs - len(share.shown)) > 0:
        output.paragraph(desk.words("probe.share.rest", count=rest), "dim", indent=2)


def _versions(one: ProgramFound) -> str:
    """Return what each extractor says of a program; a digest is told by its beginning."""
    return (
        ", ".join(
            f"{e.value[:12] if e.extractor is Extractor.DIGEST else e.value} ({e.extractor})" for e in one.evidence
        )
        or "–"
    )


def _show_values(looked: Looked, reading: Reading, desk: Desk) -> None:
    seen = looked.values or tuple(_plain(reading))
    headings = [desk.words(f"probe.{heading}") for heading in ("field", "place", "came", "means")]
    output.show(output.table(headings, [_row(one, desk) for one in seen]))


def _row(one: Seen, desk: Desk) -> tuple[object, ...]:
    meaning: object = one.meaning
    if one.fault:
        meaning = output.coloured(one.fault, "red")
    elif one.field in _WORDS and one.meaning is not None:
        unknown = one.meaning == "unknown" and one.raw is not None
        word = desk.words(one.meaning)
        meaning = output.coloured(desk.words("probe.unmapped", word=word), "yellow") if unknown else word
    return one.field, one.place, "–" if one.raw is None else one.raw, meaning


def _plain(reading: Reading) -> Iterator[Seen]:
    """Yield a reading's own fields, for an adapter that does not say what is behind them."""
    for name in ("main_program", "active_program", "program_path", "execution", "mode", "test"):
        value = getattr(reading, name)
        if value is not None:
            yield Seen(name, "–", None, str(value).lower() if isinstance(value, bool) else str(value))


def _show_version(judged: Judgement, desk: Desk) -> None:
    output.say("")
    output.say(desk.words("probe.version", scheme=judged.scheme), "bold")
    for one in judged.answers:
        label = desk.words(one.extractor) if one.extractor is not None else "–"
        output.labelled(label, desk.joined(*_said(one, judged, desk)))
    if not judged.answers:
        output.paragraph(desk.words("seen.nothing"), "yellow", indent=2)


def _said(one: Answer, judged: Judgement, desk: Desk) -> Iterator[str]:
    """Yield the parts of the sentence about one answer."""
    if one.evidence is None:
        why = desk.words(f"none.{one.extractor}") if one.extractor is not None else "–"
        yield desk.words("probe.silent_entry", entry=one.entry, why=why)
        return
    piece = one.evidence
    shown = piece.value if one.normalised == piece.value else f"{piece.value} ({one.normalised})"
    yield desk.words("probe.answer", entry=one.entry or piece.field, value=shown)
    programs = {other.evidence.program for other in judged.answers if other.evidence is not None} - {None}
    if piece.program is not None and len(programs) > 1:
        yield desk.words("probe.of_program", program=piece.program)
    if one.extractor is Extractor.DIGEST:
        return
    if not one.fits:
        yield desk.words("probe.does_not_fit", scheme=judged.scheme)
    if piece.program is None:
        yield desk.words("bound.always" if piece.bound else "probe.bound" if one.bound else "bound.no")
    if one.counts:
        yield desk.words("probe.counts")


def _show_register(judged: Judgement, desk: Desk) -> None:
    output.say("")
    if judged.inquiry is None:
        why = str(judged.error) if judged.error is not None else desk.words("ecn.no_database")
        output.paragraph(desk.words("probe.no_register", why=why), "yellow")
        return
    colour = judged.colour
    if colour is None:
        output.paragraph(desk.words("explain.nothing"))
        return
    output.paragraph(desk.words("probe.verdict", colour=desk.words(colour)), HEADS[colour])
    show_findings(judged.findings, judged.inquiry, desk, judged.machine.id, everything=False)


def as_data(looked: Looked, judged: Judgement | None, found: Sequence[str], desk: Desk) -> dict[str, Any]:
    """Return the same for programs."""
    reading = judged.reading if judged is not None else looked.reading
    return {
        "adapter": looked.id,
        "name": looked.adapter.options.name or looked.id,
        "kind": looked.adapter.kind,
        "where": where(looked.adapter),
        "ok": not found,
        "problems": list(found),
        "error": {"what": looked.error.what, "fix": looked.error.hint} if looked.error is not None else None,
        "daemon": dict(looked.held) if looked.held is not None else None,
        "asked_daemon": looked.asked,
        "took_ms": dict(looked.took),
        "total_ms": round(looked.total, 1),
        "values": [asdict(one) for one in looked.values],
        "reading": program_data(reading) if reading is not None else None,
        "version": [_answer_data(one) for one in judged.answers] if judged is not None else [],
        "scheme": judged.scheme if judged is not None else None,
        "register": _register_data(judged, desk),
        "folder": _folder_data(looked.folder, desk),
        "share": _share_data(looked.share),
    }


def _share_data(share: ShareLook | None) -> dict[str, Any] | None:
    if share is None:
        return None
    shown = [
        {"file": one.file, "program": one.program, "version": {e.extractor: e.value for e in reversed(one.evidence)}}
        for one in share.shown
    ]
    return {"programs": share.programs, "without_version": share.without, "whole": share.whole, "shown": shown}


def _answer_data(one: Answer) -> dict[str, Any]:
    piece = one.evidence
    return {
        "entry": one.entry,
        "extractor": one.extractor,
        "value": piece.value if piece else None,
        "raw": piece.raw if piece else None,
        "field": piece.field if piece else None,
        "normalised": one.normalised if piece else None,
        "fits": one.fits,
        "bound": one.bound if piece else None,
        "counts": one.counts,
    }


def _register_data(judged: Judgement | None, desk: Desk) -> dict[str, Any] | None:
    if judged is None or judged.inquiry is None:
        return None
    return {"colour": judged.colour, "findings": [finding_data(one, desk) for one in judged.findings]}


def _folder_data(folder: FolderLook | None, desk: Desk) -> dict[str, Any] | None:
    if folder is None:
        return None
    return {
        "path": str(folder.path),
        "files": folder.files,
        "others": folder.others,
        "newest": folder.newest,
        "changed": desk.time(folder.changed) if folder.changed is not None else None,
        "ecns": folder.ecns,
    }
