"""What only the server can say of its values: the texts of its enumerations, and how its structures are made.

asyncua's own way registers a server's types for the whole process, by namespace index; two controls whose indices differ
would then read each other's structures. So a structure's bytes are taken apart here, for one connection only.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import unpack_uatype
from asyncua.ua.uaerrors import UaError

from adapters.opcua.decode import Wanted
from adapters.opcua.instances import Finds, Resolved, plain
from adapters.opcua.options import StackOptions
from adapters.opcua.session import Reads, parameters
from adapters.opcua.values import Answer, status_of
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.ports import Clock

_LARGEST_BUILT_IN = 15  # Boolean … ByteString: what a field of such a structure may be (OPC 10000-6 5.1.2)
_MOST_CHILDREN = 200
ASK_AGAIN: Milliseconds = 30_000


class Asks(Reads, Finds, Protocol):
    """What learning from a server needs of a session."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure's fields in order: name and built-in type."""

    fields: tuple[tuple[str, ua.VariantType], ...]

    def taken_apart(self, body: bytes) -> Mapping[str, object]:
        """Return the values of one structure. Raises ValueError when the bytes are not exactly one."""
        buffer = Buffer(body)
        try:
            found = {name: unpack_uatype(kind, buffer) for name, kind in self.fields}
        except (UaError, ValueError, TypeError, struct.error) as error:
            raise ValueError(f"its bytes are not as its type says ({error})") from error
        if len(buffer):
            raise ValueError("it is longer than its type says")
        return found


Learned = Mapping[int, str] | Structure | str
"""The texts of an enumeration, a structure, or why there is neither."""


class Interpreter:
    """Turns the numbers and structures of one connection into texts. Each node's type is asked for once, a lacking one
    again now and then: a control that is starting publishes its types bit by bit.
    """

    def __init__(self, wanted: Sequence[Wanted], session: Asks, clock: Clock) -> None:
        self._wanted = wanted
        self._session = session
        self._clock = clock
        self._learned: dict[ua.NodeId, tuple[Learned, Milliseconds]] = {}
        self._needed = any(one.texts or one.stack is not None for one in wanted)

    async def texts(self, answers: Sequence[Answer], nodes: Sequence[Resolved]) -> list[Answer]:
        """Return the answers, in order, with texts for what the settings say has texts, and names for program stacks."""
        found: list[Answer] = []
        if not self._needed:
            return list(answers)
        for wanted, node, answer in zip(self._wanted, nodes, answers, strict=True):
            said = answer
            if isinstance(node, ua.NodeId) and not isinstance(answer, str) and _holds_something(answer):
                if wanted.texts:
                    learned = await self._once(node, partial(self._enumeration, node))
                    said = _text(answer, learned)
                elif wanted.stack is not None and _holds_structures(answer):
                    learned = await self._once(node, partial(self._structure, node, wanted.stack))
                    said = names(answer, wanted.stack, learned)
            found.append(said)
        return found

    async def _once(self, node: ua.NodeId, learn: Callable[[], Awaitable[Learned]]) -> Learned:
        now = self._clock.now().boottime
        known = self._learned.get(node)
        if known is None or (isinstance(known[0], str) and now - known[1] >= ASK_AGAIN):
            known = self._learned[node] = await learn(), now
        return known[0]

    async def _enumeration(self, node: ua.NodeId) -> Learned:
        """Look at the variable itself (a multi-state one), then at its data type: its property, then its definition."""
        type_ = await self._data_type(node)
        for owner in (node, type_):
            for child in await self._session.children(owner, _MOST_CHILDREN) if owner is not None else ():
                if child.BrowseName.Name in ("EnumStrings", "EnumValues"):
                    (value,) = await self._session.read(self._session.prepared([plain(child.NodeId)]))
                    return _enumerated(value.Value.Value if value.Value is not None else None)
        definition = await self._definition(type_)
        if isinstance(definition, ua.EnumDefinition) and definition.Fields:
            return {int(one.Value): one.Name or one.DisplayName.Text or "" for one in definition.Fields}
        return "the server has no texts for its numbers: take `texts` away, and map the numbers"

    async def _structure(self, node: ua.NodeId, stack: StackOptions) -> Learned:
        definition = await self._definition(await self._data_type(node))
        if isinstance(definition, ua.StructureDefinition):
            return _defined(definition)
        if stack.structure:
            return Structure(tuple((name, ua.VariantType[kind]) for name, kind in stack.structure.items()))
        return "the server does not say how its structure is made: write `structure` for the stack"

    async def _definition(self, type_: ua.NodeId | None) -> object:
        if type_ is None:
            return None
        (said,) = await self._session.read((_attribute(type_, AttributeIds.DataTypeDefinition),))
        return said.Value.Value if status_of(said).is_good() and said.Value is not None else None

    async def _data_type(self, node: ua.NodeId) -> ua.NodeId | None:
        (said,) = await self._session.read((_attribute(node, AttributeIds.DataType),))
        value = said.Value.Value if status_of(said).is_good() and said.Value is not None else None
        return plain(value) if isinstance(value, ua.NodeId) else None


