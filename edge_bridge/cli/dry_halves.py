"""ECNs in one file and their items in another, for the dry run of a folder: joined as the daemon would, whichever came first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_bridge.domain.ecn import EcnDraft, Item
from edge_bridge.ports import TracedEcn


@dataclass(frozen=True, slots=True)
class Stated:
    """One ECN as a file states it. with_file: the file with its items, where that is another one."""

    draft: EcnDraft
    origin: TracedEcn | None = None
    with_file: str = ""

    @property
    def is_items(self) -> bool:
        """Whether it is items without an ECN."""
        return _states_items(self.draft) and self.draft.status is None and not self.draft.status_word

    @property
    def is_header(self) -> bool:
        """Whether it describes an ECN without its items."""
        return not _states_items(self.draft) and self.draft.status is not None


def joined(files: Mapping[str, Sequence[Stated]]) -> dict[str, list[Stated]]:
    """Return what each file states with the halves joined, in the file of the ECN; what is alone stays where it is.

    Of two files that state the same half the later one counts.
    """
    headers = {one.draft.number for stated in files.values() for one in stated if one.is_header}
    items = {one.draft.number: (file, one) for file, stated in files.items() for one in stated if one.is_items}
    found: dict[str, list[Stated]] = {}
    for file, stated in files.items():
        found[file] = [
            _whole(one, *items[one.draft.number]) if one.is_header and one.draft.number in items else one
            for one in stated
            if not (one.is_items and one.draft.number in headers)
        ]
    return found


def _whole(header: Stated, file: str, items: Stated) -> Stated:
    rows = tuple(replace(item, row=f"{file}: {item.row}") for item in items.draft.items)
    draft = replace(header.draft, items=rows)
    if header.origin is None or items.origin is None:
        return Stated(draft, None, file)
    return Stated(draft, TracedEcn(draft, header.origin.head, items.origin.items), file)


def _states_items(draft: EcnDraft) -> bool:
    return any(replace(item, row="") != Item() for item in draft.items)
