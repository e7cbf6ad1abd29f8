"""What is left at the end: a table of every change on every machine, and whether the platform has exactly what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from edge_bridge.demo.judge import Record, name_of
from edge_bridge.demo.narrator import Narrator
from edge_bridge.demo.scenario import NAMES

_STYLES = {"compliant": "green", "late": "yellow", "violated": "bold red"}


@dataclass(slots=True)
class Row:
    """One change on one machine. took_s: from release to the right program. response_s: until a card was acknowledged."""

    machine: str
    ecn: str
    program: str
    required: str
    verdict: str
    took_s: float | None = None
    response_s: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of one run."""

    passed: bool
    seconds: float
    events: int
    demanded: int
    last: int
    duplicates: int
    problems: tuple[str, ...]
    changes: tuple[Row, ...]

    def as_data(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return asdict(self)


def rows(events: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    """Return one row for each obligation, in the order in which they opened."""
    found: dict[tuple[str, str], Row] = {}
    for event in events:
        name, data = name_of(event), event["data"]
        if name.startswith("obligation."):
            key = (data["machine"], data["ecn"])
            row = found.setdefault(key, Row(*key, data["program"], data["required"], data["verdict"]))
            row.verdict = data["verdict"]
            if data["verdict"] in ("compliant", "late"):
                row.took_s = _seconds(data["t0"], data["decided"])
        elif name == "card.acknowledged" and (key := (data["machine"], data["ecn"])) in found:
            first = min(ack["at"] for ack in data["acks"].values())
            found[key].response_s = _seconds(data["raised"], first)
    return tuple(found.values())


def made(record: Record, demanded: int, last: int | None, problems: Sequence[str], seconds: float) -> Summary:
    """Return the summary of a run."""
    return Summary(
        passed=not problems,
        seconds=round(seconds, 1),
        events=len(record.events),
        demanded=demanded,
        last=record.upto if last is None else last,
        duplicates=record.consumer.duplicates,
        problems=tuple(problems),
        changes=rows(record.events),
    )


def failed(summary: Summary, problem: str) -> Summary:
    """Return a summary with one more problem."""
    return replace(summary, passed=False, problems=(*summary.problems, problem))


def show(summary: Summary, narrator: Narrator) -> None:
    """Print the table and the result."""
    texts, console = narrator.texts, narrator.console
    console.print()
    console.rule(Text(texts("steps.result.title"), style="bold cyan"), align="left")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("machine", "change", "verdict", "took", "response"):
        table.add_column(texts(f"summary.{column}"))
    for row in summary.changes:
        times = (row.took_s, row.response_s)
        table.add_row(
            NAMES.get(row.machine, row.machine),
            row.ecn,
            Text(texts.word("summary.verdicts", row.verdict), style=_STYLES.get(row.verdict, "")),
            *(texts("seconds", seconds=f"{took:.1f}") if took is not None else "–" for took in times),
        )
    console.print(table)
    narrator.paragraph(texts("summary.events" if summary.passed else "summary.events_wrong", **summary.as_data()))
    seconds = f"{summary.seconds:.0f}"
    if summary.passed:
        narrator.paragraph(texts("summary.good", seconds=seconds), "bold green")
        return
    narrator.paragraph(texts("summary.bad", seconds=seconds), "bold red")
    for problem in summary.problems:
        narrator.paragraph(f"✗ {problem}", "red")


def _seconds(earlier: str, later: str) -> float:
    return round((datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds(), 1)
