"""The central platform of the demo: an independent MQTT subscriber in a thread of its own, which also sends commands."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_bridge.demo.broker import HOST, PLATFORM
from edge_bridge.errors import EdgeBridgeError

CONNECT_S = 30.0


class Platform:
    """Subscribes to everything below one prefix with QoS 1 and puts each message, as it came, into `inbox`.

    MQTT 3.1.1, which is what the demo's broker speaks. It reconnects and subscribes anew by itself.
    """

    def __init__(self, port: int, topics: str) -> None:
        self.inbox: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.listening = threading.Event()
        self._port = port
        self._topics = topics
        client = self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=PLATFORM, protocol=paho.MQTTv311, clean_session=True
        )
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self.listening.clear()
        client.on_subscribe = lambda *_: self.listening.set()
        client.on_message = self._message

    def start(self) -> None:
        """Connect and wait for the subscription. Raises EdgeBridgeError."""
        self._client.connect(HOST, self._port, keepalive=60)
        self._client.loop_start()
        self.wait()

    def wait(self) -> None:
        """Wait until the subscription stands. Raises EdgeBridgeError."""
        if not self.listening.wait(CONNECT_S):
            raise EdgeBridgeError(f"the subscriber could not reach the demo's broker within {CONNECT_S:.0f} s")

    def send(self, topic: str, command: Mapping[str, Any]) -> None:
        """Publish a command with QoS 1."""
        body = json.dumps(command, ensure_ascii=False).encode()
        self._client.publish(topic, body, qos=1).wait_for_publish(CONNECT_S)

    def stop(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: paho.Client, _data: object, _flags: object, code: Any, _properties: object) -> None:
        if not code.is_failure:
            client.subscribe(self._topics, 1)

    def _message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.inbox.put((message.topic, bytes(message.payload)))
