"""A walk through a server's address space, for a person who looks for nodes: bounded, time-boxed, reading only."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from adapters.opcua.nodes import plain, resolve
from adapters.opcua.notation import Identifier, NodeReference, parse
from adapters.opcua.session import Reads
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.errors import AdapterError, ConfigError
from edge_bridge.ports import Clock, Entry

MOST_ENTRIES = 5_000
LONGEST: Milliseconds = 120_000
MOST_CHILDREN = 1_000  # of one node: a folder of programs may hold thousands
_SHOWN = 120  # characters of a value
OBJECTS = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
FILE = ua.NodeId(ua.Int32(ObjectIds.FileType))
DIRECTORY = ua.NodeId(ua.Int32(ObjectIds.FileDirectoryType))


class Walks(Reads, Protocol):
    """What a walk needs of a session."""

    async def children(self, node: ua.NodeId, most: int) -> list[ua.ReferenceDescription]:
        """Return what a node leads to by hierarchical references, `most` at the most."""


@dataclass(slots=True)
class Walk:
    """One walk. Each node is entered once, however many ways lead to it; what was left out is said in the last entry."""

    session: Walks
    clock: Clock
    uris: Sequence[str]
    until: Milliseconds
    seen: set[ua.NodeId] = field(default_factory=set)
    told: int = 0

    async def below(self, node: ua.NodeId, levels: int, depth: int = 0) -> AsyncGenerator[Entry, None]:
        """Yield everything down to `levels` below a node, each thing before what is in it."""
        self.seen.add(node)
        found = await self.session.children(node, MOST_CHILDREN)
        values = await self._values(found)
        for reference in found:
            if self.told >= MOST_ENTRIES or self.clock.now().boottime >= self.until:
                return
            target = plain(reference.NodeId)
            self.told += 1
            yield entry(reference, self.uris, depth, values.get(target))
            # the standard's own objects (Server, Aliases, …) say nothing of the machine: entered only when asked for
            if depth + 1 < levels and target not in self.seen and target.NamespaceIndex:
                async for one in self.below(target, levels, depth + 1):
                    yield one
        if len(found) >= MOST_CHILDREN:
            yield Entry(depth, f"… only the first {MOST_CHILDREN} are shown", "", "")

    async def _values(self, found: Sequence[ua.ReferenceDescription]) -> Mapping[ua.NodeId, str | None]:
        nodes = [plain(one.NodeId) for one in found if one.NodeClass == ua.NodeClass.Variable]
        answers = await self.session.read(self.session.prepared(nodes)) if nodes else []
        return {node: shown(answer) for node, answer in zip(nodes, answers, strict=True)}


async def walk(
    session: Walks, clock: Clock, start: NodeReference | None, namespace: str | None, levels: int
) -> AsyncGenerator[Entry, None]:
    """Yield what is below a node, the Objects folder when none is named. Raises AdapterError when there is no such node."""
    node = OBJECTS
    if start is not None:
        (found,) = await resolve(session, [start], namespace)
        if isinstance(found, str):
            raise AdapterError(f"no such node: {found}", "look from the top: leave the start out")
        node = found
    path = Walk(session, clock, await session.namespaces(), clock.now().boottime + LONGEST)
    async for one in path.below(node, levels):
        yield one
    if path.told >= MOST_ENTRIES or clock.now().boottime >= path.until:
        yield Entry(0, f"… stopped after {path.told} entries: start further down, or go less deep", "", "")


def understood(start: str, namespace: str | None) -> NodeReference:
    """Return the node that a person names. Raises ConfigError with the way it is written."""
    try:
        found = parse(start)
    except ValueError as error:
        what, _, hint = str(error).partition(" → ")
        raise ConfigError(f"{start!r}: {what}", hint, key=("start",)) from None
    if isinstance(found, Identifier) and found.namespace is None and namespace is None:
        raise ConfigError(f"{start!r} does not say its namespace", f"write nsu=URI;s={start}", key=("start",))
    return found


def entry(reference: ua.ReferenceDescription, uris: Sequence[str], depth: int, value: str | None) -> Entry:
    """Return what a person sees of one node, and what may be pasted into a machine's file."""
    node = plain(reference.NodeId)
    place = notation(node, uris)
    kind = reference.NodeClass.name
    yaml = f"node: {quoted(place)}" if kind == "Variable" and node.NamespaceIndex else ""
    type_ = plain(reference.TypeDefinition) if reference.TypeDefinition is not None else None
    if type_ == DIRECTORY:
        kind, yaml = "Folder of files", f"files: [{{folder: {quoted(place)}}}]"
    elif type_ == FILE:
        kind = "File"
    name = reference.DisplayName.Text or reference.BrowseName.Name or place
    return Entry(depth, name, place, kind, value, yaml)


def notation(node: ua.NodeId, uris: Sequence[str]) -> str:
    """Return a node as a setting names it: by URI, because indices differ from machine to machine."""
    identifier = node.to_string().rpartition("ns=")[2]
    identifier = identifier.partition(";")[2] if node.NamespaceIndex else identifier
    if not node.NamespaceIndex:
        return identifier
    known = node.NamespaceIndex < len(uris)
    return f"nsu={uris[node.NamespaceIndex]};{identifier}" if known else f"ns={node.NamespaceIndex};{identifier}"


def shown(answer: ua.DataValue) -> str | None:
    """Return a value as a person reads it, shortened; a bad one as its status; None when there is none."""
    if answer.StatusCode is not None and answer.StatusCode.is_bad():
        return answer.StatusCode.name
    value = answer.Value.Value if answer.Value is not None else None
    if value is None:
        return None
    if isinstance(value, ua.LocalizedText):
        value = value.Text or ""
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def quoted(text: str) -> str:
    """Return a text as one YAML value, in quotes where YAML would read it otherwise."""
    plain_text = re.fullmatch(r"[A-Za-z0-9/][^\n]*[^\s:]", text) and not re.search(r": |:$| #|[\[\]{},]", text)
    return text if plain_text else "'" + text.replace("'", "''") + "'"
