"""MQTT 5 properties, packed by hand where every message pays for them, and untyped paho ones where nobody does."""

from __future__ import annotations

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

LARGEST_INBOUND = 262_144  # bytes: a broker that keeps to MQTT 5 clause 3.1.2.11.4 never makes us hold more
_CONTENT_TYPE, _CORRELATION_DATA, _USER_PROPERTY = 0x03, 0x09, 0x26  # MQTT 5 table 2-4


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "replace").replace(b"\0", b"")[:65535]
    return len(data).to_bytes(2, "big") + data


def content_type(value: str) -> bytes:
    """Return the packed Content Type (MQTT 5 clause 3.3.2.3.9)."""
    return bytes((_CONTENT_TYPE,)) + _text(value)


def correlation_data(value: bytes) -> bytes:
    """Return the packed Correlation Data (MQTT 5 clause 3.3.2.3.6). value: up to 65535 bytes."""
    return bytes((_CORRELATION_DATA,)) + len(value).to_bytes(2, "big") + value


def user_property(name: str, value: str) -> bytes:
    """Return one packed User Property (MQTT 5 clause 3.3.2.3.7)."""
    return bytes((_USER_PROPERTY,)) + _text(name) + _text(value)


def with_length(packed: bytes, more: int = 0) -> bytes:
    """Return packed properties behind their length, a variable byte integer (MQTT 5 clause 1.5.5).

    more: how many bytes the caller will append.
    """
    rest, length = len(packed) + more, bytearray()
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | 128 if rest else low)
        if not rest:
            return bytes(length) + packed


class PublishProperties(Properties):
    """Properties of a PUBLISH that were packed already: paho's own packing costs more than all else about a message.

    packed: what `with_length` returned.
    """

    packed: bytes

    def __init__(self, packed: bytes) -> None:
        # Not calling super().__init__: it sets up what only packing by name needs, once per message.
        object.__setattr__(self, "packed", packed)

    def pack(self) -> bytes:
        """Return the bytes for the wire."""
        return self.packed

    def __str__(self) -> str:
        return "packed"


def connect_properties(session_expiry_s: int) -> Properties:
    """Return the properties of CONNECT: for how long the broker keeps commands for us while we are away."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_expiry_s
    properties.MaximumPacketSize = LARGEST_INBOUND
    return properties


def will_properties(delay_s: int) -> Properties:
    """Return the properties of a will: how long the broker waits for us to come back before it says that we are gone."""
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.WillDelayInterval = delay_s
    return properties
