"""Settings about certificates, as what a connection is made with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.opcua.options import OpcUaOptions
from adapters.opcua.security import Protection, UserCertificate
from edge_bridge.errors import ConfigError
from edge_bridge.pki import from_file
from edge_bridge.strict_yaml import Section


def protection(options: OpcUaOptions, machine: str) -> Protection | None:
    """Return how the connection must be protected; None when the settings say that it is not."""
    if options.security == "None" or options.pki is None:
        return None
    return Protection(options.security, options.security_mode, options.pki, machine)


def user_certificate(options: OpcUaOptions, given: Mapping[str, Any]) -> UserCertificate | None:
    """Read the user's certificate and key, and see that they belong together. Raises ConfigError with the key.

    given: the settings as they stand in the file, to say where.
    """
    if options.user_certificate is None or options.user_key_credential is None:
        return None
    section = given if isinstance(given, Section) else None

    def refuse(key: str, what: str, hint: str) -> ConfigError:
        return ConfigError(f"`{key}`: {what}", hint, key=(key,), where=section.where((key,)) if section else "")

    certificate = _certificate(options.user_certificate, refuse)
    try:
        key = load_pem_private_key(options.user_key_credential.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise refuse(
            "user_key_credential", "holds no private key in PEM without a password", "convert it with openssl pkey"
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise refuse("user_key_credential", "is not an RSA key", "make an RSA key: controls take no other")
    if certificate.public_key() != key.public_key():
        raise refuse("user_key_credential", "is not the key of `user_certificate`", "give the two that belong together")
    return UserCertificate(certificate, key)


def _certificate(file: Path, refuse: Any) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(from_file(file.read_bytes()).der)
    except OSError as error:
        raise refuse("user_certificate", f"{file} cannot be read: {error.strerror}", "check path and mode") from error
    except ValueError as error:
        raise refuse("user_certificate", f"{file} holds no certificate: {error}", "give it in PEM or DER") from error
