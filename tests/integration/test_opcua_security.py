"""Encrypted OPC UA: policies, users, and every certificate that must not be taken, against servers in other processes."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.opcua.adapter import OpcUaAdapter
from adapters.opcua.security import POLICIES
from edge_bridge.clock import SystemClock
from edge_bridge.domain.instant import DAY, Stamp
from edge_bridge.domain.reading import Reading
from edge_bridge.errors import AdapterError, RefusedError, UntrustedError
from edge_bridge.options import Secret
from edge_bridge.pki import Certificate, TrustStore, own_identity, pairs
from edge_bridge.ports import Clock
from tests.certificates import Made, make
from tests.integration.opcua_servers import OpcUaServer, running
from tests.waiting import until

SIGNS_ONLY = x509.KeyUsage(True, True, False, False, False, False, False, False, False)


class Started(dict[str, OpcUaServer]):
    """Controls by name, each started when a test first asks for it: all at once would take longer than a test may."""

    def __init__(self, arguments: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self._arguments = arguments

    def __missing__(self, name: str) -> OpcUaServer:
        self[name] = server = OpcUaServer(*self._arguments[name])
        return server


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Return the certificates that the controls of this module have, by control."""
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "good": make(folder, "good"),
        "expired": make(folder, "expired", days=(-30, -1)),
        "early": make(folder, "early", days=(2, 30)),
        "unfit": make(folder, "unfit", usages=SIGNS_ONLY),
        "renamed": make(folder, "renamed"),
        "short": make(folder, "short", number=1, bits=1024),
        "odd": make(folder, "odd", spoilt=True),
        "user": make(folder, "user", number=2),
        "stranger": make(folder, "stranger", number=3),
    }


@pytest.fixture(scope="module")
def controls(made: dict[str, Made]) -> Iterator[dict[str, OpcUaServer]]:
    """Return the controls of this module. None of them offers anything without encryption."""
    user, stranger = str(made["user"].certificate), str(made["stranger"].certificate)
    more = {
        "good": ("--user", "edge", "--password", "right", "--user-certificate", user),
        "odd": ("--mode", "Sign", "--user", "edge", "--password", "right"),  # so the password is encrypted by itself
        "renamed": ("--application-uri", "urn:test:renamed", "--mode", "Sign", "--client", stranger),
        "expired": ("--policy", "Basic256Sha256"),
        "early": ("--policy", "Basic256Sha256"),
        "unfit": ("--policy", "Aes128_Sha256_RsaOaep"),
        "short": ("--policy", "Basic256Sha256"),
    }
    servers = Started({name: (*made[name].arguments, *words) for name, words in more.items()})
    try:
        yield servers
    finally:
        for server in servers.values():
            server.kill()


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """Return a folder for certificates that is not there yet."""
    return tmp_path / "pki"


class ShiftedClock(SystemClock):
    """This computer's clock, wrong by some time."""

    def __init__(self, off_ms: int) -> None:
        super().__init__()
        self._off_ms = off_ms

    def now(self) -> Stamp:
        """Return the moment with a wrong wall clock."""
        right = super().now()
        return Stamp(right.utc + self._off_ms, right.boottime, right.boot, right.synced)


def adapter(server: OpcUaServer | str, pki: Path, clock: Clock | None = None, **changed: Any) -> OpcUaAdapter:
    """Return an adapter for an encrypted control; a setting that is None is left out."""
    options: dict[str, Any] = {
        "adapter": "opcua",
        "profile": "sinumerik",
        "endpoint": server if isinstance(server, str) else server.endpoint,
        "pki": str(pki),
        "every": "100ms",
        **changed,
    }
    given = {key: value for key, value in options.items() if value is not None}
    return OpcUaAdapter("m1", given, clock or SystemClock())


PASSWORD = {"username": "edge", "password_credential": Secret("right")}


def accept(pki: Path, made: Made) -> None:
    """Trust a control's certificate, as a person does who has compared it."""
    TrustStore(pki).accept(Certificate(made.der), "tester", SystemClock().now().utc)


async def first(machine: OpcUaAdapter) -> Reading:
    """Return the first reading of a new connection."""
    async with machine.connect() as readings:
        return await anext(readings)


async def test_a_subscription_in_an_encrypted_channel(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path
) -> None:
    """News comes through the protected channel as through a plain one, and nothing is left behind."""
    accept(pki, made["good"])
    control = controls["good"]
    control.tell("load EL-1_OP10.MPF A")
    machine = adapter(control, pki, read="subscribe", **PASSWORD)
    told = False
    async with asyncio.timeout(20), machine.connect() as readings:
        async for reading in readings:
            if reading.main_program == "EL-2_OP10.MPF":
                break
            if machine.how.startswith("subscribed") and not told:
                told = bool(control.tell("load EL-2_OP10.MPF B"))
        assert told
        assert control.ask("subscriptions") == 1
    await until(lambda: control.ask("sessions") == 0, what="the session to be gone")
    assert control.ask("subscriptions") == 0
    control.tell("load EL-100_OP10_B.MPF B")  # the others find it as it was


