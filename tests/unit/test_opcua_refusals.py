"""What a server says of our certificate and our clock, in words: what is wrong, at which end, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from asyncua import ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography.exceptions import InvalidSignature

from adapters.opcua.failure import explained
from adapters.opcua.security import Secured
from edge_bridge.domain.instant import DAY, to_text
from edge_bridge.errors import AdapterError, RefusedError
from edge_bridge.pki import Certificate, own_identity
from edge_bridge.testing.clock import DEFAULT_START
from tests.certificates import make

ENDPOINT = "opc.tcp://10.0.0.1:4840"
NOW = DEFAULT_START


def secured(folder: Path, server_clock: int | None = NOW) -> Secured:
    """Return what was settled with a server whose clock shows this."""
    server = Certificate(make(folder, "server").der)
    encrypt = ua.MessageSecurityMode.SignAndEncrypt
    return Secured(SecurityPolicyBasic256Sha256, encrypt, own_identity(folder, NOW), server, server_clock)


def said(name: str, settled: Secured | None, now: int = NOW) -> AdapterError:
    """Return the sentence for a status that the server answered."""
    error = UaStatusCodeError(getattr(ua.StatusCodes, name))
    return explained(error, ENDPOINT, 5.0, settled, now)


@pytest.mark.parametrize("name", ["BadSecurityChecksFailed", "BadCertificateUntrusted", "BadCertificateRevoked"])
def test_a_control_that_does_not_trust_us(name: str, tmp_path: Path) -> None:
    """Where our certificate lies is said; mended at the control, so it is tried again."""
    found = said(name, secured(tmp_path))
    assert "does not trust this gateway's certificate" in found.what
    assert name in found.what
    assert str(tmp_path / "own" / "edge-bridge.der") in found.hint
    assert not isinstance(found, RefusedError)


@pytest.mark.parametrize("off", [-3 * DAY, 3 * DAY])
def test_two_clocks_that_differ(off: int, tmp_path: Path) -> None:
    """Both times are said, and that one of them has to be set."""
    for name in ("BadCertificateTimeInvalid", "BadInvalidTimestamp"):
        found = said(name, secured(tmp_path, NOW + off))
        assert to_text(NOW) in found.what
        assert to_text(NOW + off) in found.what
        assert found.hint == "set the clock that is wrong"


def test_our_own_certificate_that_ran_out(tmp_path: Path) -> None:
    """It is no clock then."""
    late = NOW + 30 * 365 * DAY
    found = said("BadCertificateTimeInvalid", secured(tmp_path, late), late)
    assert "this gateway's certificate ran out at" in found.what
    assert str(tmp_path / "own") in found.hint


def test_a_control_that_does_not_tell_its_time(tmp_path: Path) -> None:
    """Then the certificate's own dates help."""
    found = said("BadCertificateTimeInvalid", secured(tmp_path, None))
    assert "the control does not tell its own" in found.what
    assert "valid from" in found.hint


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BadCertificateUseNotAllowed", "not made for this use"),
        ("BadCertificateUriInvalid", "another application"),
        ("BadCertificateHostNameInvalid", "another computer"),
    ],
)
def test_faults_of_our_certificate_are_told_apart(name: str, words: str, tmp_path: Path) -> None:
    """Each has its own words."""
    found = said(name, secured(tmp_path))
    assert words in found.what
    assert found.hint


@pytest.mark.parametrize("error", [InvalidSignature(), UaError("Server certificate mismatch")])
def test_a_server_that_cannot_prove_who_it_is(error: Exception, tmp_path: Path) -> None:
    """Somebody else shows the control's certificate."""
    found = explained(error, ENDPOINT, 5.0, secured(tmp_path), NOW)
    assert "could not prove" in found.what
    assert found.hint


def test_other_words_stay_what_they_are(tmp_path: Path) -> None:
    """A refused user, and one session too many, have nothing to do with certificates."""
    assert "refused the user" in said("BadUserAccessDenied", secured(tmp_path)).what
    assert "BadTooManySessions" in said("BadTooManySessions", secured(tmp_path)).what
