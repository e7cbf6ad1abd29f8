"""Recordings of MTConnect machines as an agent serves them: a machine's lines on a time axis of their own, or whole answers.

What is recorded and what is made here is said in `tests/recordings/README.md`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

RECORDINGS = Path(__file__).parents[1] / "recordings" / "mtconnect"
UNAVAILABLE = "UNAVAILABLE"
DISCONNECTED = "= disconnected"
_INSTANCE = 1
_DEVICE = re.compile(r'<DeviceStream name="([^"]*)" uuid="([^"]*)"')
_DATA_ITEM = re.compile(r'dataItemId="([^"]*)"')
_SEQUENCES = re.compile(r'(first|last|next)Sequence="(\d+)"')
_SCHEMA = re.compile(
    r'xmlns="urn:mtconnect\.org:MTConnectDevices:([\d.]+)"|xmlns=\'urn:mtconnect\.org:MTConnectDevices:([\d.]+)\''
)


class AgentError(Exception):
    """An MTConnectError: code and text."""


class Recorded(Protocol):
    """What an agent needs of a recording. ids: the data items that are asked for; None: all. device: name or uuid."""

    first: int
    next: int

    def play(self, until: str) -> int:
        """Go on to what was said at this time, and return how many lines that were."""
        ...

    def probe(self) -> str:
        """Return the device model."""
        ...

    def current(self, device: str | None, ids: Collection[str] | None) -> str:
        """Return the newest of everything."""
        ...

    def since(self, start: int, device: str | None, ids: Collection[str] | None) -> str | None:
        """Return what was said from a sequence on; None when that is nothing."""
        ...

    def heartbeat(self) -> str:
        """Return a document that says nothing."""
        ...


def opened(name: str) -> Recorded:
    """Return a recording by its folder's name."""
    folder = RECORDINGS / name
    return Lines(folder) if (folder / "lines.txt").exists() else Answers(folder)


@dataclass(frozen=True, slots=True)
class Item:
    """One data item of a device model, and where it is. tag: its element in a stream."""

    id: str
    name: str
    tag: str
    sub_type: str
    group: str
    component: tuple[str, str, str]

    @property
    def attributes(self) -> str:
        """Return what is the same of each of its observations."""
        pairs = (("dataItemId", self.id), ("name", self.name), ("subType", self.sub_type))
        return "".join(f" {key}={quoteattr(value)}" for key, value in pairs if value)


@dataclass(frozen=True, slots=True)
class Said:
    """One observation."""

    item: Item
    sequence: int
    stamp: str
    value: str

    def xml(self) -> str:
        """Return its element."""
        head = f'<{self.item.tag}{self.item.attributes} timestamp="{self.stamp}" sequence="{self.sequence}">'
        return f"{head}{escape(self.value)}</{self.item.tag}>"


@dataclass(slots=True)
class Lines:
    """A machine's recorded lines, `time|item|value|…`, in the buffer of an agent that has its device model."""

    folder: Path
    first: int = 1
    next: int = 1
    _items: dict[str, Item] = field(default_factory=dict)
    _newest: dict[str, Said] = field(default_factory=dict)
    _said: list[Said] = field(default_factory=list)
    _waiting: list[str] = field(default_factory=list)
    _device: tuple[str, str] = ("", "")
    _schema: str = ""

    def __post_init__(self) -> None:
        """Read both files; every data item begins as UNAVAILABLE, as the reference agent has it."""
        lines = (self.folder / "lines.txt").read_text(encoding="utf-8").splitlines()
        self._waiting = [line for line in lines if line and not line.startswith("#")]
        found = _SCHEMA.search(self.probe())
        assert found, "which schema?"
        self._schema = found[1]
        device = next(one for one in ElementTree.fromstring(self.probe()).iter() if _local(one) == "Device")
        self._device = (device.get("name", ""), device.get("uuid", ""))
        self._items = {one.id: one for one in _items(device)}
        self._all_unavailable(self._waiting[0].partition("|")[0])

    def play(self, until: str) -> int:
        """Take lines in their order up to the first that is later."""
        count, last = 0, ""
        while self._waiting and (self._waiting[0] == DISCONNECTED or self._waiting[0].partition("|")[0] <= until):
            line = self._waiting.pop(0)
            if line == DISCONNECTED:
                self._all_unavailable(last or self._said[-1].stamp)
                continue
            last, *entries = line.split("|")
            for key, value in zip(entries[::2], entries[1::2], strict=False):
                self._say(last, key, value.strip())
            count += 1
        return count

    def probe(self) -> str:
        """Return the device model as it is in its file."""
        return (self.folder / "devices.xml").read_text(encoding="utf-8")

    def current(self, device: str | None, ids: Collection[str] | None) -> str:
        """Return the newest observation of each data item."""
        self._require(device)
        return self._document([one for one in self._newest.values() if ids is None or one.item.id in ids])

    def since(self, start: int, device: str | None, ids: Collection[str] | None) -> str | None:
        """Return what was said from a sequence on, of these data items."""
        self._require(device)
        found = [one for one in self._said if one.sequence >= start and (ids is None or one.item.id in ids)]
        return self._document(found) if found else None

    def heartbeat(self) -> str:
        """Return a document without observations."""
        return self._document([])

    def _require(self, device: str | None) -> None:
        if device is not None and device not in self._device:
            raise AgentError("NO_DEVICE", f"Could not find the device '{device}'")

    def _say(self, stamp: str, key: str, value: str) -> None:
        """Take one value, unless it is what was said before, or of no data item that the model has."""
        item = next((one for one in self._items.values() if key in (one.name, one.id)), None)
        if item is None or (item.id in self._newest and self._newest[item.id].value == value):
            return
        self._newest[item.id] = Said(item, self.next, stamp, value)
        self._said.append(self._newest[item.id])
        self.next += 1

    def _all_unavailable(self, stamp: str) -> None:
        for one in self._items.values():
            self._say(stamp, one.id, UNAVAILABLE)

    def _document(self, said: Sequence[Said]) -> str:
        space = f"urn:mtconnect.org:MTConnectStreams:{self._schema}"
        name, uuid = self._device
        inside = f'<DeviceStream name="{name}" uuid="{uuid}">{"".join(_parts(said))}</DeviceStream>' if said else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<MTConnectStreams xmlns="{space}" xmlns:x="urn:of.a.maker">'
            f'<Header creationTime="" sender="recorded" instanceId="{_INSTANCE}" version="{self._schema}.0.0" '
            f'bufferSize="131072" firstSequence="1" lastSequence="{self.next - 1}" nextSequence="{self.next}"/>'
            f"<Streams>{inside}</Streams></MTConnectStreams>"
        )


