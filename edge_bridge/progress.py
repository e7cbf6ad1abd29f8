"""Who must show progress, and who has not: the watchdog is fed only while every expected loop really turns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Loop:
    allowance_ms: int
    last_ms: int


class Progress:
    """The last sign of progress of every named loop. Instants are boottime in milliseconds and come in as arguments."""

    def __init__(self) -> None:
        self._loops: dict[str, _Loop] = {}

    def expect(self, name: str, *, allowance_ms: int, now_ms: int) -> None:
        """Register a loop: from now on it may be silent for `allowance_ms` at most. Again = a new allowance."""
        if allowance_ms <= 0:
            raise ValueError(f"loop {name} needs an allowance above zero, not {allowance_ms} ms")
        self._loops[name] = _Loop(allowance_ms, now_ms)

    def beat(self, name: str, now_ms: int) -> None:
        """Note that this loop has done a turn. The last beat of a retired loop changes nothing."""
        if loop := self._loops.get(name):
            loop.last_ms = max(loop.last_ms, now_ms)

    def retire(self, name: str) -> None:
        """Expect nothing more of this loop: it has ended, or is meant to be silent."""
        self._loops.pop(name, None)

    def late(self, now_ms: int) -> tuple[str, ...]:
        """Return the loops that have been silent for longer than they may, by name."""
        return tuple(sorted(name for name, loop in self._loops.items() if now_ms - loop.last_ms > loop.allowance_ms))

    def alive(self, now_ms: int) -> bool:
        """Return whether every expected loop has done a turn within its own allowance."""
        return not self.late(now_ms)
