"""The session against brokers of all kinds: versions, TLS, refusals, silence."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from amqtt.broker import Broker

from edge_bridge.config import MqttOptions
from edge_bridge.errors import ConfigError
from edge_bridge.mqtt import BrokerError, BrokerRefusedError, Connector, Will
from edge_bridge.options import Secret
from edge_bridge.testing import Subscriber
from tests.integration.forwarding import TOPICS, Gateway
from tests.integration.mosquitto import Mosquitto, free_port
from tests.waiting import until

WILL = Will("test/will", b"{}")


def connector(url, **options):
    """Return a connector for a broker."""
    return Connector(MqttOptions.model_validate({"url": url, **options}), "edge-01")


async def opened(url, **options):
    """Return a session with a broker."""
    return await connector(url, **options).open(WILL, lambda _message: None)


@asynccontextmanager
async def stub(answer):
    """Serve a broker that answers CONNECT by a function of its bytes, and hangs up unless it accepted.

    Yields the url and the CONNECTs seen.
    """
    connects, serving = [], set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        connects.append(await reader.read(1000))
        said = answer(connects[-1])
        writer.write(said)
        with suppress(ConnectionError):
            if said[:2] in (b"\x20\x02", b"\x20\x03") and said[3] == 0:
                await reader.read()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", connects
        await asyncio.gather(*serving)


def is_v5(connect):
    """Tell whether a CONNECT asks for MQTT 5."""
    return connect[connect.index(b"MQTT") + 4] == 5


async def test_mqtt_5_is_spoken_where_the_broker_knows_it(tmp_path):
    """Version, Receive Maximum and Maximum Packet Size come from CONNACK."""
    with Mosquitto(tmp_path, "max_inflight_messages 33\nmax_packet_size 5000") as broker:
        session = await opened(broker.url)
        assert (session.version, session.receive_maximum, session.maximum_packet_size) == ("5", 33, 5000)
        session.disconnect()


async def test_mqtt_3_1_1_can_be_demanded(tmp_path):
    """`version: 3.1.1` sends no MQTT 5 at all."""
    with Mosquitto(tmp_path) as broker:
        session = await opened(broker.url, version="3.1.1")
        assert (session.version, session.receive_maximum) == ("3.1.1", 65535)
        session.disconnect()


@pytest.mark.parametrize("refusal", [b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00"], ids=["CONNACK 1", "0x84"])
async def test_auto_falls_back_when_mqtt_5_is_refused(refusal):
    """Old brokers say CONNACK 1, newer ones without MQTT 5 say 0x84: 3.1.1 follows at once."""
    async with stub(lambda connect: refusal if is_v5(connect) else b"\x20\x02\x00\x00") as (url, connects):
        session = await opened(url)
        assert session.version == "3.1.1"
        assert [is_v5(connect) for connect in connects] == [True, False]
        session.abort("end of test")


async def test_auto_falls_back_when_mqtt_5_is_hung_up_on_twice():
    """One hang-up may be a broker that is being stopped; a second one is a broker that knows no better."""
    async with stub(lambda connect: b"" if is_v5(connect) else b"\x20\x02\x00\x00") as (url, connects):
        auto = connector(url)
        with pytest.raises(BrokerError):
            await auto.open(WILL, lambda _message: None)
        session = await auto.open(WILL, lambda _message: None)
        assert [is_v5(connect) for connect in connects] == [True, True, False]
        session.abort("end of test")


async def test_what_was_fallen_back_to_is_tried_first():
    """A broker without MQTT 5 costs the wait for its silence once, not at each connect; when it fails, 5 comes again."""
    knows = {False}

    def answer(connect):
        return b"\x20\x02\x00\x00" if is_v5(connect) in knows else b"\x20\x02\x00\x01"

    async with stub(answer) as (url, connects):
        auto = connector(url)
        for _ in range(2):
            (await auto.open(WILL, lambda _message: None)).abort("lost")
        assert [is_v5(connect) for connect in connects] == [True, False, False]
        knows.clear()  # nothing is known any more: the broker is being replaced
        for _ in range(2):
            with pytest.raises(BrokerError):
                await auto.open(WILL, lambda _message: None)
        assert [is_v5(connect) for connect in connects[3:5]] == [False, True]


async def test_demanded_mqtt_5_does_not_fall_back():
    """`version: 5` names the setting to change instead."""
    async with stub(lambda _connect: b"\x20\x02\x00\x01") as (url, _):
        with pytest.raises(BrokerError, match=r"mqtt\.version"):
            await opened(url, version="5")


@pytest.mark.parametrize("code", [4, 5])
async def test_refusal_of_an_old_broker_is_told_as_one(code):
    """CONNACK 4 and 5 of MQTT 3.1.1."""
    async with stub(lambda _connect: bytes((0x20, 2, 0, code))) as (url, _):
        with pytest.raises(BrokerRefusedError, match="refused the connection"):
            await opened(url, version="3.1.1")


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x00", b"\x20\xff\xff\xff\xff\xff", b"\x20\x03\x00\x00\x7f"],
)
async def test_whoever_is_no_broker_is_an_error_and_no_traceback(answer):
    """A web server, a port forwarder, a broken device: one plain sentence."""
    async with stub(lambda _connect: answer) as (url, _):
        with pytest.raises(BrokerError, match="mqtt://127"):
            await opened(url, version="5")


async def test_events_reach_a_broker_that_knows_only_3_1_1():
    """The same bytes over an independent broker without MQTT 5."""
    port = free_port()
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        url = f"mqtt://127.0.0.1:{port}"
        impatient = Connector(MqttOptions(url=url), "edge-01", answer_within=0.5)  # it leaves MQTT 5 unanswered
        async with Gateway(url, connector=impatient) as gateway:
            gateway.add(50)
            await until(gateway.sent)
            assert gateway.health.version == "3.1.1"
    finally:
        await broker.shutdown()


@pytest.fixture
def passwords(tmp_path):
    """A password file of Mosquitto's with one user."""
    file = tmp_path / "passwords"
    file.write_text("edge:right\n")
    subprocess.run(["mosquitto_passwd", "-U", file], check=True)
    return file


