"""The MTConnect adapter when the agent is down, dies, hangs, or is no agent at all: one line that says what to do."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.mtconnect.adapter import MtConnectAdapter
from adapters.mtconnect.multipart import LARGEST
from edge_bridge.clock import SystemClock
from edge_bridge.domain.reading import Reading
from edge_bridge.errors import AdapterError, RefusedError
from tests.integration.mtconnect_agents import running, simulated
from tests.waiting import until

CASES = Path(__file__).parents[1] / "cases" / "mtconnect"
CURRENT = (CASES / "mazak_1_3" / "current.xml").read_bytes()
READS = pytest.mark.parametrize("read", ["auto", "subscribe", "poll"])


def adapter(url: str, **changed: Any) -> MtConnectAdapter:
    """Return an adapter that gives up after half a second."""
    options = {"adapter": "mtconnect", "url": url, "every": "100ms", "timeout": "500ms", **changed}
    return MtConnectAdapter("m1", options, SystemClock())


async def exhaust(readings: AsyncIterator[Reading]) -> None:
    """Take readings until they end with an error."""
    async for _ in readings:
        pass


async def lost(machine: MtConnectAdapter) -> AdapterError:
    """Return the error that ends the readings, or the connecting: one line with a way out."""
    with pytest.raises(AdapterError) as caught:
        async with asyncio.timeout(20), machine.connect() as readings:
            await exhaust(readings)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert "Error" not in caught.value.what.replace("MTConnectError", "")
    return caught.value


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return an HTTP answer."""
    head = [f"HTTP/1.1 {status}", "Content-Type: text/xml", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def answering(*answers: bytes | None, trust: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Yield the address of a server that gives these answers, the last again and again; None: it never answers."""
    given = list(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readline():
                while (await reader.readline()).strip():
                    pass
                answer = given.pop(0) if len(given) > 1 else given[0]
                if answer is None:
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
                if not answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml"):
                    return
        except OSError:
            pass  # the adapter went
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=trust)
    async with server:
        scheme = "https" if trust else "http"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(b"<html><body>It works!</body></html>"), "answers with a web page"),
        (http(b'{"MTConnectStreams": {}}'), "answers with JSON"),
        (http(b"", "404 Not Found"), "has no /current (HTTP 404)"),
        (http(b"<html/>", "500 Internal Server Error"), "answers HTTP 500"),
        (http(b"", "503 Service Unavailable"), "answers HTTP 503"),
        (http(b"", "429 Too Many Requests"), "asked too often"),
        (http(b"", "302 Found", "Location: http://elsewhere/"), "sends us elsewhere to http://elsewhere/"),
        (http(CURRENT[:500]), "XML that cannot be read"),
        (http(CURRENT, "200 OK", "Content-Encoding: gzip"), "packs its answers"),
        (http(CURRENT, "200 Fine")[:-200], "closed the connection"),
        (http(b""), "answers with nothing"),
        (http((CASES / "dtd_with_entities" / "current.xml").read_bytes()), "brings a DTD or entities"),
        (http((CASES / "error_document" / "current.xml").read_bytes()), "QUERY_ERROR: something is wrong"),
        (http((CASES / "error_document" / "current.xml").read_bytes(), "400 Bad Request"), "QUERY_ERROR"),
        (http((CASES / "device_model_instead" / "current.xml").read_bytes()), "a document 'MTConnectDevices'"),
        (b"2024-01-01T00:00:00Z|avail|AVAILABLE\n* PONG 10000\n", "closed the connection"),
        (b"220 mail.plant.local ESMTP\r\n\r\n", "does not speak HTTP"),
        (b"", "closed the connection"),
        (None, "no answer from http://127.0.0.1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_something_that_is_no_agent_is_an_adapter_error(answer: bytes | None, words: str) -> None:
    """A web server, an agent's own adapter, half an answer, silence: all will be tried again."""
    before = asyncio.all_tasks()
    async with answering(answer) as url:
        found = await lost(adapter(url))
    assert words in found.what
    assert not isinstance(found, RefusedError)
    await until(lambda: len(asyncio.all_tasks()) == len(before))


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required"])
async def test_an_agent_that_does_not_admit_us_needs_a_person(status: str) -> None:
    """Asking again is of no use."""
    async with answering(http(b"<html/>", status)) as url:
        found = await lost(adapter(url))
    assert isinstance(found, RefusedError)
    assert "refuses to answer us" in found.what


async def test_an_address_where_nobody_is() -> None:
    """A closed port, an unknown host."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    assert "nothing listens at" in (await lost(adapter(f"http://127.0.0.1:{port}"))).what
    assert "is unknown" in (await lost(adapter("http://no-such-host.invalid:5000"))).what


async def test_an_answer_without_end_is_cut_off() -> None:
    """More than any agent has to say is neither kept nor waited for, announced or not."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n" + b"<a>" + b"x" * (LARGEST + 100_000)
    async with answering(endless) as url:
        assert "more than 8 MB" in (await lost(adapter(url, timeout="10s"))).what


async def test_an_answer_that_drips_is_cut_off() -> None:
    """A byte now and then is no answer: the time limit is for all of it."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock = SystemClock()
        try:
            await reader.readline()
            for byte in http(CURRENT):
                writer.write(bytes([byte]))
                await writer.drain()
                await clock.sleep(0.05)
        except OSError:
            pass  # the adapter went
        finally:
            writer.close()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        began = SystemClock().now()
        found = await lost(adapter(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        assert "within 0.5 s" in found.what
        assert SystemClock().now().since(began) < 5_000


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"--b\r\nContent-length: 10\r\n\r\n<a>123456789012345</a>\r\n--b\r\n", "cannot be read"),
        (b"--b\r\nContent-length: 99000000\r\n\r\n", "bytes is announced"),
        (b"x" * 5000, "no boundary comes"),
        (b"--b\r\n" + b"x: y\r\n" * 2000, "headers do not end"),
        (b"--b\r\n\r\n" + CURRENT[:500], "no heartbeat"),
        (b"", "no heartbeat"),
    ],
)
async def test_a_stream_that_makes_no_sense_is_lost(stream: bytes, words: str) -> None:
    """Wrong lengths, no boundaries, half a document, nothing: told in words, never waited for in vain."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (line := await reader.readline()).strip():
                while (await reader.readline()).strip():
                    pass
                writer.write(http(CURRENT) if b"/current" in line else head + stream)
        except OSError:
            pass  # the adapter went
        finally:
            writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert words in (await lost(adapter(url, read="subscribe"))).what


def told(program: str, **header: int) -> bytes:
    """Return a document with a program and these numbers in its header; 1 instance, from sequence 1, 9 comes next."""
    numbers = {"instanceId": 1, "firstSequence": 1, "lastSequence": 8, "nextSequence": 9, **header}
    head = " ".join(f'{name}="{number}"' for name, number in numbers.items())
    return (
        f'<MTConnectStreams xmlns="urn:mtconnect.org:MTConnectStreams:1.4"><Header {head}/><Streams><DeviceStream name="M" '
        f'uuid="m"><ComponentStream component="Path" name="p" componentId="p"><Events><Program dataItemId="g" '
        f'timestamp="2024-01-01T00:00:00Z" sequence="{numbers["lastSequence"]}">{program}</Program></Events>'
        f"</ComponentStream></DeviceStream></Streams></MTConnectStreams>"
    ).encode()


@pytest.mark.parametrize(
    "gap",
    [
        told("WRONG", instanceId=2, lastSequence=10, nextSequence=11),
        told("WRONG", firstSequence=12, lastSequence=14, nextSequence=15),
        told("WRONG", lastSequence=3, nextSequence=4),
        (CASES / "error_document" / "current.xml").read_bytes().replace(b"QUERY_ERROR", b"OUT_OF_RANGE"),
    ],
    ids=["another instance", "a gap", "back again", "out of range"],
)
async def test_a_stream_that_does_not_join_on_is_not_believed(gap: bytes) -> None:
    """What it brings is left aside, and everything is asked for anew."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n"
    currents, streams = [told("FIRST"), told("ANEW", instanceId=2)], [gap, told("LATER", instanceId=2, nextSequence=10)]
    open_streams: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (line := await reader.readline()).strip():
                while (await reader.readline()).strip():
                    pass
                if b"/current" in line:
                    writer.write(http(currents.pop(0)))
                else:
                    open_streams.append(writer)
                    one = streams.pop(0)
                    writer.write(head + b"--b\r\nContent-length: %d\r\n\r\n" % len(one) + one)
        except OSError:
            pass  # the adapter went
        finally:
            writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        machine = adapter(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", read="subscribe", timeout="5s")
        async with asyncio.timeout(20), machine.connect() as readings:
            assert [(await anext(readings)).main_program for _ in range(3)] == ["FIRST", "ANEW", "LATER"]
        assert len(open_streams) == 2


@pytest.mark.parametrize(
    "answer",
    [
        http(b"<html/>", "404 Not Found"),
        http((CASES / "error_document" / "current.xml").read_bytes()),
        http(CURRENT),
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n--b\r\n\r\n<x></MTConnectError>",
    ],
    ids=["no such page", "an error", "one document", "no boundary", "no document"],
)
async def test_auto_polls_what_does_not_stream_well(answer: bytes) -> None:
    """/sample is a web page, an error, one document, nonsense: the machine is read all the same, by asking."""
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (line := await reader.readline()).strip():
                while (await reader.readline()).strip():
                    pass
                asked.append(line.split(b"?")[0].split()[1])
                writer.write(http(CURRENT) if b"/current" in line else answer)
        except OSError:
            pass  # the adapter went
        finally:
            writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        machine = adapter(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout="5s")
        async with asyncio.timeout(20), machine.connect() as readings:
            assert [(await anext(readings)).main_program for _ in range(3)] == ["O1000"] * 3
    assert asked[-1] == b"/current"
    assert b"/sample" in asked


async def test_no_assets_behind_a_proxy_cost_the_version_only() -> None:
    """/assets is a web page: a fault with the reason, and the machine is read."""
    async with (
        answering(http(CURRENT), http(b"<html/>", "404 Not Found")) as url,
        adapter(url, read="poll", version=[{"asset": "versionId"}]).connect() as readings,
    ):
        found = await anext(readings)
    assert found.main_program == "O1000"
    assert [fault.error for fault in found.faults] == [
        f"the agent gives no File assets: {url} has no /assets (HTTP 404)"
    ]


async def test_more_assets_than_are_read_is_told() -> None:
    """The program's file may be among those that did not come: nothing of it is silently missing."""
    one = b'<File assetId="F%d" name="P%d" versionId="A" state="PRODUCTION"/>'
    body = b"".join(one % (number, number) for number in range(1000))
    found = b'<MTConnectAssets><Header instanceId="1"/><Assets>' + body + b"</Assets></MTConnectAssets>"
    async with (
        answering(http(CURRENT), http(found)) as url,
        adapter(url, read="poll", timeout="5s", version=[{"asset": "versionId"}]).connect() as readings,
    ):
        assert "more than the 1000 assets" in (await anext(readings)).faults[0].error


async def test_a_large_answer_is_read() -> None:
    """An agent with thousands of data items: more than is read at once without delaying other machines."""
    more = b"".join(
        b'<Position dataItemId="x%d" sequence="7" timestamp="2024-01-01T00:00:00Z">1.5</Position>' % n
        for n in range(3000)
    )
    large = CURRENT.replace(b"</Events>", more + b"</Events>", 1)
    assert len(large) > 200_000
    async with answering(http(large)) as url, adapter(url, read="poll", timeout="5s").connect() as readings:
        assert (await anext(readings)).main_program == "O1000"


async def test_an_answer_that_something_kept_is_no_reading() -> None:
    """The same document again and again, from a proxy or a hanging agent, is old whatever it says."""
    async with answering(http(CURRENT)) as url:
        machine = adapter(url, read="poll")
        found = await lost(machine)
    assert "has given the same answer for" in found.what


@READS
async def test_an_agent_that_dies_is_lost_and_found_again(read: str, caplog: pytest.LogCaptureFixture) -> None:
    """kill -9: AdapterError, no task left, not a word in the log; its successor at the same port is read."""
    before = asyncio.all_tasks()
    with running() as agent:
        port = agent.port
        machine = adapter(agent.url, read=read)
        with caplog.at_level(logging.DEBUG, logger="root"):
            async with machine.connect() as readings:
                await anext(readings)
                agent.kill()
                with pytest.raises(AdapterError, match=r"closed the connection|nothing listens"):
                    await exhaust(readings)
            assert asyncio.all_tasks() == before
    assert [record for record in caplog.records if record.name.startswith("http")] == []
    with running("--port", str(port), "--program", "O55"):
        async with machine.connect() as readings:
            assert (await anext(readings)).main_program == "O55"


@READS
async def test_an_agent_that_hangs_is_lost(read: str) -> None:
    """It keeps its connections and answers nothing: lost within heartbeat and timeouts, and leaving does not hang."""
    with running() as agent:
        began = SystemClock().now()
        async with adapter(agent.url, read=read).connect() as readings:
            await anext(readings)
            agent.freeze()
            with pytest.raises(AdapterError, match=r"no answer|no heartbeat"):
                await exhaust(readings)
        assert SystemClock().now().since(began) < 8_000
        agent.thaw()


@READS
async def test_leaving_closes_the_connection(read: str) -> None:
    """Cancelled in the middle of waiting, the agent has its connection back at once."""
    with running() as agent:
        machine = adapter(agent.url, read=read)
        connected = asyncio.Event()

        async def consume() -> None:
            async with machine.connect() as readings:
                async for _ in readings:
                    connected.set()

        task = asyncio.create_task(consume())
        await connected.wait()
        await until(lambda: agent.connections()[0] == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: agent.connections()[0] == 0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    found = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "agent.pem").write_bytes(found.public_bytes(serialization.Encoding.PEM))
    (folder / "agent.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "agent.pem", folder / "agent.key"


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """What a server with that certificate needs."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(*certificate)
    return found


async def test_only_the_right_certificate_is_accepted(
    tls: ssl.SSLContext, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """One that nobody named is refused, one that `ca` names is read, and a `ca` that is none is told."""
    async with answering(http(CURRENT), trust=tls) as url:
        found = await lost(adapter(url))
        assert isinstance(found, RefusedError)
        assert "certificate that is not trusted" in found.what
        async with adapter(url, ca=str(certificate[0]), read="poll").connect() as readings:
            assert (await anext(readings)).main_program == "O1000"
        (tmp_path / "none.pem").write_text("nonsense")
        for name in ("none.pem", "missing.pem"):
            found = await lost(adapter(url, ca=str(tmp_path / name)))
            assert isinstance(found, RefusedError)
            assert "cannot be read as a certificate" in found.what


async def test_tls_where_there_is_none(tls: ssl.SSLContext) -> None:
    """https to a plain agent, and http to one with TLS."""
    async with answering(http(CURRENT)) as url:
        found = await lost(adapter(url.replace("http:", "https:")))
        assert "over TLS" in found.what or "no answer" in found.what  # a server that waits for more says neither
    async with answering(http(CURRENT), trust=tls) as url:
        assert "closed the connection" in (await lost(adapter(url.replace("https:", "http:")))).what


async def test_ids_that_repeat_from_machine_to_machine() -> None:
    """An agent that gathers others' answers, and gives all of them whatever is asked: only the machine's own count."""
    both = (CASES / "two_devices_same_ids" / "current.xml").read_bytes()
    async with answering(http(both)) as url:
        for device, expected in (("SR-10", ("O4444", "running")), ("SR-21", ("O7272", "idle"))):
            async with asyncio.timeout(20), adapter(url, device=device, read="poll").connect() as readings:
                for _ in range(3):
                    reading = await anext(readings)
                    assert (reading.main_program, reading.execution) == expected


def test_the_simulated_agent_ends_when_it_is_told() -> None:
    """SIGTERM is a clean end."""
    agent = simulated()
    try:
        assert agent.url
        assert agent.terminate() == 0
    finally:
        agent.kill()