async def refused(machine: OpcUaAdapter) -> AdapterError:
    """Return why there is no connection."""
    with pytest.raises(AdapterError) as caught:
        await first(machine)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("policy", POLICIES)
async def test_each_policy_with_a_password(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path, policy: str
) -> None:
    """A reading over an encrypted channel; the session is gone afterwards."""
    accept(pki, made["good"])
    found = await first(adapter(controls["good"], pki, security=policy, **PASSWORD))
    assert (found.main_program, found.faults) == ("EL-100_OP10_B.MPF", ())
    assert controls["good"].ask("sessions") == 0


async def test_a_certificate_as_the_user(controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path) -> None:
    """In place of name and password; another certificate is refused as a user."""
    accept(pki, made["good"])

    def user(name: str) -> dict[str, object]:
        file = made[name].certificate
        return {"user_certificate": str(file), "user_key_credential": Secret(made[name].key.read_text())}

    assert (await first(adapter(controls["good"], pki, **user("user")))).faults == ()
    error = await refused(adapter(controls["good"], pki, **user("stranger")))
    assert isinstance(error, RefusedError)
    assert "refused the user" in error.what


async def test_a_wrong_password_is_refused(controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path) -> None:
    """It is the user that is wrong, not the certificate."""
    accept(pki, made["good"])
    error = await refused(adapter(controls["good"], pki, username="edge", password_credential=Secret("wrong")))
    assert isinstance(error, RefusedError)
    assert "refused the user" in error.what
    assert controls["good"].ask("sessions") == 0


async def test_a_kind_of_user_that_is_not_let_in(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path
) -> None:
    """Said before anything is tried: which kinds the control knows."""
    accept(pki, made["odd"])
    error = await refused(adapter(controls["odd"], pki, security_mode="Sign"))
    assert "does not let in anonymous clients, only a user with a password" in error.what


async def test_an_unknown_certificate_is_refused_and_kept(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path
) -> None:
    """Both fingerprints, the endpoint and what to type; nothing is trusted by being seen, however often."""
    shown = Certificate(made["good"].der)
    for _ in range(2):
        error = await refused(adapter(controls["good"], pki, **PASSWORD))
        assert isinstance(error, UntrustedError)
        assert not error.accepted()
    assert pairs(shown.sha256) in error.what
    assert pairs(shown.sha1) in error.what
    assert error.hint.endswith(f"edge-bridge trust accept {shown.sha256[:16]}")
    assert error.facts["endpoint"] == controls["good"].endpoint
    assert next(iter(error.facts.values())) == pairs(shown.sha256)
    (kept,) = TrustStore(pki).entries()
    assert (kept.certificate.der, kept.standing, kept.facts["machine"]) == (made["good"].der, "waiting", "m1")
    accept(pki, made["good"])
    assert error.accepted()
    assert (await first(adapter(controls["good"], pki, **PASSWORD))).faults == ()


async def test_a_changed_certificate_is_refused_again(made: dict[str, Made], pki: Path) -> None:
    """The machine is the same, the certificate is not: that has to be looked at."""
    with running(*made["good"].arguments) as before:
        await refused(adapter(before, pki))  # it is met, and then accepted
        accept(pki, made["good"])
        assert (await first(adapter(before, pki))).faults == ()
        endpoint = before.endpoint
    with running(*made["stranger"].arguments, "--port", endpoint.rsplit(":", 1)[1]) as after:
        assert after.endpoint == endpoint
        error = await refused(adapter(after, pki))
    assert isinstance(error, UntrustedError)
    assert "shows another certificate than the accepted one" in error.what


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("expired", "ran out at"),
        ("early", "not valid before"),
        ("unfit", "not made for an OPC UA server"),
        ("short", "1024 bits"),
    ],
)
async def test_an_accepted_certificate_must_be_right_too(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path, control: str, words: str
) -> None:
    """Acceptance says whose it is, not that it may be used; each fault is told apart, and no session is opened."""
    accept(pki, made[control])
    policy = "Aes128_Sha256_RsaOaep" if control == "unfit" else "Basic256Sha256"
    error = await refused(adapter(controls[control], pki, security=policy))
    assert words in error.what
    assert not isinstance(error, RefusedError)  # it is mended at the control: the gateway finds out by itself
    assert controls[control].ask("sessions") == 0


async def test_a_certificate_of_another_application(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path
) -> None:
    """Its URI is not what the control calls itself."""
    accept(pki, made["renamed"])
    error = await refused(adapter(controls["renamed"], pki, security_mode="Sign"))
    assert "calls itself urn:test:renamed" in error.what
    assert "urn:test:control" in error.what


@pytest.mark.parametrize(("off", "words"), [(-20 * DAY, "not valid before"), (400 * DAY, "ran out at")])
async def test_a_wrong_clock_is_told_from_a_bad_certificate(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path, off: int, words: str
) -> None:
    """Both times are said, and that it is a clock that has to be set."""
    accept(pki, made["good"])
    error = await refused(adapter(controls["good"], pki, ShiftedClock(off), **PASSWORD))
    assert words in error.what
    assert "this computer's clock says" in error.what
    assert ", the control's " in error.what
    assert error.hint == "set the clock that is wrong"


