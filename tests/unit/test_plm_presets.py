"""Presets: data with its sources, and a site's file with the last word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from adapters.plm_folder import presets
from adapters.plm_folder.options import PlmFolderOptions
from edge_bridge.errors import ConfigError
from edge_bridge.options import read_options

EXPECTED = {"windchill", "teamcenter", "sap", "aras", "solidworks-pdm", "cn-plm"}


def options(**given: Any) -> PlmFolderOptions:
    return read_options(PlmFolderOptions, {"adapter": "plm_folder", "path": ".", **given})


def leaves(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def test_the_presets_are_there() -> None:
    """Those that the documents promise."""
    assert set(presets.names()) == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_preset_is_a_whole_configuration(name: str) -> None:
    """With a path it works as it stands."""
    assert options(preset=name).preset == name


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_part_says_how_it_is_known(name: str) -> None:
    """No setting without its source, and no source for what is not there."""
    preset = presets.read(name)
    told = [fact.of for fact in preset.facts]
    settings = list(leaves(preset.settings))

    def covers(fact: str, leaf: str) -> bool:
        return leaf == fact or leaf.startswith(f"{fact}.")

    assert [leaf for leaf in settings if not any(covers(fact, leaf) for fact in told)] == []
    assert [fact for fact in told if not any(covers(fact, leaf) for leaf in settings)] == []


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_nothing_unconfirmed_switches_checking_off(name: str) -> None:
    """A word that nobody has confirmed may raise a false alarm; it may not withdraw or finish an ECN."""
    preset = presets.read(name)
    doubtful = {fact.of for fact in preset.facts if fact.sure == "unconfirmed"}
    assert not doubtful & {"status.withdrawn", "status.closed", "status.in_work"}
    if "status" in doubtful:
        assert set(preset.settings.get("status", {})) <= {"released"}


def test_a_site_overrides_any_part() -> None:
    """Mappings key by key, the rest whole; `none` takes a column away."""
    site = options(
        preset="cn-plm",
        format="csv",
        columns={"revision": "新版", "designer": "none"},
        status={"released": "生效"},
        date_formats="%d/%m/%Y",
    )
    assert site.columns["revision"] == ("新版",)
    assert "designer" not in site.columns
    assert site.columns["number"][0] == "变更单号"
    assert site.status["released"] == ("生效",)
    assert site.status["withdrawn"] == ("已取消", "CANCELLED")
    assert site.date_formats == ("%d/%m/%Y",)


def test_a_misspelt_preset_is_named_with_those_there_are() -> None:
    """The fix is in the message."""
    with pytest.raises(ConfigError) as caught:
        options(preset="windchil")
    assert caught.value.key == ("preset",)
    assert "windchill" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "key", "message"),
    [
        ({"format": "xml"}, (), "`xml` is missing"),
        ({"format": "xml", "xml": {"rows": "/a/@b"}}, ("xml", "rows"), "must lead to elements"),
        ({"format": "xml", "xml": {"rows": "/a"}, "columns": {"number": "a[b"}}, ("columns",), "condition"),
        ({"format": "xml", "xml": {"rows": "/a", "row": "x"}}, ("xml", "row"), "did you mean `rows`"),
        ({"format": "text", "positions": {"number": "x-3"}}, ("positions", "number"), "such as 13-22"),
        ({"format": "text", "positions": {"number": "9-3"}}, ("positions", "number"), "such as 13-22"),
        ({"header_row": "0"}, ("header_row",), "at least 1"),
        ({"as_written": ["prt"]}, ("as_written",), "prt"),
        ({"join": {"timeout": "10 apples"}}, ("join", "timeout"), "10 apples"),
        ({"date_formats": "epok"}, ("date_formats",), "no year"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(given: dict[str, Any], key: tuple[str, ...], message: str) -> None:
    """By key, with the fix."""
    with pytest.raises(ConfigError) as caught:
        options(**given)
    assert caught.value.key[: len(key)] == key
    assert message in str(caught.value)
