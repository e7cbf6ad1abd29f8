"""Events that have most in common: the same bytes as ever, told as a frame and what each has of its own.

One ECN may bring 100 000. Their bodies are 130 MB, and what differs in them is a fifth of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from json.encoder import encode_basestring as quoted

from edge_bridge.contract.envelope import head, seal, sequence_text, utf8
from edge_bridge.domain.event import Alike, Event
from edge_bridge.domain.frame import LEAST, SEPARATOR, mark
from edge_bridge.domain.instant import Milliseconds

Sealed = tuple[bytes, str | None]
"""An event's bytes, or what it has of its own and the frame of it."""

ID, SEQUENCE, SUBJECT, CORRELATION = (mark(number) for number in range(1, Alike.FIRST))


def seal_all(events: Sequence[Event], *, source: str, first: int, recorded: Milliseconds) -> Iterator[Sealed]:
    """Yield each event sealed, as `seal` does it; a frame is the same object for all that share it. first: the sequence of
    the first one."""
    sequence = first
    for _, group in groupby(events, _common):
        together = list(group)
        frame = _frame(together[0], source, recorded) if len(together) >= LEAST else None
        for event in together:
            if frame is None:
                yield seal(event, source=source, sequence=sequence, recorded=recorded), None
            else:
                yield _own(event, sequence), frame
            sequence += 1


def _common(event: Event) -> object:
    """Return what the frame is made of; an event that shares nothing is like no other."""
    data = event.data
    if not isinstance(data, Alike):
        return event.id
    return event.type, event.time, event.causation, not event.subject, event.correlation is None, data.common()


def _frame(event: Event, source: str, recorded: Milliseconds) -> str | None:
    if not isinstance(event.data, Alike):
        return None
    correlation = None if event.correlation is None else CORRELATION
    start = head(event, source, recorded, ID, SUBJECT, SEQUENCE, correlation)
    return utf8(f"{start}{event.data.frame()}}}").decode()


def _own(event: Event, sequence: int) -> bytes:
    data = event.data
    assert isinstance(data, Alike)
    correlation = "" if event.correlation is None else quoted(event.correlation)
    start = f"{quoted(event.id)}{SEPARATOR}{sequence_text(sequence)}{SEPARATOR}{quoted(event.subject)}"
    return utf8(f"{start}{SEPARATOR}{correlation}{SEPARATOR}{data.own()}")
