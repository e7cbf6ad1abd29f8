"""The gateway's own key and certificate: made once, when first needed; kept, and used again for ever after."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_bridge.domain.instant import DAY, Milliseconds, from_datetime, to_datetime, to_text
from edge_bridge.errors import CertificateError
from edge_bridge.pki import files
from edge_bridge.pki.certificate import Certificate

KEY_BITS = 2048  # what every policy that we use allows (OPC 10000-7: 2048 to 4096), and every control can reckon with
VALID_DAYS = 20 * 365  # a certificate that runs out stops a machine, and every control has to import the new one
BACKDATED = DAY  # a control whose clock lags a little, or ignores its time zone, must not take it for not yet valid
LOCK_TRIES, LOCK_PAUSE_S = 50, 0.1  # making a pair takes less than a second
EARLIEST: Milliseconds = from_datetime(datetime(2026, 1, 1, tzinfo=UTC))  # before this, the clock is not set


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are to others. uri: the application URI, as the certificate says it. file: the certificate, in DER."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    uri: str
    file: Path

    @property
    def shown(self) -> Certificate:
        """The certificate with its fingerprints."""
        return Certificate(self.certificate.public_bytes(Encoding.DER))


def own_identity(folder: Path, now: Milliseconds) -> Identity:
    """Return the key and certificate in a certificate folder, made now when there are none. Raises CertificateError.

    Two processes that need them at once get the same pair. Blocks for some hundred milliseconds when they are made.
    """
    own, file = folder / "own", own_file(folder)
    key_file = own / "edge-bridge-key.pem"
    with _one_at_a_time(own):
        key, certificate = files.read(key_file), files.read(file)
        if key is None and certificate is None:
            _make(key_file, file, now)
            key, certificate = files.read(key_file), files.read(file)
        if certificate is None and key is not None:  # the power went between the two
            _certify(_key(key, key_file), file, now)
            certificate = files.read(file)
    if key is None or certificate is None:
        raise CertificateError(
            f"the key of our certificate is gone: {key_file}",
            f"restore it from a backup; or remove {file}, and import the new certificate at every control",
        )
    return _identity(_key(key, key_file), certificate, file)


def own_file(folder: Path) -> Path:
    """Return where our own certificate lies in a certificate folder."""
    return folder / "own" / "edge-bridge.der"


def own_certificate(folder: Path) -> Certificate | None:
    """Return our own certificate as it lies there, None when there is none yet. Raises CertificateError."""
    data = files.read(own_file(folder))
    try:
        return None if data is None else Certificate(data)
    except ValueError as error:
        raise _unusable(own_file(folder), error) from error


def _identity(key: rsa.RSAPrivateKey, data: bytes, file: Path) -> Identity:
    try:
        certificate = x509.load_der_x509_certificate(data)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uri = names.get_values_for_type(x509.UniformResourceIdentifier)[0]
        if certificate.public_key() != key.public_key():
            raise ValueError("it is not that of the key beside it")
    except (ValueError, IndexError, x509.ExtensionNotFound) as error:
        raise _unusable(file, error) from error
    return Identity(certificate, key, uri, file)


def _unusable(file: Path, error: Exception) -> CertificateError:
    return CertificateError(
        f"our own certificate {file} cannot be used: {error}",
        "restore it from a backup; or remove it, and import the new one at every control",
    )


def _key(data: bytes, file: Path) -> rsa.RSAPrivateKey:
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CertificateError(f"others may read our private key {file}", f"chmod 0600 {file}")
    try:
        # Not checked for primes anew at each connection, which takes a fifth of a second: `_identity` sees that it fits.
        key = load_pem_private_key(data, password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"our private key {file} cannot be read: {error}", "restore it from a backup") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CertificateError(f"our private key {file} is not an RSA key", "OPC UA wants one: put an RSA key there")
    return key


def _make(key_file: Path, file: Path, now: Milliseconds) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    _clock_must_be_set(now)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.write(key_file, pem, files.SECRET)
    _certify(key, file, now)


def _certify(key: rsa.RSAPrivateKey, file: Path, now: Milliseconds) -> None:
    """Write the certificate: self-signed, with the usages that OPC 10000-6 6.2.2 and 6.2.3 demand of an application."""
    _clock_must_be_set(now)
    host = socket.gethostname() or "localhost"
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"edge-bridge@{host}"[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "edge-bridge"),
        ]
    )
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"urn:{host}:edge-bridge"), x509.DNSName(host)]
    start = to_datetime(now - BACKDATED).replace(microsecond=0)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    files.write(file, certificate.public_bytes(Encoding.DER))


def usage() -> x509.KeyUsage:
    """Return the usages of an application instance certificate; a control refuses one that lacks any of them."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,  # which older texts call nonRepudiation
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _clock_must_be_set(now: Milliseconds) -> None:
    if now < EARLIEST:
        raise CertificateError(
            f"our certificate cannot be made: this computer's clock says {to_text(now)}",
            "set the clock; a certificate made now would be refused by every control",
        )


def _take(descriptor: int, lock: Path) -> None:
    """Take the lock, or say after some seconds that another process holds it: whoever stops it must not stop us too."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            Event().wait(LOCK_PAUSE_S)
    raise CertificateError(
        f"another process holds {lock}", "wait for it, or end it; then edge-bridge goes on by itself"
    )


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    lock = folder / ".lock"
    try:
        files.make_folder(folder)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, files.SECRET)
    except OSError as error:
        raise files.unwritable(lock, error) from error
    try:
        if os.geteuid() == 0:
            owner = folder.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        _take(descriptor, lock)
        yield
    finally:
        os.close(descriptor)
