"""What went wrong with a server, in one sentence a technician understands, and what to do about it."""

from __future__ import annotations

import socket

from asyncua import ua
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography.exceptions import InvalidSignature

from adapters.opcua.client import ForeignError
from adapters.opcua.refusals import about_certificates
from adapters.opcua.security import Secured, mismatch
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.errors import AdapterError, RefusedError

_CREDENTIALS = {
    "BadIdentityTokenRejected",
    "BadIdentityTokenInvalid",
    "BadUserAccessDenied",
    "BadUserSignatureInvalid",
}
_POLICY = {"BadSecurityPolicyRejected", "BadSecurityModeRejected", "BadSecurityModeInsufficient"}
_HINTS = {
    "BadTooManySessions": "close other clients on this control, or raise its number of sessions; one whose client died is "
    "free again after its timeout, a minute at most for one of ours",
    "BadMaxConnectionsReached": "close other clients on this control",
    "BadTcpEndpointUrlInvalid": "check the path after the port in `endpoint`",
    "BadServerHalted": "wait until the control has started, or look at its OPC UA settings",
    "BadShutdown": "the control is shutting down",
    "BadTooManyOperations": "the server takes fewer nodes in one request than it says",
}
_PORT = "that port is another protocol's: check the port in `endpoint`; OPC UA usually has 4840"
_ANOTHER = "if it stays so, the port may be another protocol's: check `endpoint`"
_BUSY = "the control may be starting or overloaded"
_PROTOCOLS = {b"HTTP/": "HTTP, as a web server or an MTConnect agent does", b"\x15\x03": "TLS", b"SSH-": "SSH"}
_LOST = {"BadSessionIdInvalid", "BadSessionClosed", "BadSecureChannelClosed", "BadSecureChannelIdInvalid"}

ERRORS = (OSError, TimeoutError, UaError, InvalidSignature)
"""What asyncua raises when a server cannot be reached, goes away, refuses, or answers nonsense."""


def explained(
    error: Exception, endpoint: str, timeout: float, secured: Secured | None = None, now: Milliseconds = 0
) -> AdapterError:
    """Return the AdapterError for one of ERRORS; a RefusedError where trying again is of no use.

    timeout: seconds. secured: what was settled with the server, when the connection is encrypted. now: UTC ms.
    """
    if isinstance(error, UaStatusCodeError):
        name = ua.StatusCode(error.code).name
        found = about_certificates(name, endpoint, secured, now) if secured is not None else None
        return found or _status(name, endpoint)
    if isinstance(error, ForeignError):
        return _foreign(error.heard, endpoint, timeout)
    if isinstance(error, InvalidSignature) or "certificate mismatch" in str(error):
        return mismatch(endpoint)
    if isinstance(error, TimeoutError):
        return AdapterError(
            f"no answer from {endpoint} within {timeout:g} s",
            "check that the control is on and not overloaded, and the network to it",
        )
    if isinstance(error, ConnectionRefusedError):
        return AdapterError(
            f"nothing listens at {endpoint}", "switch OPC UA on at the control, and check the port and its firewall"
        )
    if isinstance(error, socket.gaierror):
        return AdapterError(f"the host in {endpoint} is unknown", "check its spelling, or write the IP address")
    if isinstance(error, ConnectionError):
        return AdapterError(f"{endpoint} closed the connection", "the control may be restarting")
    if isinstance(error, OSError):
        return AdapterError(
            f"{endpoint} cannot be reached: {error.strerror or error}", "check the address, the cable and the route"
        )
    if "No matching endpoints" in str(error):  # asyncua has no type of its own for it
        return RefusedError(
            f"{endpoint} does not accept connections without encryption",
            "remove `security: None`: the connection is then encrypted; or allow it at the control, where the network may "
            "be trusted",
        )
    return AdapterError(f"{endpoint} gave an answer that cannot be understood: {error}", "check that it is OPC UA")


def _foreign(heard: bytes | None, endpoint: str, timeout: float) -> AdapterError:
    """Return what can be said of something that listens, and did not answer a Hello as an OPC UA server does."""
    if heard is None:
        return AdapterError(
            f"no answer from {endpoint} within {timeout:g} s, though something listens there", f"{_BUSY}; {_ANOTHER}"
        )
    if not heard:
        return AdapterError(
            f"{endpoint} closed the connection at the first word of OPC UA",
            f"the control may be restarting; {_ANOTHER}",
        )
    said = next((name for start, name in _PROTOCOLS.items() if heard.startswith(start)), "something else")
    return AdapterError(f"{endpoint} does not speak OPC UA, it answers {said}", _PORT)


def _status(name: str, endpoint: str) -> AdapterError:
    if name in _CREDENTIALS:
        return RefusedError(
            f"{endpoint} refused the user ({name})",
            "check `username` and `password_credential`, and the user's rights at the control",
        )
    if name in _POLICY:
        return RefusedError(
            f"{endpoint} refused the security policy ({name})", "check `security` and the control's OPC UA settings"
        )
    if name in _LOST:
        return AdapterError(f"{endpoint} closed the session ({name})", "the control may be restarting")
    if name == "BadTooManySessions":
        return AdapterError(f"{endpoint} has too many sessions: none is free for us ({name})", _HINTS[name])
    return AdapterError(f"{endpoint} answered {name}", _HINTS.get(name, "look at the control's OPC UA settings"))
