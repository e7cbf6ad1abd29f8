"""The OPC UA benchmark in small: that it measures something, and that its clients are read as they should be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.opcua import Cost, controls, figures, measured


@pytest.mark.timeout(180)
def test_the_benchmark_runs_in_small() -> None:
    """Four controls, five seconds: each way of reading gives its figures, and loses nothing."""
    with controls(4) as simulator:
        naive, polled, subscribed = (
            measured(read, simulator, 4, few=2, settle_s=0.5, measure_s=5) for read in ("naive", "poll", "subscribe")
        )
    for cost in (naive, polled, subscribed):
        assert cost.rate > 0
        assert cost.losses == 0
    assert polled.reads == pytest.approx(polled.rate, rel=0.3)  # what the clients count is what the controls answered
    assert subscribed.reads < polled.reads
    names = [name for name, _, _ in figures("poll", polled, naive, 4) + figures("subscribe", subscribed, naive, 4)]
    assert len(set(names)) == 15


def test_a_figure_that_is_not_reached_is_a_miss() -> None:
    """A machine that is read too seldom, or a connection that is lost, is not hidden by the others' good figures."""
    good = Cost(
        share=0.4, each=0.001, rate=1, fewest=1, late=0.1, gap=1.2, reads=1, seen=1, losses=0, kilobytes=40, servers=0.1
    )
    naive = replace(good, each=0.1)
    bad = replace(good, share=1.2, each=0.1, fewest=0.5, late=0.3, gap=11, seen=6, losses=1, kilobytes=201)
    for read, most in (("poll", 7), ("subscribe", 6)):
        assert [name for name, _, within in figures(read, good, naive) if within is False] == []
        assert len([name for name, _, within in figures(read, bad, naive) if within is False]) == most
