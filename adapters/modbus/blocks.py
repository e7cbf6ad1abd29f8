"""Pure: the fewest block reads that fetch every value, and how a block that a PLC refuses is taken apart.

Values that belong together are read in one request: two requests can straddle a change, and a program number of before
with a revision of after is a false alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LARGEST_BLOCK = {
    "holding": 125,
    "input": 125,
    "coil": 2000,
    "discrete": 2000,
}  # Modbus application protocol 1.1b3, 6.1-6.4
WIDEST_GAP = 16  # registers nobody asked for that one request may carry along
TOGETHER = (  # read at one instant when one block can hold them: the first row that fits
    ("main_program", "active_program", "version", "execution", "mode", "test"),
    ("main_program", "active_program", "version", "execution"),
    ("main_program", "version", "execution"),
    ("main_program", "version"),
    ("active_program", "version"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Where one field stands: table, first register counted from 0, number of registers (or bits)."""

    field: str
    table: str
    first: int
    size: int

    @property
    def end(self) -> int:
        """The first register after it."""
        return self.first + self.size


@dataclass(frozen=True, slots=True)
class Block:
    """One request: a table, a first register, a number of registers, and the fields inside."""

    table: str
    first: int
    size: int
    spans: tuple[Span, ...]

    @property
    def end(self) -> int:
        """The first register after it."""
        return self.first + self.size

    def cut(self, answer: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """Return each field's part of the block's answer."""
        return {span.field: tuple(answer[span.first - self.first : span.end - self.first]) for span in self.spans}


def largest_block(table: str, registers: int = LARGEST_BLOCK["holding"]) -> int:
    """Return how much one request may bring from a table. registers: what this PLC allows; bits are not counted so."""
    return min(registers, LARGEST_BLOCK[table]) if table in ("holding", "input") else LARGEST_BLOCK[table]


def plan(spans: Iterable[Span], registers: int = LARGEST_BLOCK["holding"]) -> tuple[Block, ...]:
    """Return the fewest blocks that hold every span whole, in the order in which they are read.

    registers: how many one request may bring.
    """
    by_table: dict[str, list[Span]] = {}
    for span in spans:
        by_table.setdefault(span.table, []).append(span)
    return tuple(
        block
        for table, inside in by_table.items()
        for largest in (largest_block(table, registers),)
        for block in _merged(largest, _pieces(largest, inside))
    )


def split(block: Block) -> tuple[Block, ...]:
    """Return smaller blocks for one that a PLC refused: without its gaps, then value by value; itself when it is one value."""
    without_gaps = _runs(block.spans, widest_gap=0, largest=LARGEST_BLOCK[block.table])
    if len(without_gaps) > 1:
        return without_gaps
    return _runs(block.spans, widest_gap=-1, largest=LARGEST_BLOCK[block.table])


def _pieces(largest: int, spans: list[Span]) -> list[Block]:
    """Return blocks that must not be taken apart: the values that belong together, and each other value by itself."""
    for names in TOGETHER:
        together = [span for span in spans if span.field in names]
        if len(together) > 1 and _around(together).size <= largest:
            rest = [span for span in spans if span not in together]
            return [_around(together), *(_around([span]) for span in rest)]
    return [_around([span]) for span in spans]


def _merged(largest: int, pieces: list[Block]) -> list[Block]:
    blocks: list[Block] = []
    for piece in sorted(pieces, key=lambda piece: (piece.first, piece.end)):
        if blocks:
            both = _around([*blocks[-1].spans, *piece.spans])
            if piece.first - blocks[-1].end <= WIDEST_GAP and both.size <= largest:
                blocks[-1] = both
                continue
        blocks.append(piece)
    return blocks


def _runs(spans: Iterable[Span], *, widest_gap: int, largest: int) -> tuple[Block, ...]:
    """Return the spans in blocks with no gap wider than this; -1 joins only spans that share their registers."""
    runs: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (span.first, span.end)):
        if runs and span.first - runs[-1][-1].end <= widest_gap and _around([*runs[-1], span]).size <= largest:
            runs[-1].append(span)
        else:
            runs.append([span])
    return tuple(_around(run) for run in runs)


def _around(spans: Sequence[Span]) -> Block:
    first, end = min(span.first for span in spans), max(span.end for span in spans)
    return Block(spans[0].table, first, end - first, tuple(spans))