def names(answer: ua.DataValue, stack: StackOptions, learned: Learned) -> Answer:
    """Return the programs' names in a stack of structures, the main program first, or why they cannot be told."""
    value = answer.Value.Value if answer.Value is not None else None
    frames: list[Mapping[str, Any]] = []
    for one in value if isinstance(value, list) else [value]:
        try:
            frames.append(_frame(one, learned))
        except ValueError as error:
            return f"cannot be decoded: {error}"
    if any(stack.name not in frame for frame in frames):
        return f"cannot be decoded: it has no field {stack.name}, only {', '.join(frames[0])}"
    if all(isinstance(frame.get(stack.level), int) for frame in frames):
        frames.sort(key=lambda frame: int(frame[stack.level]))
    return replace(answer, Value=ua.Variant([str(frame[stack.name] or "") for frame in frames], ua.VariantType.String))


def _frame(one: object, learned: Learned) -> Mapping[str, Any]:
    if not isinstance(one, ua.ExtensionObject):
        return {name: getattr(one, name) for name in getattr(one, "__dataclass_fields__", {})}
    why = learned if isinstance(learned, str) else "it is no structure"
    if not isinstance(learned, Structure) or one.Body is None:
        raise ValueError(why)
    return learned.taken_apart(one.Body)


def _holds_something(answer: ua.DataValue) -> bool:
    return not status_of(answer).is_bad() and answer.Value is not None and answer.Value.Value is not None


def _holds_structures(answer: ua.DataValue) -> bool:
    assert answer.Value is not None
    value = answer.Value.Value
    return answer.Value.VariantType is ua.VariantType.ExtensionObject and value != []


def _text(answer: ua.DataValue, learned: Learned) -> Answer:
    assert answer.Value is not None
    value = answer.Value.Value
    if isinstance(value, bool) or not isinstance(value, int):
        return answer  # a server that says the text itself
    if isinstance(learned, Mapping):
        if value in learned:
            return replace(answer, Value=ua.Variant(learned[value], ua.VariantType.String))
        return f"is {value}, for which the server has no text"
    return learned if isinstance(learned, str) else "is no enumeration"


def _enumerated(value: object) -> Learned:
    """Return the texts of EnumStrings (by position) or EnumValues (by value)."""
    items = value if isinstance(value, list) else []
    found: dict[int, str] = {}
    for position, item in enumerate(items):
        if isinstance(item, ua.EnumValueType):
            found[int(item.Value)] = item.DisplayName.Text or ""
        elif isinstance(item, ua.LocalizedText):
            found[position] = item.Text or ""
    return found or "the server's list of texts is empty"


def _defined(definition: ua.StructureDefinition) -> Learned:
    if definition.StructureType != ua.StructureType.Structure:
        return "structures with optional parts are not understood"
    fields: list[tuple[str, ua.VariantType]] = []
    for one in definition.Fields or ():
        type_ = one.DataType
        number = type_.Identifier if type_.NamespaceIndex == 0 and isinstance(type_.Identifier, int) else 0
        if not 1 <= number <= _LARGEST_BUILT_IN or one.ValueRank >= 0 or one.IsOptional:
            return f"its field {one.Name} is of a type that is not understood"
        fields.append((one.Name or "", ua.VariantType(number)))
    return Structure(tuple(fields))


def _attribute(node: ua.NodeId, attribute: AttributeIds) -> ua.ReadParameters:
    request = parameters([node])
    request.NodesToRead[0].AttributeId = attribute
    return request
