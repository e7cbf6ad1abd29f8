"""Carries out what a person decides about certificates. The daemon does it when one runs, else the command itself.

Nothing that comes over the network gets here: only the command line does, through the socket beside the database.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from edge_bridge.domain.instant import Milliseconds, to_text
from edge_bridge.pki import (
    Certificate,
    Entry,
    Standing,
    TrustStore,
    from_file,
    own_certificate,
    own_file,
    own_identity,
    pairs,
    readable_fingerprint,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """One certificate, with the folder in which it is kept."""

    store: TrustStore
    entry: Entry


async def answered(folders: Sequence[Path], message: Mapping[str, Any], now: Milliseconds) -> dict[str, Any]:
    """Carry it out beside the loop, and log what was decided. Raises CertificateError."""
    answer = await asyncio.to_thread(carry_out, folders, message, now)
    if answer.get("ok") and answer.get("changed"):
        about = {key: answer["certificate"].get(key) for key in ("sha256", "machine", "endpoint")}
        log.info("certificate", did=message.get("verb"), by=str(message.get("by")), **about)
    return answer


def carry_out(folders: Sequence[Path], message: Mapping[str, Any], now: Milliseconds) -> dict[str, Any]:
    """Return the answer to one request, JSON-ready. folders: of certificates, the site's own first. now: UTC ms.

    verb `list`; `export` (our own certificate, made when there is none); `accept` and `reject` with `fingerprint`, the
    start of it, or for `accept` a whole `certificate` in base64; `by`: who says so. Raises CertificateError.
    """
    match message.get("verb"):
        case "list":
            own = [found for folder in folders if (found := _own(folder))]
            listed = [_told(kept) for kept in _all(folders)]
            return {"ok": True, "folders": [str(folder) for folder in folders], "own": own, "certificates": listed}
        case "export":
            identity = own_identity(folders[0], now)
            return {"ok": True, **_own(folders[0]), "uri": identity.uri, "der": _text(identity.shown.der)}
        case "accept" if message.get("certificate"):
            return _take_in(folders, message, now)
        case "accept" | "reject":
            return _decide(folders, message, now)
    return {"ok": False, "reason": "verb"}


def _decide(folders: Sequence[Path], message: Mapping[str, Any], now: Milliseconds) -> dict[str, Any]:
    """Accept or reject the one certificate that is meant."""
    digits = readable_fingerprint(str(message.get("fingerprint", "")))
    if digits is None:
        return {"ok": False, "reason": "fingerprint"}
    meant = [one for one in _all(folders) if _begins(one.entry.certificate, digits)]
    different = {one.entry.certificate.sha256: one for one in meant}
    if len(different) != 1:
        return {
            "ok": False,
            "reason": "several" if meant else "unknown",
            "found": [_told(one) for one in different.values()],
        }
    accept = message["verb"] == "accept"
    wanted = Standing.TRUSTED if accept else Standing.REJECTED
    by, changed = str(message.get("by") or "unknown"), False
    done = meant[0]
    for one in meant:
        if one.entry.standing is not wanted:
            decide = one.store.accept if accept else one.store.reject
            done, changed = Kept(one.store, decide(one.entry.certificate, by, now)), True
    return {"ok": True, "changed": changed, "certificate": _told(done)}


def _take_in(folders: Sequence[Path], message: Mapping[str, Any], now: Milliseconds) -> dict[str, Any]:
    """Accept a certificate that a person has brought from the control, before it was ever met."""
    try:
        certificate = from_file(base64.b64decode(str(message["certificate"]), validate=True))
    except (ValueError, binascii.Error):
        return {"ok": False, "reason": "no_certificate"}
    by, changed, entry = str(message.get("by") or "unknown"), False, Entry(certificate, Standing.TRUSTED, {})
    for store in map(TrustStore, folders):
        if not store.trusts(certificate):
            entry, changed = store.accept(certificate, by, now), True
    return {"ok": True, "changed": changed, "certificate": _told(Kept(TrustStore(folders[0]), entry))}


def _all(folders: Sequence[Path]) -> list[Kept]:
    return [Kept(store, entry) for store in map(TrustStore, folders) for entry in store.entries()]


def _begins(certificate: Certificate, digits: str) -> bool:
    return certificate.sha256.startswith(digits) or certificate.sha1.startswith(digits)


def _told(kept: Kept) -> dict[str, Any]:
    certificate, says = kept.entry.certificate, kept.entry.description
    return {
        **{name: kept.entry.facts.get(name) for name in ("machine", "endpoint", "seen")},
        **{name: kept.entry.facts.get(name) for name in ("accepted_by", "accepted", "rejected_by", "rejected")},
        "standing": kept.entry.standing.value,
        "sha256": pairs(certificate.sha256),
        "sha1": pairs(certificate.sha1),
        "subject": says.subject if says else "",
        "uris": list(says.uris) if says else [],
        "hosts": list(says.hosts) if says else [],
        "not_before": to_text(says.not_before) if says else None,
        "not_after": to_text(says.not_after) if says else None,
        "readable": bool(says and says.strict),
        "folder": str(kept.store.folder),
    }


def _own(folder: Path) -> dict[str, Any]:
    """Return what is to be known of our own certificate, nothing when there is none yet."""
    certificate = own_certificate(folder)
    if certificate is None:
        return {}
    says = certificate.description
    return {
        "file": str(own_file(folder)),
        "sha256": pairs(certificate.sha256),
        "sha1": pairs(certificate.sha1),
        "uris": list(says.uris),
        "not_after": to_text(says.not_after),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
