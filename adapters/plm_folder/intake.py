"""One file's bytes to one report: digest, reading, and for what makes no sense a copy with its reason."""

from __future__ import annotations

import hashlib
from functools import partial

from adapters.plm_folder.folder import Held, shown
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.quarantine import Quarantine
from adapters.plm_folder.reading import read_file
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.blocking import in_thread
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.signal import EcnNotice, FileRejected

_LARGE = 256_000  # bytes; above, a thread works so that the loop goes on


class Intake:
    """Makes the reports of one source."""

    def __init__(self, source: str, options: PlmFolderOptions) -> None:
        self._source, self._options = source, options
        self._quarantine = Quarantine(options.quarantine / source) if options.quarantine else None

    async def notice(self, name: str, held: Held, digest: str, at: Stamp, *, settled: bool) -> EcnNotice:
        """Return the ECNs of a file. Raises Unreadable."""
        read = partial(read_file, held.data, self._options, settled=settled)
        if len(held.data) > _LARGE:
            ecns = await in_thread(read, expected=Unreadable)
        else:
            ecns = read()
        return EcnNotice(self._source, at, shown(name), digest, ecns)

    async def rejection(
        self, name: str, held: Held | None, digest: str, at: Stamp, refusal: Unreadable
    ) -> FileRejected:
        """Return why a file is refused; its bytes, if they could be had, are copied first."""
        note = await self._copy(name, held.data, digest, refusal) if held else ""
        return FileRejected(self._source, at, shown(name), digest, refusal.reason + note, refusal.where)

    async def _copy(self, name: str, data: bytes, digest: str, refusal: Unreadable) -> str:
        if self._quarantine is None:
            return ""
        try:
            await in_thread(self._quarantine.keep, name, data, digest, refusal)
        except OSError as error:
            return f" (no copy could be made: {error.strerror})"
        return ""


async def sha256(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    if len(data) > _LARGE:
        return (await in_thread(hashlib.sha256, data)).hexdigest()
    return hashlib.sha256(data).hexdigest()
