"""Certificates as controls have them, good and bad, made for a test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_bridge.clock import SystemClock
from edge_bridge.domain.instant import to_datetime
from edge_bridge.pki.der import piece, pieces
from edge_bridge.pki.own import usage

URI = "urn:test:control"
_CRITICAL_FALSE = bytes([0x01, 0x01, 0x00])  # BOOLEAN FALSE, the default of `critical`: DER wants it left out


@dataclass(frozen=True)
class Made:
    """A certificate and its key as files. der: the certificate's bytes."""

    certificate: Path
    key: Path
    der: bytes

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the simulated controls and the peer take."""
        return ("--certificate", str(self.certificate), "--key", str(self.key))


@cache
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a key, the same for the same number."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def make(
    folder: Path,
    name: str,
    *,
    number: int = 0,
    days: tuple[int, int] = (-1, 365),
    uri: str = URI,
    usages: x509.KeyUsage | None = None,
    purposes: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    bits: int = 2048,
    spoilt: bool = False,
) -> Made:
    """Write a self-signed certificate. days: from when until when, counted from today. number: of its key.

    spoilt: with a default value written out, as a SINUMERIK of software 4.7 has it: `cryptography` refuses it.
    """
    secret = key(number, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = to_datetime(SystemClock().now().utc).astimezone(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_whole(now + timedelta(days=days[0])))
        .not_valid_after(_whole(now + timedelta(days=days[1])))
        .add_extension(usages or usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName("localhost")]),
            critical=False,
        )
        .sign(secret, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    if spoilt:
        der = _spoilt(der, secret)
    file, key_file = folder / f"{name}.der", folder / f"{name}-key.pem"
    file.write_bytes(der)
    key_file.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Made(file, key_file, der)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0, tzinfo=None)


def _spoilt(der: bytes, secret: rsa.RSAPrivateKey) -> bytes:
    """Write `critical FALSE` out in the last extension, and sign anew: lengths of all that is around it grow too."""
    body, algorithm, _ = pieces(piece(der).content)
    parts = pieces(body.content)
    (listed,) = pieces(parts[-1].content)
    extensions = pieces(listed.content)
    identifier, *rest = pieces(extensions[-1].content)
    odd = _wrapped(0x30, identifier.whole + _CRITICAL_FALSE + b"".join(part.whole for part in rest))
    grown = _wrapped(0x30, b"".join(one.whole for one in extensions[:-1]) + odd)
    signed = _wrapped(0x30, b"".join(part.whole for part in parts[:-1]) + _wrapped(parts[-1].tag, grown))
    signature = secret.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return _wrapped(0x30, signed + algorithm.whole + _wrapped(0x03, b"\0" + signature))


def _wrapped(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
