"""One certificate of another party: its fingerprints, what it says of itself, and its key."""

from __future__ import annotations

import hashlib
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge_bridge.domain.instant import Milliseconds, from_datetime
from edge_bridge.pki.der import bones, piece

SHORTEST_FINGERPRINT = 8  # hex digits that a person may type
Kind = TypeVar("Kind", bound=x509.ExtensionType)
_HEX = re.compile(r"[0-9A-F]+")


@dataclass(frozen=True, slots=True)
class Description:
    """What a certificate says of itself. strict: whether it keeps to DER, so that all of it could be read.

    signs, encrypts, serves: whether its usages allow what a server needs it for; a usage that is not limited is allowed.
    """

    subject: str
    not_before: Milliseconds
    not_after: Milliseconds
    uris: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    signs: bool = True
    encrypts: bool = True
    serves: bool = True
    strict: bool = True


_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography` raises for a certificate that it does not read, or not all of it."""


class Certificate:
    """A certificate as it came over the wire. `public_key` and `public_bytes` are those of `cryptography`'s."""

    def __init__(self, der: bytes) -> None:
        """Take the first certificate of DER data, which may be a chain. Raises ValueError when there is none."""
        self.der = first_certificate(der)
        self.sha256 = hashlib.sha256(self.der).hexdigest().upper()
        self.sha1 = hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @cached_property
    def description(self) -> Description:
        """What it says of itself. Raises ValueError when not even its validity can be found."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", CryptographyDeprecationWarning
                )  # a serial number of nought, and the like
                return _described(x509.load_der_x509_certificate(self.der))
        except _UNREADABLE:
            found = bones(self.der)
            return Description("", found.not_before, found.not_after, strict=False)

    def public_key(self) -> RSAPublicKey:
        """Return its key. Raises ValueError when it is no RSA key, which every OPC UA policy that we use demands."""
        return self._key

    @cached_property
    def _key(self) -> RSAPublicKey:
        try:
            key = load_der_public_key(bones(self.der).public_key)
        except UnsupportedAlgorithm as error:
            raise ValueError("its key is of a kind that cannot be used") from error
        if isinstance(key, RSAPublicKey):
            return key
        raise ValueError("its key is not an RSA key")

    def public_bytes(self, encoding: Encoding) -> bytes:
        """Return it in DER, as a certificate of `cryptography` would."""
        if encoding is not Encoding.DER:
            raise ValueError("only DER is kept")
        return self.der


def first_certificate(data: bytes) -> bytes:
    """Return the first certificate of a chain, which is one after another (OPC 10000-6 6.2.6). Raises ValueError."""
    return piece(data).whole


def from_file(data: bytes) -> Certificate:
    """Return the certificate of a file, in PEM or DER. Raises ValueError when it holds none."""
    if b"-----BEGIN CERTIFICATE-----" in data:
        return Certificate(x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER))
    found = Certificate(data)
    bones(found.der)
    return found


def readable_fingerprint(text: str) -> str | None:
    """Return the hex digits of a fingerprint as people type it, None when it is none. Colons, blanks and case are free."""
    digits = re.sub(r"[\s:.-]", "", text).upper()
    return digits if _HEX.fullmatch(digits) and SHORTEST_FINGERPRINT <= len(digits) <= 64 else None


def pairs(fingerprint: str) -> str:
    """Return a fingerprint as panels show it: `AB:CD:…`."""
    return ":".join(fingerprint[index : index + 2] for index in range(0, len(fingerprint), 2))


def _described(certificate: x509.Certificate) -> Description:
    names = _extension(certificate, x509.SubjectAlternativeName)
    usage = _extension(certificate, x509.KeyUsage)
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    hosts = (
        [str(host) for kind in (x509.DNSName, x509.IPAddress) for host in names.get_values_for_type(kind)]
        if names
        else []
    )
    return Description(
        subject=certificate.subject.rfc4514_string(),
        not_before=from_datetime(certificate.not_valid_before_utc),
        not_after=from_datetime(certificate.not_valid_after_utc),
        uris=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)) if names else (),
        hosts=tuple(hosts),
        signs=usage is None or usage.digital_signature,
        encrypts=usage is None or usage.key_encipherment or usage.data_encipherment,
        serves=purposes is None
        or bool({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(purposes)),
    )


def _extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
