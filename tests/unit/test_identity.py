"""Ids: valid random UUIDs, never the same twice."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from edge_bridge.identity import Ids


def test_ids_are_random_uuids() -> None:
    """The platform checks the format; two gateways must never meet."""
    one, other = Ids(), Ids()
    made = [make() for _ in range(3_000) for make in (one, other)]
    assert {(UUID(text).version, UUID(text).variant, str(UUID(text)) == text) for text in made} == {(4, RFC_4122, True)}
    assert len(set(made)) == len(made)
    assert {text[19] for text in made} == set("89ab")
