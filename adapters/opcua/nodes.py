"""Finds on a connected server what the settings name: namespace indices and browse paths are only known there."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from adapters.opcua.notation import BrowsePath, Identifier, NodeReference
from adapters.opcua.session import Reads

Resolved = ua.NodeId | str
"""A node on this server, or why there is none, in the server's words where it has some."""

NO_NAMESPACE = "BadNodeIdUnknown: the server has no namespace {}"


async def resolve(session: Reads, references: Sequence[NodeReference], namespace: str | None) -> list[Resolved]:
    """Return a node, or a reason, for each reference, in order. namespace: URI of ids that do not name one."""
    indices = {uri: index for index, uri in enumerate(await session.namespaces())} if _by_uri(references) else {}
    paths = [reference for reference in references if isinstance(reference, BrowsePath)]
    found = dict(zip(paths, await session.translate([browse_path(path) for path in paths]), strict=True))
    return [
        _translated(found[reference]) if isinstance(reference, BrowsePath) else node_id(reference, indices, namespace)
        for reference in references
    ]


def node_id(reference: Identifier, indices: dict[str, int], default: str | None) -> Resolved:
    """Return the node id for this server's namespace indices, or why there is none."""
    namespace = default if reference.namespace is None else reference.namespace
    if isinstance(namespace, str):
        if namespace not in indices:
            return NO_NAMESPACE.format(namespace)
        namespace = indices[namespace]
    return ua.NodeId.from_string(f"ns={namespace or 0};{reference.identifier}")


def browse_path(path: BrowsePath) -> ua.BrowsePath:
    """Return the path in the protocol's form, starting at the Objects folder."""
    return ua.BrowsePath(
        StartingNode=ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder)),
        RelativePath=ua.RelativePath(
            [
                ua.RelativePathElement(
                    ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
                    IsInverse=False,  # type: ignore[arg-type]  # asyncua's Boolean takes no value
                    TargetName=ua.QualifiedName(name, index),
                )
                for index, name in path.steps
            ]
        ),
    )


def _translated(result: ua.BrowsePathResult) -> Resolved:
    if not result.StatusCode.is_good() or not result.Targets:
        return result.StatusCode.name if not result.StatusCode.is_good() else "BadNoMatch"
    return plain(result.Targets[0].TargetId)


def plain(node: ua.NodeId) -> ua.NodeId:
    """Return a node id without the parts that an ExpandedNodeId adds: it is asked for, and compared, without them."""
    return ua.NodeId(node.Identifier, node.NamespaceIndex, node.NodeIdType)


def _by_uri(references: Sequence[NodeReference]) -> bool:
    return any(isinstance(found, Identifier) and not isinstance(found.namespace, int) for found in references)
