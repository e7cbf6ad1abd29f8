"""What is known of the folder's files: what the core holds of earlier runs, and what this connection has dealt with."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from adapters.plm_folder.folder import Signature
from adapters.plm_folder.names import shown
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.ports import SourceMemory

_SIGNATURE = struct.Struct(">QQQ")
_BITS = (1 << 64) - 1  # a damaged file system may show times far beyond any calendar
_ENOUGH = 16  # bytes of a digest: no two contents of one file share them
_UNREAD = bytes(_ENOUGH)  # in place of a digest: its bytes could not be had
_HELD = b"\1" * _ENOUGH  # in place of a digest: the core holds it, this connection has not read it


class KnownFiles:
    """The files by name: digest and signature of each in one piece of bytes, for there may be a hundred thousand."""

    def __init__(self, memory: SourceMemory | None) -> None:
        self._files: dict[str, bytes] = {}
        self._reasons: dict[str, str] = {}
        self._memory = memory if memory is not None and memory.has_files else None

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def put(self, name: str, sha256: str, signature: Signature | None, reason: str = "") -> None:
        """Note that a file was dealt with. sha256: empty when its bytes could not be had. reason: why it was refused."""
        self._files[name] = _digest(sha256) + _packed(signature)
        if reason:
            self._reasons[name] = reason
        else:
            self._reasons.pop(name, None)

    def drop(self, name: str) -> None:
        """Forget a file."""
        self._files.pop(name, None)
        self._reasons.pop(name, None)

    def reason(self, name: str) -> str:
        """Return why a file was refused; empty when it was not."""
        return self._reasons.get(name, "")

    def has(self, name: str, sha256: str) -> bool:
        """Tell whether this content was dealt with under this name."""
        known = self._files.get(name)
        return known is not None and known.startswith(_digest(sha256))

    def unchanged(self, name: str, signature: Signature) -> bool:
        """Tell whether a file is as it was dealt with. One that could not be opened never is: perhaps it can be now."""
        known = self._files.get(name)
        return known is not None and known[_ENOUGH:] == _packed(signature) and not known.startswith(_UNREAD)

    def held(self, name: str, signature: Signature) -> bool:
        """Tell whether the core holds a file as it is, and then note it as dealt with."""
        if self._memory is None or self._memory.mark(shown(name)) != signature.mark:
            return False
        self._files[name] = _HELD + _packed(signature)
        return True


def mark_of(signature: Signature | None, utc: Milliseconds, quiet: Milliseconds) -> str:
    """Return the mark to keep with a file; none while it is so young that a change might leave its times as they are."""
    if signature is None or utc - max(signature.modified_ns, signature.changed_ns) // 1_000_000 < quiet:
        return ""
    return signature.mark


def _digest(sha256: str) -> bytes:
    return bytes.fromhex(sha256[: 2 * _ENOUGH]) or _UNREAD


def _packed(signature: Signature | None) -> bytes:
    if signature is None:
        return b""
    return _SIGNATURE.pack(signature.size & _BITS, signature.modified_ns & _BITS, signature.changed_ns & _BITS)
