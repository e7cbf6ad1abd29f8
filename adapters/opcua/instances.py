"""Finds the machine or channel of a companion specification on a server: by its type, because its node id is never fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from asyncua import ua

from adapters.opcua.notation import BrowsePath, Identifier, NodeReference
from edge_bridge.errors import RefusedError

MOST_CHILDREN = 1_000
MOST_VISITED = 2_000  # a server that is all folders is not walked through for ever
NO_NAMESPACE = "BadNodeIdUnknown: the server has no namespace {}"

Resolved = ua.NodeId | str
"""A node on this server, or why there is none, in the server's words where it has some."""


class Finds(Protocol):
    """What finding needs of a session."""

    async def children(self, node: ua.NodeId, most: int) -> list[ua.ReferenceDescription]:
        """Return what a node leads to by hierarchical references, `most` at the most."""


@dataclass(frozen=True, slots=True)
class Root:
    """Where paths that start with `.` start: the one instance of `type` below `folder`, `depth` levels down at the most.

    what: what people call it. machine, channel: as the site's file names them, to choose one of several.
    """

    folder: NodeReference
    type: Identifier
    what: str
    depth: int = 1
    machine: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance that was found: the browse names on the way to it, and the nodes, itself last."""

    names: tuple[str, ...]
    nodes: tuple[ua.NodeId, ...]

    def start(self, up: int) -> Resolved:
        """Return the node that many levels above it."""
        return self.nodes[-1 - up] if up < len(self.nodes) else f"BadNoMatch: nothing is {up} levels above it"


async def instance(session: Finds, root: Root, folder: Resolved, type_: Resolved) -> Instance | str:
    """Return the instance, or why there is none. Raises RefusedError when there are several and none of them is meant."""
    if isinstance(folder, str):
        return folder
    if isinstance(type_, str):
        return type_
    found = await _below(session, folder, await _with_subtypes(session, type_), root.depth)
    if not found:
        return f"BadNoMatch: the server has no {root.what}"
    meant = [one for one in found if _is_meant(one, root)]
    if len(meant) == 1:
        return meant[0]
    there = ", ".join("/".join(one.names) for one in found)
    setting = "machine" if root.channel is not None or not _tells_apart(found) else "channel"
    if not meant:
        raise RefusedError(f"no {root.what} here is called as `machine` or `channel` says", f"there are: {there}")
    raise RefusedError(f"this server has {len(meant)} {root.what}s: {there}", f"name one of them with `{setting}: …`")


def _is_meant(found: Instance, root: Root) -> bool:
    names = [name.casefold() for name in found.names]
    machine = root.machine is None or root.machine.casefold() in names
    return machine and (root.channel is None or root.channel.casefold() == names[-1])


def _tells_apart(found: Sequence[Instance]) -> bool:
    """Tell whether the last name alone says which is which, and stands in a folder of its own: a channel of one machine."""
    return all(len(one.names) > 1 for one in found) and len({one.names[-1] for one in found}) == len(found)


async def _below(session: Finds, folder: ua.NodeId, types: set[ua.NodeId], depth: int) -> list[Instance]:
    """Return the instances of these types, breadth first; what is inside one of them is not looked through."""
    found: list[Instance] = []
    seen = {folder}
    level = [Instance((), (folder,))]
    for _ in range(depth):
        following: list[Instance] = []
        for parent in level:
            for reference in await session.children(parent.nodes[-1], MOST_CHILDREN):
                node = plain(reference.NodeId)
                if reference.NodeClass != ua.NodeClass.Object or node in seen or len(seen) > MOST_VISITED:
                    continue
                seen.add(node)
                one = Instance((*parent.names, reference.BrowseName.Name or ""), (*parent.nodes, node))
                type_ = reference.TypeDefinition
                (found if type_ is not None and plain(type_) in types else following).append(one)
        level = following
    return found


async def _with_subtypes(session: Finds, type_: ua.NodeId) -> set[ua.NodeId]:
    """Return a type and those derived from it: builders derive their own."""
    found, level = {type_}, [type_]
    while level:
        below = [one for parent in level for one in await session.children(parent, MOST_CHILDREN)]
        level = [plain(one.NodeId) for one in below if one.NodeClass == ua.NodeClass.ObjectType]
        level = [one for one in level if one not in found]
        found |= set(level)
    return found


def needed(references: Sequence[NodeReference]) -> bool:
    """Tell whether any of these starts at an instance."""
    return any(isinstance(one, BrowsePath) and one.up is not None for one in references)


def plain(node: ua.NodeId) -> ua.NodeId:
    """Return a node id without the parts that an ExpandedNodeId adds: it is asked for, and compared, without them."""
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)
