"""One look at a machine for a person beside it: each value as it came and as it was understood."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.opcua.decode import Layout, Wanted, reading
from adapters.opcua.values import Answer, status_of
from adapters.opcua.walk import shown
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Reading
from edge_bridge.ports import Seen


def seen(layout: Layout, at: Stamp, answers: Sequence[Answer]) -> tuple[Seen, ...]:
    """Return every value behind a reading, in the order in which the nodes are asked for."""
    return tuple(
        _one(layout.machine, wanted, at, answer) for wanted, answer in zip(layout.wanted, answers, strict=True)
    )


def derived(read: Reading) -> tuple[Seen, ...]:
    """Return the versions that were found in texts, in the order in which they count; variables are nodes of their own."""
    return tuple(
        Seen("version", f"{piece.extractor} of {piece.program} ({piece.field})", piece.raw, piece.value)
        for piece in read.evidence
        if piece.program is not None
    )


def _one(machine: str, wanted: Wanted, at: Stamp, answer: Answer) -> Seen:
    """Understand one answer alone, by the same code as a reading of all."""
    entries = (wanted.entry,) if wanted.entry is not None else ()
    alone = reading(Layout(machine, (wanted,), entries), at, [answer])
    fault = next((one.error.removesuffix(f" ({wanted.node})") for one in alone.faults), "")
    raw = None if isinstance(answer, str) or status_of(answer).is_bad() else shown(answer)
    return Seen(wanted.feeds, wanted.node, raw, _meaning(alone, wanted.feeds), fault)


def _meaning(alone: Reading, feeds: str) -> str | None:
    if feeds == "version":
        return alone.evidence[0].value if alone.evidence else None
    value: object = getattr(alone, feeds)
    if isinstance(value, tuple):
        return ", ".join(value) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
