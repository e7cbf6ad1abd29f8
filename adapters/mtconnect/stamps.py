"""Time stamps of one agent, compared among themselves: some have no zone, and none is trusted to be right. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from edge_bridge.domain.instant import Milliseconds


def apart(one: str, other: str) -> Milliseconds | None:
    """Return how far two stamps are from each other; None where that cannot be told: no sense, or one without a zone."""
    try:
        distance = datetime.fromisoformat(one) - datetime.fromisoformat(other)
    except (TypeError, ValueError):  # one with a zone and one without cannot be compared
        return None
    return abs(distance) // timedelta(milliseconds=1)


def same(one: str, other: str) -> bool:
    """Tell whether two stamps are the same moment, by their own words."""
    return one == other and apart(one, other) == 0
