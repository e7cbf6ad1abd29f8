"""Which nodes one machine needs, in the order in which they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.opcua.decode import Layout, Wanted
from adapters.opcua.instances import Root
from adapters.opcua.notation import Identifier, NodeReference, parse
from adapters.opcua.options import NodeOptions, NodesOptions, OpcUaOptions, StackOptions
from adapters.opcua.profile import Settings
from edge_bridge.domain.extract import BELONG_TOGETHER
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import ConfigError
from edge_bridge.options import missing_program
from edge_bridge.strict_yaml import Key, Section


def lay_out(machine: str, options: OpcUaOptions, settings: Settings, given: Mapping[str, Any]) -> Layout:
    """Return the layout of a machine. Raises ConfigError with the key where a node is missing or stands in no namespace."""
    place = _Place(options.profile, settings.namespace, given)
    wanted = [_wanted(place, key, field, node) for key, field, node in _nodes(settings.nodes)]
    versions = list(_versions(place, options))
    if problem := _missing(options, wanted, versions) or _misplaced(options, settings):
        raise place.refused(*problem)
    return Layout(
        machine,
        _together(wanted, versions),
        options.version,
        exact_names=options.names == "exact",
        root=_root(options, settings),
        judge=options.judge,
        files=settings.files,
        recheck=options.recheck,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the settings stand: what a node may leave unsaid, and where an error points to."""

    profile: str
    namespace: str | None
    given: Mapping[str, Any]

    def refused(self, key: Key, what: str, hint: str) -> ConfigError:
        """Return the error for a key, with its line where the settings come from a file."""
        where = self.given.where(key) if isinstance(self.given, Section) else ""
        return ConfigError(what, hint, key=key, where=where)

    def reference(self, key: Key, node: str) -> NodeReference:
        """Return what a node's text names."""
        try:
            found = parse(node)
        except ValueError as error:
            what, _, hint = str(error).partition(" → ")
            raise self.refused(key, f"`{key[-1]}`: {what} (found {node!r})", hint) from None
        if isinstance(found, Identifier) and found.namespace is None and self.namespace is None:
            what = f"{node!r} does not say its namespace, and profile {self.profile} has none"
            raise self.refused(key, what, f"write nsu=URI;s={node}, or set `namespace`")
        return found


def _wanted(place: _Place, key: Key, field: str, node: NodeOptions) -> Wanted:
    """Return one field's node."""
    if node.node is None:
        raise place.refused(key, f"`{key[1]}` has no node", "add `node: …`, or write the node after the colon")
    return Wanted(
        field,
        node.node,
        place.reference(key, node.node),
        words=getattr(node, "map", {}),
        texts=getattr(node, "texts", False),
        stack=node if isinstance(node, StackOptions) else None,
    )


def _versions(place: _Place, options: OpcUaOptions) -> Iterator[Wanted]:
    """Yield the nodes that hold a version."""
    for index, entry in enumerate(options.version):
        if entry.variable is not None:
            reference = place.reference(("version", index, "variable"), entry.variable)
            yield Wanted("version", entry.variable.strip(), reference, entry=entry)


def _missing(
    options: OpcUaOptions, wanted: Sequence[Wanted], versions: Sequence[Wanted]
) -> tuple[Key, str, str] | None:
    """Return what is not named and must be: key, what, hint."""
    if not wanted and not versions:
        return ("nodes",), "no node is named", "add `nodes:` with at least `main_program`, or choose a profile"
    if fields := missing_program(options.judge, [one.feeds for one in wanted]):
        what = f"`judge: {options.judge}` needs the node {' or '.join(fields)}"
        return ("nodes",), what, "add the node that names the program under `nodes:`, or set `judge:` to what there is"
    return None


def _misplaced(options: OpcUaOptions, settings: Settings) -> tuple[Key, str, str] | None:
    """Return what the settings ask for and this profile cannot give: key, what, hint."""
    texts: list[tuple[Key, str]] = [
        (("version", index, entry.extractor.value), entry.extractor.value)
        for index, entry in enumerate(options.version)
        if entry.extractor in (Extractor.HEADER, Extractor.COMMENT, Extractor.DIGEST)
    ]
    if options.judge == "called_by_main":
        texts.append((("judge",), "judge: called_by_main"))
    if texts and not settings.files:
        key, what = texts[0]
        hint = "add `files:` with the folder or the node of the programs; `edge-bridge browse` shows them"
        return (
            key,
            f"`{what}` needs the program's text, and profile {options.profile} does not say where it stands",
            hint,
        )
    if options.machine is not None and settings.root is None:
        return (
            ("machine",),
            f"`machine`: profile {options.profile} reads the only machine of a server",
            "remove this line",
        )
    if options.channel is not None and settings.root is None and not settings.channels:
        return ("channel",), f"`channel`: profile {options.profile} knows no channels", "write each channel's nodes out"
    return None


def _root(options: OpcUaOptions, settings: Settings) -> Root | None:
    root = settings.root
    if root is None:
        return None
    type_ = parse(root.type)
    assert isinstance(type_, Identifier)  # as every profile's test says
    return Root(parse(root.folder), type_, root.what, root.depth, options.machine, options.channel)


def _together(wanted: list[Wanted], versions: list[Wanted]) -> tuple[Wanted, ...]:
    """Put programs and versions first: what must be seen at one instant is then in one request, if the server takes few."""
    programs = [one for one in wanted if one.feeds in BELONG_TOGETHER]
    return (*programs, *versions, *(one for one in wanted if one.feeds not in BELONG_TOGETHER))


def _nodes(nodes: NodesOptions) -> Iterator[tuple[Key, str, NodeOptions]]:
    for field in ("main_program", "active_program", "program_path", "stack", "execution", "mode"):
        node: NodeOptions | None = getattr(nodes, field)
        if node is not None:
            yield ("nodes", field), field, node
    for index, flag in enumerate(nodes.test or ()):
        yield ("nodes", "test", index), "test", flag
