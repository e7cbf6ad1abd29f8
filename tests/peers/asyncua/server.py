"""An OPC UA server made of asyncua that looks like a HEIDENHAIN control, or holds official nodesets: obeys lines on stdin.

`set PATH KIND:VALUE`: PATH are browse names below Objects. `stack NAME=LEVEL …`: the program stack. `sessions`: how many.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field
from asyncua.server.server import Server

TYPES = "http://heidenhain.de/NC/"
PARSERS: dict[str, Callable[[str], ua.Variant]] = {
    "int": lambda text: ua.Variant(int(text), ua.VariantType.Int32),
    "uint": lambda text: ua.Variant(int(text), ua.VariantType.UInt32),
    "text": lambda text: ua.Variant(text, ua.VariantType.String),
    "texts": lambda text: ua.Variant([one for one in text.split(",") if one], ua.VariantType.String),
    "local": lambda text: ua.Variant(ua.LocalizedText(text), ua.VariantType.LocalizedText),
}
MODES = ["Manual", "MDI", "Handwheel", "Automatic"]


async def heidenhain(server: Server, *, described: bool, before: int) -> None:
    """Build the part of a TNC's address space that is known: see the profile."""
    for number in range(before):
        await server.register_namespace(f"urn:other:{number}")
    types = await server.register_namespace(TYPES)
    top = await server.nodes.objects.add_object(1, "HEIDENHAIN NC")
    machine = await top.add_object(1, "Machine")
    channels = await machine.add_object(types, "Channels")
    channel = await channels.add_object(1, "0")
    program = await channel.add_object(types, "Program")
    state = await program.add_object(types, "ExecutionState")
    enumeration = await new_enum(server, types, "OperatingModeEnumeration", MODES)
    await channel.add_variable(types, "OperatingMode", ua.Variant(3, ua.VariantType.Int32), datatype=enumeration.nodeid)
    await program.add_variable(types, "Name", "TNC:\\nc_prog\\PART_B.H")
    await program.add_variable(types, "CurrentCall", "TNC:\\nc_prog\\PART_B.H")
    await state.add_variable(0, "CurrentState", ua.LocalizedText("Running"))
    structure, _ = await new_struct(
        server,
        types,
        "ProgramPositionDataType",
        [
            new_struct_field("ProgramName", ua.VariantType.String),
            new_struct_field("BlockNumber", ua.VariantType.UInt32),
            new_struct_field("BlockContent", ua.VariantType.String),
            new_struct_field("CallStackLevel", ua.VariantType.UInt32),
        ],
    )
    await server.load_data_type_definitions()
    await program.add_variable(
        types, "ExecutionStack", await _stack("TNC:\\nc_prog\\PART_B.H=0"), datatype=structure.nodeid
    )
    if not described:  # an older server has only a type dictionary, and its enumerations' texts as a property
        texts = ua.Variant([ua.LocalizedText(mode) for mode in MODES], ua.VariantType.LocalizedText)
        await enumeration.add_property(0, "EnumStrings", texts)
        nothing = ua.DataValue(ua.Variant(), ua.StatusCode(ua.UInt32(ua.StatusCodes.BadAttributeIdInvalid)))
        await server.iserver.write_attribute_value(structure.nodeid, nothing, ua.AttributeIds.DataTypeDefinition)


async def _stack(words: str) -> ua.Variant:
    frames: list[Any] = []
    for word in words.split():
        name, _, level = word.rpartition("=")
        kind = ua.ProgramPositionDataType  # type: ignore[attr-defined]  # made by the server's own definition
        frames.append(kind(ProgramName=name, BlockNumber=7, BlockContent="L X+0", CallStackLevel=int(level)))
    return ua.Variant(frames, ua.VariantType.ExtensionObject, is_array=True)


async def found(server: Server, path: str) -> Node:
    """Return the node that a path of browse names leads to."""
    node = server.nodes.objects
    for name in path.split("/"):
        children = {(await child.read_browse_name()).Name: child for child in await node.get_children()}
        node = children[name.replace("+", " ")]
    return node


async def instance(server: Server, text: str) -> None:
    """Make an instance: [PARENT/]NAME=URI;TYPE, the type by its identifier."""
    path, _, type_ = text.partition("=")
    parent, _, name = path.rpartition("/")
    uri, _, identifier = type_.partition(";")
    index = await server.get_namespace_index(uri)
    own = await server.register_namespace("urn:machines")
    node = await found(server, parent) if parent else server.nodes.objects
    await node.add_object(own, name, ua.NodeId.from_string(f"ns={index};{identifier}"))


async def obey(server: Server, line: str) -> str:
    """Carry out one command line."""
    name, _, words = line.partition(" ")
    if name == "set":
        path, _, value = words.partition(" ")
        kind, _, text = value.partition(":")
        await (await found(server, path)).write_value(PARSERS[kind](text))
    elif name == "stack":
        node = await found(server, "HEIDENHAIN+NC/Machine/Channels/0/Program/ExecutionStack")
        await node.write_value(await _stack(words))
    elif name == "sessions":
        return f"ok {len(server.iserver._external_sessions)}"
    else:
        return f"error unknown command {name}"
    return f"ok {line}"


async def serve(arguments: argparse.Namespace) -> None:
    """Run until stdin ends."""
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/HEIDENHAIN/NC")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    for file in arguments.nodeset:
        await server.import_xml(file, strict_mode=False)  # that of CNC names parents that it does not have
    for text in arguments.instance:
        await instance(server, text)
    if arguments.heidenhain:
        await heidenhain(server, described=not arguments.undescribed, before=arguments.namespaces_before)
    await server.start()
    assert server.bserver is not None
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(f"ready opc.tcp://127.0.0.1:{server.bserver.port}", flush=True)
    while line := (await reader.readline()).decode():
        try:
            print(await obey(server, line.strip()), flush=True)
        except (KeyError, ValueError, ua.UaError) as error:
            print(f"error {error!r}", flush=True)
    await server.stop()


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodeset", type=Path, action="append", default=[], help="an XML file to load, in this order")
    parser.add_argument("--instance", action="append", default=[], help="[PARENT/]NAME=URI;i=TYPE")
    parser.add_argument("--heidenhain", action="store_true", help="look like a TNC")
    parser.add_argument("--undescribed", action="store_true", help="do not say how the structure is made")
    parser.add_argument("--namespaces-before", type=int, default=0, help="move its types to a later index")
    logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
