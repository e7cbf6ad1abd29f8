"""Our own key and certificate, and other people's: made once, kept whole, never trusted by themselves."""

from __future__ import annotations

import fcntl
import multiprocessing
import stat
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given
from hypothesis import strategies as st

from edge_bridge.domain.instant import from_datetime
from edge_bridge.errors import CertificateError
from edge_bridge.pki import Certificate, Standing, TrustStore, from_file, own_identity, pairs, readable_fingerprint
from edge_bridge.pki.der import bones
from tests.certificates import make

NOW = from_datetime(datetime(2026, 6, 1, tzinfo=UTC))


def made_elsewhere(folder: Path) -> str:
    """Return the fingerprint of the certificate that another process makes or finds."""
    return own_identity(folder, NOW).shown.sha256


def test_two_processes_that_need_it_at_once_get_the_same_pair(tmp_path: Path) -> None:
    """A daemon and a command that start together must not end with a key and a certificate that do not fit."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(made_elsewhere, [tmp_path / "pki"] * 8))) == 1


def test_a_lost_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    """Every control would refuse the new one, and nobody would know why."""
    own_identity(tmp_path, NOW)
    (tmp_path / "own" / "edge-bridge-key.pem").unlink()
    with pytest.raises(CertificateError, match="is gone") as caught:
        own_identity(tmp_path, NOW)
    assert "backup" in caught.value.hint


def test_a_power_cut_between_key_and_certificate_is_mended(tmp_path: Path) -> None:
    """No control has ever seen the certificate: a new one for the same key hurts nobody."""
    key = own_identity(tmp_path, NOW).key.public_key()
    (tmp_path / "own" / "edge-bridge.der").unlink()
    assert own_identity(tmp_path, NOW).key.public_key() == key


def test_a_pair_that_does_not_fit_is_said(tmp_path: Path) -> None:
    """A restored certificate beside another key."""
    own_identity(tmp_path, NOW)
    (tmp_path / "own" / "edge-bridge.der").write_bytes(make(tmp_path, "other").der)
    with pytest.raises(CertificateError, match="not that of the key"):
        own_identity(tmp_path, NOW)


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    """The command that mends it is said."""
    own_identity(tmp_path, NOW)
    key = tmp_path / "own" / "edge-bridge-key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o640)
    with pytest.raises(CertificateError, match="others may read") as caught:
        own_identity(tmp_path, NOW)
    assert caught.value.hint == f"chmod 0600 {key}"


def test_a_stopped_process_does_not_stop_us(tmp_path: Path) -> None:
    """Whoever holds the lock and hangs is named, and the machine is tried again."""
    own_identity(tmp_path, NOW)
    with (tmp_path / "own" / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CertificateError, match="another process holds"):
            own_identity(tmp_path, NOW)
    assert own_identity(tmp_path, NOW).uri


def test_without_a_clock_none_is_made(tmp_path: Path) -> None:
    """A certificate from 1970 is one that every control refuses; nothing is left behind."""
    with pytest.raises(CertificateError, match="1970"):
        own_identity(tmp_path, 86_400_000)
    assert list((tmp_path / "own").glob("edge-bridge*")) == []
    assert own_identity(tmp_path, NOW).uri.startswith("urn:")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("AB:CD:EF:01", "ABCDEF01"),
        ("abcdef01", "ABCDEF01"),
        ("ab cd ef 01 23", "ABCDEF0123"),
        ("AB-CD-EF-01", "ABCDEF01"),
        ("A" * 64, "A" * 64),
        ("ABCDEF0", None),
        ("A" * 65, None),
        ("ABCDEFGH", None),
        ("", None),
    ],
)
def test_a_fingerprint_as_people_type_it(typed: str, found: str | None) -> None:
    """Colons, blanks and case are free; eight hex digits at least."""
    assert readable_fingerprint(typed) == found


def test_a_file_is_read_in_both_forms(tmp_path: Path) -> None:
    """DER or PEM, and a certificate that the strict parser refuses."""
    der = make(tmp_path, "one").der
    identity = own_identity(tmp_path, NOW)
    assert from_file(der).der == der
    assert from_file(identity.certificate.public_bytes(Encoding.PEM)).sha256 == identity.shown.sha256
    odd = make(tmp_path, "odd", spoilt=True).der
    assert not from_file(odd).description.strict


def test_only_the_first_of_a_chain_counts(tmp_path: Path) -> None:
    """What follows it is its issuers'; the fingerprint is that of the control."""
    one, issuer = make(tmp_path, "one").der, make(tmp_path, "issuer").der
    assert Certificate(one + issuer).sha256 == Certificate(one).sha256


