"""The program files of a simulated control: FileType objects (OPC 10000-5 C.2) that obey, misbehave and keep a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from adapters.simulated.machine import CommandError

_METHODS = ("Open", "Close", "Read", "Write", "GetPosition", "SetPosition")
_READ_ONLY = 1


@dataclass(slots=True)
class SimulatedFile:
    """One file: its bytes, its node, and what is wrong with it."""

    node: Node
    data: bytes
    properties: dict[str, Node]
    changes: int = 0
    open_as: dict[int, int] = field(default_factory=dict)  # handle → position
    fault: str = ""
    going_on: bool = False


class SimulatedFiles:
    """The file system of a control. dated, sized: whether its files say when they changed, and how large they are."""

    def __init__(self, server: Server, index: int, top: str, *, dated: bool = True, sized: bool = True) -> None:
        self._server = server
        self._index = index
        self._top = top
        self._dated = dated
        self._sized = sized
        self._files: dict[str, SimulatedFile] = {}
        self._folders: dict[str, Node] = {}
        self._handle = 0
        self.calls: Counter[str] = Counter()
        self.facts: dict[str, Callable[[], object]] = {
            "handles": lambda: sum(len(file.open_as) for file in self._files.values()),  # how many are open
            "opened": lambda: self.calls["Open"],  # how often one was
            "calls": lambda: " ".join(sorted(self.calls)),
        }
        self.commands: dict[str, Callable[[str], Any]] = {
            "program": self._program,
            "large": self._large,
            "remove": self._remove,
            "fault": self._fault,
            "go-on": self._go_on,
        }

    async def start(self) -> None:
        """Make the top folder."""
        self._folders[""] = await self._folder(self._server.nodes.objects, self._top)

    async def _program(self, words: str) -> None:
        """`program PATH TEXT`: create a file or change its content; `\\n` in the text ends a line, `_` for a blank in PATH."""
        path, _, text = words.partition(" ")
        await self._put(path.replace("+", " "), text.replace("\\n", "\n").encode("utf-8"))

    async def _large(self, words: str) -> None:
        """`large PATH BYTES`: a long program."""
        path, _, size = words.partition(" ")
        await self._put(path.replace("+", " "), b"; REV L\n" + b"G1 X0.000\n" * (int(size) // 10))

    async def _put(self, path: str, data: bytes) -> None:
        if path not in self._files:
            self._files[path] = await self._new(path)
        file = self._files[path]
        file.data = data
        file.changes += 1
        if self._sized:
            await file.properties["Size"].write_value(ua.Variant(len(data), ua.VariantType.UInt64))
        if self._dated:
            moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=file.changes)
            await file.properties["LastModifiedTime"].write_value(ua.Variant(moment, ua.VariantType.DateTime))

    async def _remove(self, path: str) -> None:
        file = self._known(path)
        await self._server.delete_nodes([file.node], recursive=True)
        del self._files[path.replace("+", " ")]

    def _fault(self, words: str) -> None:
        """`fault PATH WHAT`: a status that Open answers, `open more`, `read STATUS`, `more`, `less`, `none`, and
        `hold`: as if it had no end."""
        path, _, what = words.partition(" ")
        file = self._known(path)
        file.fault = "" if what == "none" else what
        file.going_on = False

    def _go_on(self, path: str) -> None:
        """`go-on PATH`: let what is held answer."""
        self._known(path).going_on = True

    def _known(self, path: str) -> SimulatedFile:
        name = path.replace("+", " ")
        if name not in self._files:
            raise CommandError(f"no file {name!r}; known: {', '.join(self._files)}")
        return self._files[name]

    async def _folder(self, parent: Node, identifier: str) -> Node:
        name = ua.QualifiedName(identifier.rpartition("/")[2], self._index)
        return await self._object(parent, identifier, name, ObjectIds.FileDirectoryType)

    async def _object(self, parent: Node, identifier: str, name: ua.QualifiedName, type_: int) -> Node:
        """Add an object with a type, and without that type's parts, which asyncua would give ids of its own."""
        item = ua.AddNodesItem(
            ParentNodeId=parent.nodeid,
            ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HasComponent)),
            RequestedNewNodeId=self._id(identifier),
            BrowseName=name,
            NodeClass=ua.NodeClass.Object,
            NodeAttributes=ua.ObjectAttributes(DisplayName=ua.LocalizedText(name.Name)),
            TypeDefinition=ua.NodeId(ua.Int32(type_)),
        )
        (result,) = await self._server.iserver.isession.add_nodes([item])
        result.StatusCode.check()
        return self._server.get_node(result.AddedNodeId)

    async def _new(self, path: str) -> SimulatedFile:
        *folders, name = path.split("/")
        parent = self._folders[""]
        for depth in range(len(folders)):
            way = "/".join(folders[: depth + 1])
            if way not in self._folders:
                self._folders[way] = await self._folder(parent, f"{self._top}/{way}")
            parent = self._folders[way]
        identifier = f"{self._top}/{path}"
        node = await self._object(parent, identifier, ua.QualifiedName(name, self._index), ObjectIds.FileType)
        file = SimulatedFile(node, b"", {})
        given = {"Size": self._sized, "LastModifiedTime": self._dated}
        for key, value, there in (
            ("Size", ua.Variant(0, ua.VariantType.UInt64), given["Size"]),
            ("LastModifiedTime", ua.Variant(datetime(2026, 1, 1, tzinfo=UTC)), given["LastModifiedTime"]),
            ("OpenCount", ua.Variant(0, ua.VariantType.UInt16), True),
            ("Writable", ua.Variant(True), True),
        ):
            if there:
                id_ = self._id(f"{identifier}.{key}")
                file.properties[key] = await node.add_property(id_, ua.QualifiedName(key, 0), value)
        for method in _METHODS:
            called = self._method(path, method)
            await node.add_method(self._id(f"{identifier}.{method}"), ua.QualifiedName(method, 0), called)
        return file

    def _id(self, identifier: str) -> ua.NodeId:
        return ua.NodeId(ua.String(identifier), ua.Int16(self._index))

    def _method(self, path: str, method: str) -> Callable[..., Any]:
        async def called(_parent: ua.NodeId, *arguments: ua.Variant) -> Any:
            self.calls[method] += 1
            file = self._files.get(path)
            if file is None:
                return _status("BadNodeIdUnknown")
            answer = getattr(self, f"_{method.lower()}", None)
            if answer is None:
                return _status("BadNotSupported")
            return await answer(file, *(one.Value for one in arguments))

        return called

    async def _open(self, file: SimulatedFile, mode: int) -> Any:
        self.calls[f"Open({mode})"] += 1
        if file.fault.startswith("Bad"):
            return _status(file.fault)
        if mode != _READ_ONLY:
            return _status("BadNotWritable")
        self._handle += 1
        file.open_as[self._handle] = 0
        return [ua.Variant(self._handle, ua.VariantType.UInt32)]

    async def _read(self, file: SimulatedFile, handle: int, length: int) -> Any:
        if handle not in file.open_as:
            return _status("BadInvalidArgument")
        kind, _, status = file.fault.partition(" ")
        if kind == "hold" and not file.going_on:  # asyncua answers one client's requests in turn: it may not wait here
            return [ua.Variant(b"\n", ua.VariantType.ByteString)]
        if kind == "read":
            return _status(status)
        if kind == "more":
            return [ua.Variant(b"\n" * (length + 5), ua.VariantType.ByteString)]
        wanted = min(length, 7) if kind == "less" else length
        at = file.open_as[handle]
        piece = file.data[at : at + wanted]
        file.open_as[handle] = at + len(piece)
        return [ua.Variant(piece, ua.VariantType.ByteString)]

    async def _close(self, file: SimulatedFile, handle: int) -> Any:
        known = file.open_as.pop(handle, None)
        return [] if known is not None else _status("BadInvalidArgument")


def _status(name: str) -> ua.StatusCode:
    return ua.StatusCode(ua.UInt32(getattr(StatusCodes, name)))
