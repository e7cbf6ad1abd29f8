"""An MTConnect agent in a process of its own that replays a recording: `python -m tests.integration.recorded_agent NAME`.

It prints `ready URL` and obeys lines on its input: `until TIME` goes on to what was said at that time by the recording's
own clock, `requests` counts what was asked for, and the end of its input ends it. Nothing happens by itself.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, unquote, urlsplit

from adapters.simulated.mtconnect_http import STREAM, part, whole
from edge_bridge.clock import SystemClock
from tests.integration.recordings import AgentError, Recorded, opened

HOST = "127.0.0.1"
_ID = re.compile(r'@id="([^"]+)"')


class RecordedAgent:
    """One recording over HTTP: `probe`, `current` and `sample`, whole and as a stream."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._clock = SystemClock()
        self._changed = asyncio.Event()
        self._requests: Counter[str] = Counter()

    def obey(self, line: str) -> str:
        """Carry out one command line and return the answer."""
        name, _, words = line.strip().partition(" ")
        if name == "until":
            count = self._recorded.play(words)
            self._changed.set()
            return f"ok {count}"
        if name == "requests":
            return f"ok {' '.join(f'{what}={count}' for what, count in sorted(self._requests.items()))}"
        return f"error unknown command {name}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client's requests until it goes."""
        try:
            while request := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                async for piece in self._answer(request.decode("latin-1").split(" ")[1]):
                    writer.write(piece)
                    await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass  # the client went, or this agent ends
        finally:
            writer.close()

    async def _answer(self, target: str) -> AsyncIterator[bytes]:
        """Yield the bytes of one answer."""
        url = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        *before, what = [unquote(one) for one in url.path.strip("/").split("/")]
        device = before[-1] if before else None
        ids = set(_ID.findall(query["path"])) if "path" in query else None
        self._requests[what] += 1
        try:
            if what == "probe":
                yield whole(200, self._recorded.probe())
            elif what == "current":
                yield whole(200, self._recorded.current(device, ids))
            elif what == "sample" and "interval" in query:
                async for piece in self._stream(device, ids, query):
                    yield piece
            elif what == "sample":
                found = self._recorded.since(int(query.get("from", self._recorded.first)), device, ids)
                yield whole(200, found or self._recorded.heartbeat())
            else:
                raise AgentError("UNSUPPORTED", f"no {what} was recorded")
        except AgentError as error:
            code, text = error.args
            inside = f'<Header/><Errors><Error errorCode="{code}">{text}</Error></Errors>'
            yield whole(404, f"<MTConnectError>{inside}</MTConnectError>")

    async def _stream(self, device: str | None, ids: set[str] | None, query: dict[str, str]) -> AsyncIterator[bytes]:
        """Yield a stream's documents: what was said, or a heartbeat when that was nothing."""
        start = int(query["from"])
        interval, heartbeat = int(query["interval"]) / 1000, int(query["heartbeat"]) / 1000
        yield STREAM
        while True:
            self._changed.clear()
            found = self._recorded.since(start, device, ids)
            start = self._recorded.next
            yield part(found or self._recorded.heartbeat())
            if found is None:
                await self._something_new(heartbeat)
            else:
                await self._clock.sleep(interval)

    async def _something_new(self, within: float) -> None:
        try:
            async with asyncio.timeout(within):
                await self._changed.wait()
        except TimeoutError:
            pass  # time for a heartbeat


async def run(name: str) -> None:
    """Serve a recording until there are no more commands."""
    agent = RecordedAgent(opened(name))
    server = await asyncio.start_server(agent.serve, HOST, 0)
    print(f"ready http://{HOST}:{server.sockets[0].getsockname()[1]}", flush=True)
    loop = asyncio.get_running_loop()
    async with server:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(agent.obey(line), flush=True)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
