"""Profiles: what is known about a make of control, as YAML data; a site's own file has the last word on any part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from adapters.opcua.options import FileOptions, LimitsOptions, NodeOptions, NodesOptions, NodeText, OpcUaOptions
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.errors import ConfigError
from edge_bridge.options import Options, YesNo, read_options
from edge_bridge.strict_yaml import Section, load, yaml_files

FOLDER = Path(__file__).parent / "profiles"

Part = TypeVar("Part", bound=Options)


class NamespaceOptions(Options):
    """The namespace of a profile's bare ids; its index differs from machine to machine, the URI does not."""

    uri: str
    sure: Literal["confirmed", "unconfirmed"]
    source: str = ""


class ChannelOptions(Options):
    """How a control tells its channels apart. The site's `channel: 2` fills `{channel}` in the profile's nodes.

    suffix: what the profile's ids that start with `ids` get for another channel than the default one.
    """

    default: str = "1"
    ids: str = ""
    suffix: str = ""
    sure: Literal["confirmed", "unconfirmed"]
    source: str = ""


class RootOptions(Options):
    """Where the profile's paths that start with `.` start: at the instance of `type` below `folder`."""

    what: str
    folder: NodeText
    type: NodeText
    depth: int = Field(1, ge=1, le=6)
    sure: Literal["confirmed", "unconfirmed"]
    source: str = ""


class ProfileOptions(Options):
    """A profile file. Unconfirmed meanings never say that a machine produces: a wrong one would raise false alarms."""

    title: str = Field(description="what the control is called")
    notes: tuple[str, ...] = Field((), description="what a technician should know of it")
    path: str = Field("", description="the path of its endpoint, where the site's file names none")
    namespace: NamespaceOptions | None = None
    channel: ChannelOptions | None = None
    root: RootOptions | None = None
    encrypts: YesNo = Field(False, description="whether its server lets nobody in without SignAndEncrypt")
    read: Literal["poll", "subscribe"] = Field(
        "subscribe", description="how it is read, unless the site says otherwise"
    )
    nodes: NodesOptions = Field(default_factory=NodesOptions)
    files: tuple[FileOptions, ...] = ()
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
    """Profile and site put together: namespace of bare ids, nodes, limits, where program texts stand, how it is read."""

    namespace: str | None
    nodes: NodesOptions
    limits: LimitsOptions
    files: tuple[FileOptions, ...] = ()
    root: RootOptions | None = None
    endpoint: str = ""
    channels: bool = False
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


def doubts(profile: ProfileOptions, site: OpcUaOptions) -> Iterator[tuple[str, str, str]]:
    """Yield what the site's file says and no control of this make would take: option, what, hint."""
    if not profile.encrypts:
        return
    what = f"{profile.title} lets nobody in without SignAndEncrypt"
    if site.security == "None":
        yield (
            "security",
            f"`security: None`: {what}",
            "remove it, and accept the control's certificate: edge-bridge trust",
        )
    elif site.security_mode != "SignAndEncrypt":
        yield "security_mode", f"`security_mode: {site.security_mode}`: {what}", "remove this line"


def settle(profile: ProfileOptions, site: OpcUaOptions) -> Settings:
    """Return the profile with everything that the site's file says laid over it."""
    uri = profile.namespace.uri if profile.namespace else None
    bare = not urlsplit(site.endpoint).path.strip("/")
    return Settings(
        namespace=site.namespace or uri,
        nodes=_nodes(_of_channel(profile.nodes, profile.channel, site.channel), site.nodes),
        limits=_laid_over(profile.limits, site.limits),
        files=profile.files if site.files is None else site.files,
        root=profile.root,
        endpoint=site.endpoint.rstrip("/") + profile.path if bare and profile.path else site.endpoint,
        channels=profile.channel is not None,
        read=profile.read,
    )


def _of_channel(nodes: NodesOptions, channel: ChannelOptions | None, wanted: str | None) -> NodesOptions:
    """Return the profile's nodes for one channel; what the site's file names itself is meant as it stands there."""
    if channel is None:
        return nodes
    name = wanted or channel.default

    def of_channel(node: Any) -> Any:
        if isinstance(node, tuple):
            return tuple(map(of_channel, node))
        if not isinstance(node, NodeOptions) or node.node is None:
            return node
        suffixed = channel.suffix and name != channel.default and node.node.startswith(channel.ids)
        text = node.node + channel.suffix if suffixed else node.node
        return node.model_copy(update={"node": text.replace("{channel}", name)})

    return nodes.model_copy(update={field: of_channel(getattr(nodes, field)) for field in type(nodes).model_fields})


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
