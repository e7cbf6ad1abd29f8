"""The baseline: what was wrong before anybody watched goes on one summary card for each origin, not on one card each."""

from __future__ import annotations

from edge_bridge.domain.board import Board
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind
from edge_bridge.domain.requirement import Requirement

MOST_LISTED = 20


class Baselines:
    """The summary cards. A requirement belongs to one while the first thing ever seen under it is still what is seen."""

    def __init__(self, books: Books, board: Board) -> None:
        self._books = books
        self._board = board

    def covers(self, requirement: Requirement, seen: str | None) -> bool:
        """Tell whether a mismatch is one that the gateway found and did not watch happen."""
        if requirement.baseline is None or requirement.matched is not None:
            return False
        return requirement.seen is None or (requirement.mismatch and requirement.seen == seen)

    def tell(self) -> None:
        """Bring the summary cards up to date, once a turn; during a first scan nothing is told yet."""
        changed, self._books.baselines = self._books.baselines, set()
        for origin in sorted(changed):
            source = self._books.state.source.get(origin)
            if source is None or source.scanned is not None:
                self._summarise(origin)

    def _summarise(self, origin: str) -> None:
        wrong = [r for r in self._books.state.requirement.values() if r.mismatch and r.baseline == origin]
        if not wrong:
            self._board.clear(origin, Kind.BASELINE)
            return
        shown = [f"{r.machine}: {r.demand.program} {r.seen} ≠ {r.demand.version}" for r in wrong[:MOST_LISTED]]
        self._board.raise_card(
            origin,
            Kind.BASELINE,
            ecns=sorted({r.demand.ecn for r in wrong}),
            whole=True,
            facts={"count": len(wrong), "list": "; ".join(shown)},
        )