async def test_refused_credentials_are_told_in_plain_words_and_tried_again_slowly(tmp_path, passwords):
    """A person may mend the broker while we wait; health says what to look at."""
    with Mosquitto(tmp_path / "broker", f"password_file {passwords}", anonymous=False) as broker:
        async with Gateway(broker.url, username="edge", password_credential=Secret("wrong")) as gateway:
            await until(lambda: gateway.health.refused)
            assert "not authorized (0x87)" in gateway.health.last_error
            assert "mqtt.username" in gateway.health.last_error
        async with Gateway(broker.url, username="edge", password_credential=Secret("right")) as gateway:
            await until(lambda: gateway.health.connected)


async def test_brokers_own_reason_for_ending_a_session_is_kept():
    """Two gateways with one client id throw each other out (0x8E): the reason is worth reading."""
    async with stub(lambda _connect: b"\x20\x03\x00\x00\x00\xe0\x01\x8e") as (url, _):
        session = await opened(url)
        assert await asyncio.wait_for(session.lost, 5) == "the broker ended the connection: session taken over (0x8e)"


async def test_will_waits_a_moment_and_carries_its_session(tmp_path):
    """A session that ends without DISCONNECT is told to the platform, retained, a moment later."""
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "test/will") as platform:
        impatient = Connector(MqttOptions(url=broker.url), "edge-01", will_delay=1)
        session = await impatient.open(WILL, lambda _message: None)
        session.abort("pulled the plug")
        await until(lambda: platform.messages)
        assert platform.messages[0][:2] == (WILL.topic, WILL.body)


@pytest.fixture
def many_files():
    """Occupy the descriptors below 1024."""
    with ExitStack() as files:
        for _ in range(1030):
            files.enter_context(Path("/dev/null").open("rb"))
        yield


async def test_more_than_1024_descriptors_do_not_matter(tmp_path, many_files):
    """`select()` would refuse the socket, and paho's own loop with it; a plant has more sockets than that."""
    with Mosquitto(tmp_path) as broker:
        async with Gateway(broker.url) as gateway:
            gateway.add(10)
            await until(lambda: gateway.health.nobody_subscribes)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A plant's CA, the broker's certificate for localhost, the gateway's own, and a CA that nobody knows."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "stranger"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",  # Python 3.13 checks RFC 5280 strictly
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
    (folder / "san").write_text("subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid")
    for name, extra in (("localhost", ["-extfile", "san"]), ("edge-01", [])):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-out", f"{name}.pem", *extra)  # fmt: skip
    return folder


@pytest.fixture
def tls_broker(tmp_path, pki):
    port = free_port()
    (tmp_path / "b").mkdir()
    config = (
        f"listener {port} 127.0.0.1\ncafile {pki}/ca.pem\ncertfile {pki}/localhost.pem\nkeyfile {pki}/localhost.key\n"
        "require_certificate true\nmax_queued_messages 0\nuse_identity_as_username true\n"
    )
    with Mosquitto(tmp_path / "b", config) as broker:
        yield broker, port


async def test_tls_with_a_client_certificate(tls_broker, pki):
    """Chain and server name checked, our own certificate shown, events delivered over many packets."""
    broker, port = tls_broker
    options = {
        "ca": pki / "ca.pem",
        "certificate": pki / "edge-01.pem",
        "key_credential": Secret((pki / "edge-01.key").read_text()),
    }
    with Subscriber(broker.port, TOPICS.everything) as platform:
        async with Gateway(f"mqtts://localhost:{port}", **options) as gateway:
            gateway.add(2000)
            await until(lambda: platform.consumer.only.upto == 2000)
            platform.publish(TOPICS.command("ack"), {"id": "over tls"})
            await until(lambda: platform.consumer.answers)


@pytest.mark.parametrize(
    ("host", "ca", "said"),
    [("127.0.0.1", "ca.pem", "not trusted.*IP address"), ("localhost", "stranger.pem", "not trusted"),
     ("localhost", "san", "`ca`: .*cannot be used")],
)  # fmt: skip
async def test_tls_fails_closed(tls_broker, pki, host, ca, said):
    """A wrong name or an unknown CA is an error that names the setting, never a connection."""
    _, port = tls_broker
    with pytest.raises((BrokerError, ConfigError), match=said):
        await opened(f"mqtts://{host}:{port}", ca=pki / ca)


async def test_key_that_does_not_fit_is_named(tls_broker, pki):
    """A certificate with somebody else's key is a configuration error."""
    _, port = tls_broker
    key = Secret((pki / "stranger.key").read_text())
    with pytest.raises(ConfigError, match="certificate"):
        await opened(
            f"mqtts://localhost:{port}", ca=pki / "ca.pem", certificate=pki / "edge-01.pem", key_credential=key
        )


async def test_port_without_tls_is_told_as_such(tmp_path, pki):
    """mqtts:// at the plain port: the hint is the port."""
    with Mosquitto(tmp_path) as broker, pytest.raises(BrokerError, match="TLS port"):
        await opened(f"mqtts://localhost:{broker.port}", ca=pki / "ca.pem")
