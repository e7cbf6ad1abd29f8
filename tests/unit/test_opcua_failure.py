"""What went wrong with a server, in words; and whether trying again is of use."""

from __future__ import annotations

import socket

import pytest
from asyncua.ua.uaerrors import (
    BadIdentityTokenInvalid,
    BadIdentityTokenRejected,
    BadSecurityPolicyRejected,
    BadSessionIdInvalid,
    BadTooManySessions,
    BadUserAccessDenied,
    UaError,
)

from adapters.opcua.failure import explained
from edge_bridge.errors import RefusedError

ENDPOINT = "opc.tcp://10.0.0.1:4840"


@pytest.mark.parametrize(
    ("error", "words", "refused"),
    [
        (BadUserAccessDenied(), "refused the user", True),
        (BadIdentityTokenRejected(), "refused the user", True),
        (BadIdentityTokenInvalid(), "refused the user", True),
        (BadSecurityPolicyRejected(), "refused the security policy", True),
        (UaError("No matching endpoints: 1, x"), "without encryption", True),
        (BadTooManySessions(), "has too many sessions: none is free for us (BadTooManySessions)", False),
        (BadSessionIdInvalid(), "closed the session", False),
        (TimeoutError(), "no answer", False),
        (ConnectionRefusedError(), "nothing listens", False),
        (ConnectionResetError(), "closed the connection", False),
        (socket.gaierror(-2, "Name or service not known"), "is unknown", False),
        (OSError(113, "No route to host"), "No route to host", False),
        (UaError("odd"), "cannot be understood", False),
    ],
)
def test_every_failure_is_one_sentence_with_a_way_out(error: Exception, words: str, refused: bool) -> None:
    """Only what a person must change stops the adapter for good."""
    found = explained(error, ENDPOINT, 5.0)
    assert words in found.what
    assert ENDPOINT in found.what
    assert found.hint
    assert isinstance(found, RefusedError) is refused


def test_a_control_that_encrypts_is_no_dead_end() -> None:
    """Who wrote `security: None` is told to take it away, as this gateway can encrypt."""
    found = explained(UaError("No matching endpoints: 1, x"), ENDPOINT, 5.0)
    assert "remove `security: None`" in found.hint
