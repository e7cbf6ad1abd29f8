"""What the gateway holds of an ECN source, for its adapter: so that a restart does not read a hundred thousand files again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from edge_bridge.domain.ledger import Ledger
from edge_bridge.domain.state import file_key
from edge_bridge.ports import Adapter, Recalls

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recollection:
    """Fits ports.SourceMemory. ledger: asked each time, for after a defect there is a new one."""

    source: str
    ledger: Callable[[], Ledger]

    @property
    def has_files(self) -> bool:
        """Whether any file of the source is held."""
        return any(True for _ in self.ledger().books.state.file.items(source=self.source))

    def mark(self, file: str) -> str | None:
        """Return the mark of a file that needs no second look: what was rejected or not understood may be mended by now."""
        held = self.ledger().books.state.file.get(file_key(self.source, file))
        if held is None or held.rejected or held.unknown:
            return None
        return held.mark or None

    @property
    def place(self) -> str:
        """Where the adapter last found the source."""
        source = self.ledger().books.state.source.get(self.source)
        return source.place if source is not None else ""


def announce(database: Path) -> None:
    """Say in the log what it means that there is no database, for it may have been lost."""
    if not database.exists():
        means = "nothing is held: ECN folders are read as at a first start, old ECNs are the baseline, KPIs begin anew"
        log.warning("there is no database yet, one is made", path=str(database), means=means)


def reminding(ledger: Callable[[], Ledger]) -> Callable[[str, Adapter], None]:
    """Return what gives an adapter its memory before it is started."""

    def remind(name: str, adapter: Adapter) -> None:
        if isinstance(adapter, Recalls):
            adapter.recall(Recollection(name, ledger))

    return remind
