"""The ZIP inside a workbook: what it declares is checked before anything is unpacked, and what it holds while it is."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.plm_folder.unreadable import Unreadable

MOST_ENTRIES = 2000
LARGEST_WHOLE = 200_000_000  # bytes, unpacked
LARGEST_RATIO = 200  # of one entry, above a size that could not hurt
_HARMLESS = 1_000_000
_ENCRYPTED = 0x1
_LOCAL_HEADER = 30  # bytes before the name; name and extra field have their lengths at 26 and 28


@dataclass(frozen=True, slots=True)
class Archive:
    """A checked archive: its entries by name, lower case, with forward slashes."""

    data: bytes
    entries: Mapping[str, zipfile.ZipInfo]

    def read(self, name: str) -> bytes | None:
        """Return an entry's content, None when there is none. Raises Unreadable when it is not what it was declared to be."""
        info = self.entries.get(_plain(name))
        return None if info is None else _unpacked(self.data, info)


def open_archive(data: bytes) -> Archive:
    """Return the archive when what it declares can be borne. Raises Unreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except (
        zipfile.BadZipFile,
        ValueError,
        NotImplementedError,
        UnicodeDecodeError,
        OverflowError,
        IndexError,
    ) as error:
        raise Unreadable("workbook", detail="it is no ZIP archive, or a part of one") from error
    if len(infos) > MOST_ENTRIES:
        raise Unreadable("archive", detail=f"{len(infos)} entries; {MOST_ENTRIES} are allowed")
    for info in infos:
        _check(info)
    whole = sum(info.file_size for info in infos)
    if whole > LARGEST_WHOLE:
        raise Unreadable("archive", detail=f"{whole} bytes unpacked; {LARGEST_WHOLE} are allowed")
    entries = {_plain(info.filename): info for info in infos}
    if len(entries) < len(infos):
        raise Unreadable("archive", detail="two entries have one name")
    return Archive(data, entries)


def _check(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise Unreadable("password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unreadable("archive", detail=f"{info.filename[:80]!r} is packed in an unusual way")
    if info.file_size > _HARMLESS and info.file_size > LARGEST_RATIO * max(info.compress_size, 1):
        ratio = info.file_size // max(info.compress_size, 1)
        raise Unreadable("archive", detail=f"{info.filename[:80]!r} unpacks to {ratio} times its size")


def _unpacked(data: bytes, info: zipfile.ZipInfo) -> bytes:
    """Unpack one entry, never more than it declares: a declaration can lie."""
    start = info.header_offset
    header = data[start : start + _LOCAL_HEADER]
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise Unreadable("archive", detail=f"{info.filename[:80]!r} is not where it should be")
    start += _LOCAL_HEADER + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = data[start : start + info.compress_size]
    content = packed if info.compress_type == zipfile.ZIP_STORED else _inflated(packed, info)
    if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
        raise Unreadable("archive", detail=f"{info.filename[:80]!r} is not what it was declared to be")
    return content


def _inflated(packed: bytes, info: zipfile.ZipInfo) -> bytes:
    unpacking = zlib.decompressobj(-15)
    try:
        content = unpacking.decompress(packed, info.file_size + 1)
    except zlib.error as error:
        raise Unreadable("archive", detail=f"{info.filename[:80]!r} is damaged") from error
    return content


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()
