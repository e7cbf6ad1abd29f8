"""One connection to one agent, and the only file that touches httpx: it asks with GET, one request at a time.

Every answer has a limit in time and size. Nothing is followed, unpacked, cached or sent through a proxy of this computer's.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from asyncio import timeout as time_box
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx

from adapters.mtconnect import document, failure
from adapters.mtconnect.document import NotMtConnect
from adapters.mtconnect.model import AgentFault, Assets, Model, Streams
from adapters.mtconnect.multipart import LARGEST, BrokenStreamError, Parts, boundary_of
from edge_bridge.errors import AdapterError, RefusedError

CLOSING_SECONDS = 1.0
LARGE = 64_000  # bytes: above, reading takes long enough to delay other machines, and goes to a thread
MOST_OBSERVATIONS = 1000  # of one streamed document; the agent sends the next at once
MOST_FILES = 1000
_HEADERS = {"accept": "text/xml, application/xml", "accept-encoding": "identity", "cache-control": "no-cache"}

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)  # a line for each request; reasons come from here instead

Document = TypeVar("Document", Streams, Assets, Model)


class NoStreamError(AdapterError):
    """The agent answers, and does not stream."""


class SilentStreamError(AdapterError):
    """Nothing whole came through a stream, not even its heartbeat."""


class StreamEndedError(AdapterError):
    """The agent ended a stream in good order."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach an agent. timeout: seconds for one answer."""

    url: str
    timeout: float
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked for: a device where the agent has several, and data items; None: all of them."""

    device: str | None = None
    ids: frozenset[str] | None = None

    def query(self) -> dict[str, str]:
        """Return the XPath that selects the data items, where their ids can be written in one."""
        if not self.ids or any('"' in one or "'" in one for one in self.ids):
            return {}
        wanted = " or ".join(f'@id="{one}"' for one in sorted(self.ids))
        return {"path": f"//DataItem[{wanted}]"}


class Agent:
    """An agent that can be asked. Every answer comes within the access's timeout, or raises AdapterError or AgentFault."""

    def __init__(self, client: httpx.AsyncClient, access: Access) -> None:
        self._client = client
        self._access = access
        self._fresh = True  # nothing was asked yet, so that no connection can be a kept one

    @property
    def url(self) -> str:
        """Where it is, as configured."""
        return self._access.url

    async def current(self, scope: Scope) -> Streams:
        """Return the newest observation of each data item."""
        return await self._document("current", scope, scope.query(), document.streams)

    async def files(self, scope: Scope) -> Assets:
        """Return the File assets."""
        query = {"type": "File", "count": str(MOST_FILES)}
        return await self._document("assets", scope, query, document.assets)

    async def model(self) -> Model:
        """Return what the agent's devices consist of."""
        return await self._document("probe", Scope(), {}, document.model)

    async def sample(self, scope: Scope, start: int, interval: int, heartbeat: int) -> AsyncGenerator[Streams, None]:
        """Yield documents as the agent streams them; one without observations is its heartbeat.

        start: the first sequence wanted. interval, heartbeat: milliseconds. Raises NoStreamError when the agent answers
        otherwise, StreamEndedError when it ends the stream, AgentFault with its own words, AdapterError when it is silent.
        """
        query = {
            "from": str(start),
            "interval": str(interval),
            "heartbeat": str(heartbeat),
            "count": str(MOST_OBSERVATIONS),
            **scope.query(),
        }
        request = self._client.build_request("GET", self._path("sample", scope), params=query)
        with self._explaining():
            async with time_box(self._access.timeout):
                response = await self._sent(request)
        try:
            boundary = boundary_of(response.headers.get("content-type", ""))
            if response.status_code != 200 or boundary is None:
                await self._no_stream(response)
            async with aclosing(self._documents(response, boundary or "", heartbeat / 1000)) as documents:
                async for one in documents:
                    yield one
        finally:
            await response.aclose()

    async def _no_stream(self, response: httpx.Response) -> None:
        """Raise what an answer says that is no stream: the agent's own error, else that it does not stream."""
        with self._explaining():
            async with time_box(self._access.timeout):
                body = await self._body(response)
        await self._read(response, "sample", body, document.streams)
        raise NoStreamError(f"{self.url} does not stream", "write `read: poll`")

    async def _documents(
        self, response: httpx.Response, boundary: str, heartbeat: float
    ) -> AsyncGenerator[Streams, None]:
        """Yield the documents of a stream; each must be whole within the heartbeat and one more timeout."""
        parts, pieces = Parts(boundary), response.aiter_raw()
        longest = heartbeat + self._access.timeout
        while True:
            found: list[bytes] = []
            try:
                with self._explaining():
                    async with time_box(longest) as box:
                        while not found and not parts.ended:
                            found = parts.feed(await anext(pieces))
            except AdapterError as error:
                if not box.expired():
                    raise
                raise SilentStreamError(
                    f"{self.url} streams no heartbeat within {longest:g} s", "check that the agent runs"
                ) from error
            except StopAsyncIteration:
                raise StreamEndedError(f"{self.url} ended the stream", "the agent may be restarting") from None
            except BrokenStreamError as error:
                raise NoStreamError(f"{self.url} streams what cannot be read: {error}", "write `read: poll`") from error
            for one in found:
                yield await self._read(response, "sample", one, document.streams)
            if parts.ended:
                raise StreamEndedError(f"{self.url} ended the stream", "the agent may be restarting")

    async def _document(
        self, what: str, scope: Scope, query: Mapping[str, str], read: Callable[[bytes], Document]
    ) -> Document:
        request = self._client.build_request("GET", self._path(what, scope), params=dict(query))
        with self._explaining():
            async with time_box(self._access.timeout):
                response = await self._sent(request)
                try:
                    body = await self._body(response)
                finally:
                    await response.aclose()
        return await self._read(response, what, body, read)

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        """Return an answer whose body is still to come. A kept connection may have been closed just now: once more."""
        try:
            return await self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if self._fresh:
                raise
            return await self._client.send(request, stream=True)
        finally:
            self._fresh = False

    async def _body(self, response: httpx.Response) -> bytes:
        """Return an answer's bytes as they came, up to the limit."""
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise AdapterError(f"{self.url} packs its answers", "switch compression off at the agent or its proxy")
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > LARGEST:
                raise AdapterError(
                    f"{self.url} answers with more than {LARGEST // 1_000_000} MB",
                    "check that it is an agent; where it serves many machines, set `device`",
                )
        return bytes(body)

    async def _read(
        self, response: httpx.Response, what: str, body: bytes, read: Callable[[bytes], Document]
    ) -> Document:
        """Return a document. Raises AgentFault with the agent's own words, AdapterError for what is no document."""
        location = response.headers.get("location")
        if error := failure.status(response.status_code, location, self.url, what):
            raise error
        try:
            found = read(body) if len(body) < LARGE else await asyncio.to_thread(read, body)
        except NotMtConnect as error:
            raise failure.unreadable(error, response.status_code, self.url, what) from error
        if response.status_code >= 400:
            raise failure.unreadable(NotMtConnect(""), response.status_code, self.url, what)
        return found

    def _path(self, what: str, scope: Scope) -> str:
        device = f"/{quote(scope.device, safe='')}" if scope.device else ""
        return f"{self.url}{device}/{what}"

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except failure.ERRORS as error:
            raise failure.explained(error, self.url, self._access.timeout) from error


