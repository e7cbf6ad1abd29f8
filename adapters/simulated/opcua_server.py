"""A simulated control with a real OPC UA server: obeys command lines on stdin, for tests, demo and trying settings."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from asyncua import ua
from asyncua.common.callback import CallbackType
from asyncua.common.utils import ServiceError
from asyncua.server.binary_server_asyncio import BinaryServer
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from adapters.simulated.machine import CommandError, Machine
from adapters.simulated.opcua_dialects import DIALECTS, Dialect
from adapters.simulated.opcua_files import SimulatedFiles
from adapters.simulated.opcua_record import Record
from adapters.simulated.opcua_repeats import Answers, RepeatingServer
from adapters.simulated.opcua_security import Users, add_arguments, protect
from adapters.simulated.opcua_subscriptions import ScarceServer, TroubledSubscriptions

HOST = "127.0.0.1"
SHORTEST_SESSION = 1_000  # milliseconds; shorter than on a real control, so that keeping one alive is tried quickly


_PARSERS: dict[str, Callable[[str], ua.Variant]] = {
    "int": lambda text: ua.Variant(int(text), ua.VariantType.Int32),
    "float": lambda text: ua.Variant(float(text), ua.VariantType.Double),
    "bool": lambda text: ua.Variant(text == "true", ua.VariantType.Boolean),
    "text": lambda text: ua.Variant(text.replace("\\0", "\0"), ua.VariantType.String),
    "array": lambda text: ua.Variant(text.split(","), ua.VariantType.String),
    "null": lambda text: ua.Variant(),
}


class SimulatedServer:
    """One machine on one or more ports of this computer."""

    def __init__(self, dialect: Dialect, machine: Machine, arguments: argparse.Namespace) -> None:
        self.machine = machine
        self._dialect = dialect
        self._limit: int = arguments.max_nodes_per_read
        self._arguments = arguments
        self._users = Users.of(arguments)
        self._iserver = iserver = ScarceServer(user_manager=self._users)
        iserver.slots = arguments.max_sessions
        self._items_limit: int = arguments.max_items_per_call
        self._subscriptions = TroubledSubscriptions(
            iserver, items_per_call=self._items_limit, shortest_interval=arguments.shortest_interval
        )
        iserver.subscription_service = self._subscriptions
        self._server = Server(iserver=iserver, user_manager=self._users)
        self.record = Record()
        self._facts: dict[str, Callable[[], object]] = {
            "services": lambda: ", ".join(sorted(self.record.services)),
            "refused": lambda: iserver.refused,
            "subscribed": lambda: self._subscriptions.made,
        }
        self._more: list[BinaryServer] = []
        self._answers = Answers()
        self._nodes: dict[str, ua.NodeId] = {}
        self._forced: set[str] = set()
        self._reads = 0
        self._delay = 0.0
        self._commands: dict[str, Callable[[str], object]] = {
            "set": self._set,
            "bad": lambda words: self._status(words, StatusCodes.BadSensorFailure),
            "uncertain": lambda words: self._status(words, StatusCodes.UncertainSensorNotAccurate),
            "stale": lambda words: self._status(words, StatusCodes.UncertainLastUsableValue),
            "good": self._good,
            "gone": self._gone,
            "lose": self._lose,
            "slow": self._slow,
            "unwatched": lambda field: self._subscriptions.unwatched(self._nodes[field]),
            **self._subscriptions.commands,
        }

    async def start(self, ports: Sequence[int], *, namespaces_before: int) -> list[str]:
        """Listen, and return the endpoints. Port 0 takes any free one."""
        server = self._server
        await server.init()
        server.iserver.min_session_timeout_ms = SHORTEST_SESSION
        server.set_endpoint(f"opc.tcp://{HOST}:{ports[0]}")
        await protect(server, self._arguments)
        if self._users is not None:
            server.set_identity_tokens(self._users.tokens)
        for number in range(namespaces_before):
            await server.register_namespace(f"urn:simulated:other:{number}")
        index = await server.register_namespace(self._dialect.namespace)
        await self._add_nodes(index)
        files = SimulatedFiles(server, index, self._dialect.files, dated=not self._arguments.undated)
        await files.start()
        self._commands |= files.commands
        self._facts |= files.facts
        await server.get_node(
            ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead))
        ).write_value(ua.Variant(self._limit, ua.VariantType.UInt32))
        await server.get_node(
            ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall))
        ).write_value(ua.Variant(self._items_limit, ua.VariantType.UInt32))
        server.subscribe_server_callback(CallbackType.PreRead, self._on_read)
        await server.start()
        return await self._listen(ports)

    async def _listen(self, ports: Sequence[int]) -> list[str]:
        first = self._server.bserver
        assert first is not None
        if self._arguments.repeat:
            await first.stop()  # asyncua cannot be told how to listen
            ports = [first.port, *ports[1:]]
        else:
            ports = ports[1:]
        for port in ports:
            more = RepeatingServer(first, port, self._answers) if self._arguments.repeat else _another(first, port)
            await more.start()
            self._more.append(more)
        listening = self._more if self._arguments.repeat else (first, *self._more)
        return [f"opc.tcp://{HOST}:{binary.port}" for binary in listening]

    async def stop(self) -> None:
        """Stop listening."""
        for more in self._more:
            await more.stop()
        await self._server.stop()

    async def obey(self, line: str) -> str:
        """Carry out one command line and return the answer, `ok …` or `error …`."""
        name, _, words = line.partition(" ")
        try:
            if name == "reads":
                return f"ok {self._reads + self._answers.given}"
            self._answers.forget()
            if name == "sessions":
                return f"ok {len(self._server.iserver._external_sessions)}"  # asyncua does not publish it
            if name in self._facts:
                return f"ok {self._facts[name]()}"
            if name == "asked-timeout":
                return f"ok {self._iserver.asked_timeout}"
            if name == "subscriptions":
                return f"ok {len(self._subscriptions.subscriptions)}"
            if name == "status":
                return f"ok {self.machine.status()}"
            if name in self._commands:
                found = self._commands[name](words)
                if asyncio.iscoroutine(found):
                    await found
                return f"ok {line}"
            self.machine.obey(line)
            await self._publish()
        except (CommandError, KeyError, ValueError) as error:
            return f"error {error}"
        return f"ok {self.machine.status()}"

    async def _add_nodes(self, index: int) -> None:
        folder = await self._server.nodes.objects.add_folder(index, self._dialect.folder)
        values = self._values()
        for field, identifier in self._dialect.ids.items():
            node_id = ua.NodeId(ua.String(identifier), ua.Int16(index))
            await folder.add_variable(node_id, ua.QualifiedName(field, index), values[field])
            self._nodes[field] = node_id

    def _values(self) -> dict[str, ua.Variant]:
        machine = self.machine
        return {
            "main_program": ua.Variant(machine.main_program, ua.VariantType.String),
            "active_program": ua.Variant(machine.active_program, ua.VariantType.String),
            "execution": ua.Variant(machine.raw_execution, ua.VariantType.Int32),
            "mode": ua.Variant(machine.raw_mode, ua.VariantType.Int32),
            "test": ua.Variant(machine.test, ua.VariantType.Boolean),
            "dry_run": ua.Variant(False, ua.VariantType.Boolean),
            "version": ua.Variant(machine.version, ua.VariantType.String),
        }

    async def _publish(self) -> None:
        """Write what has changed; a value keeps the time at which it last did, and a forced one stays as it is."""
        for field, value in self._values().items():
            if field in self._forced:
                continue
            node = self._server.get_node(self._nodes[field])
            if (await node.read_data_value(raise_on_bad_status=False)).Value != value:
                await node.write_value(value)

    async def _on_read(self, event: Any, _service: object) -> None:
        """Count the clients' Read requests, and refuse those above the limit, as OPC 10000-4 5.10.2.3 says."""
        if event.is_external:
            self._reads += 1
            if self._delay:
                await asyncio.sleep(self._delay)  # noqa: TID251 - a control that is slow, in a process of its own
            if self._limit and len(event.request_params.NodesToRead) > self._limit:
                raise ServiceError(StatusCodes.BadTooManyOperations)

    async def _force(self, field: str, value: ua.DataValue) -> None:
        if field not in self._nodes:
            raise CommandError(f"unknown node {field!r}; known: {', '.join(self._nodes)}")
        self._forced.add(field)
        node, space = self._nodes[field], self._server.iserver.aspace
        written = await space.write_attribute_value(node, AttributeIds.Value, value)
        if written.value == StatusCodes.BadTypeMismatch:  # asyncua keeps to its own model; a control need not
            space.set_attribute_value_callback(node, AttributeIds.Value, lambda _node, _attribute: value)
        elif not written.is_good():
            raise CommandError(f"{field}: {written.name}")

    async def _set(self, words: str) -> None:
        """`set NODE KIND:VALUE`: whatever a control might say, whether its model knows it or not."""
        field, _, text = words.partition(" ")
        kind, _, value = text.partition(":")
        if kind not in _PARSERS:
            raise CommandError(f"expected: set NODE KIND:VALUE, with KIND one of {', '.join(_PARSERS)}")
        await self._force(field, ua.DataValue(_PARSERS[kind](value)))

    async def _status(self, field: str, code: int) -> None:
        value = ua.Variant() if code == StatusCodes.BadSensorFailure else self._values().get(field)
        await self._force(field, ua.DataValue(value, ua.StatusCode(ua.UInt32(code))))

    async def _good(self, field: str) -> None:
        self._forced.discard(field)
        node = self._server.get_node(self._nodes[field])
        await node.write_value(self._values()[field])

    async def _gone(self, field: str) -> None:
        self._forced.add(field)
        await self._server.delete_nodes([self._server.get_node(self._nodes[field])])

    async def _lose(self, words: str) -> None:
        """`lose COMMAND`: obey, and lose the message that would tell of it."""
        self.machine.obey(words)
        await self._publish()
        await self._subscriptions.lose()

    def _slow(self, words: str) -> None:
        """`slow MS`: answer each Read only after so long; 0: at once again."""
        self._delay = int(words) / 1000
        self._answers.paused = self._delay > 0


