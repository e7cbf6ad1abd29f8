"""Answers to Reads, decoded directly: the same values as asyncua finds in the same bytes, and its errors."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from asyncua.ua.uaerrors import BadSessionIdInvalid, UaError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.opcua.answers import UnusualError, _values, results

KIND = ua.VariantType
VALUES: dict[ua.VariantType, st.SearchStrategy[Any]] = {
    KIND.Null: st.none(),
    KIND.Boolean: st.booleans(),
    KIND.SByte: st.integers(-(2**7), 2**7 - 1),
    KIND.Byte: st.integers(0, 2**8 - 1),
    KIND.Int16: st.integers(-(2**15), 2**15 - 1),
    KIND.UInt16: st.integers(0, 2**16 - 1),
    KIND.Int32: st.integers(-(2**31), 2**31 - 1),
    KIND.UInt32: st.integers(0, 2**32 - 1),
    KIND.Int64: st.integers(-(2**63), 2**63 - 1),
    KIND.UInt64: st.integers(0, 2**64 - 1),
    KIND.Float: st.floats(width=32, allow_nan=False),
    KIND.Double: st.floats(allow_nan=False),
    KIND.String: st.none() | st.text(max_size=20),
}
MOMENTS = st.datetimes(datetime(1602, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))


@st.composite
def usual(draw: st.DrawFn) -> ua.DataValue:
    """One value, as controls give them. No picoseconds: asyncua has them in another order than OPC 10000-6 5.2.2.17."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    return ua.DataValue(
        ua.Variant(draw(VALUES[kind]), kind),
        StatusCode=draw(st.none() | st.builds(ua.StatusCode, st.integers(0, 2**32 - 1))),
        SourceTimestamp=draw(st.none() | MOMENTS),
        ServerTimestamp=draw(st.none() | MOMENTS),
    )


@st.composite
def unusual(draw: st.DrawFn) -> ua.DataValue:
    """One that is left to asyncua."""
    variants = (
        ua.Variant(["A", "B"], KIND.String),
        ua.Variant([], KIND.Int32, is_array=True),
        ua.Variant(ua.LocalizedText("Automatik", "de"), KIND.LocalizedText),
        ua.Variant(b"\0\xff", KIND.ByteString),
        ua.Variant(ua.NodeId("x", 2), KIND.NodeId),
        ua.Variant(datetime(2026, 1, 1, tzinfo=UTC), KIND.DateTime),
    )
    return ua.DataValue(draw(st.sampled_from(variants)))


def encoded(values: list[ua.DataValue], **header: Any) -> bytes:
    """Return the body of a ReadResponse."""
    response = ua.ReadResponse()
    for name, value in header.items():
        setattr(response.ResponseHeader, name, value)
    response.Results = values
    body: bytes = struct_to_binary(response)
    return body


def by_asyncua(body: bytes) -> list[ua.DataValue]:
    """Return what asyncua finds."""
    return struct_from_binary(ua.ReadResponse, Buffer(body)).Results


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the first text takes seconds on a busy machine
@given(st.lists(usual(), max_size=8), st.integers(0, 2**32 - 1))
def test_usual_values_are_what_asyncua_finds(values: list[ua.DataValue], handle: int) -> None:
    """Value, type, status and times; and they are decoded directly."""
    body = encoded(values, RequestHandle=handle)
    assert _values(body) == results(Buffer(body)) == by_asyncua(body)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(usual() | unusual(), min_size=1, max_size=4))
def test_others_are_left_to_asyncua(values: list[ua.DataValue]) -> None:
    """Arrays, structures and texts with a language among the values."""
    body = encoded(values)
    assert results(Buffer(body)) == by_asyncua(body)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(usual() | unusual(), min_size=1, max_size=3), st.data())
def test_an_answer_that_ends_early_is_no_answer(values: list[ua.DataValue], data: st.DataObject) -> None:
    """Wherever it ends: never a value that was not sent."""
    whole = encoded(values)
    body = whole[: data.draw(st.integers(0, len(whole) - 5))]  # the last four bytes say that there are no diagnostics
    with pytest.raises(UaError):
        results(Buffer(body))


def test_a_header_that_says_more_is_left_to_asyncua() -> None:
    """Texts, or diagnostics, before the values."""
    value = ua.DataValue(ua.Variant("A", KIND.String))
    for header in ({"StringTable": ["one"]}, {"ServiceDiagnostics": ua.DiagnosticInfo(SymbolicId=ua.Int32(1))}):
        assert results(Buffer(encoded([value], **header))) == [value]


def test_a_refusal_keeps_its_status() -> None:
    """A bad result of the whole request, and an answer to something else."""
    with pytest.raises(BadSessionIdInvalid):
        results(Buffer(encoded([], ServiceResult=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadSessionIdInvalid)))))
    with pytest.raises(UaError):
        results(Buffer(struct_to_binary(ua.BrowseResponse())))


def test_picoseconds_stand_behind_their_time() -> None:
    """OPC 10000-6 5.2.2.17: value, status, source time and picoseconds, server time and picoseconds."""
    head = encoded([])[:28]
    body = head + struct.pack("<iBBBIqHqHi", 1, 0x3F, 3, 7, 0, 10_000_000, 11, 20_000_000, 22, -1)
    (found,) = results(Buffer(body))
    assert found.Value is not None
    assert found.Value.Value == 7
    assert (found.SourcePicoseconds, found.ServerPicoseconds) == (11, 22)
    assert found.SourceTimestamp is not None
    assert found.ServerTimestamp is not None
    assert (found.ServerTimestamp - found.SourceTimestamp).total_seconds() == 1


def test_a_text_longer_than_the_answer_is_not_cut() -> None:
    """A length that cannot be."""
    body = encoded([ua.DataValue(ua.Variant("ABC", KIND.String))])
    at = body.index(b"\x03\0\0\0ABC")
    with pytest.raises(UnusualError):
        _values(body[:at] + b"\xff\0\0\0ABC")
