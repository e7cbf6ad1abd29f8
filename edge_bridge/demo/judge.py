"""Compares what the platform received with what the scenario demands, and says every difference in words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edge_bridge.demo.acts import COMPARED, PASSING, Fact
from edge_bridge.demo.texts import Texts
from edge_bridge.testing import ReferenceConsumer


class Record:
    """Everything that arrived, by the rules of the reference consumer: once by (`source`, `id`), gaps seen.

    events: envelopes in the order of their first arrival. messages: (topic, payload), as they came.
    """

    def __init__(self) -> None:
        self.consumer = ReferenceConsumer()
        self.events: list[Mapping[str, Any]] = []
        self.facts: Counter[Fact] = Counter()
        self.messages: list[tuple[str, bytes]] = []

    def feed(self, topic: str, payload: bytes) -> Mapping[str, Any] | None:
        """Take one message; return the event when it is one that was not here yet."""
        self.messages.append((topic, payload))
        known = len(self.consumer.events)
        self.consumer.feed(topic, payload)
        if len(self.consumer.events) == known:
            return None
        event: Mapping[str, Any] = json.loads(payload) | {"origin": topic.rpartition("/")[2]}
        self.events.append(event)
        self.facts[fact_of(event)] += 1
        return event

    def holds(self, facts: Counter[Fact]) -> bool:
        """Tell whether all of these have arrived."""
        return facts <= self.facts

    @property
    def upto(self) -> int:
        """Every sequence up to this one has arrived."""
        return max((source.upto for source in self.consumer.sources.values()), default=0)


def name_of(event: Mapping[str, Any]) -> str:
    """Return `card.raised` of `edge-bridge.card.raised.v1`."""
    return str(event["type"]).removeprefix("edge-bridge.").rpartition(".")[0]


def fact_of(event: Mapping[str, Any]) -> Fact:
    """Return an event as the scenario would write it."""
    name, data = name_of(event), event.get("data", {})
    return Fact(event["origin"], name, tuple(_comparable(data.get(field)) for field in COMPARED.get(name, ())))


def _comparable(value: object) -> object:
    return tuple(value) if isinstance(value, list | dict) else value


def differences(record: Record, expected: Iterable[Fact], last: int | None, texts: Texts) -> list[str]:
    """Return every difference, each a sentence; none when the platform has exactly what the scenario demands.

    last: the newest sequence that the gateway has given out, when it was asked.
    """
    wanted = list(expected)
    found = [fact for event in record.events if (fact := fact_of(event)).type not in PASSING]
    return [*_delivery(record, last, texts), *_content(wanted, found, texts)]


def _delivery(record: Record, last: int | None, texts: Texts) -> Iterable[str]:
    consumer = record.consumer
    if len(consumer.sources) > 1:
        yield texts("wrong.sources", sources=", ".join(sorted(consumer.sources)))
    for source in consumer.sources.values():
        for first, end in source.gaps:
            yield texts("wrong.gap", first=first, last=end)
        if not source.in_order:
            turns = zip(source.arrivals, source.arrivals[1:], strict=False)
            before, after = next((a, b) for a, b in turns if b < a)
            yield texts("wrong.order", before=before, after=after)
    if last is not None and record.upto < last:
        yield texts("wrong.end", upto=record.upto, last=last)
    for conflict in consumer.conflicts:
        yield texts("wrong.conflict", conflict=conflict)


def _content(wanted: Sequence[Fact], found: Sequence[Fact], texts: Texts) -> Iterable[str]:
    missing, extra = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    for fact, count in missing.items():
        yield texts("wrong.missing", fact=told(fact), count=count)
    for fact, count in extra.items():
        yield texts("wrong.extra", fact=told(fact), count=count)
    if missing or extra:
        return  # with links missing, the order of the rest would be told as wrong, too
    for chain in dict.fromkeys(fact.chain for fact in wanted):
        should = [fact for fact in wanted if fact.chain == chain]
        came = [fact for fact in found if fact.chain == chain]
        if should != came:
            first, instead = next((a, b) for a, b in zip(should, came, strict=True) if a != b)
            yield texts("wrong.turn", fact=told(first), instead=told(instead))


def told(fact: Fact) -> str:
    """Return a fact as one line for people who look for it in the log."""
    fields = COMPARED.get(fact.type, ())
    said = ", ".join(
        f"{name}={', '.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in zip(fields, fact.says, strict=False)
    )
    return f"{fact.type} @ {fact.origin} ({said})" if said else f"{fact.type} @ {fact.origin}"