def _another(first: BinaryServer, port: int) -> BinaryServer:
    """Return one more port of a server."""
    found = BinaryServer(first.iserver, first.hostname, port, first.limits)
    found.set_policies(first._policies)  # asyncua builds them in start() and has no way to ask for them
    return found


async def serve(arguments: argparse.Namespace) -> None:
    """Run until stdin ends, `quit`, or SIGTERM."""
    dialect = DIALECTS[arguments.profile]
    machine = Machine(dialect.codes, main_program=arguments.program, version=arguments.version)
    server = SimulatedServer(dialect, machine, arguments)
    if arguments.record:
        server.record.start()
    ports = [arguments.port + number if arguments.port else 0 for number in range(arguments.count)]
    endpoints = await server.start(ports, namespaces_before=arguments.namespaces_before)
    obeying = asyncio.create_task(_obey_stdin(server))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, obeying.cancel)
    print("ready", *endpoints, flush=True)
    try:
        await asyncio.wait([obeying])
    finally:
        await server.stop()
    if not obeying.cancelled():
        obeying.result()  # what went wrong in it is told, not lost


async def _obey_stdin(server: SimulatedServer) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        if line.strip() == "quit":
            return
        if line.strip():
            print(await server.obey(line.strip()), flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(prog="python -m adapters.simulated.opcua_server", description=__doc__)
    found.add_argument("--port", type=int, default=0, help="0 takes any free one (default)")
    found.add_argument("--count", type=int, default=1, help="the same machine on this many ports, for benchmarks")
    found.add_argument("--profile", choices=sorted(DIALECTS), default="sinumerik", help="which control it looks like")
    found.add_argument("--user", help="let only this user in (default: anyone)")
    found.add_argument("--password", default="", help="that user's password: a simulated one, of no worth")
    found.add_argument("--program", default="EL-100_OP10_B.MPF", help="the selected main program")
    found.add_argument("--version", default="B", help="what the version variable holds")
    found.add_argument("--max-nodes-per-read", type=int, default=0, help="refuse larger requests (default: no limit)")
    found.add_argument(
        "--max-items-per-call", type=int, default=0, help="refuse to watch more at once (default: no limit)"
    )
    found.add_argument("--max-sessions", type=int, default=0, help="refuse more sessions (default: no limit)")
    found.add_argument("--shortest-interval", type=int, default=0, help="publish no more often, in ms")
    found.add_argument("--namespaces-before", type=int, default=0, help="move the nodes to a later namespace index")
    found.add_argument("--undated", action="store_true", help="files do not say when they changed")
    found.add_argument("--repeat", action="store_true", help="answer what was asked before cheaply, for benchmarks")
    found.add_argument("--record", action="store_true", help="note the services asked for, for the command `services`")
    add_arguments(found)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run a simulated control: one line `ready ENDPOINT …` on stdout, then one answer line per command line."""
    arguments = parser().parse_args(argv)
    logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)  # a client that goes away is no news here
    asyncio.run(serve(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
