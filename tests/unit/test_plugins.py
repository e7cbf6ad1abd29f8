"""Adapters are found by entry point; a package that cannot be used is named, and never half used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_bridge import plugins
from edge_bridge.errors import ConfigError

GOOD = """
from edge_bridge.options import AdapterOptions
class Mine:
    delivers = "readings"
    Options = AdapterOptions
    def __init__(self, name, options, clock): ...
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package of one module with entry points, as pip would lay it out."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def lay_out(package: str, module: str, text: str, *, listed: bool = False, **points: str) -> None:
        folder = tmp_path / module
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text(text)
        info = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        if listed:  # as newer tools do it
            (info / "RECORD").write_text(f"{module}/__init__.py,sha256=,\n{info.name}/METADATA,,\n")
        else:
            (info / "top_level.txt").write_text(f"{module}\n")
        lines = "".join(f"{name} = {target}\n" for name, target in points.items())
        (info / "entry_points.txt").write_text(f"[edge_bridge.adapters]\n{lines}" if lines else "")

    yield lay_out
    for name in set(sys.modules) - before:
        if name.startswith("third_party"):
            del sys.modules[name]


def test_what_ships_is_found() -> None:
    """Every adapter of this package is known by its word."""
    assert {"opcua", "modbus", "plm_folder"} <= set(plugins.find().kinds)


def test_a_third_partys_adapter(install: Install) -> None:
    """A wheel of somebody else plugs in the same way."""
    install("acme-adapter", "third_party_good", GOOD, mine="third_party_good:Mine")
    factory = plugins.find().factory("mine")
    assert factory.delivers == "readings"
    assert plugins.find().factory("mine") is factory


def test_an_unknown_adapter() -> None:
    """The nearest names and what is installed."""
    with pytest.raises(ConfigError) as caught:
        plugins.Plugins({}).factory("opcua")
    assert str(caught.value) == "no adapter `opcua` is installed → installed: none"
    with pytest.raises(
        ConfigError, match=r"no adapter `opc-ua` is installed → did you mean `opcua`.* installed: .*modbus"
    ):
        plugins.find().factory("opc-ua")


@pytest.mark.parametrize(
    ("text", "target", "reason"),
    [
        ("import no_such_library", "third_party_bad:Mine", "No module named 'no_such_library'"),
        ("", "third_party_bad:Mine", "has no attribute 'Mine'"),
        ("", "third_party_bad.inner:Mine", "No module named 'third_party_bad.inner'"),
        (GOOD.replace("delivers", "sends"), "third_party_bad:Mine", "is none: it lacks `delivers` or `Options`"),
        (GOOD.replace("AdapterOptions\n    def", "dict\n    def"), "third_party_bad:Mine", "is none"),
        ("Mine = 1", "third_party_bad:Mine", "is none"),
    ],
)
def test_a_broken_package_is_named(install: Install, text: str, target: str, reason: str) -> None:
    """The message has the package to reinstall, and the reason."""
    install("acme-adapter", "third_party_bad", text, mine=target)
    with pytest.raises(ConfigError) as caught:
        plugins.find().factory("mine")
    assert "acme-adapter" in str(caught.value)
    assert reason in str(caught.value)


def test_a_broken_package_does_not_touch_the_others(install: Install) -> None:
    """Adapters are imported when they are asked for."""
    install("acme-adapter", "third_party_bad", "import no_such_library", mine="third_party_bad:Mine")
    assert plugins.find().factory("modbus").delivers == "readings"


@pytest.mark.parametrize("listed", [False, True])
def test_two_owners_of_adapters(install: Install, listed: bool) -> None:
    """A second top-level package `adapters` would silently replace files: nothing is loaded."""
    install("rival-tools", "adapters", "", listed=listed)
    with pytest.raises(ConfigError) as caught:
        plugins.find()
    assert "edge-bridge and rival-tools" in str(caught.value)
    assert "uninstall one of them" in str(caught.value)


def test_two_packages_with_one_adapter(install: Install) -> None:
    """Which of two would answer is chance: refused, both named."""
    install("acme-adapter", "third_party_good", GOOD, modbus="third_party_good:Mine")
    with pytest.raises(ConfigError, match="two packages bring an adapter `modbus`: acme-adapter and edge-bridge"):
        plugins.find()
