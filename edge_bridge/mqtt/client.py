"""paho's client, with a short way for what comes with each event: a PUBLISH out, a PUBACK in. All else is left to paho."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MessageState, MQTTErrorCode, MQTTProtocolVersion

from edge_bridge.mqtt.properties import text, variable_integer

_PUBLISH, _RETAINED = b"\x32", b"\x33"  # QoS 1 (MQTT 5 clause 3.3.1)
_PUBACK = 0x40
_USUAL = (0x00, 0x10)  # taken; taken, and nobody subscribes (MQTT 5 table 3-4)
_CHUNK = 65536  # bytes read at once
_SENT = paho.MQTTMessage()  # what paho finds under the id of a message that it did not send itself: one in flight
_SENT.qos, _SENT.state = 1, MessageState.MQTT_MS_WAIT_FOR_PUBACK


class Client(paho.Client):
    """on_taken: called with packet id and reason code when the broker has acknowledged what `send` was given.

    An acknowledgement of another kind (refused, with a text) goes through paho, and to `on_publish`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.on_taken: Callable[[int, int], object] = _nobody
        self._outgoing: list[bytes] = []
        self._read, self._at = b"", 0
        self._v5 = self._protocol == MQTTProtocolVersion.MQTTv5

    def send(self, topic: str, body: bytes, properties: bytes, *, retain: bool = False) -> int:
        """Have one QoS 1 message wait to be written; return its packet id.

        properties: packed, with their length before them; empty on 3.1.1. Raises ValueError for what is no topic.
        """
        name = _name(topic)
        mid = self._mid_generate()
        while mid in self._out_messages:
            mid = self._mid_generate()
        length = variable_integer(len(name) + 2 + len(properties) + len(body))
        kind = _RETAINED if retain else _PUBLISH
        self._outgoing.append(b"".join((kind, length, name, mid.to_bytes(2, "big"), properties, body)))
        self._out_messages[mid] = _SENT
        return mid

    def want_write(self) -> bool:
        """Tell whether anything waits to be written."""
        return bool(self._outgoing) or super().want_write()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Take in what has arrived, in one piece: paho asks the socket for one to four bytes at a time."""
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            self._read, self._at = super()._sock_recv(_CHUNK), 0
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        if not self._read:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        self._last_bytes_received = paho.time_func()
        while self._sock is not None and self._at < len(self._read):
            if self._is_usual():
                continue
            if (code := self._packet_read()) > 0:
                return self._loop_rc_handle(code)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _is_usual(self) -> bool:
        """Tell whether a usual PUBACK comes next; if so, it is dealt with."""
        read, at = self._read, self._at
        if read[at] != _PUBACK or self._in_packet["command"] or len(read) - at < 4:
            return False
        length, code = read[at + 1], 0
        if length != 2:
            end = at + 2 + length
            if not (self._v5 and length in (3, 4) and end <= len(read)) or read[at + 5 : end] not in (b"", b"\0"):
                return False
            code = read[at + 4]
            if code not in _USUAL:
                return False
        self._at = at + 2 + length
        mid = read[at + 2] << 8 | read[at + 3]
        if self._out_messages.pop(mid, None) is not None:
            self.on_taken(mid, code)
        return True

    def _sock_recv(self, bufsize: int) -> bytes:
        """Give paho what was read. Raises BlockingIOError when that is all."""
        at = self._at
        if at >= len(self._read):
            raise BlockingIOError
        self._at = min(at + bufsize, len(self._read))
        return self._read[at : self._at]

    def _packet_queue(self, *arguments: Any, **options: Any) -> MQTTErrorCode:
        self._gather()  # nothing overtakes what waits: after DISCONNECT nothing may come
        return super()._packet_queue(*arguments, **options)

    def _packet_write(self) -> MQTTErrorCode:
        self._gather()
        return super()._packet_write()

    def _gather(self) -> None:
        """Let paho write all messages that wait as if they were one: one call, and as few segments as will do."""
        if self._outgoing:
            packet = b"".join(self._outgoing)
            self._outgoing.clear()
            self._out_packet.append(
                {
                    "command": _PUBLISH[0],
                    "mid": 0,
                    "qos": 1,
                    "pos": 0,
                    "to_process": len(packet),
                    "packet": packet,
                    "info": None,
                }
            )


def _nobody(_mid: int, _code: int) -> None:
    """Take no note."""


@lru_cache(maxsize=4096)
def _name(topic: str) -> bytes:
    """Return a topic as it is sent. Raises ValueError when nobody may publish to it."""
    name = topic.encode()
    if not name or len(name) > 65535 or b"+" in name or b"#" in name:
        raise ValueError(f"{topic!r} cannot be published to")
    return text(name)
