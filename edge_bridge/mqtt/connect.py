"""Opens sessions: TLS, the will, MQTT 5 first and 3.1.1 where the broker knows no better."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge_bridge.config import MqttOptions
from edge_bridge.errors import ConfigError
from edge_bridge.mqtt.client import Client
from edge_bridge.mqtt.failures import BrokerError, NoAnswerError, OldBrokerError, SilentBrokerError, unreachable
from edge_bridge.mqtt.properties import connect_properties, will_properties
from edge_bridge.mqtt.session import Message, Session

KEEPALIVE_S = 15
SESSION_EXPIRY_S = 3600  # the broker keeps commands for a gateway that is away for this long
WILL_DELAY_S = 5  # hides the reconnect after a short break; the session lives longer (MQTT 5 clause 3.1.3.2.2)
_CONNECT_S = 5.0  # TCP, TLS
_CONNECT_BOX_S = 10.0  # name resolution too
_CONNACK_S = 5.0
_PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says, retained with QoS 1, when we are gone without a word."""

    topic: str
    body: bytes


class Connector:
    """Makes one session after another, each with a fresh client: nothing of a lost connection lives on.

    client_id: used unless the options name another. answer_within: seconds that the broker has for CONNACK.
    will_delay: seconds that it waits for us to come back before it publishes the will (MQTT 5; at once on 3.1.1).
    """

    def __init__(
        self,
        options: MqttOptions,
        client_id: str,
        *,
        answer_within: float = _CONNACK_S,
        will_delay: int = WILL_DELAY_S,
    ) -> None:
        self.options = options
        self._answer_within = answer_within
        self._will_delay = will_delay
        self._client_id = options.client_id or client_id
        self._silent = 0
        self._fell_back = False

    async def open(self, will: Will, on_message: Callable[[Message], None]) -> Session:
        """Return a connected session.

        Raises BrokerError, BrokerRefusedError, ConfigError (certificate or key cannot be used). `auto` falls back to
        3.1.1 when the broker says that it does not know MQTT 5, when it does not answer at all, and when it hung up
        twice in a row: a single hang-up may be a broker that was just being stopped. What was fallen back to is tried
        first from then on, so that a broker that leaves MQTT 5 unanswered does not cost the wait at each connect; when
        that fails too, MQTT 5 has its turn again, for the broker may have been replaced.
        """
        wanted = self.options.version
        if wanted != "auto":
            return await self._attempt(wanted, will, on_message)
        if self._fell_back:
            try:
                return await self._attempt("3.1.1", will, on_message)
            except BrokerError:
                self._fell_back = False
                raise
        try:
            session = await self._attempt("5", will, on_message)
        except (OldBrokerError, NoAnswerError):
            return await self._fall_back(will, on_message)
        except SilentBrokerError:
            self._silent += 1
            if self._silent < 2:
                raise
            return await self._fall_back(will, on_message)
        self._silent = 0
        return session

    async def _fall_back(self, will: Will, on_message: Callable[[Message], None]) -> Session:
        session = await self._attempt("3.1.1", will, on_message)
        self._fell_back = True
        return session

    async def _attempt(self, version: str, will: Will, on_message: Callable[[Message], None]) -> Session:
        client = await self._reach(version, will)
        session = Session(client, version, self.options.address, on_message)
        await session.start(self._answer_within)
        return session

    async def _reach(self, version: str, will: Will) -> Client:
        """Connect the socket in a thread: name resolution and the TLS handshake block."""
        client = self._client(version, will)
        attempt = asyncio.ensure_future(asyncio.to_thread(self._connect, client, version))
        try:
            await asyncio.wait_for(asyncio.shield(attempt), _CONNECT_BOX_S)
        except TimeoutError:
            attempt.add_done_callback(lambda late: _discard(late, client))
            raise BrokerError(
                f"{self.options.address}: no answer", "check the address, DNS, the network and the firewall"
            ) from None
        except asyncio.CancelledError:
            attempt.add_done_callback(lambda late: _discard(late, client))
            raise
        except OSError as error:
            raise unreachable(error, self.options.address) from error
        return client

    def _client(self, version: str, will: Will) -> Client:
        # Clean start is off so that commands wait for us. Our own unacknowledged events do not count as state of the
        # session: they come again from the outbox, with new packet ids, which QoS 1 allows the receiver not to notice.
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=_PROTOCOLS[version],
            clean_session=None if version == "5" else False,
            reconnect_on_failure=False,  # else paho goes on to MQTT 3.1 by itself
        )
        client.connect_timeout = _CONNECT_S
        client.max_inflight_messages_set(0)  # the window is ours: paho scans its queue at each acknowledgement
        client.on_socket_register_write = _later  # CONNECT is written on the event loop, never by an abandoned thread
        if self.options.username is not None:
            client.username_pw_set(self.options.username, self.options.password_credential)
        properties = will_properties(self._will_delay) if version == "5" else None
        client.will_set(will.topic, will.body, qos=1, retain=True, properties=properties)
        return client

    def _connect(self, client: Client, version: str) -> None:
        if self.options.tls:
            client.tls_set_context(tls_context(self.options))
        more = {"clean_start": False, "properties": connect_properties(SESSION_EXPIRY_S)} if version == "5" else {}
        client.connect(self.options.host, self.options.port, keepalive=KEEPALIVE_S, **more)  # type: ignore[arg-type]


def _later(*_: object) -> None:
    """Leave the packet in paho's queue."""


def _discard(attempt: asyncio.Future[None], client: Client) -> None:
    """Close what a thread connected after everybody stopped waiting."""
    if not attempt.cancelled() and attempt.exception() is None and (late := client.socket()) is not None:
        late.close()


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails: paho forgets it then, and the descriptor would stay open until collected."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(options: MqttOptions) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or newer that checks chain and server name. Raises ConfigError naming the key."""
    try:
        context = ssl.create_default_context(cafile=options.ca)
    except OSError as error:
        raise ConfigError(
            f"`ca`: {options.ca} cannot be used: {error.strerror or error}",
            "a PEM file with the CA's certificate",
            key=("mqtt", "ca"),
        ) from error
    context.sslsocket_class = _TidySocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.certificate is not None and options.key_credential is not None:
        try:
            _load_key(context, str(options.certificate), options.key_credential)
        except OSError as error:
            raise ConfigError(
                f"`certificate`: {options.certificate} and its key cannot be used: {error.strerror or error}",
                "a PEM certificate, and a credential with the matching PEM key without a password",
                key=("mqtt", "certificate"),
            ) from error
    return context


def _load_key(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Hand the key to OpenSSL, which only takes a path, without a file on any disk."""
    memory = os.memfd_create("mqtt-key", os.MFD_CLOEXEC)
    try:
        os.write(memory, key.encode())
        # Never ask for a passphrase on the terminal: an encrypted key is an error here.
        context.load_cert_chain(certificate, f"/proc/self/fd/{memory}", password=lambda: b"")
    finally:
        os.close(memory)
