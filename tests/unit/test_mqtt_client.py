"""The short way for PUBLISH and PUBACK against paho's own: the same bytes out, the same of what comes in, wherever it is cut."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_bridge.mqtt.client import Client
from edge_bridge.mqtt.properties import content_type, user_property, with_length

V5, V3 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
MESSAGES = 5
TOPICS = st.text(st.characters(exclude_characters="+#", exclude_categories=("Cs",)), min_size=1, max_size=40)
WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)


class Peer:
    """One client on a socket, and what it is told."""

    def __init__(self, kind: Callable[..., paho.Client], version: MQTTProtocolVersion) -> None:
        ours, self.broker = socket.socketpair()
        ours.setblocking(False)
        self.broker.setblocking(False)
        self.told: list[object] = []
        self.client = kind(CallbackAPIVersion.VERSION2, client_id="x", protocol=version)
        self.client.max_inflight_messages_set(0)
        self.client._sock = ours
        self.client.on_socket_register_write = lambda *_: None
        self.client.on_publish = lambda _client, _data, mid, code, _properties: self.told.append((mid, code.value))
        self.client.on_subscribe = lambda _client, _data, mid, codes, _p: self.told.append(
            (mid, [c.value for c in codes])
        )
        self.client.on_message = lambda _client, _data, message: self.told.append((message._topic, message.payload))
        self.client.on_disconnect = lambda _client, _data, _flags, code, _p: self.told.append(("ended", code.value))
        if isinstance(self.client, Client):
            self.client.on_taken = lambda mid, code: self.told.append((mid, code))

    def written(self) -> bytes:
        """Return what the client has written, all of it."""
        found = b""
        while self.client.want_write() and self.client.socket() is not None:
            self.client.loop_write()
            found += self.broker.recv(1 << 20)
        return found

    def hear(self, data: bytes) -> None:
        """Have the client read what the broker says."""
        if self.client.socket() is None:
            return
        self.broker.sendall(data)
        for _ in range(len(data) + 1):  # paho leaves some for the next call
            self.client.loop_read()


@contextmanager
def both(version: MQTTProtocolVersion) -> Iterator[tuple[Peer, Peer]]:
    """Give our client and paho's."""
    ours, theirs = Peer(Client, version), Peer(paho.Client, version)
    try:
        yield ours, theirs
    finally:
        for peer in (ours, theirs):
            peer.broker.close()
            if (left := peer.client.socket()) is not None:
                left.close()


@pytest.mark.parametrize("version", [V5, V3], ids=["5", "3.1.1"])
@given(
    messages=st.lists(
        st.tuples(TOPICS, st.one_of(st.binary(max_size=300), st.just(b"x" * 20_000)), st.booleans(), WORDS, WORDS),
        min_size=1,
        max_size=6,
    )
)
def test_messages_are_written_as_paho_writes_them(version, messages) -> None:
    """Byte by byte, with retained ones among them, and several in one go."""
    with both(version) as (ours, theirs):
        for topic, body, retain, name, value in messages:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ContentType = value
            properties.UserProperty = (name, value)
            packed = with_length(content_type(value) + user_property(name, value))
            mid = ours.client.send(topic, body, packed if version is V5 else b"", retain=retain)
            sent = theirs.client.publish(topic, body, 1, retain, properties if version is V5 else None)
            assert mid == sent.mid
        assert ours.written() == theirs.written()


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "x" * 65_536])
def test_what_is_no_topic_is_not_sent(topic: str) -> None:
    """A wildcard would make the broker hang up."""
    with both(V5) as (ours, _), pytest.raises(ValueError, match="cannot be published to"):
        ours.client.send(topic, b"", b"\0")


def test_nothing_is_written_after_disconnect_nor_overtaken() -> None:
    """Messages wait in a queue of their own: what paho has to say goes out behind those that were there before."""
    with both(V5) as (ours, _):
        ours.client.send("a", b"1", b"\0")
        ours.client.subscribe("b")
        ours.client.send("a", b"2", b"\0")
        ours.client.disconnect()
        kinds, written = [], ours.written()
        while written:
            kinds.append(written[0] & 0xF0)
            written = written[2 + written[1] :]
        assert kinds == [0x30, 0x80, 0x30, 0xE0]


