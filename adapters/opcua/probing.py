"""One look at a machine for a person beside it: each value as it came and as it was understood."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.opcua.decode import Layout, Wanted, reading
from adapters.opcua.instances import Resolved
from adapters.opcua.observing import Observer
from adapters.opcua.values import Answer, status_of
from adapters.opcua.walk import shown
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Reading
from edge_bridge.ports import Clock, Look, Seen


class Laps:
    """How long each step of a look took, in ms and in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.now().boottime
        self.took: dict[str, float] = {}

    def lap(self, step: str) -> None:
        """Note that a step has ended; steps of one name are one."""
        now = self._clock.now().boottime
        self.took[step] = self.took.get(step, 0) + now - self._since
        self._since = now


async def looked(
    layout: Layout, observer: Observer, clock: Clock, answers: Sequence[Answer], nodes: Sequence[Resolved], laps: Laps
) -> Look:
    """Return a whole look at a connected machine, with its program texts, which take their time."""
    at = clock.now()
    read = await observer.reading(at, answers, nodes)
    while observer.programs.busy:  # the main program's text may name others
        await observer.programs.finished()
        laps.lap("read the program's text")
        read = await observer.reading(at, answers, nodes)
    return Look(read, seen(layout, at, await observer.in_words(answers, nodes), answers) + derived(read), laps.took)


def seen(layout: Layout, at: Stamp, answers: Sequence[Answer], raw: Sequence[Answer]) -> tuple[Seen, ...]:
    """Return every value behind a reading, in the order in which the nodes are asked for. raw: before texts were put in."""
    return tuple(
        _one(layout.machine, wanted, at, answer, came)
        for wanted, answer, came in zip(layout.wanted, answers, raw, strict=True)
    )


def derived(read: Reading) -> tuple[Seen, ...]:
    """Return the versions that were found in texts, in the order in which they count; variables are nodes of their own."""
    return tuple(
        Seen("version", f"{piece.extractor} of {piece.program} ({piece.field})", piece.raw, piece.value)
        for piece in read.evidence
        if piece.program is not None
    )


def _one(machine: str, wanted: Wanted, at: Stamp, answer: Answer, came: Answer) -> Seen:
    """Understand one answer alone, by the same code as a reading of all."""
    entries = (wanted.entry,) if wanted.entry is not None else ()
    alone = reading(Layout(machine, (wanted,), entries), at, [answer])
    fault = next((one.error.removesuffix(f" ({wanted.node})") for one in alone.faults), "")
    raw = None if isinstance(came, str) or status_of(came).is_bad() else shown(came)
    if answer is not came and not isinstance(answer, str):
        raw = f"{raw} = {shown(answer)}" if wanted.texts else shown(answer)
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