def test_trust_hangs_on_the_content_not_on_the_name(tmp_path: Path) -> None:
    """A file with another certificate in it, or cut short, gives no trust."""
    good, other = Certificate(make(tmp_path, "good").der), Certificate(make(tmp_path, "other").der)
    store = TrustStore(tmp_path / "pki")
    store.accept(good, "tester", NOW)
    assert store.trusts(good)
    file = tmp_path / "pki" / "trusted" / f"{good.sha256}.der"
    file.write_bytes(other.der)
    assert not store.trusts(good)
    assert not store.trusts(other)
    file.write_bytes(good.der[:-1])
    assert not store.trusts(good)
    assert store.entries() == []


def test_spoilt_notes_take_no_trust_away(tmp_path: Path) -> None:
    """They are for people; the certificate is what counts."""
    good = Certificate(make(tmp_path, "good").der)
    store = TrustStore(tmp_path / "pki")
    store.accept(good, "tester", NOW)
    (tmp_path / "pki" / "trusted" / f"{good.sha256}.json").write_text("{")
    assert store.trusts(good)
    assert [(entry.standing, dict(entry.facts)) for entry in store.entries()] == [(Standing.TRUSTED, {})]


def test_what_is_met_again_is_not_written_again(tmp_path: Path) -> None:
    """A machine that is tried each minute for a month does not wear the flash."""
    one = Certificate(make(tmp_path, "one").der)
    store = TrustStore(tmp_path / "pki")
    facts = {"machine": "m1", "endpoint": "opc.tcp://a:1", "seen": "2026-06-01T00:00:00.000Z"}
    store.keep(one, facts)
    file = tmp_path / "pki" / "rejected" / f"{one.sha256}.json"
    before = file.stat().st_ino
    store.keep(one, {**facts, "seen": "2026-06-01T00:01:00.000Z"})
    assert file.stat().st_ino == before
    store.keep(one, {**facts, "endpoint": "opc.tcp://b:1"})
    assert file.stat().st_ino != before
    assert pairs(one.sha256).count(":") == 31


def test_what_was_once_accepted_is_known_by_its_endpoint(tmp_path: Path) -> None:
    """So that a changed certificate can be told from a first one."""
    one = Certificate(make(tmp_path, "one").der)
    store = TrustStore(tmp_path / "pki")
    store.keep(one, {"endpoint": "opc.tcp://a:1"})
    assert store.trusted_at("opc.tcp://a:1") is None
    store.accept(one, "tester", NOW)
    found = store.trusted_at("opc.tcp://a:1")
    assert found is not None
    assert found.certificate.der == one.der


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"\x30\x80\x00\x00")
@example(b"\x30\x03\x30\x01\xa0")
def test_nonsense_is_no_certificate(data: bytes) -> None:
    """Whatever a server sends for a certificate is refused with a ValueError, and nothing else."""
    with pytest.raises(ValueError):
        bones(data)


@pytest.mark.parametrize("version", [1, 3, 0x41])
def test_an_odd_version_is_not_strict(version: int) -> None:
    """A person may accept it all the same: key and validity are there."""
    odd = Certificate(sound().replace(b"\xa0\x03\x02\x01\x02", bytes([0xA0, 3, 2, 1, version]), 1))
    assert not odd.description.strict
    assert odd.public_key().key_size == 2048


@cache
def sound() -> bytes:
    """Return a certificate, made once for many examples."""
    with tempfile.TemporaryDirectory() as folder:
        return make(Path(folder), "sound").der


@given(st.data())
def test_a_damaged_certificate_never_surprises(data: st.DataObject) -> None:
    """Each byte may be wrong: it is read, or refused with a ValueError."""
    der = bytearray(sound())
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = Certificate(bytes(der))
        assert found.description.not_after is not None
        found.public_key()
    except ValueError:
        pass
