"""Profiles: what is known about a make of control, as YAML data; a site's own file has the last word on any part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, model_validator

from adapters.opcua.options import LimitsOptions, NodeOptions, NodesOptions, OpcUaOptions
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.errors import ConfigError
from edge_bridge.options import Options, read_options
from edge_bridge.strict_yaml import Section, load, yaml_files

FOLDER = Path(__file__).parent / "profiles"

Part = TypeVar("Part", bound=Options)


class NamespaceOptions(Options):
    """The namespace of a profile's bare ids; its index differs from machine to machine, the URI does not."""

    uri: str
    sure: Literal["confirmed", "unconfirmed"]
    source: str = ""


class ProfileOptions(Options):
    """A profile file. Unconfirmed meanings never say that a machine produces: a wrong one would raise false alarms."""

    title: str = Field(description="what the control is called")
    namespace: NamespaceOptions | None = None
    read: Literal["poll", "subscribe"] = Field(
        "subscribe", description="how it is read, unless the site says otherwise"
    )
    nodes: NodesOptions = Field(default_factory=NodesOptions)
    limits: LimitsOptions = Field(default_factory=LimitsOptions)

    @model_validator(mode="after")
    def _unconfirmed_is_never_production(self) -> ProfileOptions:
        for node in (self.nodes.execution, self.nodes.mode):
            for raw in node.unconfirmed if node else ():
                if node and node.map.get(raw) in (Execution.RUNNING, Mode.AUTOMATIC):
                    raise ValueError(f"{raw} is unconfirmed, so it may not mean {node.map[raw]}")
        return self


@dataclass(frozen=True, slots=True)
class Settings:
    """Profile and site put together: the namespace of bare ids, the nodes, the limits; and how the profile reads."""

    namespace: str | None
    nodes: NodesOptions
    limits: LimitsOptions
    read: Literal["poll", "subscribe"] = "subscribe"


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the profiles that there are."""
    return tuple(path.stem for path in yaml_files(folder))


def read(name: str, given: Mapping[str, Any] | None = None, folder: Path = FOLDER) -> ProfileOptions:
    """Return a profile. Raises ConfigError with the key `profile` when there is none, with its own line when it is wrong.

    given: the settings that name it, to say where.
    """
    known = names(folder)
    if name not in known:
        where = given.where(("profile",)) if isinstance(given, Section) else ""
        raise ConfigError(
            f"`profile`: no profile {name!r}", f"known here: {', '.join(known)}", key=("profile",), where=where
        )
    return read_options(ProfileOptions, load(folder / f"{name}.yaml"))


def settle(profile: ProfileOptions, site: OpcUaOptions) -> Settings:
    """Return the profile with everything that the site's file says laid over it."""
    uri = profile.namespace.uri if profile.namespace else None
    return Settings(
        site.namespace or uri, _nodes(profile.nodes, site.nodes), _laid_over(profile.limits, site.limits), profile.read
    )


def _nodes(profile: NodesOptions, site: NodesOptions) -> NodesOptions:
    """Merge node by node, and in each its map entry by entry. An empty value takes a node away; `test` is replaced whole."""
    merged: dict[str, Any] = {}
    for field in site.model_fields_set:
        ours, theirs = getattr(profile, field), getattr(site, field)
        both = isinstance(ours, NodeOptions) and isinstance(theirs, NodeOptions)
        merged[field] = _laid_over(ours, theirs) if both else theirs
    return profile.model_copy(update=merged)


def _laid_over(below: Part, above: Part) -> Part:
    update = {field: getattr(above, field) for field in above.model_fields_set}
    if "map" in update:
        update["map"] = {**getattr(below, "map", {}), **update["map"]}
    return below.model_copy(update=update)
