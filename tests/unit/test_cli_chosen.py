"""Which adapter a command looks at, and whether it may open a session of its own beside the daemon's."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge.cli.chosen import single_session
from edge_bridge.clock import SystemClock
from edge_bridge.config import load

SITE = (
    "site: plant-1\ngateway: edge-01\ntimezone: Asia/Shanghai\nmqtt: {url: 'mqtt://127.0.0.1:9'}\nstore: {path: x.db}\n"
)
MACHINE = "adapter: opcua\nprofile: heidenhain\nendpoint: opc.tcp://10.0.0.7\n"


@pytest.mark.parametrize(
    ("more", "single"), [("", True), ("limits: {sessions: '4'}\n", False), ("limits: {sessions: one}\n", True)]
)
def test_a_profile_says_that_a_make_takes_one_session(tmp_path: Path, more: str, single: bool) -> None:
    """A second session would take another licence of the control; the site's file has the last word."""
    (tmp_path / "adapters").mkdir()
    (tmp_path / "edge-bridge.yaml").write_text(SITE, encoding="utf-8")
    (tmp_path / "adapters/tnc.yaml").write_text(MACHINE + more, encoding="utf-8")
    (tmp_path / "adapters/mill.yaml").write_text(MACHINE.replace("heidenhain", "sinumerik"), encoding="utf-8")
    adapters = load(tmp_path, SystemClock()).adapters
    assert single_session(adapters["tnc"]) is single
    assert not single_session(adapters["mill"]), "ten for all clients together"