@dataclass(slots=True)
class Answers:
    """An agent's recorded answer, given line by line as it is: without the lines of what is not asked for."""

    folder: Path
    first: int = 0
    next: int = 0
    _lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the answer, and its sequences."""
        text = (self.folder / "current.xml").read_text(encoding="utf-8")
        self._lines = text.splitlines(keepends=True)
        found = {name: int(number) for name, number in _SEQUENCES.findall(text)}
        self.first, self.next = found["first"], found["next"]

    def play(self, until: str) -> int:
        """Do nothing: an answer stands still."""
        return 0

    def probe(self) -> str:
        """Refuse: no device model was recorded with the answer."""
        raise AgentError("INVALID_URI", "no device model was recorded")

    def current(self, device: str | None, ids: Collection[str] | None) -> str:
        """Return the recorded lines of this device and of these data items."""
        kept, mine, found = [], True, device is None
        for line in self._lines:
            if begins := _DEVICE.search(line):
                mine = device is None or device in begins.groups()
                found |= mine
            named = _DATA_ITEM.search(line)
            if mine and (named is None or ids is None or named[1] in ids):
                kept.append(line)
            mine |= "</DeviceStream>" in line
        if not found:
            raise AgentError("NO_DEVICE", f"Could not find the device '{device}'")
        return "".join(kept)

    def since(self, start: int, device: str | None, ids: Collection[str] | None) -> str | None:
        """Return None: nothing came after the answer."""
        return None

    def heartbeat(self) -> str:
        """Return the answer's beginning and end, without a device between them."""
        text = "".join(self._lines)
        begin, end = text.index("<Streams>") + len("<Streams>"), text.index("</Streams>")
        return text[:begin] + text[end:]


def _parts(said: Sequence[Said]) -> Iterator[str]:
    """Yield the component streams of some observations."""
    by_place: dict[tuple[str, str, str], dict[str, list[Said]]] = {}
    for one in said:
        by_place.setdefault(one.item.component, {}).setdefault(one.item.group, []).append(one)
    for (kind, name, identifier), groups in by_place.items():
        inside = "".join(f"<{group}>{''.join(one.xml() for one in some)}</{group}>" for group, some in groups.items())
        head = f'<ComponentStream component="{kind}" name={quoteattr(name)} componentId={quoteattr(identifier)}>'
        yield f"{head}{inside}</ComponentStream>"


def _items(component: ElementTree.Element) -> Iterator[Item]:
    """Yield the data items of a component and of those in it, but conditions: they hold no value."""
    place = (_local(component), component.get("name", ""), component.get("id", ""))
    for part in component:
        if _local(part) == "Components":
            for inner in part:
                yield from _items(inner)
        for one in part if _local(part) == "DataItems" else ():
            if one.get("category") != "CONDITION":
                group = f"{one.get('category', '').capitalize()}s"
                tag = _tag(one.get("type", ""))
                yield Item(one.get("id", ""), one.get("name", ""), tag, one.get("subType", ""), group, place)


def _tag(type_: str) -> str:
    """Return the element of a type: `x:PROGRAM_COMMENT` → `x:ProgramComment`."""
    prefix, colon, kind = type_.rpartition(":")
    return prefix + colon + "".join(word.capitalize() for word in kind.split("_"))


def _local(one: ElementTree.Element) -> str:
    return one.tag.rsplit("}", 1)[-1]
