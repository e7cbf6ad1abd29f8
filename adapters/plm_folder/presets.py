"""Presets: what is known about a PLM's exports, as YAML data; a site's own file has the last word on any part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from edge_bridge.options import Options
from edge_bridge.strict_yaml import load, merged, yaml_files

FOLDER = Path(__file__).parent / "presets"


class Fact(Options):
    """How a part of a preset is known. of: the setting, such as `columns.number`; it holds for what is inside, too."""

    of: str
    sure: Literal["confirmed", "unconfirmed"]
    source: str = Field(min_length=1)


class Preset(Options):
    """A preset file: settings as a site would write them, and for each how it is known."""

    title: str
    settings: dict[str, Any]
    facts: tuple[Fact, ...]


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the presets that there are."""
    return tuple(path.stem for path in yaml_files(folder))


def read(name: str, folder: Path = FOLDER) -> Preset:
    """Return a preset that is there."""
    return Preset.model_validate(dict(load(folder / f"{name}.yaml")))


def under(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a site's settings laid over the preset that they name: mappings key by key, anything else whole."""
    name = settings.get("preset")
    if not isinstance(name, str) or name not in names():
        return settings
    preset = read(name).settings
    laid = dict(merged(preset, dict(settings)))
    for key in ("columns", "positions", "defaults"):
        if isinstance(part := laid.get(key), Mapping):
            laid[key] = {column: value for column, value in part.items() if value not in (None, "none")}
    return laid
