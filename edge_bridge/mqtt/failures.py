"""What can go wrong between us and the broker, in words that a technician can act on."""

from __future__ import annotations

import socket
import ssl

from edge_bridge.errors import PublishError

UNSUPPORTED_PROTOCOL_VERSION = 0x84
_REFUSED = frozenset({0x85, 0x86, 0x87, 0x8A})  # client id not valid, bad user name or password, not authorized, banned


class BrokerError(PublishError):
    """No connection now; trying again is right."""


class BrokerRefusedError(PublishError):
    """The broker knows us and says no: a person must mend one side, so it is tried slowly."""


class OldBrokerError(BrokerError):
    """The broker does not speak MQTT 5."""


class SilentBrokerError(BrokerError):
    """The broker closed the connection instead of answering CONNECT."""


class NoAnswerError(BrokerError):
    """The broker kept the connection open and did not answer CONNECT."""


def refusal(code: int, name: str, address: str) -> PublishError:
    """Return the error for a CONNACK reason code (MQTT 5 clause 3.2.2.2; 3.1.1 codes come translated)."""
    what = f"{address}: the broker refused the connection: {name.lower()} (0x{code:02x})"
    if code == UNSUPPORTED_PROTOCOL_VERSION:
        return OldBrokerError(what, "set `mqtt.version: 3.1.1`, or leave it at auto")
    if code in _REFUSED:
        return BrokerRefusedError(
            what, "check `mqtt.username`, its credential, the certificate and the client id, and the broker's own list"
        )
    return BrokerError(what)


def unreachable(error: OSError, address: str) -> BrokerError:
    """Return the error for a connection that could not be made."""
    match error:
        case ssl.SSLCertVerificationError():
            return BrokerError(
                f"{address}: the broker's certificate is not trusted: {error.verify_message}",
                "check `mqtt.ca`, the server name in `mqtt.url`, and this machine's clock",
            )
        case ssl.SSLError():
            return BrokerError(f"{address}: no TLS session: {error.reason or error}", "is this the broker's TLS port?")
        case socket.gaierror():
            return BrokerError(f"{address}: the name cannot be resolved", "check the name in `mqtt.url`, and DNS")
        case TimeoutError():
            return BrokerError(f"{address}: no answer", "check the address, the network and the firewall")
        case ConnectionResetError() if address.startswith("mqtts:"):
            return BrokerError(
                f"{address}: the connection was closed during the TLS handshake",
                "is this the broker's TLS port, and does it accept this gateway's certificate?",
            )
        case ConnectionRefusedError():
            return BrokerError(f"{address}: nothing listens there", "is the broker running, and is the port right?")
    return BrokerError(f"{address}: {error.strerror or error}")
