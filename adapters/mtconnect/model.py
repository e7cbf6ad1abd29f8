"""What an agent's documents hold, as plain data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_bridge.domain.instant import Milliseconds

LONGEST_WORDS = 300  # of an agent's own, in a message of one line


class AgentFault(Exception):
    """The agent answered with an MTConnectError document: codes and texts, such as OUT_OF_RANGE."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        self.faults = faults
        words = "; ".join(f"{code}: {text}" if text else code for code, text in faults)
        super().__init__(" ".join(words.split())[:LONGEST_WORDS] or "no reason given")

    def says(self, *codes: str) -> bool:
        """Tell whether one of these codes is among its own."""
        return any(code.replace("_", "").upper() in _squashed(codes) for code, _ in self.faults)


def _squashed(codes: tuple[str, ...]) -> set[str]:
    return {code.replace("_", "") for code in codes}


@dataclass(frozen=True, slots=True)
class Header:
    """A document's header. instance: changes when the agent has started anew, and its sequences with it."""

    instance: str
    version: str = ""
    created: str = ""
    first: int = 0
    last: int = 0
    next: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """One device of an agent. agent: it is the agent itself, which names itself among its devices since 1.7."""

    name: str
    uuid: str
    agent: bool = False

    @property
    def called(self) -> str:
        """What a request names it by."""
        return self.name or self.uuid


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a device; kind: Device, Controller, Path, …"""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of one data item. type: the element's name. stamp and time: the agent's or adapter's own, as text and ms.

    value: None when it is empty or unavailable. entries: of a data set. sequence: its place in the agent's buffer.
    """

    id: str
    type: str
    sub_type: str | None
    name: str | None
    value: str | None
    unavailable: bool
    sequence: int
    stamp: str
    time: Milliseconds | None
    device: Device
    component: Component
    entries: Mapping[str, str | None] | None = None
    reset: bool = False
    asset_type: str | None = None

    @property
    def place(self) -> str:
        """How it is named to a person: `program (PROGRAM:MAIN)`."""
        kind = f"{self.type}:{self.sub_type}" if self.sub_type else self.type
        return f"{self.id} ({kind})"


@dataclass(frozen=True, slots=True)
class Streams:
    """A document of observations, in its order."""

    header: Header
    devices: tuple[Device, ...]
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A File asset. state: EXPERIMENTAL, PRODUCTION, REVISION (modified at the machine), empty when it is not said.

    time: when the file was modified, else when the asset was. device: the uuid of the device it belongs to.
    """

    id: str
    name: str | None
    version: str | None
    state: str
    application: str = ""
    href: str | None = None
    signature: str | None = None
    device: str | None = None
    time: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class Assets:
    """The File assets of one answer. total: how many assets of any kind were in it."""

    header: Header
    files: tuple[File, ...]
    total: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a device model. category: component, EVENT, SAMPLE or CONDITION. device: the one it belongs to."""

    depth: int
    category: str
    id: str
    name: str | None
    type: str
    sub_type: str | None
    device: str
    uuid: str | None = None

    @property
    def kind(self) -> str:
        """Its type with its sub type."""
        return f"{self.type}:{self.sub_type}" if self.sub_type else self.type


@dataclass(frozen=True, slots=True)
class Model:
    """What an agent's devices consist of, from the top down."""

    header: Header
    items: tuple[Item, ...]
