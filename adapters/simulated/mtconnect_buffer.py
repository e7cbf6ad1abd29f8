"""What a simulated MTConnect agent knows: its data items, the buffer of what was said of them, its File assets, as XML."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from edge_bridge.domain.instant import Milliseconds, to_text

UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class DataItem:
    """One data item of the device model. type as there: PROGRAM_COMMENT; component: id of where it is."""

    id: str
    component: str
    type: str
    sub_type: str = ""

    @property
    def element(self) -> str:
        """Its name in a stream."""
        return "".join(part.capitalize() for part in self.type.split("_"))


@dataclass(frozen=True, slots=True)
class Said:
    """One observation in the buffer."""

    item: DataItem
    sequence: int
    at: Milliseconds
    value: str
    asset_type: str = ""


@dataclass(frozen=True, slots=True)
class FileAsset:
    """A File asset as it is served."""

    name: str
    version: str
    state: str
    signature: str
    at: Milliseconds

    def xml(self, device: str) -> str:
        """Return its element."""
        signature = f"<Signature>{escape(self.signature)}</Signature>" if self.signature else ""
        return (
            f'<File assetId={quoteattr("file." + self.name)} deviceUuid={quoteattr(device)} timestamp="{to_text(self.at)}" '
            f'name={quoteattr(self.name)} mediaType="text/plain" applicationCategory="PART" '
            f'applicationType="PRODUCTION_PROGRAM" size="1024" versionId={quoteattr(self.version)} '
            f"state={quoteattr(self.state)}>"
            f"<FileLocation href={quoteattr('file:///programs/' + self.name)}/>{signature}</File>"
        )


def data_items(device: int, paths: int) -> tuple[DataItem, ...]:
    """Return the data items of one device; ids differ from device to device and from path to path."""
    before = f"d{device}_" if device > 1 else ""
    found = [
        DataItem(f"{before}avail", "device", "AVAILABILITY"),
        DataItem(f"{before}asset_chg", "device", "ASSET_CHANGED"),
        DataItem(f"{before}asset_rem", "device", "ASSET_REMOVED"),
        DataItem(f"{before}functional", "device", "FUNCTIONAL_MODE"),
        DataItem(f"{before}mode", "controller", "CONTROLLER_MODE"),
    ]
    for number in range(1, paths + 1):
        end = f"_{number}" if number > 1 else ""
        for name, type_, sub in (
            ("execution", "EXECUTION", ""),
            ("program", "PROGRAM", "MAIN"),
            ("active", "PROGRAM", "ACTIVE"),
            ("comment", "PROGRAM_COMMENT", "MAIN"),
            ("header", "PROGRAM_HEADER", "MAIN"),
            ("location", "PROGRAM_LOCATION", "MAIN"),
            ("edit", "PROGRAM_EDIT", ""),
            ("edit_name", "PROGRAM_EDIT_NAME", ""),
            ("dry_run", "CONTROLLER_MODE_OVERRIDE", "DRY_RUN"),
            ("feed", "PATH_FEEDRATE_OVERRIDE", "PROGRAMMED"),
        ):
            found.append(DataItem(f"{before}{name}{end}", f"path{number}", type_, sub))
    return tuple(found)


@dataclass(slots=True)
class Buffer:
    """The agent's memory of one device. instance changes when it starts anew."""

    instance: int
    items: tuple[DataItem, ...]
    size: int
    next: int = 1
    newest: dict[str, Said] = field(default_factory=dict)
    said: deque[Said] = field(default_factory=deque)

    @property
    def first(self) -> int:
        """The oldest sequence that is still there."""
        return self.said[0].sequence if self.said else self.next

    def say(self, values: dict[str, str], at: Milliseconds, *, asset_type: str = "") -> bool:
        """Take values by id in one step, those that changed; an announcement of an asset always counts."""
        changed = False
        for item in self.items:
            value = values.get(item.id)
            old = self.newest.get(item.id)
            if value is None or (old is not None and old.value == value and not asset_type):
                continue
            one = Said(item, self.next, at, value, asset_type)
            self.next += 1
            self.newest[item.id] = one
            self.said.append(one)
            changed = True
        while len(self.said) > self.size:
            self.said.popleft()
        return changed

    def since(self, start: int, count: int, ids: Collection[str]) -> tuple[list[Said], int]:
        """Return what was said from a sequence on, and the sequence to go on with."""
        later = [one for one in self.said if one.sequence >= start]
        taken = later[:count]
        return [one for one in taken if one.item.id in ids], taken[-1].sequence + 1 if taken else self.next


def header(root: str, schema: str, instance: int, created: Milliseconds, sequences: str = "") -> str:
    """Return the beginning of a document, up to its header."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="urn:mtconnect.org:{root}:{schema}">'
        f'<Header creationTime="{to_text(created)}" sender="simulated" instanceId="{instance}" version="{schema}.0.1" '
        f'bufferSize="131072"{sequences}/>'
    )


def streams(devices: Iterable[tuple[str, Iterable[Said]]]) -> str:
    """Return the Streams element: by device, by component."""
    return f"<Streams>{''.join(_device_stream(name, said) for name, said in devices)}</Streams>"


def _device_stream(name: str, said: Iterable[Said]) -> str:
    by_component: dict[str, list[Said]] = {}
    for one in said:
        by_component.setdefault(one.item.component, []).append(one)
    inside = "".join(_component_stream(name, component, all_) for component, all_ in by_component.items())
    return f'<DeviceStream name="{name}" uuid="{name}-uuid">{inside}</DeviceStream>'


def _component_stream(device: str, component: str, said: Iterable[Said]) -> str:
    kind = component.rstrip("0123456789").capitalize()
    name = device if component == "device" else component
    inside = "".join(map(_observation, said))
    head = f'<ComponentStream component="{kind}" name="{name}" componentId="{component}">'
    return f"{head}<Events>{inside}</Events></ComponentStream>"


def _observation(one: Said) -> str:
    sub = f' subType="{one.item.sub_type}"' if one.item.sub_type else ""
    asset = f' assetType="{one.asset_type}"' if one.asset_type else ""
    return (
        f'<{one.item.element} dataItemId="{one.item.id}" sequence="{one.sequence}" timestamp="{to_text(one.at)}"{sub}{asset}>'
        f"{escape(one.value)}</{one.item.element}>"
    )


def model(devices: Iterable[tuple[str, tuple[DataItem, ...]]]) -> str:
    """Return the Devices element of a probe."""
    return f"<Devices>{''.join(_device(name, items) for name, items in devices)}</Devices>"


def _device(name: str, items: tuple[DataItem, ...]) -> str:
    paths = dict.fromkeys(one.component for one in items if one.component.startswith("path"))
    inside = "".join(f'<Path id="{path}" name="{path}">{_listed(items, path)}</Path>' for path in paths)
    return (
        f'<Device id="{name}" name="{name}" uuid="{name}-uuid">{_listed(items, "device")}<Components>'
        f'<Controller id="controller" name="controller">{_listed(items, "controller")}<Components>{inside}</Components>'
        f"</Controller></Components></Device>"
    )


def _listed(items: tuple[DataItem, ...], component: str) -> str:
    return f"<DataItems>{''.join(_each(items, component))}</DataItems>"


def _each(items: tuple[DataItem, ...], component: str) -> Iterator[str]:
    for one in items:
        if one.component == component:
            sub = f' subType="{one.sub_type}"' if one.sub_type else ""
            yield f'<DataItem category="EVENT" id="{one.id}" type="{one.type}"{sub}/>'
