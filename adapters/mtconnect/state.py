"""What an agent has said last of each data item, and the steps in which it came to say so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from adapters.mtconnect.model import Observation

State = dict[str, Observation]
"""The newest observation of each data item, by id."""


def snapshot(observations: Iterable[Observation], ids: frozenset[str]) -> State:
    """Return the state that a `/current` shows."""
    return {one.id: one for one in observations if one.id in ids}


def steps(state: State, observations: Iterable[Observation], ids: frozenset[str]) -> Iterator[State]:
    """Yield the state after each step of a `/sample`: one step as a rule, and another where an item changed twice.

    What changed between two documents came together as far as anybody can tell; a program that was selected and left
    again in between must not be lost, so a second change of the same item begins a new step. At least one step comes.
    """
    now, changed = dict(state), set[str]()
    for one in sorted((one for one in observations if one.id in ids), key=lambda one: one.sequence):
        if one.id in changed:
            yield dict(now)
            changed.clear()
        changed.add(one.id)
        now[one.id] = _merged(now.get(one.id), one)
    yield now


def _merged(before: Observation | None, now: Observation) -> Observation:
    """Return an observation as it stands now: a stream brings only the changed entries of a data set."""
    if before is None or now.entries is None or before.entries is None or now.reset or now.unavailable:
        return now
    entries: Mapping[str, str | None] = {**before.entries, **now.entries}
    return replace(now, entries=entries)
