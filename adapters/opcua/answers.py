"""Decodes the answers to Reads, which come each second from every machine: usual ones directly, others as asyncua does. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError

_SHORT, _INT = struct.Struct("<H"), struct.Struct("<i")
TYPE = b"\x01\x00" + _SHORT.pack(ObjectIds.ReadResponse_Encoding_DefaultBinary)
# OPC 10000-4 7.33, a ResponseHeader: time and handle, then a good result, no diagnostics, no texts, nothing additional.
_RESULT, _RESULTS = 16, 28
_USUAL = (b"\0" * 5 + b"\xff" * 4 + b"\0" * 3, b"\0" * 12)
# OPC 10000-6 5.2.2.16, 5.2.2.17: built-in types that are numbers, and what a DataValue may hold beside its value.
_NUMBERS = {number: struct.Struct("<" + form) for number, form in enumerate("?bBhHiIqQfd", 1)}
_NULL, _STRING = 0, 12
_TYPES = {number: ua.VariantType(number) for number in (_NULL, *_NUMBERS, _STRING)}
_MORE: tuple[tuple[int, str, struct.Struct, Callable[[Any], object]], ...] = (
    (2, "StatusCode", struct.Struct("<I"), ua.StatusCode),
    (4, "SourceTimestamp", struct.Struct("<q"), ua.win_epoch_to_datetime),
    (16, "SourcePicoseconds", _SHORT, int),
    (8, "ServerTimestamp", struct.Struct("<q"), ua.win_epoch_to_datetime),
    (32, "ServerPicoseconds", _SHORT, int),
)


class UnusualError(Exception):
    """An answer that is left to asyncua."""


def results(body: Buffer) -> list[ua.DataValue]:
    """Return the values in the body of a ReadResponse. Raises UaError for what is none, or bad as a whole."""
    data = bytes(body)
    if not data.startswith(TYPE):
        raise UaError("its answer to Read is none")
    if data[_RESULT:_RESULTS] in _USUAL:
        try:
            return _values(data)
        except (UnusualError, struct.error, IndexError):
            pass  # asyncua says what is wrong with it, if anything is
    try:
        response = struct_from_binary(ua.ReadResponse, body)
    except (struct.error, TypeError, ValueError, IndexError) as error:
        raise UaError(f"its answer to Read cannot be decoded ({error})") from error
    response.ResponseHeader.ServiceResult.check()
    return response.Results


def _values(data: bytes) -> list[ua.DataValue]:
    (count,) = _INT.unpack_from(data, _RESULTS)
    at, found = _RESULTS + 4, []
    for _ in range(count):
        value, at = _value(data, at)
        found.append(value)
    return found


def _value(data: bytes, at: int) -> tuple[ua.DataValue, int]:
    mask, at = data[at], at + 1
    if mask & 1:
        variant, at = _variant(data, at)
    else:
        variant = None
    more: dict[str, Any] = {}
    for bit, name, form, kind in _MORE:
        if mask & bit:
            more[name] = kind(form.unpack_from(data, at)[0])
            at += form.size
    return ua.DataValue(variant, **more), at


def _variant(data: bytes, at: int) -> tuple[ua.Variant, int]:
    kind, at = data[at], at + 1
    if kind in _NUMBERS:
        form = _NUMBERS[kind]
        return ua.Variant(form.unpack_from(data, at)[0], _TYPES[kind]), at + form.size
    if kind == _NULL:
        return ua.Variant(None, _TYPES[kind]), at
    if kind != _STRING:
        raise UnusualError
    (length,) = _INT.unpack_from(data, at)
    at += 4
    if length == -1:
        return ua.Variant(None, _TYPES[kind]), at
    if not 0 <= length <= len(data) - at:
        raise UnusualError
    return ua.Variant(data[at : at + length].decode("utf-8", "surrogateescape"), _TYPES[kind]), at + length
