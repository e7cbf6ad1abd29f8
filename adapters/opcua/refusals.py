"""What a server's words about certificates and security mean, in one sentence, and what a technician can do."""

from __future__ import annotations

from adapters.opcua.clocks import apart, clocks_told
from adapters.opcua.security import Secured
from edge_bridge.domain.instant import Milliseconds, from_datetime, to_text
from edge_bridge.errors import AdapterError
from edge_bridge.pki import pairs

_NOT_TRUSTED = {
    "BadSecurityChecksFailed",  # OPC 10000-4 6.1.3: what a server says in place of any of these to one it does not trust
    "BadCertificateUntrusted",
    "BadCertificateChainIncomplete",
    "BadCertificateRevoked",
    "BadCertificateIssuerRevoked",
}
_OUT_OF_TIME = {"BadCertificateTimeInvalid", "BadCertificateIssuerTimeInvalid", "BadInvalidTimestamp"}
_UNFIT = {
    "BadCertificateUseNotAllowed": "is not made for this use",
    "BadCertificateIssuerUseNotAllowed": "is not made for this use",
    "BadCertificateUriInvalid": "is made out to another application",
    "BadCertificateHostNameInvalid": "is made out to another computer",
    "BadCertificateInvalid": "cannot be used",
    "BadCertificatePolicyCheckFailed": "does not fit the policy",
}


def about_certificates(name: str, endpoint: str, secured: Secured, now: Milliseconds) -> AdapterError | None:
    """Return the error for a status that speaks of our certificate or our clock; None for any other.

    All of it is mended at the control, so the gateway tries again by itself. now: UTC ms.
    """
    own = secured.identity
    if name in _OUT_OF_TIME:
        return _out_of_time(name, endpoint, secured, now)
    if name in _NOT_TRUSTED:
        return AdapterError(
            f"{endpoint} does not trust this gateway's certificate ({name}), SHA-1 {pairs(own.shown.sha1)}",
            f"accept it at the control, or import it there from {own.file} (edge-bridge trust export FILE copies it)",
        )
    if name in _UNFIT:
        return AdapterError(
            f"{endpoint} says that this gateway's certificate {_UNFIT[name]} ({name})",
            f"remove it from the control and import {own.file} anew; if that is no help, set both files in "
            f"{own.file.parent} aside and restart edge-bridge, which makes new ones",
        )
    return None


def _out_of_time(name: str, endpoint: str, secured: Secured, now: Milliseconds) -> AdapterError:
    own = secured.identity.certificate
    start, end = from_datetime(own.not_valid_before_utc), from_datetime(own.not_valid_after_utc)
    clocks = clocks_told(now, secured.server_clock)
    if not start <= now <= end:
        what = f"{endpoint}: this gateway's certificate ran out at {to_text(end)} ({name}); {clocks}"
        folder = secured.identity.file.parent
        return AdapterError(
            what, f"if the clock is right: remove both files in {folder}, and import the new certificate"
        )
    what = f"{endpoint} finds this gateway's certificate or clock out of time ({name}); {clocks}"
    if secured.server_clock is not None and apart(now, secured.server_clock):
        return AdapterError(what, "set the clock that is wrong")
    return AdapterError(
        what, f"the certificate is valid from {to_text(start)} to {to_text(end)}: check the control's clock"
    )
