"""Finds on a connected server what the settings name: namespace indices and browse paths are only known there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from adapters.opcua.instances import NO_NAMESPACE, Finds, Instance, Resolved, Root, instance, needed, plain
from adapters.opcua.notation import BrowsePath, Identifier, NodeReference
from adapters.opcua.session import Reads

__all__ = ["NO_NAMESPACE", "Looks", "Resolved", "browse_path", "node_id", "plain", "resolve"]

OBJECTS = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
_NOTHING = "BadNoMatch: no machine is known to start from"


class Looks(Reads, Finds, Protocol):
    """What it takes to find nodes on a server."""


async def resolve(
    session: Looks, references: Sequence[NodeReference], namespace: str | None, root: Root | None = None
) -> list[Resolved]:
    """Return a node, or a reason, for each reference, in order. namespace: URI of ids that do not name one.

    Raises RefusedError when several machines or channels are there and the settings do not say which.
    """
    wanted = [*references, root.folder, root.type] if root is not None else references
    indices = {uri: index for index, uri in enumerate(await session.namespaces())} if _by_uri(wanted) else {}
    start: Instance | str = _NOTHING
    if root is not None and needed(references):
        folder, type_ = await _resolved(session, [root.folder, root.type], indices, namespace, start)
        start = await instance(session, root, folder, type_)
    return await _resolved(session, references, indices, namespace, start)


async def _resolved(
    session: Reads,
    references: Sequence[NodeReference],
    indices: Mapping[str, int],
    namespace: str | None,
    start: Instance | str,
) -> list[Resolved]:
    paths = {one: browse_path(one, indices, start) for one in references if isinstance(one, BrowsePath)}
    asked = {one: path for one, path in paths.items() if not isinstance(path, str)}
    results = dict(zip(asked, await session.translate(list(asked.values())), strict=True))
    found: list[Resolved] = []
    for one in references:
        if isinstance(one, Identifier):
            found.append(node_id(one, indices, namespace))
        else:
            path = paths[one]
            found.append(path if isinstance(path, str) else _translated(results[one]))
    return found


def node_id(reference: Identifier, indices: Mapping[str, int], default: str | None) -> Resolved:
    """Return the node id for this server's namespace indices, or why there is none."""
    namespace = default if reference.namespace is None else reference.namespace
    if isinstance(namespace, str):
        if namespace not in indices:
            return NO_NAMESPACE.format(namespace)
        namespace = indices[namespace]
    return ua.NodeId.from_string(f"ns={namespace or 0};{reference.identifier}")


def browse_path(
    path: BrowsePath, indices: Mapping[str, int] | None = None, start: Instance | str = _NOTHING
) -> ua.BrowsePath | str:
    """Return the path in the protocol's form, or why it cannot be followed on this server."""
    known = indices or {}
    unknown = [uri for uri, _ in path.steps if isinstance(uri, str) and uri not in known]
    if unknown:
        return NO_NAMESPACE.format(unknown[0])
    node: Resolved = OBJECTS
    if path.up is not None:
        node = start if isinstance(start, str) else start.start(path.up)
    if isinstance(node, str):
        return node
    elements = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
            IsInverse=False,  # type: ignore[arg-type]  # asyncua's Boolean takes no value
            TargetName=ua.QualifiedName(name, known[where] if isinstance(where, str) else where),
        )
        for where, name in path.steps
    ]
    return ua.BrowsePath(StartingNode=node, RelativePath=ua.RelativePath(elements))


def _translated(result: ua.BrowsePathResult) -> Resolved:
    if not result.StatusCode.is_good() or not result.Targets:
        return result.StatusCode.name if not result.StatusCode.is_good() else "BadNoMatch"
    return plain(result.Targets[0].TargetId)


def _by_uri(references: Sequence[NodeReference]) -> bool:
    """Tell whether the server's namespaces must be known. Ids with an index, and paths of them, need not ask for them."""
    for one in references:
        if isinstance(one, Identifier) and not isinstance(one.namespace, int):
            return True
        if isinstance(one, BrowsePath) and any(isinstance(where, str) for where, _ in one.steps):
            return True
    return False
