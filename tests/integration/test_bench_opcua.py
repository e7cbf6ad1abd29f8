"""The OPC UA benchmark in small: that it measures something, and that its clients are read as they should be."""

from __future__ import annotations

import pytest

from bench.opcua import controls, figures, measured


@pytest.mark.timeout(180)
def test_the_benchmark_runs_in_small() -> None:
    """Four controls, five seconds: each way of reading gives its figures, and loses nothing."""
    with controls(4, 1) as endpoints:
        naive, polled, subscribed = (
            measured(read, endpoints, few=2, settle_s=0.5, measure_s=5) for read in ("naive", "poll", "subscribe")
        )
    for cost in (naive, polled, subscribed):
        assert cost.rate > 0
        assert cost.losses == 0
    names = [name for name, _, _ in figures("poll", polled, naive, 4) + figures("subscribe", subscribed, naive, 4)]
    assert len(names) == 8
