"""What the tests of the commands at a machine share: a site, and controls that can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.opcua_servers import OpcUaServer, running
from tests.system import shown
from tests.system.site import Site


@pytest.fixture(scope="module")
def control() -> Iterator[OpcUaServer]:
    """An OPC UA control."""
    with running("--program", "EL-1_OP10_B.MPF", "--version", "A") as control:
        yield control


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site without machines that can be reached."""
    return Site(tmp_path / "site").machines()


@pytest.fixture
def machine(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The same, where machines that do as they are told can be added."""
    shown.install(tmp_path / "package", monkeypatch)
    return site
