"""asyncua's client, where it has to say or do more: what is no server, why one refuses a channel, and Reads at low cost."""

from __future__ import annotations

import asyncio
import os
from asyncio import timeout as time_box
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import nodeid_to_binary, struct_to_binary
from asyncua.ua.uaerrors import UaError

SECURE_OPEN: Any = ua.MessageType.SecureOpen
_READ = nodeid_to_binary(ua.NodeId(ua.Int32(ObjectIds.ReadRequest_Encoding_DefaultBinary)))
_FIRST_WORDS = (b"ACK", b"ERR")  # of a server to a Hello: OPC 10000-6 7.1.3


class ForeignError(UaError):
    """Something listens, and did not answer a Hello as an OPC UA server does.

    heard: what it said instead; None: nothing came, and the connection stayed open; empty: it was closed.
    """

    def __init__(self, heard: bytes | None) -> None:
        super().__init__("no OPC UA server")
        self.heard = heard


class FirstWord(asyncio.Protocol):
    """Looks at the first bytes that come, in place of a connection's protocol, and hands everything on to it.

    asyncua takes other bytes for the head of a message, whose end it then waits for.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        """Hand it on, or end the connection."""
        self.heard += data
        if any(word.startswith(self.heard[:3]) for word in _FIRST_WORDS):
            self._protocol.data_received(data)
        else:
            self._protocol.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand it on."""
        self._protocol.connection_lost(error)


class ChannelClient(Client):
    """A client that tells why no channel was opened.

    asyncua takes whatever comes back for an OpenSecureChannelResponse. A server that does not trust our certificate
    answers with a ServiceFault instead (OPC 10000-6 6.7.4); asyncua then fails without its status.
    """

    async def send_hello(self) -> None:
        """Begin to speak OPC UA. Raises ForeignError when what listens there does not; it is known with its first byte."""
        protocol = self.uaclient.protocol
        if protocol is None or protocol.transport is None:
            raise ConnectionError("connection is not open")
        transport, first = protocol.transport, FirstWord(protocol)
        transport.set_protocol(first)
        try:
            await super().send_hello()
        except (TimeoutError, ConnectionError) as error:
            if first.heard.startswith(_FIRST_WORDS):
                raise  # it began well
            silent = not first.heard and isinstance(error, TimeoutError)
            raise ForeignError(None if silent else first.heard) from error
        finally:
            transport.set_protocol(protocol)

    async def open_secure_channel(self, renew: bool = False) -> None:
        """Open the channel, or renew its token. Raises UaStatusCodeError with the server's own status."""
        protocol = self.uaclient.protocol
        if protocol is None:
            raise ConnectionError("connection is not open")
        issue = ua.SecurityTokenRequestType.Issue
        request = ua.OpenSecureChannelRequest()
        request.Parameters = ua.OpenSecureChannelParameters(
            RequestType=ua.SecurityTokenRequestType.Renew if renew else issue,
            SecurityMode=self.security_policy.Mode,
            RequestedLifetime=self.secure_channel_timeout,
            ClientNonce=os.urandom(self.security_policy.secure_channel_nonce_length),
        )
        protocol._open_secure_channel_exchange = request.Parameters
        try:
            async with time_box(protocol.timeout):
                body = await protocol._send_request(request, message_type=SECURE_OPEN)
            protocol.check_answer(body, "")
            answer = protocol._open_secure_channel_exchange
        finally:
            protocol._open_secure_channel_exchange = None
        if not isinstance(answer, ua.OpenSecureChannelResponse):
            raise UaError("its answer to OpenSecureChannel is none")
        self.secure_channel_timeout = answer.Parameters.SecurityToken.RevisedLifetime
        if not renew:
            self.uaclient._set_state(UaClientState.CHANNEL_OPEN)

    async def read_encoded(self, parameters: bytes) -> Buffer:
        """Return the body of the answer to a Read whose parameters are encoded already; each time anew that costs most of it.

        As asyncua's own `send_request`, which takes no bytes.
        """
        protocol = self.uaclient.protocol
        if protocol is None or protocol.transport is None:
            raise ConnectionError("connection is not open")
        header = ua.RequestHeader()
        protocol._setup_request_header(header, protocol.timeout)
        body = _READ + struct_to_binary(header) + parameters
        protocol.revolve_security_token()
        protocol._request_id += 1
        message = protocol._connection.message_to_binary(body, request_id=protocol._request_id)
        answer: asyncio.Future[Buffer] = asyncio.get_running_loop().create_future()
        protocol._callbackmap[protocol._request_id] = answer
        protocol.transport.write(message)
        async with time_box(protocol.timeout):
            found = await answer
        protocol.check_answer(found, "")
        return found