def test_an_id_in_use_is_passed_over() -> None:
    """After 65 535 messages the ids begin anew, and the first one may still be in flight."""
    with both(V5) as (ours, _):
        assert [ours.client.send("a", b"", b"\0") for _ in range(2)] == [1, 2]
        ours.client._last_mid = 65_535
        assert ours.client.send("a", b"", b"\0") == 3


def packet(kind: int, content: bytes) -> bytes:
    """Return a packet of up to 127 bytes."""
    return bytes((kind, len(content))) + content


ID = st.integers(0, MESSAGES + 2).map(lambda mid: mid.to_bytes(2, "big"))
REASON = st.sampled_from([b"\0", b"\x10", b"\x80", b"\x87", b"\x97", b"\x05"])
TEXT = with_length(user_property("why", "quota"))
PACKETS = st.one_of(
    ID.map(lambda mid: packet(0x40, mid)),
    ID.map(lambda mid: packet(0x40, mid)),
    st.tuples(ID, REASON, st.sampled_from([b"", b"\0", TEXT])).map(lambda parts: packet(0x40, b"".join(parts))),
    st.tuples(ID, st.sampled_from([b"\0", b"\x10"]), st.binary(min_size=1, max_size=1)).map(
        lambda parts: packet(0x40, b"".join(parts))
    ),
    st.tuples(ID, st.binary(max_size=6)).map(lambda parts: packet(0x40, b"".join(parts))),
    st.binary(max_size=4).map(lambda content: packet(0x40, content)),
    st.just(packet(0xD0, b"")),
    ID.map(lambda mid: packet(0x90, mid + b"\0\x01")),
    st.binary(max_size=60).map(lambda body: packet(0x30, b"\0\x01t\0" + body)),
    ID.map(lambda mid: packet(0x32, b"\0\x01t" + mid + b"\0body")),
    st.just(packet(0xE0, b"\x8e")),
    st.sampled_from([packet(0x20, b"\0\0\0"), packet(0x20, b"\0\0")]),  # once more: whatever is in flight stays so
    st.binary(max_size=8),
)


def hear(ours: Peer, theirs: Peer, said: bytes) -> None:
    """Have both hear the same, and make the same of it."""
    for peer in (ours, theirs):
        peer.hear(said)
    assert ours.told == theirs.told
    assert (ours.client.socket() is None) == (theirs.client.socket() is None)


@pytest.mark.parametrize("version", [V5, V3], ids=["5", "3.1.1"])
@given(packets=st.lists(PACKETS, max_size=12), cuts=st.lists(st.integers(1, 30), max_size=12))
def test_what_the_broker_says_is_understood_as_paho_understands_it(version, packets, cuts) -> None:
    """Acknowledgements with and without reasons and texts, for ids in flight and others, among whatever else, cut anywhere."""
    with both(version) as (ours, theirs):
        for _ in range(MESSAGES):
            ours.client.send("a", b"", b"\0" if version is V5 else b"")
            theirs.client.publish("a", b"", 1)
        assert ours.written() == theirs.written()
        said = b"".join(packets)
        while said:
            size = cuts.pop() if cuts else len(said)
            hear(ours, theirs, said[:size])
            said = said[size:]
        assert sorted(ours.client._out_messages) == sorted(theirs.client._out_messages)
        assert ours.written() == theirs.written()


def test_what_looks_like_an_acknowledgement_inside_a_message_is_none() -> None:
    """Cut at each place: among the bytes of a message, of a reason, of a text."""
    inside = packet(0x40, b"\0\x01")
    said = packet(0x30, b"\0\x01t\0" + 3 * inside) + packet(0x40, b"\0\x02\x10") + packet(0x40, b"\0\x03\0\0") + inside
    for cut in range(len(said)):
        with both(V5) as (ours, theirs):
            for _ in range(MESSAGES):
                ours.client.send("a", b"", b"\0")
                theirs.client.publish("a", b"", 1)
            hear(ours, theirs, said[:cut])
            hear(ours, theirs, said[cut:])
            assert ours.told == [(b"t", 3 * inside), (2, 0x10), (3, 0), (1, 0)]


def test_the_end_of_the_connection_is_told() -> None:
    """As paho tells it."""
    with both(V5) as (ours, theirs):
        for peer in (ours, theirs):
            peer.broker.close()
            peer.client.loop_read()
        assert ours.told == theirs.told != []
