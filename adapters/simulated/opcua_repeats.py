"""Answers a Read that was asked before with the bytes of the answer that was given: so hundreds of controls fit on one core.

Everything else, and each first Read, is asyncua's own work. An answer is kept until anything may have changed.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import Primitives, nodeid_from_binary, struct_from_binary, struct_to_binary

# OPC 10000-6 6.7.2: a message in one chunk, without security: its size, channel, token, sequence number and request id.
_HEAD, _NUMBERS, _BODY = b"MSGF", struct.Struct("<IIIII"), 24
# OPC 10000-4 7.32, 7.33: a request is type, session, time, handle, and more; a response is type, time, handle, and more.

_TYPE, _TIME, _HANDLE = 4, 8, 4
_READ = b"\x01\x00" + struct.pack("<H", ObjectIds.ReadRequest_Encoding_DefaultBinary)
_PUBLISH = b"\x01\x00" + struct.pack("<H", ObjectIds.PublishRequest_Encoding_DefaultBinary)
_ANSWER = b"\x01\x00" + struct.pack("<H", ObjectIds.ReadResponse_Encoding_DefaultBinary)


class Answers:
    """What was answered to which Read, for all connections of a server. given: how often without asking the server."""

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes] = {}
        self.age = 0
        self.given = 0
        self.paused = False

    def forget(self) -> None:
        """Note that values may have changed; an answer that is under way is not kept either."""
        self._kept.clear()
        self.age += 1

    def keep(self, question: bytes, answer: bytes, age: int) -> None:
        """Keep an answer, if nothing may have changed since it was asked for."""
        if age == self.age and not self.paused:
            self._kept[question] = answer

    def find(self, question: bytes) -> bytes | None:
        """Return the answer that was given."""
        return self._kept.get(question)


class RepeatingProcessor(UaProcessor):
    """One connection: what comes after the session's token, time and handle in a Read is the question."""

    def __init__(self, server: BinaryServer, transport: Any, answers: Answers) -> None:
        super().__init__(server.iserver, transport, server.limits)
        self._answers = answers
        self._start = _READ  # and then the session's token, once it is known: no other session's requests are answered
        self._asked: tuple[bytes, int] | None = None

    def repeated(self, data: bytes) -> bytes | None:
        """Return the answer to one whole message, None when it is not known, and then nothing has been done."""
        end = _BODY + len(self._start)
        if len(self._start) == _TYPE or data[:4] != _HEAD or data[_BODY:end] != self._start:
            return None
        size, channel, token, sequence, request = _NUMBERS.unpack_from(data, 4)
        connection = self._connection
        expected = (len(data), connection.security_token.ChannelId, connection.security_token.TokenId)
        if (size, channel, token) != expected or sequence - 1 != connection._peer_sequence_number:
            return None
        answer = self._answers.find(data[end + _TIME + _HANDLE :])
        if answer is None or self.session is None or not self.session.is_activated():
            return None
        connection._peer_sequence_number = sequence
        connection._sequence_number += 1
        self.session.touch()
        self.session_last_activity = self.session._last_activity
        self._answers.given += 1
        now = Primitives.DateTime.pack(datetime.now(UTC))  # noqa: TID251 - a control has its own clock
        body = _ANSWER + now + data[end + _TIME : end + _TIME + _HANDLE] + answer
        return _HEAD + _NUMBERS.pack(_BODY + len(body), channel, token, connection._sequence_number, request) + body

    async def process_message(self, seqhdr: Any, body: Buffer) -> Any:
        """Have a message answered; note what is asked, if an answer to it may be kept."""
        request, self._asked = bytes(body), None
        if request.startswith(_READ) and self._connection.security_policy.Mode is ua.MessageSecurityMode.None_:
            rest = Buffer(request[_TYPE:])
            nodeid_from_binary(rest)
            self._start = request[: len(request) - len(rest)]
            if _of_the_machine(request):
                self._asked = bytes(rest)[_TIME + _HANDLE :], self._answers.age
        elif not request.startswith((_READ, _PUBLISH)):
            self._answers.forget()
        return await super().process_message(seqhdr, body)  # type: ignore[no-untyped-call]

    def send_response(self, requesthandle: int, seqhdr: Any, response: Any, msgtype: Any = None) -> None:
        """Send it, and keep the answer to a Read."""
        kind = msgtype or ua.MessageType.SecureMessage
        super().send_response(requesthandle, seqhdr, response, kind)  # type: ignore[no-untyped-call]
        if isinstance(response, ua.ReadResponse) and self._asked is not None:
            question, age = self._asked
            self._answers.keep(question, struct_to_binary(response)[_TYPE + _TIME + _HANDLE :], age)


def _of_the_machine(request: bytes) -> bool:
    """Tell whether a Read asks for the machine's own nodes only: those of the server change by themselves."""
    rest = Buffer(request[_TYPE:])
    struct_from_binary(ua.RequestHeader, rest)
    return all(one.NodeId.NamespaceIndex for one in struct_from_binary(ua.ReadParameters, rest).NodesToRead)


class _Protocol(OPCUAProtocol):
    def __init__(self, server: RepeatingServer) -> None:
        super().__init__(server.iserver, server._policies, server.clients, server.closing_tasks, server.limits)
        self._server = server

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.processor is not None:
            self.processor = RepeatingProcessor(self._server, transport, self._server.answers)
            self.processor.set_policies(self.policies)  # type: ignore[no-untyped-call]

    def data_received(self, data: bytes) -> None:
        in_order = not self._buffer and self.messages.empty()
        if in_order and isinstance(self.processor, RepeatingProcessor) and self.transport is not None:
            answer = self.processor.repeated(data)
            if answer is not None:
                self.transport.write(answer)
                return
        super().data_received(data)


class RepeatingServer(BinaryServer):
    """Listens on one port."""

    def __init__(self, like: BinaryServer, port: int, answers: Answers) -> None:
        super().__init__(like.iserver, like.hostname, port, like.limits)
        self.set_policies(like._policies)
        self.answers = answers

    def _make_protocol(self) -> OPCUAProtocol:
        return _Protocol(self)
