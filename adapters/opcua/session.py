"""One connection to one server: opened step by step, read from, kept alive, closed on every way out. It never writes."""

from __future__ import annotations

import logging
from asyncio import CancelledError, create_task, current_task, shield, wait
from asyncio import timeout as time_box
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from adapters.opcua import answers
from adapters.opcua.client import ChannelClient
from adapters.opcua.failure import ERRORS, explained
from adapters.opcua.security import Protection, Secured, UserCertificate, fitting_tokens, secure, token_type
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.errors import AdapterError, CertificateError, RefusedError
from edge_bridge.ports import Clock

CHANNEL_LIFETIME: Milliseconds = 600_000  # asked of the server; a dead gateway's channel is freed after that
CLOSING_SECONDS = 1.0  # an orderly farewell may take this long; then the socket is cut
RENEW_AFTER = 0.75  # of the channel's lifetime: OPC 10000-4 5.5.2.1
KEEP_ALIVE_AFTER = 0.5  # of the session's timeout
_MAX_NODES_PER_READ = ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead))
_NAMESPACE_ARRAY = ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))
_SERVER_STATE = ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_State))

Batches = tuple[ua.ReadParameters, ...]
Response = TypeVar("Response")


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in. Seconds for one answer; milliseconds for the session that we ask for. No protection: in the clear."""

    endpoint: str
    timeout: float
    session_timeout: Milliseconds
    username: str | None = None
    password: str | None = None
    user_certificate: UserCertificate | None = None
    protection: Protection | None = None


class Reads(Protocol):
    """What a poll needs of a session."""

    def prepared(self, nodes: Sequence[ua.NodeId]) -> Batches:
        """Return the Read requests for these nodes."""

    async def read(self, batches: Batches) -> list[ua.DataValue]:
        """Return the values of prepared requests, in the order of their nodes."""

    async def namespaces(self) -> list[str]:
        """Return the server's namespace URIs, by index."""

    async def translate(self, paths: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """Return where browse paths lead."""


class Session:
    """An open session. Every call is answered within the access's timeout or raises AdapterError."""

    def __init__(self, client: ChannelClient, access: Access, clock: Clock, secured: Secured | None = None) -> None:
        self._client = client
        self._access = access
        self._clock = clock
        self._secured = secured
        self._renewed: Milliseconds = 0
        self._encoded: tuple[Batches, Sequence[bytes]] = ((), ())
        self.max_nodes_per_read = 0
        """How many nodes the server takes in one request; 0 when it does not limit them."""

    async def open(self) -> None:
        """Open socket, channel and session, and ask how many nodes may be read at once.

        Step by step instead of asyncua's own `connect`, which would start three tasks that read once a second, look
        for stale subscriptions twice a second, and log tracebacks after a loss.
        """
        client = self._client
        with self._explaining():
            await client.connect_socket()
            _obey_cancellation()
            await client.send_hello()
            await client.open_secure_channel()
            self._renewed = self._clock.now().boottime
            await _whole(client.create_session())
            await self._log_in()
            limit = (await client.uaclient.read(parameters([_MAX_NODES_PER_READ])))[0]
        if limit.StatusCode is None or limit.StatusCode.is_good():
            found = limit.Value.Value if limit.Value is not None else None
            self.max_nodes_per_read = found if isinstance(found, int) else 0

    async def _log_in(self) -> None:
        client, access = self._client, self._access
        if self._secured is not None:
            encrypted = self._secured.mode is ua.MessageSecurityMode.SignAndEncrypt
            wanted = token_type(access.username, access.user_certificate)
            client._policy_ids = fitting_tokens(client, access.endpoint, wanted, encrypted=encrypted)
        user = access.user_certificate
        if user is not None:
            client.user_private_key = user.key
        try:
            await client.activate_session(
                username=access.username, password=access.password, certificate=user.certificate if user else None
            )
        except (
            ValueError,
            AttributeError,
        ) as error:  # asyncua: the certificate is missing, or `cryptography` refuses it
            raise RefusedError(
                f"{self._access.endpoint} wants the password encrypted for a certificate that cannot be used",
                "let the control accept this user without encryption, or renew its certificate",
            ) from error

    @property
    def keep_alive_every(self) -> Milliseconds:
        """Within this time the server must hear from us; it may have granted less than we asked for."""
        return max(1000, int(self._client.session_timeout * KEEP_ALIVE_AFTER))

    def prepared(self, nodes: Sequence[ua.NodeId]) -> Batches:
        """Return the Read requests for these nodes: one, or as many as the server's limit makes necessary."""
        size = self.max_nodes_per_read or len(nodes) or 1
        return tuple(parameters(nodes[start : start + size]) for start in range(0, len(nodes), size))

    async def read(self, batches: Batches) -> list[ua.DataValue]:
        """Return the values of prepared requests, in the order of their nodes."""
        values: list[ua.DataValue] = []
        if not batches:
            return values
        await self._renew()
        for parameters, encoded in zip(batches, self._encodings(batches), strict=True):
            with self._explaining():
                found = answers.results(await self._client.read_encoded(encoded))
            if len(found) != len(parameters.NodesToRead):  # OPC 10000-4 5.10.2.2: one result for each node
                asked = len(parameters.NodesToRead)
                raise AdapterError(
                    f"{self._access.endpoint} answered {len(found)} of {asked} values", "update its server"
                )
            values += found
        return values

    def _encodings(self, batches: Batches) -> Sequence[bytes]:
        """Return the requests' parameters as bytes; those that were read last are read again, as a rule."""
        if batches is not self._encoded[0]:
            self._encoded = batches, [struct_to_binary(one) for one in batches]
        return self._encoded[1]

    async def keep_alive(self) -> None:
        """Let the server hear from us between two slow polls."""
        await self.read((parameters([_SERVER_STATE]),))

    async def namespaces(self) -> list[str]:
        """Return the server's namespace URIs, by index."""
        (found,) = await self.read((parameters([_NAMESPACE_ARRAY]),))
        uris = found.Value.Value if found.Value is not None else None
        return [str(uri) for uri in uris] if isinstance(uris, list) else []

    async def translate(self, paths: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """Return where browse paths lead, one request each: servers limit these too, and it happens at connect only."""
        results: list[ua.BrowsePathResult] = []
        for path in paths:
            with self._explaining():
                results += await self._client.uaclient.translate_browsepaths_to_nodeids([path])
        return results

    async def children(self, node: ua.NodeId, most: int) -> list[ua.ReferenceDescription]:
        """Return what a node leads to by hierarchical references, `most` at the most; nothing when it is unknown."""
        wanted = ua.BrowseDescription(
            NodeId=node,
            BrowseDirection=ua.BrowseDirection.Forward,
            ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
            IncludeSubtypes=True,
            NodeClassMask=ua.UInt32(0),
            ResultMask=ua.UInt32(ua.BrowseResultMask.All),
        )
        request = ua.BrowseParameters(RequestedMaxReferencesPerNode=ua.UInt32(most), NodesToBrowse=[wanted])
        found: list[ua.ReferenceDescription] = []
        with self._explaining():
            (result,) = await self._client.uaclient.browse(request)
            found += result.References or []
            while result.ContinuationPoint:
                enough = len(found) >= most  # then the server may forget where it was: OPC 10000-4 5.9.3
                following = ua.BrowseNextParameters(enough, [result.ContinuationPoint])
                (result,) = await self._client.uaclient.browse_next(following)
                found += [] if enough else result.References or []
        return found[:most]

    async def call_file(
        self, file: ua.NodeId, method: ua.NodeId, arguments: list[ua.Variant]
    ) -> tuple[ua.StatusCode, list[object]]:
        """Call Open, Read or Close of a file, the only methods that are ever called: see transfer.py."""
        request = ua.CallMethodRequest(ObjectId=file, MethodId=method, InputArguments=arguments)
        with self._explaining():
            (result,) = await self._client.uaclient.call([request])
        return result.StatusCode, [one.Value for one in result.OutputArguments or ()]

    async def call(self, request: Any, response: type[Response], *, patient: bool = False) -> Response:
        """Return the answer to any other request; the AdapterError of a refusal has the server's status as its cause.

        patient: wait for as long as the connection lasts; such a request may be under way beside others. It goes past
        asyncua's own subscriptions, which start a task that logs and tries again without end.
        """
        if not patient:
            await self._renew()
        with self._explaining():
            protocol = self._client.uaclient.protocol
            if protocol is None:
                raise ConnectionError("connection is not open")
            answer = await protocol.send_request(request, 0 if patient else None)
            found: Any = struct_from_binary(response, answer)
            found.ResponseHeader.ServiceResult.check()
            return cast(Response, found)

    async def close(self) -> None:
        """Free the session on the server; a server that does not answer cannot hold us up."""
        protocol = self._client.uaclient.protocol
        transport = protocol.transport if protocol is not None else None
        try:
            async with time_box(CLOSING_SECONDS):
                await self._client.disconnect()
        except TimeoutError:
            pass  # the server hangs: it frees the session by itself after its timeout
        finally:
            self._client.disconnect_socket()
            if transport is not None:
                transport.abort()  # what is still unsent would keep the socket open

    async def _renew(self) -> None:
        """Renew the channel's token in good time."""
        now = self._clock.now().boottime
        if now - self._renewed > self._client.secure_channel_timeout * RENEW_AFTER:
            self._renewed = now  # at once: a file may be read beside a poll, and only one of them renews it
            with self._explaining():
                await self._client.open_secure_channel(renew=True)
            self._client.uaclient.revolve_security_token()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            access = self._access
            raise explained(error, access.endpoint, access.timeout, self._secured, self._clock.now().utc) from error


@asynccontextmanager
async def opened(access: Access, clock: Clock) -> AsyncIterator[Session]:
    """Yield an open session and close it on every way out. Raises AdapterError or RefusedError."""
    _quieten()
    secured = await _secured(access, clock)
    client = _client(access, secured)
    client.name = client.description = "edge-bridge"
    client.session_timeout = access.session_timeout
    client.secure_channel_timeout = CHANNEL_LIFETIME
    session = Session(client, access, clock, secured)
    try:
        await session.open()
        yield session
    finally:
        await session.close()


async def _whole(step: Coroutine[Any, Any, object]) -> None:
    """Do a step that takes a slot of the control's, and see it through when told to end: only a slot that we know of can
    be given back, and on some controls there are five."""
    task = create_task(step)
    try:
        await shield(task)
    except CancelledError:
        await wait({task}, timeout=CLOSING_SECONDS)
        task.cancel()
        raise


def _obey_cancellation() -> None:
    """End if this task was told to: asyncio.wait_for, with which asyncua connects, can lose that in Python 3.11."""
    task = current_task()
    if task is not None and task.cancelling():
        raise CancelledError


async def _secured(access: Access, clock: Clock) -> Secured | None:
    """Settle how the connection is protected, before it is opened; None when the settings say that it is not."""
    if access.protection is None:
        return None
    try:
        return await secure(access.endpoint, access.timeout, access.protection, clock)
    except CertificateError as error:
        raise AdapterError(error.what, error.hint) from error
    except ERRORS as error:
        raise explained(error, access.endpoint, access.timeout) from error


def _client(access: Access, secured: Secured | None) -> ChannelClient:
    """Return a client that was never used: a used one can hang."""
    if secured is not None:
        return secured.client(access.endpoint, access.timeout)
    client = ChannelClient(access.endpoint, timeout=access.timeout)
    client.application_uri = "urn:edge-bridge"
    return client


def parameters(nodes: Sequence[ua.NodeId]) -> ua.ReadParameters:
    """Return one Read request: MaxAge 0 asks for values of now, not for what the server has kept (OPC 10000-4 5.10.2.2)."""
    return ua.ReadParameters(
        MaxAge=0.0,
        TimestampsToReturn=ua.TimestampsToReturn.Source,
        NodesToRead=[ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value) for node in nodes],
    )


def _quieten() -> None:
    """Keep asyncua's tracebacks out of the log: what they tell is raised here as well, once and in words."""
    logger = logging.getLogger("asyncua")
    if logger.level == logging.NOTSET:  # a developer who asked for them gets them
        logger.setLevel(logging.CRITICAL + 1)
