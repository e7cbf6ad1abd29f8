"""What a parser process answers: the ECNs of one file after another in as few frames as will do, or why there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter

from adapters.plm_folder.frames import Header, frame
from adapters.plm_folder.unreadable import Unreadable
from edge_bridge.domain.ecn import EcnDraft, Item

PIECE = 500  # items in one frame: the daemon takes an answer in short steps
_DRAFTS = TypeAdapter(tuple[EcnDraft, ...])
_ITEMS = TypeAdapter(tuple[Item, ...])
Drafts = tuple[EcnDraft, ...]
Defect = Callable[[str], object]


class Answers:
    """Written in the process, file by file. Small files share a frame, a large one takes several: `part` and `items` belong to
    the next file that a frame of `ecns` ends. write: takes the bytes.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._drafts: list[EcnDraft] = []
        self._files: list[int] = []  # how many ECNs each has
        self._weight = 0

    def ecns(self, drafts: Drafts) -> None:
        """Answer a file with what it says."""
        weight = sum(1 + len(draft.items) for draft in drafts)
        if self._weight + weight > PIECE:
            self.end()
        if weight > PIECE:
            for piece in _pieces(drafts):
                self._write(piece)
            drafts = ()
        self._drafts += drafts
        self._files.append(len(drafts))
        self._weight += weight

    def nothing(self, header: Header) -> None:
        """Answer a file with why it says nothing."""
        self.end()
        self._write(frame(header))

    def end(self) -> None:
        """Write what is still to be written."""
        if self._files:
            self._write(frame({"is": "ecns", "files": self._files}, _json(_DRAFTS, tuple(self._drafts))))
        self._drafts, self._files, self._weight = [], [], 0


class Understood:
    """Read in the daemon, frame by frame. limit: MB of memory that a file may take. defect: is told a reader's traceback."""

    def __init__(self, limit: int, defect: Defect) -> None:
        self._limit, self._defect = limit, defect
        self._begun: list[EcnDraft] = []  # of a file that takes several frames

    def take(self, header: Header, body: bytes) -> list[Drafts | Unreadable]:
        """Return what a frame says of the files that it ends. Raises ValueError when it is no answer."""
        match header:
            case {"is": "part"}:
                self._begun += _DRAFTS.validate_json(body)
                return []
            case {"is": "items"} if self._begun:
                self._begun.append(_longer(self._begun.pop(), _ITEMS.validate_json(body)))
                return []
            case {"is": "ecns", "files": list(files)}:
                return list(self._share(files, _DRAFTS.validate_json(body)))
        self._begun = []
        return [self._refusal(header)]

    def _share(self, files: Sequence[object], drafts: Drafts) -> Iterator[Drafts]:
        at = 0
        for count in files:
            if not isinstance(count, int) or count < 0 or at + count > len(drafts):
                raise ValueError("files that do not share the ECNs")
            begun, self._begun = self._begun, []
            yield (*begun, *drafts[at : at + count])
            at += count

    def _refusal(self, header: Header) -> Unreadable:
        match header:
            case {"is": "unreadable", "kind": str(kind), "where": str(where), "facts": dict(facts)}:
                try:
                    return Unreadable(kind, where, **facts)
                except (KeyError, TypeError, IndexError) as error:
                    raise ValueError(f"a reason that is none: {error}") from error
            case {"is": "memory"}:
                return Unreadable("too_much_memory", limit=self._limit)
            case {"is": "defect", "error": str(error), "text": str(text)}:
                self._defect(text)
                return Unreadable("defect", detail=error)
        raise ValueError("an answer that is none")


def _json(adapter: TypeAdapter[Any], rows: tuple[EcnDraft, ...] | tuple[Item, ...]) -> bytes:
    """Return rows as JSON, without what has its default: reading puts it back, and most of an ECN is empty."""
    return adapter.dump_json(rows, exclude_defaults=True)


def _pieces(drafts: Drafts) -> Iterator[bytes]:
    """Yield a large file's ECNs in frames of so many items at most; an ECN with more of them goes on in the next frame."""
    batch: list[EcnDraft] = []
    count = 0
    for draft in drafts:
        if count + len(draft.items) > PIECE and batch:
            yield frame({"is": "part"}, _json(_DRAFTS, tuple(batch)))
            batch, count = [], 0
        if len(draft.items) > PIECE:
            yield from _long(draft)
            continue
        batch.append(draft)
        count += 1 + len(draft.items)
    if batch:
        yield frame({"is": "part"}, _json(_DRAFTS, tuple(batch)))


def _long(draft: EcnDraft) -> Iterator[bytes]:
    fields = {name: getattr(draft, name) for name in draft.__dataclass_fields__}
    yield frame({"is": "part"}, _json(_DRAFTS, (EcnDraft(**{**fields, "items": draft.items[:PIECE]}),)))
    for start in range(PIECE, len(draft.items), PIECE):
        yield frame({"is": "items"}, _json(_ITEMS, draft.items[start : start + PIECE]))


def _longer(draft: EcnDraft, more: tuple[Item, ...]) -> EcnDraft:
    fields = {name: getattr(draft, name) for name in draft.__dataclass_fields__}
    return EcnDraft(**{**fields, "items": (*draft.items, *more)})
