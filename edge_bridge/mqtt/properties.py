"""MQTT 5 properties, packed by hand where every message pays for them, and untyped paho ones where nobody does."""

from __future__ import annotations

from functools import lru_cache

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

LARGEST_INBOUND = 262_144  # bytes: a broker that keeps to MQTT 5 clause 3.1.2.11.4 never makes us hold more
NO_PROPERTIES = b"\0"
_CONTENT_TYPE, _CORRELATION_DATA, _USER_PROPERTY = 0x03, 0x09, 0x26  # MQTT 5 table 2-4


def text(data: bytes) -> bytes:
    """Return bytes behind their length (MQTT 5 clause 1.5.4). data: up to 65535 bytes."""
    return len(data).to_bytes(2, "big") + data


@lru_cache(maxsize=4096)
def variable_integer(number: int) -> bytes:
    """Return a variable byte integer (MQTT 5 clause 1.5.5)."""
    rest, digits = number, bytearray()
    while True:
        rest, low = divmod(rest, 128)
        digits.append(low | 128 if rest else low)
        if not rest:
            return bytes(digits)


def _text(value: str) -> bytes:
    return text(value.encode("utf-8", "replace").replace(b"\0", b"")[:65535])


def content_type(value: str) -> bytes:
    """Return the packed Content Type (MQTT 5 clause 3.3.2.3.9)."""
    return bytes((_CONTENT_TYPE,)) + _text(value)


def correlation_data(value: bytes) -> bytes:
    """Return the packed Correlation Data (MQTT 5 clause 3.3.2.3.6). value: up to 65535 bytes."""
    return bytes((_CORRELATION_DATA,)) + text(value)


def user_property(name: str, value: str) -> bytes:
    """Return one packed User Property (MQTT 5 clause 3.3.2.3.7)."""
    return _named(name) + _text(value)


@lru_cache(maxsize=64)
def _named(name: str) -> bytes:
    """Return the beginning of a User Property: its name, one of a few."""
    return bytes((_USER_PROPERTY,)) + _text(name)


def with_length(packed: bytes, more: int = 0) -> bytes:
    """Return packed properties behind their length. more: how many bytes the caller will append."""
    return variable_integer(len(packed) + more) + packed


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
