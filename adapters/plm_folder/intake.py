"""One file's bytes to one report: digest, reading, and for what makes no sense a copy with its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from adapters.plm_folder.folder import Held
from adapters.plm_folder.groups import Outcome, Question
from adapters.plm_folder.names import shown
from adapters.plm_folder.options import PlmFolderOptions
from adapters.plm_folder.quarantine import Quarantine
from adapters.plm_folder.sandbox import Sandbox
from adapters.plm_folder.under_way import Job
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.blocking import BlockingCalls, in_thread
from edge_bridge.domain.ecn import EcnDraft
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.signal import EcnNotice, FileRejected
from edge_bridge.errors import AdapterError

_LONGEST_COPY, _ONCE_MORE = 5.0, 0.2  # seconds: for one copy; and where the one before has not come to an end
_LARGE = 256_000  # bytes; above, a thread works so that the loop goes on


class Intake:
    """Makes the reports of one source. Files are parsed in the sandbox, never here."""

    def __init__(self, source: str, options: PlmFolderOptions, sandbox: Sandbox) -> None:
        self.source = source
        self._sandbox = sandbox
        self._copying, self._patience = BlockingCalls(), _LONGEST_COPY
        self._quarantine = Quarantine(options.quarantine / source, options.language) if options.quarantine else None

    def warm(self) -> None:
        """Be ready for the next file."""
        self._sandbox.warm()

    def read(self, jobs: Sequence[Job], tell: Callable[[Job, Outcome], None], late: Callable[[Job], None]) -> None:
        """Have files parsed. tell: called once for each with what came of it. late: called when one takes long."""
        self._sandbox.ask([Question(job.held.data, job.final, partial(tell, job), partial(late, job)) for job in jobs])

    def notice(self, job: Job, ecns: tuple[EcnDraft, ...], mark: str) -> EcnNotice:
        """Return the report of a file that was read."""
        return EcnNotice(self.source, job.at, shown(job.name), job.digest, ecns, mark)

    async def rejection(
        self, name: str, held: Held | None, digest: str, at: Stamp, refusal: Unreadable
    ) -> FileRejected:
        """Return why a file is refused; its bytes, if they could be had, are copied first."""
        note = await self._copy(name, held.data, digest, refusal) if held else ""
        return FileRejected(self.source, at, shown(name), digest, refusal.reason + note, refusal.where)

    async def _copy(self, name: str, data: bytes, digest: str, refusal: Unreadable) -> str:
        if self._quarantine is None:
            return ""
        try:
            await self._copying.run(self._patience, self._quarantine.keep, name, data, digest, refusal)
            self._patience = _LONGEST_COPY
        except OSError as error:
            return f" (no copy could be made: {error.strerror})"
        except AdapterError as error:  # it lies on a share that hangs: the folder of the ECNs may be well
            self._patience = _ONCE_MORE
            return f" (no copy could be made: {error.what})"
        return ""


async def sha256(data: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    if len(data) > _LARGE:
        return (await in_thread(hashlib.sha256, data)).hexdigest()
    return hashlib.sha256(data).hexdigest()
