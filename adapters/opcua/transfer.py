"""Reads one file of a control (OPC 10000-5 C.2 FileType): opened for reading, read in pieces, and always closed again."""

from __future__ import annotations

import asyncio
from asyncio import timeout as time_box
from dataclasses import dataclass
from typing import Protocol

from asyncua import ua

from adapters.opcua.files import File
from adapters.opcua.instances import Finds
from adapters.opcua.session import Reads
from adapters.opcua.values import status_of
from edge_bridge.domain.instant import SECOND, Milliseconds
from edge_bridge.errors import AdapterError
from edge_bridge.ports import Clock

PIECE = 32_768
LONGEST: Milliseconds = 60_000  # of one transfer: 4 MB at 70 kB a second
CLOSING_SECONDS = 2.0
_READING = 1  # OPC 10000-5 C.2.1: bit 0 of the mode is Read, and no other bit is ever set here
_MOVED = ("BadNodeIdUnknown", "BadNodeIdInvalid", "BadNotFound")
_HINTS = {
    "BadNodeIdUnknown": "it was deleted or moved",
    "BadNodeIdInvalid": "it was deleted or moved",
    "BadNotFound": "it was deleted or moved",
    "BadUserAccessDenied": "give the gateway's user the right to read files (SINUMERIK: FsRead)",
    "BadNotReadable": "give the gateway's user the right to read files (SINUMERIK: FsRead)",
    "BadNotSupported": "the control's protection level does not let it be read",
    "BadNotWritable": "it is open elsewhere, in the editor or by another client",
    "BadInvalidState": "it is open elsewhere, in the editor or by another client",
    "BadResourceUnavailable": "it is open elsewhere, in the editor or by another client",
    "BadMethodInvalid": "the server cannot read files",
    "BadTooManyOperations": "too many files are open on the control",
}


class FileError(Exception):
    """A file that could not be read, in words; the machine's other fields go on. moved: it has to be found anew."""

    def __init__(self, what: str, *, moved: bool = False) -> None:
        super().__init__(what)
        self.moved = moved


class Transfers(Reads, Finds, Protocol):
    """What a transfer needs of a session."""

    async def call_file(
        self, file: ua.NodeId, method: ua.NodeId, arguments: list[ua.Variant]
    ) -> tuple[ua.StatusCode, list[object]]:
        """Call Open, Read or Close of a file. Raises AdapterError when no answer came."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What says that a file changed, as the server gives it: None what it does not give."""

    size: int | None = None
    modified: object = None

    @property
    def dated(self) -> bool:
        """Tell whether a change cannot go unseen."""
        return self.modified is not None


async def stat(session: Reads, files: list[File]) -> list[Stat]:
    """Return size and time of each file, in one request. Raises FileError when a file is no longer there."""
    asked = [node for file in files for node in (file.size, file.modified) if node is not None]
    values = iter(await session.read(session.prepared(asked)) if asked else [])
    found: list[Stat] = []
    for file in files:
        size = _value(next(values)) if file.size is not None else None
        modified = _value(next(values)) if file.modified is not None else None
        found.append(Stat(size if isinstance(size, int) else None, modified))
    return found


def _value(answer: ua.DataValue) -> object:
    if status_of(answer).name == "BadNodeIdUnknown":
        raise FileError(_said("BadNodeIdUnknown"), moved=True)
    return answer.Value.Value if status_of(answer).is_good() and answer.Value is not None else None


async def transferred(session: Transfers, clock: Clock, file: File, most: int) -> tuple[bytes, bool]:
    """Return a file's first `most` bytes, and whether they are all of it. Raises FileError.

    Raises AdapterError when it is not known whether the file is open: only the end of the session closes it then.
    """
    opening = asyncio.ensure_future(session.call_file(file.node, file.open, [_byte(_READING)]))
    try:
        status, given = await asyncio.shield(opening)
    except asyncio.CancelledError:  # it may be open by the time that we are told to stop
        await _close_late(session, file, opening)
        raise
    if not status.is_good():
        raise FileError(_said(status.name), moved=status.name in _MOVED)
    if len(given) != 1 or not isinstance(given[0], int):
        raise AdapterError("a file was opened, and the server gave no handle for it", "update the control's server")
    handle = ua.Variant(given[0], ua.VariantType.UInt32)
    try:
        return await _pieces(session, clock, file, handle, most)
    finally:
        await _close(session, file, handle)


async def _pieces(session: Transfers, clock: Clock, file: File, handle: ua.Variant, most: int) -> tuple[bytes, bool]:
    data = bytearray()
    until = clock.now().boottime + LONGEST
    while len(data) <= most:  # one byte more tells whether there is more
        asked = min(PIECE, most + 1 - len(data))
        began = clock.now().boottime
        try:
            status, given = await session.call_file(
                file.node, file.read, [handle, ua.Variant(asked, ua.VariantType.Int32)]
            )
        except AdapterError as error:
            raise FileError(f"reading it: {error.what}") from error
        if not status.is_good():
            raise FileError(_said(status.name), moved=status.name in _MOVED)
        piece = given[0] if len(given) == 1 else None
        if piece is not None and not isinstance(piece, bytes):
            raise FileError("the server answered no bytes")
        if not piece:  # OPC 10000-5 C.2.3: nothing more is the end; less than asked is not
            return bytes(data), True
        if len(piece) > asked:
            raise FileError(f"the server answered {len(piece)} bytes where {asked} were asked for")
        data += piece
        now = clock.now().boottime
        if now >= until:
            raise FileError(f"reading it took longer than {LONGEST // SECOND} s")
        if now > began:
            await clock.sleep((now - began) / SECOND)  # the control gets as much time for itself as for the file
    return bytes(data[:most]), False


async def _close(session: Transfers, file: File, handle: ua.Variant) -> None:
    """Close it, whatever happened; the end of the session does where even that gets no answer."""
    closing = asyncio.ensure_future(session.call_file(file.node, file.close, [handle]))
    try:
        async with time_box(CLOSING_SECONDS):
            await asyncio.shield(closing)
    except (AdapterError, TimeoutError):
        closing.cancel()
    except asyncio.CancelledError:  # told to stop while closing: the request is on its way already
        closing.cancel()
        raise


async def _close_late(
    session: Transfers, file: File, opening: asyncio.Future[tuple[ua.StatusCode, list[object]]]
) -> None:
    try:
        async with time_box(CLOSING_SECONDS):
            status, given = await opening
    except (AdapterError, TimeoutError):
        return
    if status.is_good() and len(given) == 1 and isinstance(given[0], int):
        await _close(session, file, ua.Variant(given[0], ua.VariantType.UInt32))


def _byte(value: int) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.Byte)


def _said(status: str) -> str:
    hint = _HINTS.get(status)
    return f"{status}: {hint}" if hint else status
