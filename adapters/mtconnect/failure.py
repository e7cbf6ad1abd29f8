"""What went wrong with an agent, in one sentence a technician understands, and what to do about it."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator

import httpx

from adapters.mtconnect.document import NotMtConnect
from adapters.mtconnect.model import AgentFault
from edge_bridge.errors import AdapterError, RefusedError

ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, TimeoutError)
"""What httpx raises when an agent cannot be reached, goes away, or answers nonsense."""


class UnusableAnswerError(AdapterError):
    """An answer came, and it is no MTConnect document."""


_ADAPTER_PORT = "check the port: agents often listen on 5000; 7878 is usually an agent's own adapter"
_RESTARTING = f"the agent may be restarting; else {_ADAPTER_PORT}"
_NO_DEVICE = ("NO_DEVICE",)


def explained(error: Exception, url: str, timeout: float) -> AdapterError:
    """Return the AdapterError for one of ERRORS; a RefusedError where trying again is of no use. timeout: seconds."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RefusedError(
                f"{url} shows a certificate that is not trusted: {cause.verify_message}",
                "let `ca` name the agent's certificate or its issuer's, and let `url` name the host in it",
            )
        if isinstance(cause, ssl.SSLError):
            return AdapterError(
                f"{url} cannot be reached over TLS: {_reason(cause)}",
                "write http:// when the agent has no TLS, and check the port",
            )
        if isinstance(cause, socket.gaierror):
            return AdapterError(f"the host in {url} is unknown", "check its spelling, or write the IP address")
        if isinstance(cause, ConnectionRefusedError):
            return AdapterError(f"nothing listens at {url}", "start the agent, and check the port and its firewall")
    if any(isinstance(cause, (TimeoutError, httpx.TimeoutException)) for cause in causes):
        return AdapterError(
            f"no answer from {url} within {timeout:g} s", f"check that the agent runs, and the network; {_ADAPTER_PORT}"
        )
    if isinstance(error, httpx.RemoteProtocolError):
        if "disconnected" in str(error) or "closed" in str(error):
            return AdapterError(f"{url} closed the connection", _RESTARTING)
        return AdapterError(f"{url} does not speak HTTP", _ADAPTER_PORT)
    for cause in causes:
        if isinstance(cause, (ConnectionError, httpx.ReadError, httpx.WriteError)):
            return AdapterError(f"{url} closed the connection", _RESTARTING)
        if isinstance(cause, OSError):
            return AdapterError(f"{url} cannot be reached: {_reason(cause)}", "check the address, cable and route")
    return AdapterError(f"{url} cannot be read: {_reason(error)}", "check that it is an MTConnect agent")


def status(code: int, location: str | None, url: str, asked: str) -> AdapterError | None:
    """Return what an HTTP status says that is no answer of an agent; None for one that may carry a document."""
    if 300 <= code < 400:
        where = f" to {location}" if location else ""
        return AdapterError(f"{url} sends us elsewhere{where}", "write the agent's own address in `url`")
    if code in (401, 403, 407):
        return RefusedError(
            f"{url} refuses to answer us (HTTP {code})", "let the agent, or what stands before it, admit this gateway"
        )
    if code == 429:
        return AdapterError(f"{url} is asked too often (HTTP 429)", "raise `every`")
    return None


def unreadable(error: NotMtConnect, code: int, url: str, asked: str) -> UnusableAnswerError:
    """Return the error for an answer that is no MTConnect document, with its HTTP status when that says more."""
    if code == 404:
        return UnusableAnswerError(f"{url} has no /{asked} (HTTP 404)", "check host, port and path in `url`")
    if code >= 500:
        return UnusableAnswerError(f"{url} answers HTTP {code}", "look at the agent, or at what stands before it")
    if code >= 400:
        return UnusableAnswerError(f"{url} answers HTTP {code} to /{asked}", "check host, port and path in `url`")
    return UnusableAnswerError(f"{url} {error.what}", error.hint)


def said(fault: AgentFault, url: str) -> AdapterError:
    """Return the error for an MTConnectError document."""
    if fault.says(*_NO_DEVICE):
        return AdapterError(f"{url} has no such device: {fault}", "set `device` to one that `edge-bridge browse` shows")
    return AdapterError(f"{url} answers with an error: {fault}", "look at the agent's log and device file")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, as far as libraries tell."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += list(one.exceptions)


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "handshake failed").replace("_", " ").lower()
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return " ".join(str(error).split()) or type(error).__name__