@asynccontextmanager
async def opened(access: Access) -> AsyncIterator[Agent]:
    """Yield an agent and close its connection on every way out. Raises RefusedError when `ca` cannot be read."""
    transport = httpx.AsyncHTTPTransport(
        verify=_trust(access), trust_env=False, limits=httpx.Limits(max_connections=1, max_keepalive_connections=1)
    )
    client = httpx.AsyncClient(
        transport=transport, headers=_HEADERS, timeout=_limits(access), follow_redirects=False, trust_env=False
    )
    try:
        yield Agent(client, access)
    finally:
        try:
            async with time_box(CLOSING_SECONDS):
                await client.aclose()
        except (TimeoutError, *failure.ERRORS):
            pass  # it is gone already, or hangs: its socket is closed with the process's last word to it


def _limits(access: Access) -> httpx.Timeout:
    """Return httpx's own limits: none, for an answer is timed as a whole; but a handshake cancelled from outside leaves its
    socket open, so connecting and handshake each have half of the time.
    """
    return httpx.Timeout(None, connect=access.timeout * 0.45 if access.url.startswith("https:") else None)


def _trust(access: Access) -> ssl.SSLContext:
    """Return whom to trust: the certificate named, else this computer's authorities; nobody where no TLS is spoken."""
    if not access.url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=str(access.ca) if access.ca else None)
    except (OSError, ssl.SSLError) as error:
        raise RefusedError(f"{access.ca} cannot be read as a certificate: {error}", "save it as PEM") from error


__all__ = ["Access", "Agent", "AgentFault", "NoStreamError", "Scope", "SilentStreamError", "StreamEndedError", "opened"]
