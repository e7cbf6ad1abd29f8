"""Looks at the certificate that a server shows: accepted by a person, valid now, made for this use, and of this server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asyncua import ua

from adapters.opcua.clocks import apart, clocks_told
from edge_bridge.domain.instant import Milliseconds, to_text
from edge_bridge.errors import AdapterError, CertificateError, RefusedError, UntrustedError
from edge_bridge.pki import Certificate, Description, TrustStore, pairs

SHORTEST_KEY_BITS = 2048  # OPC 10000-7, for each of the policies that we use
TYPED_DIGITS = 16  # of the fingerprint, in the command that a person types


@dataclass(frozen=True, slots=True)
class Vetted:
    """What a certificate is looked at with: where it was met, the folder of certificates, and both clocks (UTC ms)."""

    endpoint: str
    machine: str
    pki: Path
    now: Milliseconds
    server_clock: Milliseconds | None


def vetted(around: Vetted, offered: ua.EndpointDescription) -> Certificate:
    """Return the server's certificate once everything about it is right. Raises UntrustedError, AdapterError."""
    endpoint = around.endpoint
    try:
        certificate = Certificate(offered.ServerCertificate or b"")
        key = certificate.public_key()
        says = certificate.description
    except ValueError as error:
        raise AdapterError(
            f"{endpoint} shows a certificate that cannot be used: {error}", "have the control make a new one"
        ) from error
    store = TrustStore(around.pki)
    if not store.trusts(certificate):
        raise _untrusted(around, store, certificate, says)
    if key.key_size < SHORTEST_KEY_BITS:
        raise AdapterError(
            f"{endpoint} has a certificate with a key of {key.key_size} bits only",
            f"have the control make a new one with at least {SHORTEST_KEY_BITS}, then accept that",
        )
    _in_time(around, says)
    if not (says.signs and says.encrypts and says.serves):
        raise AdapterError(
            f"{endpoint} has a certificate that is not made for an OPC UA server (key usage)",
            "have the control make a new one for its OPC UA server, then accept that",
        )
    uri = offered.Server.ApplicationUri
    if says.strict and uri not in says.uris:
        raise AdapterError(
            f"{endpoint} calls itself {uri}, and its certificate is made out to {', '.join(says.uris) or 'nobody'}",
            "have the control make a new certificate: it was made before the control was renamed, or for another one",
        )
    return certificate


def _untrusted(around: Vetted, store: TrustStore, certificate: Certificate, says: Description) -> RefusedError:
    """Keep the certificate for a person to look at, and say how it is accepted."""
    facts = {"machine": around.machine, "endpoint": around.endpoint, "seen": to_text(around.now)}
    earlier = store.trusted_at(around.endpoint)
    try:
        store.keep(certificate, facts)
    except CertificateError as error:
        return RefusedError(
            f"{around.endpoint} shows an unknown certificate, which cannot be kept: {error.what}", error.hint
        )
    fingerprint = pairs(certificate.sha256)
    command = f"edge-bridge trust accept {certificate.sha256[:TYPED_DIGITS]}"
    what = f"{around.endpoint} shows a certificate that nobody has accepted"
    if earlier is not None:
        what = f"{around.endpoint} shows another certificate than the accepted one"
    until = to_text(says.not_after)[:10]
    return UntrustedError(
        f"{what}: SHA-256 {fingerprint}, SHA-1 {pairs(certificate.sha1)}, {says.subject or 'no readable name'}, until {until}",
        f"compare the fingerprint at the control; when it is the same: {command}",
        facts={
            "fingerprint": fingerprint,
            "sha1": pairs(certificate.sha1),
            "endpoint": around.endpoint,
            "command": command,
        },
        accepted=lambda: store.trusts(certificate),
    )


def _in_time(around: Vetted, says: Description) -> None:
    clocks = clocks_told(around.now, around.server_clock)
    differ = around.server_clock is not None and apart(around.now, around.server_clock)
    if around.now < says.not_before:
        raise AdapterError(
            f"{around.endpoint} has a certificate that is not valid before {to_text(says.not_before)}; {clocks}",
            "set the clock that is wrong" if differ else "set the clock of this computer, or wait",
        )
    if around.now > says.not_after:
        fooled = differ and around.server_clock is not None and around.server_clock <= says.not_after
        raise AdapterError(
            f"{around.endpoint} has a certificate that ran out at {to_text(says.not_after)}; {clocks}",
            "set the clock that is wrong" if fooled else "have the control make a new one, then accept that",
        )
