"""Rows as JSON: what is written can be read, by this version and the next."""

from __future__ import annotations

import pytest

from edge_bridge.errors import StoreError
from edge_bridge.store.rows import Codec
from tests.integration.store_samples import KINDS, Duty, Need, Tally

CODEC = Codec(KINDS)


def test_a_row_of_the_wrong_type_is_refused_before_it_is_stored() -> None:
    """Stored, it would stop the next start."""
    with pytest.raises(StoreError, match="machine m1 cannot be stored"):
        CODEC.encode("machine", "m1", Tally(count="many"))  # type: ignore[arg-type]


def test_a_field_that_a_later_version_added_is_its_default() -> None:
    """Old documents are read by new programs."""
    assert CODEC.decode("obligation", "o1", '{"machine": "m1", "demand": {"key": "O1"}}') == Duty("m1", Need("O1"))


def test_a_field_that_a_later_version_dropped_is_ignored() -> None:
    """New programs do not stumble over what they no longer keep."""
    assert CODEC.decode("machine", "m1", '{"count": 1, "colour": "red"}') == Tally(1)


def test_a_document_that_cannot_be_read_is_named() -> None:
    """Kind, key and field, for whoever looks for it."""
    with pytest.raises(StoreError, match="machine m1 in the database cannot be read: count"):
        CODEC.decode("machine", "m1", '{"count": "many"}')
