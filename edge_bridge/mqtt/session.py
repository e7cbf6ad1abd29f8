"""One connection to the broker: publishes with a callback each, hands in messages, and ends once.

paho does the protocol; its sockets are served by asyncio's loop. Its own loop thread is never started: that one uses
`select()`, which refuses descriptors from 1024 on, and a plant has more sockets than that.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_bridge.mqtt.client import Client
from edge_bridge.mqtt.failures import NoAnswerError, SilentBrokerError, refusal
from edge_bridge.mqtt.properties import NO_PROPERTIES

Done = Callable[[int], None]
"""Called with the broker's reason code (0 on 3.1.1) when a message is acknowledged; never called after a loss."""

_HOUSEKEEPING_S = 1.0
_UNLIMITED = 65535  # MQTT 5 clause 3.2.2.3.3: Receive Maximum without the property
_LARGEST_PACKET = 268_435_455  # clause 2.1.4: the most that a remaining length can say


@dataclass(frozen=True, slots=True)
class Message:
    """One message from the broker. response_topic and correlation come with MQTT 5 only."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


class Session:
    """A paho client that lives for one connection, made by `Connector.open`. Everything happens on the event loop.

    version: `5` or `3.1.1`. receive_maximum: how many unacknowledged messages the broker takes. maximum_packet_size:
    bytes. in_flight: published and not acknowledged. acknowledged: how many were. lost: done, with the reason, when the
    connection is over.
    """

    def __init__(self, client: Client, version: str, address: str, on_message: Callable[[Message], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._address = address
        self._on_message = on_message
        self._waiting: dict[int, Done] = {}
        self._subscribing: dict[int, Callable[[Sequence[int]], None]] = {}
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._socket: Any = None
        self._v5 = version == "5"
        self._waiting_to_write = False
        self.version = version
        self.receive_maximum = _UNLIMITED
        self.maximum_packet_size = _LARGEST_PACKET
        self.acknowledged = 0
        self.lost: asyncio.Future[str] = self._loop.create_future()

    @property
    def in_flight(self) -> int:
        """Return how many messages are published and not acknowledged."""
        return len(self._waiting)

    async def start(self, within: float) -> None:
        """Serve the connected socket and wait for CONNACK. Raises BrokerError, BrokerRefusedError."""
        client = self._client
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_taken = self._taken
        client.on_publish = self._published
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        client.on_socket_close = self._socket_closed
        client.on_socket_register_write = self._want_write
        client.on_socket_unregister_write = self._have_written
        self._socket = client.socket()
        if self._socket is None:
            raise SilentBrokerError(f"{self._address}: the connection was closed at once")
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # we batch writes ourselves
        self._loop.add_reader(self._socket, self._readable)
        self._loop.add_writer(self._socket, self._writable)  # CONNECT waits in paho's queue
        self._timer = self._loop.call_later(_HOUSEKEEPING_S, self._housekeeping)
        try:
            await asyncio.wait_for(self._accepted, within)
        except TimeoutError:
            self.abort("no CONNACK")
            raise NoAnswerError(f"{self._address}: no answer to CONNECT", "is this an MQTT broker?") from None
        except BaseException:
            self.abort("not accepted")
            raise

    def publish(
        self, topic: str, body: bytes, done: Done, *, retain: bool = False, properties: bytes = NO_PROPERTIES
    ) -> None:
        """Send one QoS 1 message. The caller keeps `in_flight` below its window and `receive_maximum`. All that are sent in one
        go are written together, a moment later.

        properties: packed; left out on 3.1.1. After a loss this does nothing, and `done` is never called. Raises ValueError
        for what is no topic.
        """
        if self.lost.done():
            return
        if not self._waiting_to_write:
            self._waiting_to_write = True
            self._loop.call_soon(self._writable)
        self._waiting[self._client.send(topic, body, properties if self._v5 else b"", retain=retain)] = done

    def fits(self, topic: str, body: bytes, properties: bytes) -> bool:
        """Tell whether the broker takes a packet of this size (MQTT 5 clause 3.2.2.3.6)."""
        return 9 + len(topic.encode()) + len(properties) + len(body) <= self.maximum_packet_size

    def subscribe(self, filters: Sequence[str], done: Callable[[Sequence[int]], None]) -> None:
        """Subscribe with QoS 1; `done` gets a reason code for each filter (0x80 and above: refused)."""
        if self._v5:
            # Retain as published: else a retained command that comes while we listen looks like any other (clause 3.8.3.1).
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            code, mid = self._client.subscribe([(topic, options) for topic in filters])
        else:
            code, mid = self._client.subscribe([(topic, 1) for topic in filters])
        if code == paho.MQTT_ERR_SUCCESS and mid is not None:
            self._subscribing[mid] = done

    def disconnect(self) -> None:
        """Say DISCONNECT, which makes the broker forget the will, and close."""
        if not self.lost.done():
            self._client.disconnect()
            self._client.loop_write()
        self.abort("closed")

    def abort(self, reason: str) -> None:
        """Close the socket without a word and give up whatever is in flight."""
        if not self.lost.done():
            self.lost.set_result(reason)
        if not self._accepted.done():
            self._accepted.set_exception(SilentBrokerError(f"{self._address}: {reason}"))
            self._accepted.exception()  # looked at, whether or not anybody still waits for it
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        self._subscribing.clear()
        self._forget_socket()
        client = self._client
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None
        client.on_socket_close = client.on_socket_unregister_write = None
        if (open_socket := client.socket()) is not None:
            open_socket.close()

    # -- asyncio's side -------------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        self._client.loop_read()
        # TLS: what is decrypted already does not make the socket readable again.
        while isinstance(self._socket, ssl.SSLSocket) and not self.lost.done() and self._socket.pending():
            self._client.loop_read()

    def _writable(self) -> None:
        """Write all that waits."""
        self._waiting_to_write = False
        if not self.lost.done():
            self._client.loop_write()

    def _want_write(self, *_: object) -> None:
        if self._socket is not None:
            self._loop.add_writer(self._socket, self._writable)

    def _have_written(self, *_: object) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)

    def _socket_closed(self, *_: object) -> None:
        self._forget_socket()

    def _forget_socket(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = None

    def _housekeeping(self) -> None:
        self._timer = self._loop.call_later(_HOUSEKEEPING_S, self._housekeeping)
        self._client.loop_misc()  # PINGREQ, and the end when PINGRESP does not come

    # -- paho's side ----------------------------------------------------------------------------------------------------

    def _connected(
        self, _client: object, _data: object, _flags: object, code: ReasonCode, properties: Properties | None
    ) -> None:
        if self._accepted.done():
            return
        if code.is_failure:
            self._accepted.set_exception(refusal(code.value, str(code), self._address))
            return
        self.receive_maximum = getattr(properties, "ReceiveMaximum", _UNLIMITED)
        self.maximum_packet_size = getattr(properties, "MaximumPacketSize", _LARGEST_PACKET)
        self._accepted.set_result(None)

    def _disconnected(
        self, _client: object, _data: object, flags: paho.DisconnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.abort(f"the broker ended the connection: {str(code).lower()} (0x{code.value:02x})")
        else:
            self.abort("the connection was closed" if code.value in (0, 0x80) else str(code).lower())

    def _published(self, _client: object, _data: object, mid: int, code: ReasonCode, _properties: object) -> None:
        self._taken(mid, code.value)

    def _taken(self, mid: int, code: int) -> None:
        self.acknowledged += 1
        done = self._waiting.pop(mid, None)
        if done is not None:
            done(code)

    def _subscribed(
        self, _client: object, _data: object, mid: int, codes: Sequence[ReasonCode], _properties: object
    ) -> None:
        if (done := self._subscribing.pop(mid, None)) is not None:
            done([code.value for code in codes])

    def _message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # MQTT 5 clause 1.5.4: a malformed topic; none of ours looks like that
        properties = message.properties
        self._on_message(
            Message(
                topic,
                bytes(message.payload),
                message.retain,
                getattr(properties, "ResponseTopic", None),
                getattr(properties, "CorrelationData", None),
            )
        )
