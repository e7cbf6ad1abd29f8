"""Walks through a block of registers; what a PLC refuses is narrowed down to the registers that are not there."""

from __future__ import annotations

from collections.abc import AsyncIterator

from adapters.modbus.block import Stretch
from adapters.modbus.blocks import largest_block
from adapters.modbus.link import Link, PlcRefusal
from adapters.modbus.meanings import entries
from edge_bridge.ports import Entry

MOST_REQUESTS = 300  # one walk must not keep a PLC busy
_NARROWED = (2, 3)  # illegal data address or value: something inside is not there
Piece = tuple[int, int, tuple[int, ...] | str]
"""First and last register counted on the wire; their values, or the PLC's words why there are none."""


async def walk(link: Link, where: Stretch, registers: int) -> AsyncIterator[Entry]:
    """Yield what is there, as it is found. registers: how many one request may bring. Raises AdapterError when lost."""
    values: dict[int, int] = {}
    first = where.first  # of those that were read and not told yet
    refused: tuple[int, int, str] | None = None
    async for begin, last, found in _pieces(link, where, largest_block(where.table, registers)):
        begin, last = begin + where.shift, last + where.shift
        if isinstance(found, str):
            for entry in entries(where.table, values, first, begin) if values else ():
                yield entry
            values = {}
            joined = refused is not None and refused[2] == found
            if refused is not None and not joined:
                yield _unreadable(where.table, *refused)
            refused = (refused[0], last, found) if refused is not None and joined else (begin, last, found)
            continue
        if refused is not None:
            yield _unreadable(where.table, *refused)
            refused = None
        # told one piece late: a number or text may go on in the next
        for entry in entries(where.table, values | _by_address(begin, found), first, begin) if values else ():
            yield entry
        values, first = _by_address(begin, found), begin
    for entry in entries(where.table, values, first, where.last + 1) if values else ():
        yield entry
    if refused is not None:
        yield _unreadable(where.table, *refused)


def _by_address(first: int, found: tuple[int, ...]) -> dict[int, int]:
    return dict(enumerate(found, first))


async def _pieces(link: Link, where: Stretch, largest: int) -> AsyncIterator[Piece]:
    """Yield the stretch piece by piece, in order; a refused piece is cut in two until it is one register."""
    first, end = where.first - where.shift, where.last - where.shift + 1
    waiting = [(at, min(at + largest, end) - 1) for at in range(first, end, largest)]
    requests = 0
    while waiting:
        begin, last = waiting.pop(0)
        requests += 1
        try:
            found = await link.read(where.table, begin, last - begin + 1)
        except PlcRefusal as refusal:
            if refusal.code in _NARROWED and last > begin and requests < MOST_REQUESTS:
                middle = (begin + last) // 2
                waiting[:0] = [(begin, middle), (middle + 1, last)]
                continue
            yield begin, last, refusal.words
            continue
        yield begin, last, found


def _unreadable(table: str, first: int, last: int, words: str) -> Entry:
    name = f"{first}" if first == last else f"{first}-{last}"
    return Entry(depth=0, name=name, place=f"{table} {name}", kind="unreadable", value=words)
