"""Retained topics on their way to the broker: of each only the latest, all of them at each connect."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol


class Retained(Protocol):
    """Where the truth of the retained topics is."""

    def everything(self) -> Mapping[str, bytes | None]:
        """Return each retained topic with its body; None empties it at the broker."""


class NothingRetained:
    """A source without retained topics."""

    def everything(self) -> Mapping[str, bytes | None]:
        """Return no topic."""
        return {}


class RetainedTopics:
    """What waits, latest wins, and what is in flight. An emptied topic is kept until the broker has said so."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, bytes | None] = OrderedDict()
        self._flying: dict[str, bytes | None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, topic: str, body: bytes | None) -> None:
        """Publish this topic when there is room; what waits for it already is forgotten."""
        self._waiting[topic] = body

    def take(self) -> tuple[str, bytes | None] | None:
        """Return the topic that waits longest, counted as in flight."""
        if not self._waiting:
            return None
        topic, body = self._waiting.popitem(last=False)
        self._flying[topic] = body
        return topic, body

    def acknowledge(self, topic: str, body: bytes | None) -> None:
        """Note that the broker has this body (or has refused it)."""
        if self._flying.get(topic) is body:
            self._flying.pop(topic, None)

    def rewind(self) -> None:
        """Put what was in flight back, unless something newer waits."""
        for topic, body in self._flying.items():
            self._waiting.setdefault(topic, body)
        self._flying.clear()

    def renew(self, everything: Mapping[str, bytes | None]) -> None:
        """Publish all of it: the broker may have lost what it held."""
        self._waiting.update(everything)
