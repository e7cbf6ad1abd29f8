"""The reference consumer: how a platform turns at-least-once delivery into exactly once in effect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Received:
    """What came from one source.

    arrivals: sequences in the order of their first arrival. upto: every sequence up to this one is here (0: none).
    """

    arrivals: list[int] = field(default_factory=list)
    upto: int = 0
    _above: set[int] = field(default_factory=set)

    def note(self, sequence: int) -> None:
        """Take note of a sequence's first arrival."""
        self.arrivals.append(sequence)
        self._above.add(sequence)
        while self.upto + 1 in self._above:
            self.upto += 1
            self._above.discard(self.upto)

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """Return what is missing below the highest sequence seen, as (first, last) pairs."""
        found, expected = [], self.upto + 1
        for sequence in sorted(self._above):
            if sequence > expected:
                found.append((expected, sequence - 1))
            expected = sequence + 1
        return found

    @property
    def in_order(self) -> bool:
        """Tell whether every first arrival had a higher sequence than the one before."""
        return all(later > earlier for earlier, later in zip(self.arrivals, self.arrivals[1:], strict=False))


class ReferenceConsumer:
    """Upserts on (`source`, `id`) without a time window; feed it every message of a gateway's prefix.

    events: (source, id) → envelope. sources: source → Received. retained: topic → last payload, emptied ones gone.
    statuses: every status message in order. answers: every command answer. duplicates: events that were here already.
    conflicts: what a correct gateway never sends (same id with other bytes, one sequence for two ids, no JSON).
    """

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.sources: dict[str, Received] = {}
        self.retained: dict[str, bytes] = {}
        self.statuses: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.types: Counter[str] = Counter()
        self.duplicates = 0
        self.conflicts: list[str] = []
        self._bytes: dict[tuple[str, str], int] = {}
        self._ids: dict[tuple[str, int], str] = {}

    def feed(self, topic: str, payload: bytes) -> None:
        """Take one MQTT message."""
        parts = topic.split("/")
        if len(parts) > 1 and parts[-2] == "evt":
            self._event(topic, payload)
        elif parts[-1] == "cmdres":
            self.answers.append(json.loads(payload))
        elif parts[-1] == "status":
            self.retained[topic] = payload
            self.statuses.append(json.loads(payload))
        elif len(parts) > 1 and parts[-2] in {"state", "card", "kpi"}:
            if payload:
                self.retained[topic] = payload
            else:
                self.retained.pop(topic, None)

    def _event(self, topic: str, payload: bytes) -> None:
        try:
            envelope: dict[str, Any] = json.loads(payload)
            key, sequence = (envelope["source"], envelope["id"]), int(envelope["sequence"])
        except (ValueError, KeyError, TypeError) as error:
            self.conflicts.append(f"{topic}: not an event ({error!r}): {payload[:80]!r}")
            return
        if key in self.events:
            self.duplicates += 1
            if self._bytes[key] != hash(payload):
                self.conflicts.append(f"{key}: came again with other bytes")
            return
        other = self._ids.setdefault((key[0], sequence), key[1])
        if other != key[1]:
            self.conflicts.append(f"{key[0]}: sequence {sequence} is {other} and {key[1]}")
        self.events[key] = envelope
        self._bytes[key] = hash(payload)
        self.types[envelope.get("type", "")] += 1
        self.sources.setdefault(key[0], Received()).note(sequence)

    @property
    def only(self) -> Received:
        """Return what came from the one source there is; empty when nothing came. Raises ValueError for two sources."""
        if not self.sources:
            return Received()
        (received,) = self.sources.values()
        return received

    def of_type(self, name: str) -> list[Mapping[str, Any]]:
        """Return the events of one name (`card.raised`), in the order of their first arrival."""
        return [event for event in self.events.values() if event.get("type") == f"edge-bridge.{name}.v1"]
