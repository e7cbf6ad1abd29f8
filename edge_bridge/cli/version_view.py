"""How `version-test` tells what every entry found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from edge_bridge.cli import output
from edge_bridge.cli.version_samples import Sample
from edge_bridge.cli.version_tried import Hit, Testing, Tried
from edge_bridge.cli.words import words
from edge_bridge.domain.version import Comparison, Extractor

Found = Sequence[tuple[Sample, tuple[Tried, ...]]]
_MOST_HITS = 12
_ENGLISH = "en"  # for programs


def good(answers: Sequence[Tried], testing: Testing) -> bool:
    """Tell whether a sample gives a version, and the required one."""
    counting = next((one for one in answers if one.counts), None)
    return counting is not None and (testing.required is None or counting.comparison is Comparison.MATCH)


def show(name: str | None, testing: Testing, found: Found, language: str) -> None:
    """Print every sample with every answer."""
    key = "version.head.machine" if name is not None else "version.head"
    output.paragraph(words(language, key, machine=name, scheme=testing.rule.scheme), "dim")
    for sample, answers in found:
        output.say("")
        output.say(sample.label, "bold")
        for one in answers:
            output.labelled(words(language, one.extractor), _said(one, testing, language))
            for hit in _worth_showing(one):
                output.paragraph(_hit(hit, language), "green" if hit.counts else "dim", indent=14)
            if len(one.hits) > _MOST_HITS:
                output.paragraph(words(language, "more", count=len(one.hits) - _MOST_HITS), "dim", indent=14)
            if one.ambiguous and one.extractor in (Extractor.HEADER, Extractor.COMMENT):
                output.paragraph(words(language, "version.history", which=one.which), "yellow", indent=14)
        output.paragraph(*_verdict(answers, testing, language), indent=2)


def _said(one: Tried, testing: Testing, language: str) -> str:
    if one.evidence is None:
        return words(language, "probe.silent_entry", entry=one.entry, why=words(language, one.why))
    return ("；" if language == "zh-CN" else "; ").join(_parts(one, testing, language))


def _parts(one: Tried, testing: Testing, language: str) -> Iterator[str]:
    value = one.evidence.value if one.evidence is not None else ""
    shown = value if one.normalised == value else f"{value} ({one.normalised})"
    yield words(language, "probe.answer", entry=one.entry, value=shown)
    if one.extractor is Extractor.DIGEST:
        return
    if not one.fits:
        yield words(language, "probe.does_not_fit", scheme=testing.rule.scheme)
    if one.counts:
        yield words(language, "probe.counts")


def _worth_showing(one: Tried) -> tuple[Hit, ...]:
    """Return the places of matches in a text; a name is its own place."""
    return tuple(hit for hit in one.hits if hit.line is not None)[:_MOST_HITS]


def _hit(hit: Hit, language: str) -> str:
    text = words(language, "version.hit", line=hit.line, text=hit.text, version=hit.version or "–")
    return f"{text} {words(language, 'version.taken')}" if hit.counts else text


def _verdict(answers: Sequence[Tried], testing: Testing, language: str) -> tuple[str, str]:
    """Return the sentence about a sample, and its style."""
    counting = next((one for one in answers if one.counts), None)
    if counting is None:
        return words(language, "version.no_answer"), "bold red"
    text = words(language, "version.answer", version=counting.normalised, scheme=testing.rule.scheme)
    if testing.required is None:
        return text, "bold green"
    against = words(language, f"version.compare.{counting.comparison}", required=testing.required)
    joined = f"{text}{'；' if language == 'zh-CN' else '; '}{against}"
    return joined, "bold green" if counting.comparison is Comparison.MATCH else "bold red"


def as_data(name: str | None, testing: Testing, found: Found) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "adapter": name,
        "scheme": testing.rule.scheme,
        "required": testing.required,
        "ok": all(good(answers, testing) for _, answers in found),
        "samples": [_sample_data(sample, answers, testing) for sample, answers in found],
    }


def _sample_data(sample: Sample, answers: Sequence[Tried], testing: Testing) -> dict[str, Any]:
    counting = next((one for one in answers if one.counts), None)
    return {
        "label": sample.label,
        "name": sample.name,
        "path": sample.path,
        "ok": good(answers, testing),
        "version": counting.normalised if counting else None,
        "comparison": counting.comparison if counting else None,
        "answers": [
            {
                "entry": one.entry,
                "extractor": one.extractor,
                "value": one.evidence.value if one.evidence else None,
                "raw": one.evidence.raw if one.evidence else None,
                "normalised": one.normalised if one.evidence else None,
                "fits": one.fits,
                "comparison": one.comparison,
                "counts": one.counts,
                "matches": [asdict(hit) for hit in one.hits],
                "why_not": words(_ENGLISH, one.why) if one.why else None,
            }
            for one in answers
        ],
    }
