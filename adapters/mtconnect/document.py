"""MTConnect documents: bytes to plain data, for every version by local names; what is no such document says why. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from adapters.mtconnect.model import (
    AgentFault,
    Assets,
    Component,
    Device,
    File,
    Header,
    Item,
    Model,
    Observation,
    Streams,
)
from edge_bridge.domain.instant import Milliseconds, from_datetime
from edge_bridge.domain.nc_program import HEAD_BYTES
from edge_bridge.domain.reading import blank
from edge_bridge.errors import AdapterError

UNAVAILABLE = "UNAVAILABLE"
_XLINK = "{http://www.w3.org/1999/xlink}href"
DEEPEST = 60  # components in components; the deepest real models have about ten levels
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']", re.IGNORECASE)
_AGENT_HINT = "check host, port and path in `url`: an agent answers /current with XML"


class NotMtConnect(AdapterError):
    """An answer that is no MTConnect document, in words."""


def streams(data: bytes) -> Streams:
    """Return the observations of a `/current` or `/sample` document. Raises AgentFault, NotMtConnect."""
    root = _root(data, "MTConnectStreams")
    devices: list[Device] = []
    observations: list[Observation] = []
    for stream in _every(root, "DeviceStream"):
        parts = list(_every(stream, "ComponentStream"))
        own = any(part.get("component") == "Agent" for part in parts)
        device = Device(stream.get("name") or "", stream.get("uuid") or "", agent=own)
        devices.append(device)
        for part in parts:
            component = Component(part.get("componentId") or "", part.get("name") or "", part.get("component") or "")
            observations += _observations(part, device, component)
    return Streams(_header(root), tuple(devices), tuple(observations))


def assets(data: bytes) -> Assets:
    """Return the File assets of an `/assets` document. Raises AgentFault, NotMtConnect."""
    root = _root(data, "MTConnectAssets")
    files = tuple(_file(one) for one in _every(root, "File") if one.get("removed") != "true")
    return Assets(_header(root), files, total=sum(len(one) for one in root if _local(one) == "Assets"))


def model(data: bytes) -> Model:
    """Return the components and data items of a `/probe` document, in its order. Raises AgentFault, NotMtConnect."""
    root = _root(data, "MTConnectDevices")
    devices = next((one for one in root if _local(one) == "Devices"), root)
    return Model(_header(root), tuple(_walk(devices)))


def utc(stamp: str | None) -> Milliseconds | None:
    """Return UTC ms of a time stamp; None when there is none, or it has no zone or no sense."""
    try:
        moment = datetime.fromisoformat(stamp or "")
    except ValueError:
        return None
    return from_datetime(moment) if moment.tzinfo is not None else None


def _root(data: bytes, expected: str) -> Element:
    root = _parsed(data)
    found = _local(root)
    if found == "MTConnectError":
        raise AgentFault(
            tuple((one.get("errorCode") or _local(one), _text(one)) for one in root.iter() if _is_fault(one))
        )
    if found.lower() == "html":
        raise NotMtConnect("answers with a web page, not as an MTConnect agent", _AGENT_HINT)
    if found != expected:
        raise NotMtConnect(f"answers with a document {found!r} instead of {expected}", _AGENT_HINT)
    return root


def _parsed(data: bytes) -> Element:
    beginning = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if not beginning:
        raise NotMtConnect("answers with nothing", _AGENT_HINT)
    if beginning.startswith((b"<!doctype html", b"<html")):
        raise NotMtConnect("answers with a web page, not as an MTConnect agent", _AGENT_HINT)
    if beginning.startswith((b"{", b"[")):
        raise NotMtConnect("answers with JSON", "let the agent answer with XML, which is its default, or check `url`")
    text, encoding = _as_utf8(data)
    parser = DefusedXMLParser(target=TreeBuilder(), encoding=encoding, forbid_dtd=True)
    try:
        parser.feed(text)
        root: Element = parser.close()
    except DefusedXmlException:
        raise NotMtConnect(
            "answers with XML that brings a DTD or entities", "no agent does that: check `url`"
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        raise NotMtConnect(f"answers with XML that cannot be read ({error})", "look at the agent's log") from None
    return root


def _as_utf8(data: bytes) -> tuple[bytes, str | None]:
    """Return the bytes in an encoding the parser knows, and which, None: as the document says.

    Agents pass on a control's remark byte by byte: one GBK character in a document that says UTF-8 would cost all of it.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data, None
    declared = _DECLARED.match(data[:200])
    said = declared[1].decode("ascii") if declared else "utf-8"
    for encoding in (said, "utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        return text.encode("utf-8", "replace"), "utf-8"
    return data.decode("cp1252", "replace").encode("utf-8"), "utf-8"


def _header(root: Element) -> Header:
    found = next(_every(root, "Header"), None)
    if found is None:
        raise NotMtConnect("answers with a document without a Header", _AGENT_HINT)
    return Header(
        instance=found.get("instanceId") or "",
        version=found.get("version") or "",
        created=found.get("creationTime") or "",
        first=_number(found.get("firstSequence")),
        last=_number(found.get("lastSequence")),
        next=_number(found.get("nextSequence")),
    )


def _observations(part: Element, device: Device, component: Component) -> Iterator[Observation]:
    for group in part:
        if _local(group) not in ("Events", "Samples"):
            continue  # conditions hold no value
        for one in group:
            stamp = one.get("timestamp") or ""
            text = _text(one)
            yield Observation(
                id=one.get("dataItemId") or "",
                type=_local(one),
                sub_type=one.get("subType") or None,
                name=one.get("name") or None,
                value=None if text == UNAVAILABLE else blank(text[:HEAD_BYTES]),
                unavailable=text == UNAVAILABLE,
                sequence=_number(one.get("sequence")),
                stamp=stamp,
                time=utc(stamp),
                device=device,
                component=component,
                entries=_entries(one),
                reset=bool(one.get("resetTriggered")),
                asset_type=one.get("assetType") or None,
            )


def _entries(one: Element) -> dict[str, str | None] | None:
    """Return the entries of a data set; None for a plain value. A removed entry is None."""
    found = [entry for entry in one if _local(entry) == "Entry"]
    if not found and not _local(one).endswith(("DataSet", "Table")):
        return None
    return {entry.get("key") or "": None if entry.get("removed") == "true" else _text(entry) for entry in found}


def _file(one: Element) -> File:
    location = next(_every(one, "FileLocation"), None)
    signature = next(_every(one, "Signature"), None)
    stamp = next((_text(child) for child in one if _local(child) == "ModificationTime"), one.get("timestamp"))
    return File(
        id=one.get("assetId") or "",
        name=blank(one.get("name")),
        version=blank(one.get("versionId")),
        state=(one.get("state") or "").strip().upper(),
        application=(one.get("applicationType") or "").strip().upper(),
        href=(location.get("href") or location.get(_XLINK)) if location is not None else None,
        signature=_text(signature).lower() if signature is not None else None,
        device=one.get("deviceUuid") or None,
        time=utc(stamp),
    )


def _walk(devices: Element) -> Iterator[Item]:
    """Yield components and data items from the top down, without recursion: a document may be hostile."""
    waiting: list[tuple[Element, int, str]] = [(one, 0, "") for one in reversed(list(devices))]
    while waiting:
        one, depth, device = waiting.pop()
        if depth > DEEPEST:
            raise NotMtConnect(f"describes components more than {DEEPEST} deep", "no machine is built so: check `url`")
        device = device or one.get("name") or one.get("uuid") or ""
        yield Item(
            depth, "component", one.get("id") or "", one.get("name") or None, _local(one), None, device, one.get("uuid")
        )
        inner: list[Element] = []
        for part in one:
            if _local(part) == "DataItems":
                for item in part:
                    yield Item(
                        depth + 1,
                        item.get("category") or "",
                        item.get("id") or "",
                        item.get("name") or None,
                        item.get("type") or "",
                        item.get("subType") or None,
                        device,
                    )
            elif _local(part) == "Components":
                inner += list(part)
        waiting += [(child, depth + 1, device) for child in reversed(inner)]


def _is_fault(one: Element) -> bool:
    """Tell whether this is an error: `Error errorCode=…` up to version 2.5, an element for each kind after it."""
    return "errorCode" in one.attrib or _local(one) == "Error"


def _every(root: Element, name: str) -> Iterator[Element]:
    return (one for one in root.iter() if _local(one) == name)


def _local(one: Element) -> str:
    """Return a tag without its namespace: that changes with every version and maker, and the names do not."""
    return one.tag.rsplit("}", 1)[-1] if isinstance(one.tag, str) else ""


def _text(one: Element) -> str:
    return " ".join(" ".join(one.itertext()).split()) if len(one) else (one.text or "").strip()


def _number(text: str | None) -> int:
    return int(text) if text and text.strip().isascii() and text.strip().isdigit() else 0
