"""The few steps through a certificate's DER that still work where a strict parser gives up (ITU-T X.690, RFC 5280 4.1).

Some controls ship certificates with a default value that is written out, which DER forbids and `cryptography` refuses.
Their validity and their key stand at fixed places all the same. Nothing here decides about trust.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from edge_bridge.domain.instant import Milliseconds, from_datetime

_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


@dataclass(frozen=True, slots=True)
class Piece:
    """One element: its tag, its content, and itself with tag and length."""

    tag: int
    content: bytes
    whole: bytes


@dataclass(frozen=True, slots=True)
class Bones:
    """What is needed of a certificate: the instants between which it is valid, and the key's SubjectPublicKeyInfo."""

    not_before: Milliseconds
    not_after: Milliseconds
    public_key: bytes


def piece(data: bytes) -> Piece:
    """Return the first element of DER data. Raises ValueError when it is cut off or no DER."""
    if len(data) < 2:
        raise ValueError("it is cut off")
    start, length = 2, data[1]
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("it has a length that DER does not know")
        start, length = 2 + count, int.from_bytes(data[2 : 2 + count], "big")
    if len(data) < start + length:
        raise ValueError("it is cut off")
    return Piece(data[0], data[start : start + length], data[: start + length])


def pieces(content: bytes) -> list[Piece]:
    """Return the elements that stand one after another."""
    found: list[Piece] = []
    while content:
        found.append(piece(content))
        content = content[len(found[-1].whole) :]
    return found


def bones(certificate: bytes) -> Bones:
    """Return validity and key of a certificate. Raises ValueError when it is none."""
    outer = piece(certificate)
    if outer.tag != _SEQUENCE:
        raise ValueError("it is no certificate")
    body = pieces(piece(outer.content).content)
    if body and body[0].tag == _VERSION:
        body = body[1:]
    if len(body) < 6:  # serial, signature, issuer, validity, subject, key
        raise ValueError("it is no certificate")
    times = pieces(body[3].content)
    if len(times) != 2:
        raise ValueError("it does not say how long it is valid")
    return Bones(_instant(times[0]), _instant(times[1]), body[5].whole)


def _instant(time: Piece) -> Milliseconds:
    """Return UTC ms; RFC 5280 4.1.2.5: seconds are always there, the zone is Z, two-digit years turn in 1950."""
    text = time.content.decode("ascii")
    if time.tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif time.tag != _GENERALIZED_TIME:
        raise ValueError("it does not say how long it is valid")
    return from_datetime(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC))
