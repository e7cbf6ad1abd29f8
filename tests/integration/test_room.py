"""How long history is kept: what `store:` says, asked at each sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_bridge.config import StoreOptions
from edge_bridge.domain.instant import DAY, HOUR
from edge_bridge.room import Room
from edge_bridge.testing import ManualClock
from tests.integration.store_samples import events, open_store


@pytest.mark.parametrize(
    ("settings", "left"),
    [({"retain": "90d"}, 600), ({"retain": "36h"}, 500), ({"retain": "1h"}, 0), ({"max_size": "10MB"}, 100)],
)
async def test_sent_events_are_kept_as_long_as_the_site_says(
    tmp_path: Path, settings: dict[str, Any], left: int
) -> None:
    """100 events of the day before yesterday and 500 of three hours ago, all sent; too large, a slice of 500 goes."""
    clock = ManualClock()
    path = tmp_path / "store.db"
    now = clock.now().utc
    with open_store(path) as store:
        store.commit({}, events(1, 100, recorded=now - 2 * DAY, body=bytes(30_000)))
        store.commit({}, events(101, 600, recorded=now - 3 * HOUR, body=bytes(30_000)))
        await store.mark_sent(600)
        options = StoreOptions.model_validate({"path": path, **settings})
        await Room(store, clock, lambda: options, lambda _event, _facts: None).retain()
        kept = len(list(store.rows(0, 10_000)))
    assert kept == left
