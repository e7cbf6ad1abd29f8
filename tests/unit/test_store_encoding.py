"""The quick JSON of rows: for every kind and value, byte for byte what pydantic writes of the declared types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from edge_bridge.domain.state import KINDS
from edge_bridge.errors import StoreError
from edge_bridge.store.encoding import writer
from edge_bridge.store.rows import Codec

CODEC = Codec(KINDS)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)  # no half surrogates: they have no UTF-8
PLAIN = st.none() | st.booleans() | TEXT
STRATEGIES: Mapping[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    Any: PLAIN | st.dictionaries(TEXT, PLAIN, max_size=2),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return values of a declared type."""
    if hint in STRATEGIES:
        return STRATEGIES[hint]
    origin, given = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of([values(option) for option in given])
    if origin in (dict, Mapping):
        return st.dictionaries(values(given[0]), values(given[1]), max_size=2)
    if origin is tuple and given[-1] is Ellipsis:
        return st.lists(values(given[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*[values(option) for option in given])
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    hints = get_type_hints(hint)
    return st.builds(hint, **{one.name: values(hints[one.name]) for one in fields(hint)})


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_kind_of_row_is_written_as_pydantic_writes_it(kind: str, data: st.DataObject) -> None:
    """So that it is read back equal, and a database says the same whichever release wrote it."""
    rows = data.draw(st.lists(values(KINDS[kind]), min_size=1, max_size=3))
    adapter = TypeAdapter[Any](KINDS[kind])
    for row in [*rows, rows[0]]:
        quick = writer(KINDS[kind])(row)
        assert quick.encode() == adapter.dump_json(row, exclude_defaults=True)
        assert CODEC.decode(kind, "x", quick) == row


@dataclass(frozen=True, slots=True)
class Part:
    """A part that may be edited in place, whatever it promises."""

    marks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Whole:
    """A row with such a part."""

    part: Part
    count: int = 0


def test_what_may_change_inside_is_written_anew() -> None:
    """The newest part is remembered only where it can hold nothing else later."""
    part = Part()
    assert writer(Whole)(Whole(part)) == '{"part":{}}'
    part.marks["a"] = 'b"\n'
    assert writer(Whole)(Whole(part)) == '{"part":{"marks":{"a":"b\\"\\n"}}}'


def test_what_has_no_utf8_or_another_type_is_refused() -> None:
    """By name, before anything is written."""
    codec = Codec({"machine": Whole})
    for wrong in (Whole(Part({"a": "\ud800"})), Whole(Part(), "1")):  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="machine m1 cannot be stored"):
            codec.encode("machine", "m1", wrong)
