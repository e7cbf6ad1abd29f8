"""How a connection is protected: policy, keys, and the server's certificate, vetted before any secret is sent.

There is no way from here to a connection without encryption or with a weaker policy: what is not offered is refused.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from adapters.opcua.client import ChannelClient
from adapters.opcua.discovery import Offers, offers
from adapters.opcua.vetting import Vetted, vetted
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.errors import AdapterError, RefusedError
from edge_bridge.pki import Certificate, Identity, own_identity
from edge_bridge.ports import Clock

PolicyName = Literal["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]
ModeName = Literal["SignAndEncrypt", "Sign"]
POLICIES: dict[PolicyName, type[security_policies.SecurityPolicy]] = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
_STRONG = {policy.URI for policy in POLICIES.values()}
_KINDS = {
    ua.UserTokenType.Anonymous: "anonymous clients",
    ua.UserTokenType.UserName: "a user with a password",
    ua.UserTokenType.Certificate: "a user with a certificate",
    ua.UserTokenType.IssuedToken: "a user with a token",
}


@dataclass(frozen=True, slots=True)
class UserCertificate:
    """Who we are to the control as a user, in place of a password."""

    certificate: x509.Certificate
    key: RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Protection:
    """How the connection must be protected. machine: what the certificate that was met is listed under."""

    policy: PolicyName
    mode: ModeName
    pki: Path
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Secured:
    """What has been settled before connecting: our identity, the server's certificate, and the two clocks."""

    policy: type[security_policies.SecurityPolicy]
    mode: ua.MessageSecurityMode
    identity: Identity
    server: Certificate
    server_clock: Milliseconds | None

    def client(self, endpoint: str, timeout: float) -> SecureClient:
        """Return a client that speaks to this server alone, in this way alone."""
        made = SecureClient(endpoint, timeout=timeout)
        made.application_uri = self.identity.uri
        made.server_key = self.server
        policy: Any = self.policy(self.server, self.identity.certificate, self.identity.key, self.mode)
        made.security_policy = policy
        made.uaclient.set_security(policy)
        return made


class SecureClient(ChannelClient):
    """A client that also encrypts a password for a certificate which the strict parser refuses."""

    server_key: Certificate

    def _encrypt_password(self, password: str, policy_uri: str) -> tuple[bytes, str]:
        """Encrypt as OPC 10000-4 7.40.2.2 says: length, password and the server's nonce, for the server's key."""
        secret = password.encode() + (self._server_nonce or b"")
        framed = ua.ua_binary.Primitives.Bytes.pack(secret)
        encrypt: Any = security_policies.encrypt_asymmetric  # asyncua does not say its types
        found: tuple[bytes, str] = encrypt(self.server_key.public_key(), framed, policy_uri)
        return found


async def secure(endpoint: str, timeout: float, protection: Protection, clock: Clock) -> Secured:
    """Ask what the server offers, and vet its certificate. Raises UntrustedError, RefusedError, AdapterError, and what
    asyncua raises. Sends nothing secret, and opens no session.
    """
    identity = await asyncio.to_thread(own_identity, protection.pki, clock.now().utc)
    found = await offers(endpoint, timeout)
    policy = POLICIES[protection.policy]
    mode = ua.MessageSecurityMode[protection.mode]
    offered = found.find(endpoint, policy.URI, mode)
    if offered is None:
        raise _not_offered(endpoint, protection, found)
    vetting = Vetted(endpoint, protection.machine, protection.pki, clock.now().utc, found.clock)
    server = await asyncio.to_thread(vetted, vetting, offered)
    return Secured(policy, mode, identity, server, found.clock)


def _not_offered(endpoint: str, protection: Protection, found: Offers) -> RefusedError:
    way = f"{protection.policy} with {protection.mode}"
    return RefusedError(
        f"{endpoint} does not offer {way}; it offers {found.listed}",
        "switch it on at the control, or write one of those in `security` and `security_mode`; edge-bridge never takes a weaker "
        "one by itself",
    )


def fitting_tokens(
    client: Client, endpoint: str, wanted: ua.UserTokenType, *, encrypted: bool
) -> list[ua.UserTokenPolicy]:
    """Return the ways in which the server lets this kind of user in without giving a secret away. Raises RefusedError.

    OPC 10000-4 7.41: a token without a policy of its own is protected as the channel is. encrypted: whether the channel
    is; then a password may travel in it as it stands.
    """
    offered = [one for one in client._policy_ids if one.TokenType == wanted]
    if not offered:
        kinds = dict.fromkeys(_KINDS.get(one.TokenType, "others") for one in client._policy_ids)
        raise RefusedError(
            f"{endpoint} does not let in {_KINDS[wanted]}, only {', '.join(kinds) or 'nobody'}",
            "change `username`, `password_credential` and `user_certificate`, or the users allowed at the control",
        )
    named = [replace(one, SecurityPolicyUri=one.SecurityPolicyUri or client.security_policy.URI) for one in offered]
    plain_is_safe = encrypted and wanted is not ua.UserTokenType.Certificate
    fitting = [
        one
        for one in named
        if wanted is ua.UserTokenType.Anonymous
        or one.SecurityPolicyUri in _STRONG
        or (plain_is_safe and one.SecurityPolicyUri == security_policies.SecurityPolicyNone.URI)
    ]
    if not fitting:
        raise RefusedError(
            f"{endpoint} wants the user's secret in a way that is not safe",
            "allow Basic256Sha256 or better for users at the control",
        )
    return sorted(fitting, key=lambda one: one.SecurityPolicyUri not in _STRONG)


def token_type(username: str | None, certificate: UserCertificate | None) -> ua.UserTokenType:
    """Return as what kind of user we come."""
    if certificate is not None:
        return ua.UserTokenType.Certificate
    return ua.UserTokenType.UserName if username else ua.UserTokenType.Anonymous


def mismatch(endpoint: str) -> AdapterError:
    """Return the error for a server that cannot prove that its certificate is its own."""
    return AdapterError(
        f"{endpoint} could not prove that the certificate which it shows is its own",
        "find out what answers at this address: it may be another device that copied the control's certificate",
    )
