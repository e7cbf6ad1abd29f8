"""Which blocks are read: few, whole values, what belongs together in one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.blocks import LARGEST_BLOCK, Block, Span, plan, split
from adapters.modbus.frames import complaint

FIELDS = ("main_program", "active_program", "program_path", "version", "execution", "mode", "test")


def blocks(*spans: tuple[str, int, int], table: str = "holding") -> list[tuple[int, int]]:
    """Return first register and size of each planned block."""
    return [(block.first, block.size) for block in plan(Span(name, table, at, size) for name, at, size in spans)]


@pytest.mark.parametrize(
    ("spans", "planned"),
    [
        ([("main_program", 100, 2), ("version", 102, 8), ("execution", 110, 1), ("mode", 111, 1)], [(100, 12)]),
        ([("main_program", 0, 2), ("program_path", 18, 4)], [(0, 22)]),
        ([("main_program", 0, 2), ("program_path", 19, 4)], [(0, 2), (19, 4)]),
        ([("main_program", 0, 2), ("version", 123, 2)], [(0, 125)]),
        ([("main_program", 0, 2), ("version", 124, 2)], [(0, 2), (124, 2)]),
        ([("program_path", 0, 125), ("main_program", 125, 1)], [(0, 125), (125, 1)]),
        ([("mode", 0, 1), ("main_program", 90, 2), ("version", 200, 8)], [(0, 1), (90, 118)]),
        ([("program_path", 2, 20), ("main_program", 0, 2), ("version", 30, 8)], [(0, 38)]),
    ],
)
def test_blocks_hold_what_belongs_together(spans: list[tuple[str, int, int]], planned: list[tuple[int, int]]) -> None:
    """Program, version and status share a block over any gap that fits; others join over a gap of 16 at most."""
    assert blocks(*spans) == planned


def test_tables_do_not_mix() -> None:
    """One request reads one table."""
    spans = [Span("main_program", "holding", 0, 2), Span("version", "input", 2, 8)]
    assert [(block.table, block.first) for block in plan(spans)] == [("holding", 0), ("input", 2)]


def test_a_refused_block_is_split_at_gaps_then_by_value() -> None:
    """First without the registers nobody asked for, then each value by itself; one value cannot be split."""
    (whole,) = plan(
        [Span("main_program", "holding", 0, 2), Span("version", "holding", 2, 8), Span("mode", "holding", 20, 1)]
    )
    pieces = split(whole)
    assert [(piece.first, piece.size) for piece in pieces] == [(0, 10), (20, 1)]
    assert [(piece.first, piece.size) for piece in split(pieces[0])] == [(0, 2), (2, 8)]
    assert split(pieces[1]) == (pieces[1],)


def test_two_fields_on_one_register_are_never_split() -> None:
    """One status word with two maps is one value on the wire."""
    (whole,) = plan([Span("execution", "holding", 5, 1), Span("mode", "holding", 5, 1)])
    assert split(whole) == (whole,)
    assert whole.cut([7]) == {"execution": (7,), "mode": (7,)}


@st.composite
def layouts(draw: st.DrawFn) -> list[Span]:
    """Return spans that do not overlap, anywhere in one table, in any order."""
    spans, at = [], draw(st.integers(0, 60000))
    for field in draw(st.permutations(FIELDS)):
        size = draw(st.integers(1, 125))
        spans.append(Span(field, "holding", at, size))
        at += size + draw(st.integers(0, 200))
    return draw(st.permutations(spans))


def assert_whole(planned: list[Block], spans: list[Span]) -> None:
    """Every span is in exactly one block, whole; no block is too long."""
    assert sorted(span.field for block in planned for span in block.spans) == sorted(span.field for span in spans)
    for block in planned:
        assert block.size <= LARGEST_BLOCK[block.table]
        assert all(block.first <= span.first and span.end <= block.end for span in block.spans)


@given(layouts())
def test_any_layout_is_read_whole(spans: list[Span]) -> None:
    """No value is ever split or forgotten, and splitting a refused block keeps that so."""
    planned = list(plan(spans))
    assert_whole(planned, spans)
    pieces = [piece for block in planned for piece in split(block)]
    assert_whole(pieces, spans)
    assert_whole([smaller for piece in pieces for smaller in split(piece)], spans)


@given(layouts())
def test_cutting_gives_each_field_its_own_registers(spans: list[Span]) -> None:
    """A block whose registers hold their own addresses gives each field its addresses back."""
    for block in plan(spans):
        for field, words in block.cut(range(block.first, block.end)).items():
            (span,) = (span for span in spans if span.field == field)
            assert words == tuple(range(span.first, span.end))


REQUEST = bytes.fromhex("0001 0000 0006 01 03 0064 0002")
ANSWER = bytes.fromhex("0001 0000 0007 01 03 04 0000 1267")


def test_a_good_answer_has_no_complaint_in_any_piece() -> None:
    """The first bytes of a good answer, and all of them, are fine; so is an exception."""
    assert all(complaint(REQUEST, ANSWER[:size]) is None for size in range(len(ANSWER) + 1))
    assert complaint(REQUEST, bytes.fromhex("0001 0000 0003 01 83 02")) is None


@given(st.binary(min_size=9, max_size=264))
def test_no_bytes_make_the_check_fail(data: bytes) -> None:
    """Any bytes are fine, incomplete or refused with words; the check itself never raises."""
    found = complaint(REQUEST, data)
    assert found is None or found[0]


@given(st.integers(0, len(ANSWER) - 5), st.integers(1, 255))
def test_a_changed_header_never_passes_as_complete(place: int, change: int) -> None:
    """One wrong byte before the values is a complaint, an exception, or an answer still to come; never these values."""
    changed = bytearray(ANSWER)
    changed[place] ^= change
    assert (
        complaint(REQUEST, bytes(changed)) is not None
        or changed[7] & 0x80
        or int.from_bytes(changed[4:6], "big") + 6 > len(changed)
    )
