"""A platform in a thread: subscribes to a broker and feeds a reference consumer."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from uuid import uuid4

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_bridge.testing.consumer import ReferenceConsumer


class Subscriber:
    """Subscribes from `start` to `stop` (or as a context manager), reconnecting by itself.

    It uses paho's own thread, which is good enough for a test or a demo. messages: every (topic, payload, retained) seen.
    Read `consumer` under `lock` when the numbers must belong together.
    """

    def __init__(
        self,
        port: int,
        *filters: str,
        host: str = "127.0.0.1",
        consumer: ReferenceConsumer | None = None,
        client_id: str | None = None,
        persistent: bool = False,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        self.consumer = consumer or ReferenceConsumer()
        self.messages: list[tuple[str, bytes, bool]] = []
        self.ready = threading.Event()
        self.lock = threading.Lock()
        self._address = (host, port)
        self._filters = filters or ("#",)
        self._persistent = persistent
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or f"subscriber-{uuid4().hex[:8]}", protocol=paho.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._message

    def start(self, *, within: float = 10.0) -> Subscriber:
        """Connect and wait for the subscription. Raises TimeoutError."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600 if self._persistent else 0
        self._client.connect(*self._address, keepalive=30, clean_start=not self._persistent, properties=properties)
        self._client.loop_start()
        if not self.ready.wait(within):
            self.stop()
            raise TimeoutError(f"no subscription within {within} s")
        return self

    def stop(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(
        self,
        topic: str,
        payload: bytes | Mapping[str, Any],
        *,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        """Send a message of the platform's own (QoS 1) and wait for the broker's word."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._client.publish(topic, body, qos=1, retain=retain, properties=properties).wait_for_publish(10)

    def __enter__(self) -> Subscriber:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _connected(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        if not code.is_failure:
            client.subscribe([(topic, 1) for topic in self._filters])

    def _subscribed(self, *_: object) -> None:
        self.ready.set()

    def _message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with self.lock:
            self.messages.append((message.topic, bytes(message.payload), message.retain))
            self.consumer.feed(message.topic, bytes(message.payload))
