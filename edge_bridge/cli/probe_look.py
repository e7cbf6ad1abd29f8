"""One look at one adapter, bounded in time: its own `probe`, else the first report of `connect`; what it raises is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from edge_bridge.cli.chosen import single_session
from edge_bridge.cli.probe_share import ShareLook, look_at_share
from edge_bridge.cli.probe_source import FolderLook, can_be_listed, look_into
from edge_bridge.config import AdapterConfig
from edge_bridge.domain.reading import Reading
from edge_bridge.errors import AdapterError, ConfigError, EdgeBridgeError
from edge_bridge.options import ControllerOptions
from edge_bridge.ports import Probes, Seen

LEAST_S, MOST_S = 15.0, 60.0  # a look has several steps, each of which may take the adapter's `timeout`
STEPS = 4


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look brought.

    held: the running daemon's line about this machine, when it is connected to it. asked: the daemon's word was taken
    instead of a session of our own. took: milliseconds by step. folder: of an ECN source whose folder was listed. share:
    of a share of released programs.
    """

    adapter: AdapterConfig
    reading: Reading | None = None
    values: tuple[Seen, ...] = ()
    took: Mapping[str, float] = field(default_factory=dict)
    error: EdgeBridgeError | None = None
    held: Mapping[str, Any] | None = None
    asked: bool = False
    folder: FolderLook | None = None
    share: ShareLook | None = None

    @property
    def id(self) -> str:
        """The adapter's id."""
        return self.adapter.id

    @property
    def total(self) -> float:
        """How long all of it took, in milliseconds."""
        return sum(self.took.values())


async def look(adapter: AdapterConfig, held: Mapping[str, Any] | None = None, *, own_session: bool = False) -> Looked:
    """Look once. held: the daemon's line, when it is connected. own_session: open a second one where only one is allowed."""
    if held is not None and single_session(adapter) and not own_session:
        return Looked(adapter, held=held, asked=True)
    within = asyncio.timeout(limit := longest(adapter))
    try:
        async with within:
            return await _look(adapter, held)
    except EdgeBridgeError as refusal:
        error: EdgeBridgeError = refusal
    except Exception as failure:  # noqa: BLE001 - whatever a protocol library raises concerns this adapter alone
        over = within.expired()  # else it is a time limit of the adapter's own
        hint = "check power, cable and address; try again"
        error = AdapterError(f"no end after {limit:g} s", hint) if over else in_words(failure, adapter)
    return Looked(adapter, error=error, held=held)


def longest(adapter: AdapterConfig) -> float:
    """Return how long one look may take, in seconds."""
    timeout = adapter.options.timeout if isinstance(adapter.options, ControllerOptions) else 0
    return min(MOST_S, max(LEAST_S, STEPS * timeout / 1000))


async def _look(adapter: AdapterConfig, held: Mapping[str, Any] | None) -> Looked:
    now = asyncio.get_running_loop().time
    began = now()
    if hasattr(adapter.adapter, "probe"):
        seen = await cast(Probes, adapter.adapter).probe()
        return Looked(adapter, seen.reading, seen.values, seen.took, held=held)
    if can_be_listed(adapter):
        folder = await look_into(adapter)
        return Looked(adapter, took=folder.took, folder=folder, error=folder.error)
    async with adapter.adapter.connect() as reports:
        connected = now()
        report = await anext(reports, None) if adapter.delivers == "readings" else None
        share = await look_at_share(reports) if adapter.delivers == "programs" else None
        read = now()
    took = {"connect": connected - began, "read": read - connected, "close": now() - read}
    reading = report if isinstance(report, Reading) else None
    if reading is None and adapter.delivers == "readings":
        raise AdapterError("the connection ended without a reading", "look at the adapter's README")
    spent = {step: round(1000 * seconds, 1) for step, seconds in took.items()}
    return Looked(adapter, reading, took=spent, held=held, share=share)


def in_words(failure: Exception, adapter: AdapterConfig) -> EdgeBridgeError:
    """Return one line a technician can read; a library's own error is named by its type."""
    text = " ".join(str(failure).split())
    what = f"{type(failure).__name__}: {text}" if text else type(failure).__name__
    said = AdapterError(f"the adapter {adapter.kind} failed: {what}", "run again with --debug, and report it")
    said.__cause__ = failure
    return said


def is_config(error: EdgeBridgeError | None) -> bool:
    """Tell whether the configuration is at fault, not the other side."""
    return isinstance(error, ConfigError)
