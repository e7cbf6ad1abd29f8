"""The certificates of others: `trusted/` holds those that a person has accepted, `rejected/` those that nobody has.

One file a certificate, named by its SHA-256, and beside it what is known of it. Only a file in `trusted/` gives trust.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edge_bridge.domain.instant import Milliseconds, to_text
from edge_bridge.errors import CertificateError
from edge_bridge.pki import files
from edge_bridge.pki.certificate import Certificate, Description, pairs

MOST_REJECTED = 50  # a server that shows a new one at each connection must not fill the disk
LOG = "trust.log"


class Standing(StrEnum):
    """What people have said about a certificate."""

    TRUSTED = "trusted"
    WAITING = "waiting"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate that is kept. facts: `machine`, `endpoint`, `seen`, `accepted_by`, `accepted`, `rejected_by`, …"""

    certificate: Certificate
    standing: Standing
    facts: Mapping[str, str]

    @property
    def description(self) -> Description | None:
        """What it says of itself; None when that cannot be read."""
        try:
            return self.certificate.description
        except ValueError:
            return None


class TrustStore:
    """One folder of certificates."""

    def __init__(self, folder: Path) -> None:
        """Use this folder; it need not be there."""
        self.folder = folder
        self._trusted, self._rejected = folder / "trusted", folder / "rejected"

    def trusts(self, certificate: Certificate) -> bool:
        """Tell whether a person has accepted exactly this certificate. Raises CertificateError."""
        return files.read(_file(self._trusted, certificate.sha256)) == certificate.der

    def keep(self, certificate: Certificate, facts: Mapping[str, str]) -> None:
        """Keep a certificate that is not trusted, for a person to decide on. Raises CertificateError."""
        known = _facts(self._rejected, certificate.sha256)
        if (
            files.read(_file(self._rejected, certificate.sha256)) == certificate.der
            and facts.items() <= (known | {"seen": facts.get("seen", "")}).items()
        ):
            return  # nothing new: a machine that is tried each minute does not wear the disk
        self._put(self._rejected, certificate, {**known, **facts})
        self._drop_oldest()

    def accept(self, certificate: Certificate, by: str, now: Milliseconds) -> Entry:
        """Trust a certificate from now on, and write down who said so. Raises CertificateError."""
        facts = _facts(self._rejected, certificate.sha256) | {"accepted_by": by, "accepted": to_text(now)}
        facts.pop("rejected_by", None)
        facts.pop("rejected", None)
        self._log("accept", certificate, by, now, facts)
        self._put(self._trusted, certificate, facts)
        self._forget(self._rejected, certificate.sha256)
        return Entry(certificate, Standing.TRUSTED, facts)

    def reject(self, certificate: Certificate, by: str, now: Milliseconds) -> Entry:
        """Trust a certificate no longer, or never; and write down who said so. Raises CertificateError."""
        facts = (
            _facts(self._rejected, certificate.sha256)
            | _facts(self._trusted, certificate.sha256)
            | {"rejected_by": by, "rejected": to_text(now)}
        )
        self._log("reject", certificate, by, now, facts)
        self._put(self._rejected, certificate, facts)
        self._forget(self._trusted, certificate.sha256)
        return Entry(certificate, Standing.REJECTED, facts)

    def entries(self) -> list[Entry]:
        """Return all that is kept, the trusted first. Raises CertificateError."""
        trusted = [Entry(one, Standing.TRUSTED, _facts(self._trusted, one.sha256)) for one in _kept(self._trusted)]
        others = [(one, _facts(self._rejected, one.sha256)) for one in _kept(self._rejected) if not self.trusts(one)]
        return trusted + [
            Entry(one, Standing.REJECTED if "rejected_by" in facts else Standing.WAITING, facts)
            for one, facts in others
        ]

    def trusted_at(self, endpoint: str) -> Entry | None:
        """Return the trusted certificate that was last met at an endpoint: what is there now has taken its place."""
        found = [e for e in self.entries() if e.standing is Standing.TRUSTED and e.facts.get("endpoint") == endpoint]
        return max(found, key=lambda entry: entry.facts.get("accepted", ""), default=None)

    def _put(self, folder: Path, certificate: Certificate, facts: Mapping[str, str]) -> None:
        text = json.dumps(facts, ensure_ascii=False, indent=2) + "\n"
        files.write(_file(folder, certificate.sha256, ".json"), text.encode())
        files.write(_file(folder, certificate.sha256), certificate.der)

    def _forget(self, folder: Path, sha256: str) -> None:
        files.remove(_file(folder, sha256))
        files.remove(_file(folder, sha256, ".json"))

    def _drop_oldest(self) -> None:
        kept = sorted(_kept(self._rejected), key=lambda one: _facts(self._rejected, one.sha256).get("seen", ""))
        for one in kept[: max(0, len(kept) - MOST_REJECTED)]:
            self._forget(self._rejected, one.sha256)

    def _log(self, did: str, certificate: Certificate, by: str, now: Milliseconds, facts: Mapping[str, str]) -> None:
        """Write down who decided what, before it takes effect. The file is only ever added to."""
        line = {
            "at": to_text(now),
            "by": by,
            "did": did,
            "sha256": pairs(certificate.sha256),
            "machine": facts.get("machine", ""),
            "endpoint": facts.get("endpoint", ""),
        }
        files.append(self.folder / LOG, json.dumps(line, ensure_ascii=False))


def _kept(folder: Path) -> Iterator[Certificate]:
    """Yield the certificates of a folder; a file whose name is not its content's fingerprint is none of ours."""
    try:
        names = sorted(path for path in folder.iterdir() if path.suffix == ".der")
    except FileNotFoundError:
        return
    except OSError as error:
        hint = "run it as root, or as the user of the service"
        raise CertificateError(f"cannot look into {folder}: {error.strerror}", hint) from error
    for path in names:
        try:
            found = Certificate(files.read(path) or b"")
        except ValueError:
            continue
        if found.sha256 == path.stem:
            yield found


def _facts(folder: Path, sha256: str) -> dict[str, str]:
    """Return what is known of a certificate, nothing when the file is gone or spoilt: it gives no trust."""
    try:
        found = json.loads(files.read(_file(folder, sha256, ".json")) or b"{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _file(folder: Path, sha256: str, suffix: str = ".der") -> Path:
    return folder / f"{sha256}{suffix}"
