"""The warner: puts what the watch sees on the board, as the one card that says it best, and takes it off again."""

from __future__ import annotations

from edge_bridge.domain.baseline import Baselines
from edge_bridge.domain.board import Board, Facts, demand_facts
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind, Severity
from edge_bridge.domain.evidence import Assessment, Blind
from edge_bridge.domain.instant import to_text
from edge_bridge.domain.obligation import Verdict
from edge_bridge.domain.reading import Reading
from edge_bridge.domain.requirement import Requirement

UNTIL_NO_LONGER_SEEN = (Kind.AHEAD_OF_RELEASE, Kind.EDITED_ON_MACHINE, Kind.CANNOT_VERIFY)


class Warner:
    """Cards about one program on one machine."""

    def __init__(self, books: Books, board: Board) -> None:
        self._books = books
        self._board = board
        self._baselines = Baselines(books, board)

    def tell_baselines(self) -> None:
        """Bring the summary cards up to date, once a turn."""
        self._baselines.tell()

    def in_baseline(self, requirement: Requirement, seen: str | None) -> bool:
        """Tell whether a mismatch was there before anybody watched: then it is on the summary card only."""
        return self._baselines.covers(requirement, seen)

    def met(self, requirement: Requirement, found: Assessment) -> None:
        """Clear what was shown about a program: it is the required one. Its content may still be another than its share's."""
        kept = Kind.EDITED_ON_MACHINE if found.edited else None
        self._board.clear_program(requirement.machine, requirement.demand.key, None, but=kept)
        if found.edited:
            self._raise(Kind.EDITED_ON_MACHINE, requirement, found)

    def wrong(self, requirement: Requirement, found: Assessment, reading: Reading, early: bool) -> None:
        """Show a known mismatch. early: it is the version of an ECN not yet in effect, or newer than any released."""
        demand = requirement.demand
        self._show(Kind.EDITED_ON_MACHINE, requirement, found, wanted=found.edited)
        if early:
            if reading.running:
                self._raise(Kind.AHEAD_OF_RELEASE, requirement, found)
            return
        self._board.clear(requirement.machine, Kind.AHEAD_OF_RELEASE, demand.key)
        if self._waived(requirement):
            return
        if requirement.matched is not None:
            if not found.edited:
                severity = Severity.CRITICAL if reading.running else Severity.HIGH
                self._raise(Kind.REVERTED, requirement, found, severity)
        elif reading.running and (demand.stop_at_release or not self.in_window(requirement)):
            self._raise(Kind.OUTDATED_PROGRAM_RUNNING, requirement, found)

    def ahead(self, requirement: Requirement, found: Assessment) -> None:
        """Show a program in production that no ECN in effect demands yet."""
        self._raise(Kind.AHEAD_OF_RELEASE, requirement, found)

    def evidenced(self, requirement: Requirement) -> None:
        """Clear `cannot_verify`: there is evidence again."""
        self._board.clear(requirement.machine, Kind.CANNOT_VERIFY, requirement.demand.key)

    def blind(self, requirement: Requirement, found: Assessment, reason: Blind) -> None:
        """Raise or clear `cannot_verify`; an unreachable machine or a lost source holds it back."""
        machine = requirement.machine
        unverifiable = [o for o in self._books.obligations_on(requirement.key) if o.verdict is Verdict.UNVERIFIABLE]
        if not unverifiable or reason is Blind.NOT_LOADED:
            self._board.clear(machine, Kind.CANNOT_VERIFY, requirement.demand.key)
            return
        kept = self._books.state.machine.get(machine)
        machine_away = kept is not None and kept.reachable is False
        if not machine_away and not any(self._source_lost(o.source) for o in unverifiable):
            last = unverifiable[-1].last_event
            self._raise(Kind.CANNOT_VERIFY, requirement, found, facts={"reason": str(reason)}, cause=last)

    def no_longer_selected(self, machine: str, judged: tuple[str, ...]) -> None:
        """Clear what had to be seen to hold, for the programs that are not selected any more."""
        for card in self._books.cards_of(machine):
            if card.program is None or card.program in judged:
                continue
            if card.kind in UNTIL_NO_LONGER_SEEN:
                self._board.clear(machine, card.kind, card.program)
            elif card.kind is Kind.REVERTED and card.active and card.severity is Severity.CRITICAL:
                self._board.calm(card)

    def shown_ahead(self, machine: str) -> list[str]:
        """Return the programs that an active card says are ahead of their release."""
        cards = self._books.cards_of(machine)
        return [c.program for c in cards if c.kind is Kind.AHEAD_OF_RELEASE and c.active and c.program is not None]

    def no_longer_ahead(self, machine: str, program: str) -> None:
        """Clear `ahead_of_release`."""
        self._board.clear(machine, Kind.AHEAD_OF_RELEASE, program)

    def in_window(self, requirement: Requirement) -> bool:
        """Tell whether the floor still has time to change the program."""
        return any(o.verdict is Verdict.PENDING for o in self._books.obligations_on(requirement.key))

    def _waived(self, requirement: Requirement) -> bool:
        return requirement.waiver is not None and requirement.waiver.holds(self._books.now)

    def _source_lost(self, source: str) -> bool:
        known = self._books.state.source.get(source)
        return known is not None and known.lost is not None

    def _show(self, kind: Kind, requirement: Requirement, found: Assessment, *, wanted: bool) -> None:
        if wanted:
            self._raise(kind, requirement, found)
        else:
            self._board.clear(requirement.machine, kind, requirement.demand.key)

    def _raise(
        self,
        kind: Kind,
        requirement: Requirement,
        found: Assessment,
        severity: Severity | None = None,
        facts: Facts | None = None,
        cause: str | None = None,
    ) -> None:
        demand = requirement.demand
        self._board.raise_card(
            requirement.machine,
            kind,
            demand.key,
            machine=requirement.machine,
            program=demand.key,
            ecns=[demand.ecn],
            severity=severity,
            seen=found.seen,
            facts=demand_facts(demand) | {"seen": found.seen, "since": to_text(requirement.since.utc)} | (facts or {}),
            cause=cause,
        )
