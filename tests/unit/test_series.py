"""Ids that follow each other: valid UUIDs, never the same twice, in order for an index."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from edge_bridge.domain.series import Series
from edge_bridge.identity import Ids


def test_ids_of_one_occasion_follow_each_other_and_are_uuids() -> None:
    """The platform checks the format; an index of them grows at one end."""
    series, other, turn = Series(Ids()), Series(Ids()), object()
    made = [one for _ in range(3_000) for one in series.two(turn)]
    assert made == sorted(made)
    assert {(UUID(text).version, UUID(text).variant, str(UUID(text)) == text) for text in made} == {(4, RFC_4122, True)}
    assert len({*made, *(one for _ in range(3_000) for one in other.two(turn))}) == 12_000


def test_another_occasion_begins_anew() -> None:
    """So that what is opened singly has ids as random as they ever were; and an occasion that comes back is a new one."""
    series, turns = Series(Ids()), [object() for _ in range(500)]
    made = [series.two(turn)[0] for turn in turns + turns]
    assert len(made) == len({text[:24] for text in made}) == 1000
