"""How a user may be let in: never by giving a secret away, whatever the server proposes."""

from __future__ import annotations

import pytest
from asyncua import ua
from asyncua.crypto.security_policies import (
    SecurityPolicyBasic128Rsa15,
    SecurityPolicyBasic256Sha256,
    SecurityPolicyNone,
)

from adapters.opcua.client import ChannelClient
from adapters.opcua.security import fitting_tokens
from edge_bridge.errors import RefusedError

ENDPOINT = "opc.tcp://10.0.0.1:4840"
STRONG, WEAK, PLAIN = SecurityPolicyBasic256Sha256.URI, SecurityPolicyBasic128Rsa15.URI, SecurityPolicyNone.URI
USER, CERTIFICATE = ua.UserTokenType.UserName, ua.UserTokenType.Certificate


def fitting(kind: ua.UserTokenType, *policies: str | None, encrypted: bool = True, channel: str = STRONG) -> list[str]:
    """Return the policies under which this kind of user may be let in, of those that the server proposes."""
    client = ChannelClient(ENDPOINT)
    client.security_policy.URI = channel
    client._policy_ids = [ua.UserTokenPolicy(TokenType=kind, SecurityPolicyUri=policy) for policy in policies]
    return [one.SecurityPolicyUri for one in fitting_tokens(client, ENDPOINT, kind, encrypted=encrypted)]


@pytest.mark.parametrize(
    ("kind", "policies", "encrypted", "found"),
    [
        (USER, (STRONG,), True, [STRONG]),
        (USER, (None,), True, [STRONG]),  # without one of its own it has the channel's
        (USER, (PLAIN,), True, [PLAIN]),  # it travels inside the encrypted channel
        (USER, (PLAIN, STRONG), True, [STRONG, PLAIN]),  # and is encrypted itself where the server lets us choose
        (USER, (WEAK, STRONG), True, [STRONG]),
        (USER, (PLAIN, STRONG), False, [STRONG]),
        (CERTIFICATE, (PLAIN, STRONG), True, [STRONG]),  # a signature under no policy proves nothing
        (ua.UserTokenType.Anonymous, (PLAIN,), False, [PLAIN]),  # there is no secret
    ],
)
def test_a_secret_is_protected(
    kind: ua.UserTokenType, policies: tuple[str | None, ...], encrypted: bool, found: list[str]
) -> None:
    """The strongest first; what would give it away is left out."""
    assert fitting(kind, *policies, encrypted=encrypted) == found


@pytest.mark.parametrize(
    ("kind", "policies", "encrypted"),
    [(USER, (PLAIN,), False), (USER, (WEAK,), True), (CERTIFICATE, (PLAIN,), True)],
)
def test_nothing_is_sent_in_an_unsafe_way(kind: ua.UserTokenType, policies: tuple[str, ...], encrypted: bool) -> None:
    """Rather no connection."""
    with pytest.raises(RefusedError, match="not safe"):
        fitting(kind, *policies, encrypted=encrypted)


def test_a_channel_of_a_weak_policy_lends_it_to_nobody() -> None:
    """A token without a policy of its own is as strong as the channel, no stronger."""
    with pytest.raises(RefusedError, match="not safe"):
        fitting(USER, None, channel=WEAK)


def test_a_server_that_lets_nobody_in() -> None:
    """It is said which kinds it knows: none."""
    client = ChannelClient(ENDPOINT)
    with pytest.raises(RefusedError, match="only nobody"):
        fitting_tokens(client, ENDPOINT, USER, encrypted=True)
