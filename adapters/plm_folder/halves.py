"""ECNs in one file and their items in another, joined by number: what comes first waits, and is told when it waits too long.

Nothing of it is kept across a restart: the files still lie in the folder and are read again. Pure: time is an argument.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft, Item
from edge_bridge.domain.instant import Milliseconds, Stamp
from edge_bridge.domain.signal import EcnNotice
from edge_bridge.options import duration_text

MOST_ECNS = 20_000  # of which both halves are remembered; the oldest are forgotten first
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Orphans:
    """A file with items whose ECN nothing has described in time, and why it is refused."""

    file: str
    sha256: str
    refusal: Unreadable


@dataclass(frozen=True, slots=True)
class _Half:
    """One half of an ECN, and the file that stated it last."""

    draft: EcnDraft
    file: str
    sha256: str
    due: Milliseconds


class Halves:
    """The halves of one source. A later file replaces what an earlier one said of the same half."""

    def __init__(self, source: str, timeout: Milliseconds, most: int = MOST_ECNS) -> None:
        self._source, self._timeout, self._most = source, timeout, most
        self._headers: dict[str, _Half] = {}
        self._items: dict[str, _Half] = {}
        self._waiting: dict[tuple[str, bool], _Half] = {}  # (number, whether it is the header)

    @property
    def waiting(self) -> tuple[tuple[str, str, bool], ...]:
        """Return (number, file, whether it is the header) of what waits for its other half."""
        return tuple((number, half.file, header) for (number, header), half in self._waiting.items())

    @property
    def next_due(self) -> Milliseconds | None:
        """When the next half has waited too long, None when none waits."""
        return min((half.due for half in self._waiting.values()), default=None)

    def take(self, notice: EcnNotice, age: Milliseconds = 0) -> list[EcnNotice]:
        """Take a file in, and return what is complete: what the file states wholly, and what it completes.

        age: how long it lay there before it was read, which is as good as waited.
        """
        due = notice.at.boottime + self._timeout - max(0, age)
        whole: list[EcnDraft] = []
        complete: dict[tuple[str, str], list[tuple[_Half, _Half]]] = {}
        for draft in notice.ecns:
            pair = self._pair(draft, notice, due) if _is_header(draft) or _is_items(draft) else None
            if pair is not None:
                complete.setdefault((pair[0].file, pair[1].file), []).append(pair)
            elif (draft.number, _is_header(draft)) not in self._waiting:
                whole.append(draft)
                if _states_items(draft):
                    self._keep(draft, notice)
        if len(whole) == len(notice.ecns) and not any(map(_is_header, whole)):
            return [notice]
        # what is not the whole file is a notice of its own: the file has to be read again after a restart
        reports = [EcnNotice(self._source, notice.at, notice.file, notice.sha256, tuple(whole))] if whole else []
        return reports + [self._joined(pairs, notice.at) for pairs in complete.values()]

    def overdue(self, at: Stamp, *, all_of_them: bool = False) -> list[EcnNotice | Orphans]:
        """Return what has waited too long as far as it can be told: ECNs without items go on, items without an ECN are refused.

        Such an ECN is in doubt: it leads to no machine, and says what is missing. Both are still joined when the other half
        comes.
        """
        over = {key: half for key, half in self._waiting.items() if all_of_them or half.due <= at.boottime}
        for key in over:
            del self._waiting[key]
        headers = [half for (_, header), half in over.items() if header]
        items = [half for (_, header), half in over.items() if not header]
        reports: list[EcnNotice | Orphans] = []
        for half, drafts in _by_file(headers):
            reports.append(EcnNotice(self._source, at, half.file, half.sha256, tuple(map(self._alone, drafts))))
        for half, drafts in _by_file(items):
            reports.append(self._orphans(half, drafts))
        return reports

    def _pair(self, draft: EcnDraft, notice: EcnNotice, due: Milliseconds) -> tuple[_Half, _Half] | None:
        """Note a half, and return both when the other one is there; else it waits, unless it demands nothing."""
        header = _is_header(draft)
        half = _Half(draft, notice.file, notice.sha256, due)
        mine, others = (self._headers, self._items) if header else (self._items, self._headers)
        self._note(mine, half)
        other = others.get(draft.number)
        if other is not None or header:
            self._waiting.pop((draft.number, True), None)
            self._waiting.pop((draft.number, False), None)
        if other is not None:
            return (half, other) if header else (other, half)
        if not header or (draft.status is not None and draft.status.in_force):
            self._waiting[draft.number, header] = half
        return None

    def _keep(self, draft: EcnDraft, notice: EcnNotice) -> None:
        """Note both halves of an ECN that came whole: either of them may come again alone."""
        for known, header in ((self._headers, True), (self._items, False)):
            self._waiting.pop((draft.number, header), None)
            known.pop(draft.number, None)
            if draft.status is not None:
                self._note(known, _Half(draft, notice.file, notice.sha256, 0))

    def _note(self, known: dict[str, _Half], half: _Half) -> None:
        known.pop(half.draft.number, None)
        known[half.draft.number] = half
        if len(known) > self._most:
            del known[next(iter(known))]

    def _joined(self, pairs: list[tuple[_Half, _Half]], at: Stamp) -> EcnNotice:
        header, items = pairs[0]
        drafts = tuple(
            replace(h.draft, items=tuple(replace(item, row=f"{i.file}: {item.row}") for item in i.draft.items))
            for h, i in pairs
        )
        digest = hashlib.sha256(f"{header.sha256}{items.sha256}".encode()).hexdigest()
        return EcnNotice(self._source, at, f"{header.file} + {items.file}", digest, drafts)

    def _alone(self, draft: EcnDraft) -> EcnDraft:
        """Return an ECN without its items, which says so."""
        missing = Unreadable("no_items", timeout=duration_text(self._timeout))
        row = draft.items[0].row if draft.items else ""
        return replace(draft, items=(Item(row=row, doubt=missing.reason),))

    def _orphans(self, half: _Half, drafts: tuple[EcnDraft, ...]) -> Orphans:
        shown = ", ".join(draft.number for draft in drafts[:_MOST_SHOWN])
        if len(drafts) > _MOST_SHOWN:
            shown += f" (+{len(drafts) - _MOST_SHOWN})"
        where = drafts[0].items[0].row if drafts[0].items else ""
        return Orphans(
            half.file,
            half.sha256,
            Unreadable("other_half", where, number=shown, timeout=duration_text(self._timeout)),
        )


def _is_header(draft: EcnDraft) -> bool:
    """Tell whether a draft describes an ECN without its items; one whose status nobody knows changes nothing and goes on."""
    return not _states_items(draft) and draft.status is not None


def _is_items(draft: EcnDraft) -> bool:
    return _states_items(draft) and draft.status is None and not draft.status_word


def _states_items(draft: EcnDraft) -> bool:
    """Tell whether any item says something: a row of a list that is all about the ECN is an item without a word."""
    return any(replace(item, row="") != Item() for item in draft.items)


def _by_file(halves: Iterable[_Half]) -> Iterator[tuple[_Half, tuple[EcnDraft, ...]]]:
    grouped: dict[tuple[str, str], list[_Half]] = {}
    for half in halves:
        grouped.setdefault((half.file, half.sha256), []).append(half)
    for found in grouped.values():
        yield found[0], tuple(half.draft for half in found)
