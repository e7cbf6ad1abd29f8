"""asyncua's client, where it has to say more: with which status a server refuses a channel."""

from __future__ import annotations

import os
from asyncio import timeout as time_box
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.ua.uaerrors import UaError

SECURE_OPEN: Any = ua.MessageType.SecureOpen


class ChannelClient(Client):
    """A client that tells why no channel was opened.

    asyncua takes whatever comes back for an OpenSecureChannelResponse. A server that does not trust our certificate
    answers with a ServiceFault instead (OPC 10000-6 6.7.4); asyncua then fails without its status.
    """

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
