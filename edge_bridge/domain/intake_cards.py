"""What people must look at in what comes in: words, routes, dates and withdrawals that a machine cannot settle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice

from edge_bridge.domain.board import Board, Facts
from edge_bridge.domain.books import Books
from edge_bridge.domain.card import Kind
from edge_bridge.domain.ecn import Ecn
from edge_bridge.domain.event import EventType
from edge_bridge.domain.first_scans import FirstScans
from edge_bridge.domain.instant import to_text
from edge_bridge.domain.routing import Demand, Demands, Unrouted, route
from edge_bridge.domain.signal import FileRejected
from edge_bridge.domain.state import IN_DOUBT

MOST_LISTED = 20
LATEST, SMALL = 5, 200  # ECNs whose reasons a card repeats: the newest, with so many items at most


class IntakeCards:
    """Cards of the ECN sources. During a source's first scan they are gathered: one for each cause, not one a file."""

    def __init__(self, books: Books, board: Board, scans: FirstScans) -> None:
        self._books = books
        self._board = board
        self._scans = scans
        self._untold: dict[str, tuple[list[str], list[Unrouted], str]] = {}  # source → ECNs, items, newest event

    def words_known(self, source: str, words: Iterable[str]) -> None:
        """Clear the cards of status words that were added."""
        for word in sorted(words):
            self._board.clear(source, Kind.UNKNOWN_STATUS, word)

    def words_unknown(self, source: str, unknown: Mapping[str, str], file: str) -> None:
        """Show the status words that nobody knows, one card a word. unknown: ECN → word."""
        if self._scans.going_on(source):
            return
        numbers: defaultdict[str, list[str]] = defaultdict(list)
        for number, word in unknown.items():
            numbers[word].append(number)
        for word, ecns in numbers.items():
            facts: Facts = {"word": word, "ecn": ecns[-1], "file": file, "count": len(ecns)}
            self._board.raise_card(source, Kind.UNKNOWN_STATUS, word, ecns=ecns, facts=facts)

    def rejected(self, signal: FileRejected, cause: str) -> None:
        """Show a file that cannot be read."""
        if self._scans.going_on(signal.source):
            return
        facts: Facts = {"file": signal.file, "reason": signal.reason, "where": signal.where}
        self._board.raise_card(
            signal.source, Kind.ECN_REJECTED, signal.file, seen=signal.sha256, facts=facts, cause=cause
        )

    def unrouted(self, ecn: Ecn, unrouted: list[Unrouted], cause: str | None) -> None:
        """Say which items lead to no machine: an event, and a line on the source's card (see `tell_unrouted`)."""
        told = self._books.emit(
            EventType.ECN_UNROUTED,
            origin=ecn.source,
            subject=ecn.number,
            data={
                "ecn": ecn.number,
                "file": ecn.file,
                "items": [{"part": u.item.part, "row": u.item.row, "reason": u.reason} for u in unrouted],
            },
            causation=cause,
        )
        if not self._scans.note_lost(ecn):
            ecns, items, _ = self._untold.get(ecn.source, ([], [], ""))
            ecns.append(ecn.number)
            items.extend(unrouted[: max(0, MOST_LISTED - len(items))])
            self._untold[ecn.source] = (ecns, items, told)

    def tell_unrouted(self) -> None:
        """Bring the cards up to date, once for all that one signal brought: a file may hold thousands of ECNs."""
        untold, self._untold = self._untold, {}
        for source, (ecns, items, told) in untold.items():
            self._unrouted_card(source, ecns, items, told)

    def routed(self, ecn: Ecn) -> None:
        """Take an ECN off its source's card: every item of it has found its way, or nothing is demanded any more."""
        self._scans.note_found(ecn.number)
        card = self._board.find(ecn.source, Kind.UNROUTED)
        if card is not None and card.active and ecn.number in card.ecns:
            self._keep_unrouted(ecn.source, [number for number in card.ecns if number != ecn.number])

    def rerouted(self, unrouted: Collection[str]) -> None:
        """Bring the cards up to date after a change of routes or machines. unrouted: ECNs that still lead nowhere."""
        for source in sorted(self._books.state.source):
            card = self._board.find(source, Kind.UNROUTED)
            if card is not None and card.active:
                missing = [number for number in card.ecns if number in unrouted]
                if len(missing) < len(card.ecns):
                    self._keep_unrouted(source, missing)

    def withdrawn(self, ecn: Ecn, cause: str) -> None:
        """Show a withdrawal: the floor may already have acted."""
        self._about(ecn, Kind.WITHDRAWN_AFTER_RELEASE, cause)

    def suspect_time(self, ecn: Ecn, cause: str) -> None:
        """Show a release that lies in the future."""
        released = ecn.draft.released
        self._about(ecn, Kind.SUSPECT_TIME, cause, {"released": to_text(released.utc) if released else None})

    def changed(self, ecn: Ecn, before: Demands, demands: Demands, cause: str) -> None:
        """Show an ECN that demands another content under the same version."""
        silent = _changed_without_revision(before, demands)
        if silent:
            programs = ", ".join(sorted({demand.program for demand in silent}))
            self._about(ecn, Kind.CHANGED_WITHOUT_REVISION, cause, {"programs": programs}, seen=ecn.sha256)

    def scan_complete(self, source: str, cause: str) -> None:
        """Show what the first scan has gathered."""
        lost, files = self._scans.end(source)
        if lost:
            items = (item for number in lost for item in _lost(self._books.state.ecn[number], self._books))
            self._unrouted_card(source, lost, list(islice(items, MOST_LISTED)), cause)
        words = {number: word for m in files for number, word in m.unknown.items() if word != IN_DOUBT}
        self.words_unknown(source, words, next((m.file for m in files if words.keys() & m.unknown.keys()), ""))
        if rejected := [memory for memory in files if memory.rejected]:
            names = ", ".join(memory.file for memory in rejected[:MOST_LISTED])
            facts: Facts = {"file": names, "reason": rejected[0].rejected, "where": "", "count": len(rejected)}
            self._board.raise_card(source, Kind.ECN_REJECTED, facts=facts, cause=cause)

    def _unrouted_card(self, source: str, ecns: list[str], unrouted: list[Unrouted], cause: str) -> None:
        card = self._board.find(source, Kind.UNROUTED)
        earlier = [number for number in card.ecns if number not in ecns] if card is not None and card.active else []
        reasons = dict.fromkeys((*map(_reason, unrouted[:MOST_LISTED]), *self._reasons(earlier)))
        facts: Facts = {"count": len(ecns), "reason": "; ".join([*reasons][:MOST_LISTED]), "ecn": ecns[-1]}
        self._board.raise_card(source, Kind.UNROUTED, ecns=ecns, facts=facts, cause=cause)

    def _keep_unrouted(self, source: str, missing: list[str]) -> None:
        card = self._board.find(source, Kind.UNROUTED)
        if not missing or card is None:
            self._board.clear(source, Kind.UNROUTED)
            return
        reason = "; ".join(dict.fromkeys(self._reasons(missing))) or card.facts.get("reason")
        facts = card.facts | {"count": len(missing), "ecn": missing[-1], "reason": reason}
        self._board.raise_card(source, Kind.UNROUTED, ecns=missing, whole=True, facts=facts)

    def _reasons(self, numbers: Sequence[str]) -> list[str]:
        """Return why the latest of these ECNs lead nowhere, the newest first; a large one is not gone through again."""
        held = [self._books.state.ecn.get(number) for number in reversed(numbers[-LATEST:])]
        small = [ecn for ecn in held if ecn is not None and len(ecn.draft.items) <= SMALL]
        return [_reason(one) for ecn in small for one in _lost(ecn, self._books)][:MOST_LISTED]

    def _about(self, ecn: Ecn, kind: Kind, cause: str, more: Facts | None = None, seen: str | None = None) -> None:
        facts: Facts = {"ecn": ecn.number, "file": ecn.file, "status": str(ecn.status), **(more or {})}
        self._board.raise_card(ecn.source, kind, ecn.number, ecns=[ecn.number], seen=seen, facts=facts, cause=cause)


def _reason(unrouted: Unrouted) -> str:
    return f"{unrouted.item.part or unrouted.item.program or unrouted.ecn}: {unrouted.reason}"


def _lost(ecn: Ecn, books: Books) -> list[Unrouted]:
    return route(ecn.draft, books.plant)[1]


def _changed_without_revision(before: Demands, now: Demands) -> list[Demand]:
    """Return the demands with the same required version as before, but another digest or drawing content."""
    return [
        demand
        for key, demand in now.items()
        if (old := before.get(key))
        and old.version == demand.version
        and (old.sha256, old.drawing, old.revision) != (demand.sha256, demand.drawing, demand.revision)
    ]
