"""The one adapter that a command is about, by id or name, and whether the running daemon is connected to it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Protocol, cast

from edge_bridge.cli import output
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.identify import nearest
from edge_bridge.config import AdapterConfig
from edge_bridge.control import NotRunning
from edge_bridge.errors import ConfigError, ControlError, UsageError


def chosen(args: argparse.Namespace, name: str) -> tuple[Desk, AdapterConfig]:
    """Return the desk and the adapter of this id or name. A fault in another file is told, and does not matter here.

    Raises UsageError with those that there are, ConfigError when its own file, or edge-bridge.yaml, cannot be used.
    """
    desk, _ = Desk.beside(args)
    found = _called(name, desk)
    if found is not None:
        return desk, found
    if (desk.config.folder / "adapters" / f"{name}.yaml").exists():
        raise ConfigError(desk.words("chosen.refused", adapter=name), desk.words("chosen.refused.fix"))
    known = list(desk.config.adapters)
    near = nearest(name, known)
    hint = desk.words("chosen.near", near=", ".join(near), known=", ".join(known))
    raise UsageError(
        desk.words("chosen.unknown", adapter=name),
        hint if near else desk.words("chosen.known", known=", ".join(known) or "–"),
    )


def _called(name: str, desk: Desk) -> AdapterConfig | None:
    adapters = desk.config.adapters
    if name in adapters:
        return adapters[name]
    wanted = name.strip().casefold()
    named = [one for one in adapters.values() if wanted in (one.id, (one.options.name or "").casefold())]
    return named[0] if len(named) == 1 else None


def where(adapter: AdapterConfig) -> str:
    """Return the other side's address, as the adapter's file has it."""
    options = adapter.options
    if (host := getattr(options, "host", None)) is not None:
        return f"{host}:{getattr(options, 'port', '')}".rstrip(":")
    return str(next((given for key in ("endpoint", "url", "path") if (given := getattr(options, key, None))), "–"))


def title(adapter: AdapterConfig) -> str:
    """Return an adapter's name with its id."""
    name = adapter.options.name
    return adapter.id if name in (None, "", adapter.id) else f"{name} ({adapter.id})"


def sessions(desk: Desk) -> tuple[Mapping[str, Mapping[str, Any]], ControlError | None]:
    """Return the daemon's line of each machine that it is connected to, and why that is not known; none when none runs."""
    try:
        rows = desk.status()["machines"]
    except NotRunning:
        return {}, None
    except ControlError as error:
        return {}, error
    return {row["machine"]: row for row in rows if row["reachable"]}, None


def own_session_argument(parser: argparse.ArgumentParser) -> None:
    """Let a person open a second session where that is not done by itself."""
    parser.add_argument(
        "--own-session",
        action="store_true",
        help="open a session although the daemon holds the only one that the machine is known to allow",
    )


def announced(desk: Desk, adapter: AdapterConfig, args: argparse.Namespace) -> Mapping[str, Any] | None:
    """Say what is going to be looked at, and that a session is the second one; return the daemon's line, if connected."""
    connected, silent = sessions(desk)
    held = connected.get(adapter.id)
    if not args.json:
        output.say(desk.words("probe.head", adapter=title(adapter), kind=adapter.kind, where=where(adapter)), "bold")
        if silent is not None:
            output.paragraph(desk.words("probe.silent", why=silent.what), "yellow", indent=2)
        if held is not None and (args.own_session or not single_session(adapter)):
            output.paragraph(desk.words("probe.second", age=desk.since(held["seen"])), "yellow", indent=2)
    return held


class _Single(Protocol):
    sessions: str


def single_session(adapter: AdapterConfig) -> bool:
    """Tell whether the other side is known to take one session only, all clients together."""
    limits = getattr(adapter.options, "limits", None)
    # an adapter knows its profile's word, too
    knows = adapter.adapter if hasattr(adapter.adapter, "sessions") else limits
    words = str(cast(_Single, knows).sessions).casefold().split() if hasattr(knows, "sessions") else []
    return words[:1] in (["1"], ["one"])
