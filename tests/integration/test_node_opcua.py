"""The OPC UA adapter against node-opcua, a server from another house."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.opcua.adapter import OpcUaAdapter
from adapters.opcua.security import POLICIES
from edge_bridge.clock import SystemClock
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Execution, Mode
from edge_bridge.errors import AdapterError, RefusedError, UntrustedError
from edge_bridge.options import Secret
from edge_bridge.pki import TrustStore
from edge_bridge.ports import Clock
from tests.certificates import make
from tests.integration import node_opcua
from tests.integration.node_opcua import NodeOpcUaServer
from tests.waiting import until

pytestmark = node_opcua.needed


@pytest.fixture(scope="module")
def peer() -> Iterator[NodeOpcUaServer]:
    """Return a control made of node-opcua, without encryption, that takes three nodes in one request."""
    with node_opcua.running(*node_opcua.control(execution="int:3"), "--max-nodes-per-read", "3") as server:
        yield server


def adapter(server: NodeOpcUaServer, **changed: Any) -> OpcUaAdapter:
    """Return an adapter for it."""
    options = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server.endpoint,
        "security": "None",
        "allow_insecure": "true",
        "every": "100ms",
        "version": [{"variable": "/Channel/Parameter/R[u1,90]"}],
    }
    return OpcUaAdapter("m1", {**options, **changed}, SystemClock())


async def test_another_house_is_read_like_ours(peer: NodeOpcUaServer) -> None:
    """Programs, words and the version variable; and the session is gone when we are."""
    async with adapter(peer).connect() as readings:
        found = await anext(readings)
        assert peer.ask("sessions") == 1
    assert (found.main_program, found.execution, found.mode) == (
        "EL-100_OP10_B.MPF",
        Execution.RUNNING,
        Mode.AUTOMATIC,
    )
    assert ([piece.value for piece in found.evidence], found.test, found.faults) == (["B"], False, ())
    assert peer.ask("sessions") == 0


def test_the_official_nodesets_are_at_hand() -> None:
    """The peer loads them with all that they build on, and makes an instance whose values can be set."""
    assert "http://opcfoundation.org/UA/CNC" in node_opcua.nodeset("Opc.Ua.CNC.NodeSet.xml").read_text()
    with node_opcua.running(
        *("--nodeset", "machineTool", "--nodeset", "cnc"),
        *("--instance", "CncInterface=http://opcfoundation.org/UA/CNC;CncInterfaceType"),
        *("--instance", "Mill=http://opcfoundation.org/UA/MachineTool/;MachineToolType;Production"),
    ) as server:
        assert "CncChannelList" in server.tell("children /CncInterface").split()
        server.tell("set /Mill/Production/ActiveProgram/Name text:EL-100")


@pytest.fixture(scope="module")
def strict() -> Iterator[NodeOpcUaServer]:
    """Return a control made of node-opcua that encrypts, knows its clients, and has two sessions."""
    policies = [word for policy in POLICIES for word in ("--policy", policy)]
    users = ("--user", "edge", "--password", "right", "--max-sessions", "2")
    with node_opcua.running(*node_opcua.control(execution="int:3"), *policies, *users) as server:
        yield server


def encrypted(server: NodeOpcUaServer, pki: Path, clock: Clock | None = None, **changed: Any) -> OpcUaAdapter:
    """Return an adapter that encrypts; a setting that is None is left out."""
    options = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server.endpoint,
        "pki": str(pki),
        "username": "edge",
        "password_credential": Secret("right"),
        "every": "100ms",
        **changed,
    }
    return OpcUaAdapter(
        "m1", {key: value for key, value in options.items() if value is not None}, clock or SystemClock()
    )


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """Return a folder for certificates that is not there yet."""
    return tmp_path / "pki"


async def refused(machine: OpcUaAdapter) -> AdapterError:
    """Return why there is no connection."""
    with pytest.raises(AdapterError) as caught:
        async with machine.connect() as readings:
            await anext(readings)
    return caught.value


async def trusting(server: NodeOpcUaServer, pki: Path) -> None:
    """Have both sides trust each other, as people do."""
    assert isinstance(await refused(encrypted(server, pki)), UntrustedError)
    (entry,) = TrustStore(pki).entries()
    TrustStore(pki).accept(entry.certificate, "tester", SystemClock().now().utc)
    server.tell(f"trust {pki / 'own' / 'edge-bridge.der'}")


async def test_nothing_is_said_before_both_sides_trust(strict: NodeOpcUaServer, pki: Path) -> None:
    """Neither a session nor a password goes to a server that nobody has accepted, nor to one that does not know us."""
    sent = {name: strict.ask(f"requests {name}") for name in ("CreateSession", "ActivateSession")}
    assert isinstance(await refused(encrypted(strict, pki)), UntrustedError)
    (entry,) = TrustStore(pki).entries()
    TrustStore(pki).accept(entry.certificate, "tester", SystemClock().now().utc)
    error = await refused(encrypted(strict, pki))
    assert "does not trust this gateway's certificate (BadSecurityChecksFailed)" in error.what
    assert str(pki / "own" / "edge-bridge.der") in error.hint
    assert {name: strict.ask(f"requests {name}") for name in sent} == sent
    strict.tell(f"trust {pki / 'own' / 'edge-bridge.der'}")
    async with encrypted(strict, pki).connect() as readings:
        assert (await anext(readings)).faults == ()
    assert {name: strict.ask(f"requests {name}") - count for name, count in sent.items()} == dict.fromkeys(sent, 1)


@pytest.mark.parametrize("policy", POLICIES)
async def test_another_house_encrypts_like_ours(strict: NodeOpcUaServer, pki: Path, policy: str) -> None:
    """Each policy, with a password; the session is gone when we are."""
    await trusting(strict, pki)
    async with encrypted(strict, pki, security=policy).connect() as readings:
        found = await anext(readings)
        assert (found.main_program, found.execution, found.faults) == ("EL-100_OP10_B.MPF", Execution.RUNNING, ())
    await until(lambda: strict.ask("sessions") == 0)


async def test_another_house_tells_of_changes_in_an_encrypted_channel(strict: NodeOpcUaServer, pki: Path) -> None:
    """Subscribed through Basic256Sha256: a change arrives, and the session goes with its subscription."""
    await trusting(strict, pki)
    machine = encrypted(strict, pki, read="subscribe")
    place, told = "/Channel/ProgramInfo/selectedWorkPProg", False
    try:
        async with asyncio.timeout(30), machine.connect() as readings:
            async for reading in readings:
                if reading.main_program == "EL-200_OP10_B.MPF":
                    break
                if machine.how.startswith("subscribed") and not told:
                    strict.tell(f"set {place} text:EL-200_OP10_B.MPF")
                    told = True
            assert told
        await until(lambda: strict.ask("sessions") == 0)
    finally:
        strict.tell(f"set {place} text:EL-100_OP10_B.MPF")


async def test_another_house_refuses(strict: NodeOpcUaServer, pki: Path) -> None:
    """A wrong password, a user of another kind, and one session too many are told apart; no session stays."""
    await trusting(strict, pki)
    wrong = await refused(encrypted(strict, pki, password_credential=Secret("wrong")))
    assert isinstance(wrong, RefusedError)
    assert "refused the user" in wrong.what
    nobody = await refused(encrypted(strict, pki, username=None, password_credential=None))
    assert "does not let in anonymous clients" in nobody.what
    await until(lambda: strict.ask("sessions") == 0)
    async with encrypted(strict, pki).connect() as one, encrypted(strict, pki).connect() as two:
        await anext(one)
        await anext(two)
        error = await refused(encrypted(strict, pki))
        assert not isinstance(error, RefusedError)
        assert "BadTooManySessions" in error.what
    await until(lambda: strict.ask("sessions") == 0)


async def test_a_certificate_user_in_another_house(strict: NodeOpcUaServer, pki: Path, tmp_path: Path) -> None:
    """The user is a certificate that the control was given."""
    await trusting(strict, pki)
    user = make(tmp_path, "user", number=2)
    strict.tell(f"trust-user {user.certificate}")
    certified = {
        "username": None,
        "password_credential": None,
        "user_certificate": str(user.certificate),
        "user_key_credential": Secret(user.key.read_text()),
    }
    async with encrypted(strict, pki, **certified).connect() as readings:
        assert (await anext(readings)).faults == ()


class HastyClock(SystemClock):
    """A clock whose boottime a test moves on, so that a channel's token comes of age."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_ms = 0

    def now(self) -> Stamp:
        """Return the moment, some minutes ahead."""
        right = super().now()
        return Stamp(right.utc, right.boottime + self.ahead_ms, right.boot, right.synced)


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_encrypted_channel_is_renewed(strict: NodeOpcUaServer, pki: Path, policy: str) -> None:
    """New keys in good time, more than once, and the same session goes on."""
    await trusting(strict, pki)
    clock = HastyClock()
    before = strict.ask("tokens")
    opened = strict.ask("requests CreateSession")
    async with encrypted(strict, pki, clock, security=policy).connect() as readings:
        for _ in range(3):
            for _ in range(2):
                assert (await anext(readings)).faults == ()
            clock.ahead_ms += 9 * 60_000
        assert (await anext(readings)).faults == ()
        assert (
            strict.ask("tokens") - before == 5
        )  # one channel to ask what is offered; one to read over, renewed thrice
        assert strict.ask("requests CreateSession") - opened == 1


@pytest.mark.parametrize("patience", [0.001, 0.01, 0.03, 0.06, 0.1, 0.2])
async def test_leaving_at_any_step_leaves_nothing_open(strict: NodeOpcUaServer, pki: Path, patience: float) -> None:
    """Whoever is stopped while connecting, at whichever step, frees what the control had given."""
    await trusting(strict, pki)

    async def connecting() -> None:
        async with encrypted(strict, pki).connect() as readings:
            async for _ in readings:
                pass

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connecting(), patience)
    await until(lambda: strict.ask("sessions") == 0, what="the session to be freed")
    await until(lambda: strict.ask("channels") == 0, what="the channel to be freed")