async def test_a_certificate_that_the_strict_parser_refuses(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path
) -> None:
    """As a SINUMERIK of software 4.7 has it: refused until a person accepts it, then used like any other, password too."""
    with pytest.raises(ValueError, match="EncodedDefault"):
        x509.load_der_x509_certificate(made["odd"].der)
    for policy in POLICIES:
        machine = adapter(controls["odd"], pki, security=policy, security_mode="Sign", **PASSWORD)
        assert isinstance(await refused(machine), UntrustedError)
    accept(pki, made["odd"])
    for policy in POLICIES:
        machine = adapter(controls["odd"], pki, security=policy, security_mode="Sign", **PASSWORD)
        assert (await first(machine)).faults == ()


async def test_a_control_that_does_not_know_us(made: dict[str, Made], pki: Path) -> None:
    """It says where our certificate lies, so that it can be imported; once it is, we are let in without a restart."""
    accept(pki, made["good"])
    stranger = str(made["stranger"].certificate)
    with running(*made["good"].arguments, "--client", stranger) as closed:
        error = await refused(adapter(closed, pki))
        assert "does not trust this gateway's certificate" in error.what
        assert str(pki / "own" / "edge-bridge.der") in error.hint
        assert not isinstance(error, RefusedError)
        await until(lambda: closed.ask("sessions") == 0, what="the half-made session to go with its connection")
    with running(*made["good"].arguments, "--client", str(pki / "own" / "edge-bridge.der")) as open_to_us:
        assert (await first(adapter(open_to_us, pki))).faults == ()


@pytest.mark.parametrize(
    ("control", "changed"),
    [
        ("expired", {"security": "Aes256_Sha256_RsaPss"}),
        ("good", {"security_mode": "Sign"}),
        ("good", {"security": "None", "allow_insecure": "true"}),
    ],
)
async def test_nothing_weaker_is_ever_taken(
    controls: dict[str, OpcUaServer], made: dict[str, Made], pki: Path, control: str, changed: dict[str, str]
) -> None:
    """What is not offered is refused, with what is."""
    accept(pki, made[control])
    error = await refused(adapter(controls[control], pki, **changed))
    assert isinstance(error, RefusedError)
    assert controls[control].ask("sessions") == 0
    if "security_mode" in changed or changed["security"] != "None":
        assert "it offers" in error.what
        assert "Basic256Sha256" in error.what


async def test_a_control_without_encryption_is_not_read(pki: Path) -> None:
    """The default is encrypted: a server that offers nothing but None gets nothing."""
    with running() as plain:
        error = await refused(adapter(plain, pki))
        assert isinstance(error, RefusedError)
        assert "it offers None" in error.what
        assert plain.ask("sessions") == 0


async def test_signed_only_where_it_is_asked_for(made: dict[str, Made], pki: Path) -> None:
    """Sign is a choice of the settings, for a control that cannot encrypt."""
    accept(pki, made["good"])
    with running(*made["good"].arguments, "--mode", "Sign", "--user", "edge", "--password", "right") as signing:
        assert (await first(adapter(signing, pki, security_mode="Sign", **PASSWORD))).faults == ()
        error = await refused(adapter(signing, pki, **PASSWORD))
        assert "it offers" in error.what
        assert error.what.endswith("Basic256Sha256 with Sign"), "the mode is what differs"


async def test_our_own_pair_is_made_once(controls: dict[str, OpcUaServer], pki: Path) -> None:
    """At the first connection, not before; the key is ours alone; what OPC UA wants of an application is in it."""
    machine = adapter(controls["good"], pki)
    assert not pki.exists()
    await refused(machine)
    identity = own_identity(pki, SystemClock().now().utc)
    before = identity.file.read_bytes()
    await refused(machine)
    assert identity.file.read_bytes() == before
    assert stat.S_IMODE((pki / "own" / "edge-bridge-key.pem").stat().st_mode) == 0o600
    certificate = x509.load_der_x509_certificate(before)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_encipherment, usage.data_encipherment) == (
        True,
        True,
        True,
        True,
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [identity.uri]
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days >= 3650
    assert Certificate(before).der == identity.certificate.public_bytes(Encoding.DER)


async def test_a_folder_that_cannot_be_written(controls: dict[str, OpcUaServer], tmp_path: Path) -> None:
    """One line that says which file, and what to do."""
    (tmp_path / "pki").write_text("a file where a folder is needed")
    error = await refused(adapter(controls["good"], tmp_path / "pki"))
    assert f"cannot write {tmp_path / 'pki'}" in error.what
    assert "`pki`" in error.hint


async def test_who_decided_is_written_down(made: dict[str, Made], pki: Path) -> None:
    """Each decision is a line that stays."""
    accept(pki, made["good"])
    TrustStore(pki).reject(Certificate(made["good"].der), "auditor", SystemClock().now().utc)
    lines = [json.loads(line) for line in (pki / "trust.log").read_text(encoding="utf-8").splitlines()]
    assert [(line["did"], line["by"]) for line in lines] == [("accept", "tester"), ("reject", "auditor")]
    assert not TrustStore(pki).trusts(Certificate(made["good"].der))
