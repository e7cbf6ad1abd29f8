"""Which of an agent's data items hold what one machine's file asks for: found in a `/current`, by its own names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from adapters.mtconnect.layout import Layout, Wanted
from adapters.mtconnect.model import Device, Observation, Streams
from adapters.mtconnect.notation import ItemReference
from edge_bridge.errors import AdapterError

MOST_NAMED = 12  # of what there is, in an error message


@dataclass(frozen=True, slots=True)
class Found:
    """One wanted value and where it is: id of the data item, None when the machine has none; key in a data set."""

    wanted: Wanted
    id: str | None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything is on one agent, until it starts anew.

    several: the agent serves more than this device. asset_changes: the data items that announce changed and removed
    assets. ids: every data item that a reading needs.
    """

    device: Device
    several: bool
    found: tuple[Found, ...]
    availability: str | None = None
    asset_changes: tuple[str, ...] = ()
    ids: frozenset[str] = field(default_factory=frozenset)

    def mine(self, observations: Iterable[Observation]) -> tuple[Observation, ...]:
        """Return this device's observations: an agent that gathers others' answers may repeat their ids."""
        return tuple(one for one in observations if not self.several or one.device.called == self.device.called)


def resolve(layout: Layout, streams: Streams) -> Plan:
    """Return where this machine's values are. Raises AdapterError naming what there is, where it cannot be told."""
    device = _device(layout, streams)
    mine = [one for one in streams.observations if one.device == device]
    reachable = _on_path(layout, mine)
    found = tuple(_find(layout, wanted, reachable, mine) for wanted in layout.wanted)
    _require_program(layout, found, mine)
    availability = [one for one in mine if one.type == "Availability" and one.component.kind == "Device"]
    changes = (
        tuple(one.id for one in mine if one.type in ("AssetChanged", "AssetRemoved")) if layout.wants_files else ()
    )
    ids = {one.id for one in found if one.id} | {one.id for one in availability} | set(changes)
    return Plan(
        device=device,
        several=len(streams.devices) > 1,
        found=found,
        availability=availability[0].id if availability else None,
        asset_changes=changes,
        ids=frozenset(ids),
    )


def _device(layout: Layout, streams: Streams) -> Device:
    machines = [one for one in streams.devices if not one.agent]
    if layout.device is not None:
        for device in streams.devices:
            if layout.device in (device.name, device.uuid):
                return device
        raise AdapterError(f"the agent has no device {layout.device!r}", _choose("device", map(_named, machines)))
    if len(machines) == 1:
        return machines[0]
    if not machines:
        raise AdapterError("the agent shows no device", "look at its device file, and whether it has started fully")
    raise AdapterError(f"the agent serves {len(machines)} devices", _choose("device", map(_named, machines)))


def _named(device: Device) -> str:
    return f"{device.name} ({device.uuid})" if device.name and device.uuid else device.called


def _on_path(layout: Layout, mine: Sequence[Observation]) -> list[Observation]:
    """Return what belongs to the configured path, or to no path: controller and device hold some of it."""
    if layout.path is None:
        return list(mine)
    paths = _paths(mine)
    chosen = [key for key in paths if layout.path in key]
    if len(chosen) != 1:
        what = f"the machine has no path {layout.path!r}" if not chosen else f"several paths are called {layout.path!r}"
        raise AdapterError(what, _choose("path", (f"{name or key} ({key})" for key, name in paths)))
    return [one for one in mine if one.component.kind != "Path" or one.component.id == chosen[0][0]]


def _paths(mine: Sequence[Observation]) -> list[tuple[str, str]]:
    """Return id and name of each path."""
    found = {(one.component.id, one.component.name): None for one in mine if one.component.kind == "Path"}
    return list(found)


def _find(layout: Layout, wanted: Wanted, reachable: Sequence[Observation], mine: Sequence[Observation]) -> Found:
    for reference in wanted.references:
        named = [one for one in mine if reference.names(one.id, one.name)]
        typed = [one for one in reachable if reference.types(one.type, one.sub_type)]
        matching = _distinct([one for one in named if one in reachable] or named or typed)
        if not matching:
            continue
        if len(matching) > 1:
            raise _ambiguous(layout, reference, matching)
        return Found(wanted, matching[0].id, reference.key)
    return Found(wanted, None)


def _distinct(found: Sequence[Observation]) -> list[Observation]:
    """Return one observation for each data item; of those on a path and on none, those on the path."""
    once = list({one.id: one for one in found}.values())
    on_path = [one for one in once if one.component.kind == "Path"]
    return on_path or once


def _ambiguous(layout: Layout, reference: ItemReference, matching: Sequence[Observation]) -> AdapterError:
    paths = {(one.component.id, one.component.name) for one in matching if one.component.kind == "Path"}
    if layout.path is None and len(paths) > 1:
        names = sorted(name or key for key, name in paths)
        return AdapterError(f"the machine has {len(names)} paths with {reference.text}", _choose("path", names))
    ids = ", ".join(one.id for one in matching[:MOST_NAMED])
    return AdapterError(f"{len(matching)} data items are {reference.text}", f"name one of them by id: {ids}")


def _require_program(layout: Layout, found: Sequence[Found], mine: Sequence[Observation]) -> None:
    """Refuse a machine whose judged program the agent does not show: nothing would ever be verified."""
    there = {one.wanted.feeds for one in found if one.id is not None}
    if there & set(layout.needed):
        return
    programs = ", ".join(one.place for one in mine if one.type == "Program")
    wanted = " or ".join(layout.needed)
    hint = f"name one under `items:`, of {programs}" if programs else "let the agent's device file have PROGRAM"
    raise AdapterError(f"the agent shows no data item for {wanted}, which is judged", hint)


def _choose(key: str, there: Iterable[str]) -> str:
    names = list(there)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    if not names:
        return f"there is none; remove `{key}`"
    return f"set `{key}` to one of: {', '.join(names[:MOST_NAMED])}{more}"
