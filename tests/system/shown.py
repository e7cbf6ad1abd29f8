"""Installs the machine that `edge_bridge.testing` ships for `probe` and `browse`, as pip would lay out its package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.site import Site

FILE = """\
adapter: {kind}
name: Machine {name}
does: {does}
log: ../shown.log
{more}
"""
_POINTS = """\
[edge_bridge.adapters]
shown = edge_bridge.testing.looks:ShownAdapter
connected = edge_bridge.testing.looks:ConnectedAdapter
"""


def install(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make the adapters `shown` and `connected` known to every command that is started from now on."""
    info = folder / "shown-adapter-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shown-adapter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_POINTS)
    before = os.environ.get("PYTHONPATH")
    patch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{before}" if before else str(folder))
    patch.syspath_prepend(str(folder))


def add(site: Site, name: str = "shown-01", *, kind: str = "shown", does: str = "fine", more: str = "") -> None:
    """Add such a machine to a site."""
    site.write(f"adapters/{name}.yaml", FILE.format(name=name, kind=kind, does=does, more=more))


def sessions(site: Site) -> tuple[int, int]:
    """Return how many sessions were opened, and how many closed."""
    log = site.folder / "shown.log"
    lines = log.read_text().split() if log.exists() else []
    return lines.count("open"), lines.count("close")
