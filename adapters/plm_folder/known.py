"""What is known of the folder's files: what the core holds of earlier runs, and what this connection has dealt with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from adapters.plm_folder.folder import Signature
from adapters.plm_folder.names import shown
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.ports import SourceMemory

_ENOUGH = 16  # bytes of a digest: no two contents of one file share them
HELD = b"held"  # in place of a digest: the core holds it, this connection has not read it


class Known(NamedTuple):
    """A file that was dealt with. `digest` is empty when its bytes could not be had; `reason` when it was accepted."""

    digest: bytes
    signature: Signature | None
    reason: str = ""


class KnownFiles:
    """The files by name. A hundred thousand of them stay in memory: each is kept small."""

    def __init__(self, memory: SourceMemory | None) -> None:
        self._files: dict[str, Known] = {}
        self._memory = memory

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def get(self, name: str) -> Known | None:
        """Return what is known of a file."""
        return self._files.get(name)

    def put(self, name: str, sha256: str, signature: Signature | None, reason: str = "") -> None:
        """Note that a file was dealt with."""
        self._files[name] = Known(bytes.fromhex(sha256)[:_ENOUGH], signature, reason)

    def drop(self, name: str) -> None:
        """Forget a file."""
        self._files.pop(name, None)

    def has(self, name: str, sha256: str) -> bool:
        """Tell whether this content was dealt with under this name."""
        known = self._files.get(name)
        return known is not None and known.digest == bytes.fromhex(sha256)[:_ENOUGH]

    def unchanged(self, name: str, signature: Signature) -> bool:
        """Tell whether a file is as it was dealt with. Without a digest it could not be opened: perhaps it can be now."""
        known = self._files.get(name)
        return known is not None and known.digest != b"" and known.signature == signature

    def held(self, name: str, signature: Signature) -> bool:
        """Tell whether the core holds a file as it is, and then note it as dealt with."""
        if self._memory is None or self._memory.mark(shown(name)) != signature.mark:
            return False
        self._files[name] = Known(HELD, signature)
        return True


def mark_of(signature: Signature | None, utc: Milliseconds, quiet: Milliseconds) -> str:
    """Return the mark to keep with a file; none while it is so young that a change might leave its times as they are."""
    if signature is None or utc - max(signature.modified_ns, signature.changed_ns) // 1_000_000 < quiet:
        return ""
    return signature.mark
