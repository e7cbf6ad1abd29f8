"""The door of the demo's broker: the platform first, then gateways; and MQTT 5 is refused as MQTT 3.1.1 asks.

amqtt reads the CONNECT of MQTT 5 as one of 3.1.1, takes its properties for a client id, and waits for ever for the rest of
it. MQTT 3.1.1 clause 3.1.2.2 wants CONNACK 0x01 and the end; with that, a client that tries 5 first falls back at once.
"""

from __future__ import annotations

import asyncio

from amqtt.adapters import ReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker, BrokerContext
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from edge_bridge.demo.broker import PLATFORM

MQTT_3_1_1 = 4
_UNACCEPTABLE_VERSION = bytes((0x20, 2, 0, 1))  # CONNACK, table 3.1: refused, unacceptable protocol version
_NAME_AND_LEVEL = 7  # length (2), "MQTT" (4), level (1)


class Doorkeeper(BaseAuthPlugin):  # type: ignore[misc]  # amqtt is not typed
    """amqtt asks it about each client that connects."""

    def __init__(self, context: BrokerContext) -> None:
        super().__init__(context)
        self._platform_listens = asyncio.Event()

    async def authenticate(self, *, session: Session) -> bool:
        """Let the client in; a gateway waits for the platform's subscription."""
        if session.client_id != PLATFORM:
            await self._platform_listens.wait()
        session.is_anonymous = True
        return True

    async def on_broker_client_subscribed(self, *, client_id: str, topic: str, qos: int) -> None:
        """Note that the platform listens."""
        if client_id == PLATFORM:
            self._platform_listens.set()


class PlainBroker(Broker):  # type: ignore[misc]  # amqtt is not typed
    """amqtt's broker, which looks at the protocol level before anything else."""

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Refuse any protocol but 3.1.1; hand on everything else with not a byte missing."""
        try:
            head = await reader.readexactly(2)
            while head[-1] & 0x80 and len(head) < 5:
                head += await reader.readexactly(1)
            head += await reader.readexactly(_NAME_AND_LEVEL)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        if head[-1] != MQTT_3_1_1:
            writer.write(_UNACCEPTABLE_VERSION)
            writer.close()
            return
        await self.external_connected(_Rest(head, reader), StreamWriterAdapter(writer), listener_name)


class _Rest(ReaderAdapter):  # type: ignore[misc]  # amqtt is not typed
    """A stream of which the first bytes were read already."""

    def __init__(self, head: bytes, reader: asyncio.StreamReader) -> None:
        self._head = head
        self._reader = reader

    async def read(self, n: int = -1) -> bytes:
        """Return exactly n bytes, or what there is before the end; all of it without n."""
        if n < 0:
            return self._taken(len(self._head)) + await self._reader.read(n)
        taken = self._taken(n)
        if len(taken) == n:
            return taken
        try:
            return taken + await self._reader.readexactly(n - len(taken))
        except asyncio.IncompleteReadError as error:
            return taken + error.partial

    def feed_eof(self) -> None:
        """Say that nothing more comes."""
        self._reader.feed_eof()

    def _taken(self, n: int) -> bytes:
        taken, self._head = self._head[:n], self._head[n:]
        return taken
