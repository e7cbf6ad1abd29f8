"""A simulated machine behind an MTConnect agent: answers and streams over HTTP, obeys command lines on stdin.

Beside the commands of every simulated machine: `comment TEXT`, `header TEXT`, `location URI`, `edit on|off [NAME]`,
`functional MODE`, `dry_run on|off`, `file NAME VERSION STATE [SIGNATURE]`, `remove NAME`, `tool`, `set ID VALUE`, `available`,
`unavailable`, `restart`, `hang_up`, `requests`, `connections`. A program comes with the comment `REV VERSION`, and with a File
asset in state PRODUCTION.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.simulated import mtconnect_buffer as buffer
from adapters.simulated.machine import PLAIN, CommandError, Machine
from adapters.simulated.mtconnect_buffer import UNAVAILABLE, Buffer, FileAsset, Said
from adapters.simulated.mtconnect_http import STREAM, part, whole
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Execution, Mode

HOST = "127.0.0.1"
_EXECUTION = {
    Execution.RUNNING: "ACTIVE",
    Execution.INTERRUPTED: "INTERRUPTED",
    Execution.STOPPED: "STOPPED",
    Execution.IDLE: "READY",
}
_MODE = {Mode.AUTOMATIC: "AUTOMATIC", Mode.MDI: "MANUAL_DATA_INPUT", Mode.MANUAL: "MANUAL"}
_ID = re.compile(r'@id="([^"]+)"')


class AgentError(Exception):
    """An MTConnectError: code and text."""


class SimulatedAgent:
    """One agent with one machine, and perhaps others that stand still."""

    def __init__(self, arguments: argparse.Namespace, clock: SystemClock) -> None:
        self.machine = Machine(PLAIN, main_program=arguments.program, version=arguments.version)
        self._arguments = arguments
        self._clock = clock
        self._more: dict[str, str] = {}  # values by id that the machine's model does not know, or that were forced
        self._files: dict[str, FileAsset] = {}
        self._buffers: dict[str, Buffer] = {}
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._requests: Counter[str] = Counter()
        self._most = 0
        self._instance = clock.now().utc // 1000
        self._commands: dict[str, Callable[[str], object]] = {
            "comment": lambda words: self._more.update(comment=words),
            "header": lambda words: self._more.update(header=words),
            "location": lambda words: self._more.update(location=words),
            "functional": lambda words: self._more.update(functional=words),
            "dry_run": lambda words: self._more.update(dry_run=words.upper()),
            "edit": self._edit,
            "file": self._file,
            "remove": self._remove,
            "tool": lambda _words: self._announce("asset_chg", "tool.1", "CuttingTool"),
            "set": self._set,
            "available": lambda _words: self._more.clear(),
            "unavailable": self._unavailable,
            "restart": self._restart,
            "hang_up": self._hang_up,
        }
        self._start_anew()

    def obey(self, line: str) -> str:
        """Carry out one command line and return the answer, `ok …` or `error …`."""
        name, _, words = line.partition(" ")
        if name == "requests":
            return f"ok {' '.join(f'{what}={count}' for what, count in sorted(self._requests.items()))}"
        if name == "connections":
            return f"ok {len(self._writers)} {self._most}"
        try:
            if name in self._commands:
                self._commands[name](words.strip())
            elif name != "status":
                version, program = self.machine.version, self.machine.main_program
                self.machine.obey(line)
                if name in ("load", "version") and (version, program) != (
                    self.machine.version,
                    self.machine.main_program,
                ):
                    self._more.pop("comment", None)
                    self._file(f"{self.machine.main_program} {self.machine.version or '-'} PRODUCTION")
        except (CommandError, ValueError) as error:
            return f"error {error}"
        self._publish()
        return f"ok {self.machine.status()}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client's requests until it goes."""
        self._writers.add(writer)
        self._most = max(self._most, len(self._writers))
        try:
            while request := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                target = request.decode("latin-1").split(" ")[1]
                if "interval=" in target:  # nothing more is asked on this connection: its end is all that can come
                    asyncio.ensure_future(reader.read(1)).add_done_callback(lambda _: self._writers.discard(writer))
                async for piece in self._answer(target):
                    writer.write(piece)
                    await writer.drain()
        except (OSError, IndexError, asyncio.CancelledError):
            pass  # the client went, talked nonsense, or this agent ends
        finally:
            self._writers.discard(writer)
            writer.close()

    def close(self) -> None:
        """Close every connection."""
        self._hang_up("")

    async def _answer(self, target: str) -> AsyncIterator[bytes]:
        """Yield the bytes of one answer."""
        url = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        *before, what = [unquote(part) for part in url.path.strip("/").split("/")]
        self._requests[what] += 1
        try:
            devices = self._devices(before)
            ids = self._ids(query)
            if what == "sample" and "interval" in query and not self._arguments.no_stream:
                async for piece in self._stream(devices, ids, query):
                    yield piece
                return
            yield whole(200, self._document(what, devices, ids, query))
        except AgentError as error:
            code, text = error.args
            yield whole(404 if code in ("NO_DEVICE", "INVALID_URI") else 400, self._error(code, text))

    def _document(self, what: str, devices: Sequence[str], ids: Collection[str], query: dict[str, str]) -> str:
        if what == "probe":
            inside = buffer.model((name, self._buffers[name].items) for name in devices)
            return f"{self._header('MTConnectDevices')}{inside}</MTConnectDevices>"
        if what == "assets" and not self._arguments.no_assets:
            inside = "".join(one.xml(f"{devices[0]}-uuid") for one in self._files.values())
            return f"{self._header('MTConnectAssets')}<Assets>{inside}</Assets></MTConnectAssets>"
        if what == "current":
            found = [(name, [one for one in self._newest(name) if one.item.id in ids]) for name in devices]
            return self._streams(found, self._main.next)
        if what == "sample":
            said, next_ = self._main.since(self._from(query), int(query.get("count", "100")), ids)
            return self._streams([(devices[0], said)], next_)
        raise AgentError("INVALID_URI", f"0: no {what} here")

    async def _stream(
        self, devices: Sequence[str], ids: Collection[str], query: dict[str, str]
    ) -> AsyncIterator[bytes]:
        """Yield a stream's documents: what was said, or a heartbeat when that was nothing."""
        start, count = self._from(query), int(query.get("count", "100"))
        interval, heartbeat = int(query["interval"]) / 1000, int(query.get("heartbeat", "10000")) / 1000
        instance = self._instance
        yield STREAM
        while instance == self._instance:
            said, start = self._main.since(start, count, ids)
            if not said:
                await self._something_new(start, ids, heartbeat)
                said, start = self._main.since(start, count, ids)
            if start < self._main.first:
                yield part(self._error("OUT_OF_RANGE", f"'from' must be greater than {self._main.first}"))
                return
            yield part(self._streams([(devices[0], said)] if said else [], start))
            await self._clock.sleep(interval)

    async def _something_new(self, start: int, ids: Collection[str], within: float) -> None:
        """Return when something wanted was said, or after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while not self._main.since(start, 1_000_000, ids)[0]:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass  # time for a heartbeat

    @property
    def _main(self) -> Buffer:
        return self._buffers["machine"]

    def _newest(self, device: str) -> list[Said]:
        return list(self._buffers[device].newest.values())

    def _devices(self, before: Sequence[str]) -> list[str]:
        if not before:
            return list(self._buffers)
        for name in self._buffers:
            if before[-1] in (name, f"{name}-uuid"):
                return [name]
        raise AgentError("NO_DEVICE", f"Could not find the device '{before[-1]}'")

    def _ids(self, query: dict[str, str]) -> set[str]:
        if "path" in query and self._arguments.no_filter:
            raise AgentError("INVALID_XPATH", "paths are not understood here")
        if "path" in query:
            return set(_ID.findall(query["path"]))
        return {item.id for one in self._buffers.values() for item in one.items}

    def _from(self, query: dict[str, str]) -> int:
        start, main = int(query.get("from", str(self._main.first))), self._main
        if not main.first <= start <= main.next:
            side = f"greater than {main.first}" if start < main.first else f"less than {main.next}"
            raise AgentError("OUT_OF_RANGE", f"'from' must be {side}")
        return start

    def _header(self, root: str, sequences: str = "") -> str:
        return buffer.header(root, self._arguments.schema, self._instance, self._clock.now().utc, sequences)

    def _streams(self, devices: Sequence[tuple[str, Sequence[Said]]], next_: int) -> str:
        main = self._main
        sequences = f' firstSequence="{main.first}" lastSequence="{main.next - 1}" nextSequence="{next_}"'
        return f"{self._header('MTConnectStreams', sequences)}{buffer.streams(devices)}</MTConnectStreams>"

    def _error(self, code: str, text: str) -> str:
        inside = f'<Errors><Error errorCode="{code}">{text}</Error></Errors>'
        return f"{self._header('MTConnectError')}{inside}</MTConnectError>"

    def _values(self) -> dict[str, str]:
        machine = self.machine
        found = {
            "avail": "AVAILABLE",
            "functional": "SETUP" if machine.test else "PRODUCTION",
            "mode": _MODE[machine.mode],
            "execution": _EXECUTION[machine.execution],
            "program": machine.main_program,
            "active": machine.active_program,
            "comment": f"REV {machine.version}" if machine.version else "",
            "header": UNAVAILABLE,
            "location": f"file:///programs/{machine.main_program}",
            "edit": "READY",
            "edit_name": UNAVAILABLE,
            "dry_run": "OFF",
            "feed": "100",
        }
        return {**found, **self._more}

    def _publish(self) -> None:
        values = self._values()
        known = {one.id: values[one.id] for one in self._main.items if one.id in values}
        if self._main.say(known, self._clock.now().utc):
            self._changed.set()

    def _start_anew(self) -> None:
        at = self._clock.now().utc
        for number in range(1, self._arguments.devices + 1):
            name = "machine" if number == 1 else f"machine{number}"
            items = buffer.data_items(number, self._arguments.paths)
            self._buffers[name] = Buffer(self._instance, items, self._arguments.buffer)
            self._buffers[name].say({one.id: UNAVAILABLE for one in items}, at)
        self._file(f"{self.machine.main_program} {self.machine.version or '-'} PRODUCTION")
        self._publish()

    def _announce(self, item: str, asset: str, kind: str) -> None:
        self._main.say({item: asset}, self._clock.now().utc, asset_type=kind)
        self._changed.set()

    def _file(self, words: str) -> None:
        name, version, state, *signature = words.split()
        at = self._clock.now().utc
        self._files[name] = FileAsset(name, version, state, "".join(signature), at)
        self._announce("asset_chg", f"file.{name}", "File")

    def _remove(self, name: str) -> None:
        if name not in self._files:
            raise CommandError(f"there is no file {name!r}")
        del self._files[name]
        self._announce("asset_rem", f"file.{name}", "File")

    def _edit(self, words: str) -> None:
        state, *name = words.split()
        self._more["edit"] = "ACTIVE" if state == "on" else "READY"
        self._more["edit_name"] = name[0] if name else UNAVAILABLE

    def _set(self, words: str) -> None:
        item, _, value = words.partition(" ")
        if item not in self._main.newest:
            raise CommandError(f"unknown data item {item!r}; known: {', '.join(self._main.newest)}")
        self._more[item] = value

    def _unavailable(self, _words: str) -> None:
        self._more.update({one.id: UNAVAILABLE for one in self._main.items if not one.type.startswith("ASSET")})

    def _restart(self, _words: str) -> None:
        self._instance += 1
        self._start_anew()

    def _hang_up(self, _words: str) -> None:
        for writer in list(self._writers):
            writer.close()


async def run(arguments: argparse.Namespace) -> None:
    """Serve on 127.0.0.1, say `ready URL`, obey lines until `quit`, end of input or SIGTERM."""
    agent = SimulatedAgent(arguments, SystemClock())
    server = await asyncio.start_server(agent.serve, HOST, arguments.port)
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, lines.feed_eof)
    print(f"ready http://{HOST}:{server.sockets[0].getsockname()[1]}", flush=True)
    while (line := (await lines.readline()).decode("utf-8", "replace")) and line.strip() != "quit":
        print(agent.obey(line.strip()), flush=True)
    pipe.close()
    server.close()
    agent.close()


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(prog="python -m adapters.simulated.mtconnect_agent", description=__doc__)
    found.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0: any free one")
    found.add_argument("--program", default="EL-100_OP10_B.NC", help="the selected main program")
    found.add_argument("--version", default="B", help="its version")
    found.add_argument("--schema", default="2.4", help="MTConnect version of the documents")
    found.add_argument("--devices", type=int, default=1, help="how many machines the agent serves")
    found.add_argument("--paths", type=int, default=1, help="how many paths each has")
    found.add_argument("--buffer", type=int, default=1000, help="how many observations it keeps")
    found.add_argument("--no-stream", action="store_true", help="answer once where a stream is asked for")
    found.add_argument("--no-assets", action="store_true", help="have no assets")
    found.add_argument("--no-filter", action="store_true", help="refuse XPath selections")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulated agent until its input ends."""
    asyncio.run(run(parser().parse_args(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
