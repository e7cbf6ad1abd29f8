"""What an agent's devices consist of, with a line to paste for every data item that a setting can name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from adapters.mtconnect import failure
from adapters.mtconnect.agent import Agent, Scope
from adapters.mtconnect.model import AgentFault, Item, Observation
from adapters.mtconnect.notation import squashed
from edge_bridge.errors import ConfigError
from edge_bridge.ports import Entry

_FIELDS = {  # type and sub type, squashed: the field under `items:` that it usually feeds
    ("PROGRAM", "MAIN"): "main_program",
    ("PROGRAM", ""): "main_program",
    ("PROGRAM", "ACTIVE"): "active_program",
    ("PROGRAMLOCATION", "MAIN"): "program_path",
    ("PROGRAMLOCATION", ""): "program_path",
    ("PROGRAMCOMMENT", "MAIN"): "main_comment",
    ("PROGRAMCOMMENT", ""): "main_comment",
    ("PROGRAMCOMMENT", "ACTIVE"): "active_comment",
    ("PROGRAMHEADER", "MAIN"): "main_header",
    ("PROGRAMHEADER", ""): "main_header",
    ("PROGRAMHEADER", "ACTIVE"): "active_header",
    ("PROGRAMEDIT", ""): "edit",
    ("PROGRAMEDITNAME", ""): "edited_program",
    ("EXECUTION", ""): "execution",
    ("CONTROLLERMODE", ""): "mode",
}


async def entries(agent: Agent, start: str | None, depth: int) -> list[Entry]:
    """Return what is below `start`, so many levels deep. Raises AdapterError; ConfigError for an unknown start."""
    try:
        model = await agent.model()
        now = await agent.current(Scope())
    except AgentFault as fault:
        raise failure.said(fault, agent.url) from fault
    values = {(one.device.called, one.id): one for one in now.observations}
    below = _below(model.items, start)
    top = below[0].depth if below else 0
    return [_entry(one, one.depth - top, values) for one in below if one.depth - top < depth]


async def each(found: Sequence[Entry]) -> AsyncIterator[Entry]:
    """Yield what was found."""
    for one in found:
        yield one


def _below(items: Sequence[Item], start: str | None) -> list[Item]:
    """Return the items below one component, all without a start."""
    if start is None:
        return list(items)
    for index, one in enumerate(items):
        if one.category == "component" and start in (one.id, one.name, one.uuid):
            return list(_deeper(items[index + 1 :], one.depth))
    components = [one for one in items if one.category == "component"]
    known = ", ".join(dict.fromkeys(one.name or one.id for one in components[:12]))
    raise ConfigError(f"the agent has no component {start!r}", f"it has: {known}", key=("start",))


def _deeper(items: Sequence[Item], depth: int) -> Iterator[Item]:
    for one in items:
        if one.depth <= depth:
            return
        yield one


def _entry(one: Item, depth: int, values: Mapping[tuple[str, str], Observation]) -> Entry:
    if one.category == "component":
        return Entry(depth, one.name or one.id, one.id, one.type, yaml=_component_line(one))
    seen = values.get((one.device, one.id))
    value = None if seen is None else "UNAVAILABLE" if seen.unavailable else seen.value
    return Entry(depth, one.name or one.kind, one.id, one.kind, value, _line(one))


def _component_line(one: Item) -> str:
    if one.type == "Path":
        return f"path: {_quoted(one.name or one.id)}"
    return f"device: {_quoted(one.name or one.uuid or one.id)}" if one.depth == 0 else ""


def _line(one: Item) -> str:
    """Return a line for the machine's file: under `items:` where the type says which, else as a version variable."""
    if one.category == "CONDITION" or not one.id:
        return ""
    field = _FIELDS.get((squashed(one.type), one.sub_type or ""))
    return f"{field}: {_quoted(one.id)}" if field else f"- variable: {_quoted(one.id)}"


def _quoted(text: str) -> str:
    """Return text as YAML reads it back: quoted where it is more than letters, digits and dashes."""
    plain = text.replace("_", "").replace("-", "").replace(".", "").isalnum() and text[0].isalpha()
    return text if plain else "'" + text.replace("'", "''") + "'"
