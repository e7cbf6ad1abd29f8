"""Signals that the ledger cannot digest: what they are called, and how long they rest. See docs/decisions/0021."""

from __future__ import annotations

from dataclasses import dataclass

from edge_bridge.domain.instant import MINUTE, SECOND, Milliseconds, Stamp
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.signal import EcnNotice, FileRejected, Signal

FIRST_REST: Milliseconds = 2 * SECOND
LONGEST_REST: Milliseconds = 10 * MINUTE
MOST_REMEMBERED = 1000


@dataclass(slots=True)
class _Resting:
    until: Milliseconds
    rest: Milliseconds


class SetAside:
    """What met a defect, and until when the same is not tried again: a machine is read every second, a defect is not."""

    def __init__(self) -> None:
        self._resting: dict[str, _Resting] = {}

    def rests(self, signal: Signal, now: Stamp) -> bool:
        """Tell whether this signal is not to be tried now."""
        if not self._resting:
            return False
        resting = self._resting.get(name_of(signal))
        return resting is not None and now.boottime < resting.until

    def add(self, signal: Signal, now: Stamp) -> bool:
        """Set a signal aside; tell whether it is the first of its name."""
        name = name_of(signal)
        before = self._resting.pop(name, None)
        rest = FIRST_REST if before is None else min(2 * before.rest, LONGEST_REST)
        self._resting[name] = _Resting(now.boottime + rest, rest)
        if len(self._resting) > MOST_REMEMBERED:
            del self._resting[next(iter(self._resting))]
        return before is None

    def passed(self, signal: Signal) -> None:
        """Note that a signal of this name was digested."""
        if self._resting:
            self._resting.pop(name_of(signal), None)

    def __len__(self) -> int:
        return len(self._resting)

    def __str__(self) -> str:
        return ", ".join(self._resting)


def name_of(signal: Signal) -> str:
    """Return what makes two signals the same for this purpose: the machine of a reading, the content of a file."""
    kind = type(signal).__name__
    match signal:
        case Reading():
            return f"{kind} of {signal.machine}"
        case EcnNotice() | FileRejected():
            return f"{kind} {signal.file} of {signal.source} ({signal.sha256[:12]})"
    about = (getattr(signal, name, "") for name in ("source", "adapter", "card_id", "obligation", "kind", "event"))
    return " ".join((kind, *(str(word) for word in about if word)))
