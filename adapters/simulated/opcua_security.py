"""The encrypted side of a simulated control: its certificate, its policies, and whom it lets in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge_bridge.pki import Certificate, from_file

POLICIES = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what makes a control that encrypts; without a certificate it does not."""
    parser.add_argument("--certificate", type=Path, help="its certificate (PEM or DER): nothing goes in the clear then")
    parser.add_argument("--key", type=Path, help="the private key of its certificate, in PEM")
    parser.add_argument("--policy", action="append", choices=POLICIES, help="what it offers (default: all three)")
    parser.add_argument("--mode", choices=("SignAndEncrypt", "Sign"), default="SignAndEncrypt", help="how it protects")
    parser.add_argument("--application-uri", help="what it calls itself (default: what its certificate says)")
    parser.add_argument("--client", type=Path, help="the certificate of the only client let in (default: any)")
    parser.add_argument("--user-certificate", type=Path, help="let a user with this certificate in")


class Users(UserManager):
    """Lets one user in, by name and password or by certificate; all others are refused."""

    def __init__(self, name: str | None, password: str, certificate: bytes | None) -> None:
        self._known = (name, password)
        self._certificate = certificate

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Users | None:
        """Return who is let in, None when that is anyone."""
        file = arguments.user_certificate
        if not arguments.user and file is None:
            return None
        return cls(arguments.user, arguments.password, from_file(file.read_bytes()).der if file else None)

    @property
    def tokens(self) -> list[type]:
        """How they may log in."""
        by_name = [ua.UserNameIdentityToken] if self._known[0] else []
        return by_name + ([ua.X509IdentityToken] if self._certificate else [])

    def get_user(
        self, iserver: InternalServer, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        """Return the user when name and password, or the certificate, are right."""
        if username is None and self._certificate is not None and _der(certificate) == self._certificate:
            return User(role=UserRole.User, name="certificate")
        return User(role=UserRole.User, name=username) if username and (username, password) == self._known else None


class OddCertificate(Certificate):
    """A certificate that `cryptography` refuses, for a server that shows it all the same, as some controls do."""

    not_valid_before_utc = datetime.min.replace(tzinfo=UTC)
    not_valid_after_utc = datetime.max.replace(tzinfo=UTC)
    extensions = x509.Extensions([])


async def protect(server: Server, arguments: argparse.Namespace) -> None:
    """Give the server its certificate and policies; without a certificate it offers connections in the clear alone."""
    if arguments.certificate is None:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        return
    certificate = from_file(arguments.certificate.read_bytes())
    strict = certificate.description.strict
    server.iserver.certificate = (
        x509.load_der_x509_certificate(certificate.der) if strict else OddCertificate(certificate.der)
    )
    await server.load_private_key(arguments.key, format="pem")
    names: Sequence[str] = arguments.policy or POLICIES
    kinds = [ua.SecurityPolicyType[f"{name.replace('_', '')}_{arguments.mode}"] for name in names]
    server.set_security_policy(kinds)
    uri = arguments.application_uri or next(iter(certificate.description.uris), "urn:simulated")
    await server.set_application_uri(uri)
    if arguments.client is not None:
        known = from_file(arguments.client.read_bytes()).der

        async def validate(shown: Any, _description: object) -> None:
            if _der(shown) != known:
                raise ServiceError(StatusCodes.BadCertificateUntrusted)

        server.set_certificate_validator(validate)


def _der(certificate: Any) -> bytes | None:
    """Return a certificate's DER, in whichever form asyncua hands it over."""
    if certificate is None or isinstance(certificate, bytes):
        return certificate
    found: bytes = certificate.public_bytes(Encoding.DER)
    return found
