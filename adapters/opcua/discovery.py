"""Asks a server, before anything secret is said, how it may be reached: its endpoints, its certificate, its clock."""

from __future__ import annotations

from asyncio import timeout as time_box
from dataclasses import dataclass
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError

from adapters.opcua.client import ChannelClient
from adapters.opcua.values import utc
from edge_bridge.domain.instant import Milliseconds

LEAVING_SECONDS = 1.0
_PREFIX = "http://opcfoundation.org/UA/SecurityPolicy#"
_MODES = {1: "", 2: " with Sign", 3: " with SignAndEncrypt"}


@dataclass(frozen=True, slots=True)
class Offers:
    """What a server offers. clock: its own time, UTC ms, when it said one. Nothing of this is proven yet."""

    endpoints: tuple[ua.EndpointDescription, ...]
    clock: Milliseconds | None

    def find(self, url: str, policy: str, mode: ua.MessageSecurityMode) -> ua.EndpointDescription | None:
        """Return the endpoint with exactly this policy (its URI) and mode, best one with the address's own path."""
        path = urlsplit(url).path.rstrip("/")
        fitting = [e for e in self.endpoints if e.SecurityPolicyUri == policy and e.SecurityMode == mode]
        same = [e for e in fitting if urlsplit(e.EndpointUrl or "").path.rstrip("/") == path]
        return next(iter(same or fitting), None)

    @property
    def listed(self) -> str:
        """The policies and modes that it offers, as `security` and `security_mode` name them."""
        names = {
            f"{(e.SecurityPolicyUri or '').removeprefix(_PREFIX)}{_MODES.get(int(e.SecurityMode), '')}"
            for e in self.endpoints
        }
        return ", ".join(sorted(names)) or "nothing"


async def offers(endpoint: str, timeout: float) -> Offers:
    """Ask over a channel of its own, which every server must allow for this (OPC 10000-4 5.5.4). timeout: seconds a step.

    Raises what asyncua raises. Leaves no channel open.
    """
    client = ChannelClient(endpoint, timeout=timeout)
    try:
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        request = ua.GetEndpointsRequest()
        request.Parameters.EndpointUrl = endpoint
        protocol = client.uaclient.protocol
        if protocol is None:
            raise ConnectionError("connection is not open")
        answer = struct_from_binary(ua.GetEndpointsResponse, await protocol.send_request(request))
        answer.ResponseHeader.ServiceResult.check()
        return Offers(tuple(answer.Endpoints or ()), utc(answer.ResponseHeader.Timestamp))
    finally:
        await _leave(client)


async def _leave(client: Client) -> None:
    """Close channel and socket; a server that does not answer cannot hold us up."""
    protocol = client.uaclient.protocol
    transport = protocol.transport if protocol is not None else None
    try:
        async with time_box(LEAVING_SECONDS):
            if protocol is not None and not protocol.is_closed:
                await client.close_secure_channel()
    except (TimeoutError, OSError, UaError):
        pass  # the socket is cut all the same, and the server frees the channel
    finally:
        client.disconnect_socket()
        if transport is not None:
            transport.abort()
