"""What a command works with: the configuration, the language, this moment, the running daemon and the database."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_bridge import cards, config, control
from edge_bridge.cli import output
from edge_bridge.cli.problems import shown
from edge_bridge.cli.words import words
from edge_bridge.clock import SystemClock
from edge_bridge.config import Config
from edge_bridge.domain.books import Books
from edge_bridge.domain.instant import Milliseconds, Stamp, from_datetime
from edge_bridge.domain.state import KINDS, State
from edge_bridge.errors import ControlError, StoreError
from edge_bridge.store import Snapshot

QUICK_S = 3.0  # a question beside the database: a daemon that hangs must not hold it up


@dataclass(frozen=True, slots=True)
class Desk:
    """One command's surroundings; `now` is when it began."""

    config: Config
    language: str
    now: Stamp

    @classmethod
    def of(cls, args: argparse.Namespace) -> Desk:
        """Load the configuration. Raises ConfigError."""
        clock = SystemClock()
        found = config.load(config.folder_for(args.config), clock)
        return cls(found, args.lang or found.language, clock.now())

    @classmethod
    def beside(cls, args: argparse.Namespace) -> tuple[Desk, bool]:
        """Load what can be read, and complain of the rest; return the desk, and whether all was well.

        A half-made edit must not keep anybody from the cards of a daemon that goes on with the old configuration.
        Raises ConfigError when not even `edge-bridge.yaml` can be read.
        """
        clock = SystemClock()
        found, problems = config.load_readable(config.folder_for(args.config), clock)
        desk = cls(found, args.lang or found.language, clock.now())
        for problem in problems:
            output.complain(shown(problem, desk.language))
        if problems:
            output.complain(desk.words("config_refused"))
        return desk, not problems

    def later(self) -> Desk:
        """Return the same desk at this moment, for a command that goes on."""
        return replace(self, now=SystemClock().now())

    def words(self, key: str, **values: object) -> str:
        """Return a sentence in the reader's language."""
        return words(self.language, key, **values)

    def time(self, utc: Milliseconds | str | None) -> str:
        """Return an instant (UTC ms, or the contract's text) on the plant's clock."""
        return output.local_time(instant(utc), self.config.timezone, seconds=True)

    def duration(self, value: Milliseconds) -> str:
        """Return a duration as people say it."""
        return output.duration(value, self.language)

    def since(self, utc: Milliseconds | str | None) -> str:
        """Return how long ago an instant was, `–` when there is none."""
        found = instant(utc)
        return "–" if found is None else self.duration(max(0, self.now.utc - found))

    def called(self, machine: str | None) -> str:
        """Return a machine's name with its id, as `DMU 50 #1 (dmu50-01)`."""
        known = self.config.plant.machines.get(machine or "")
        if known is None or known.name in ("", known.id):
            return machine or "–"
        return f"{known.name} ({known.id})"

    def place(self, where: str) -> str:
        """Return a place in a file, as `line 7`."""
        return cards.place(where, self.language)

    def reason(self, reason: str) -> str:
        """Return why something cannot be told, or leads nowhere."""
        return cards.told(reason, self.language)

    def stage(self, name: str) -> str:
        """Return a stage on the way from release to machine."""
        return cards.stage(name, self.language)

    def joined(self, *parts: str) -> str:
        """Return sentences' parts as one, by the language's own mark; empty ones are left out."""
        return ("；" if self.language == "zh-CN" else "; ").join(part for part in parts if part)

    def ask(self, message: Mapping[str, Any], *, within: float = 10.0) -> dict[str, Any]:
        """Ask the running daemon. Raises NotRunning, ControlError."""
        answer = control.request(control.socket_path(self.config.store.path), message, within=within)
        if not answer:
            raise ControlError("the daemon broke off its answer", "look at: journalctl -u edge-bridge")
        return answer

    def status(self) -> dict[str, Any]:
        """Return the running daemon's last word. Raises NotRunning, ControlError."""
        return self.ask({"do": "status"}, within=QUICK_S)

    def database(self) -> Snapshot:
        """Open the database for reading. Raises StoreError with what to do."""
        path = self.config.store.path
        if self.has_database() and not os.access(path, os.R_OK):
            raise _not_for_you(path)
        return Snapshot.open(path, KINDS)

    def database_for(self, silent: ControlError | None) -> Snapshot:
        """Open the database because the daemon is silent; where both fail, a silence that is no absence says more."""
        try:
            return self.database()
        except StoreError:
            if silent is not None and not isinstance(silent, control.NotRunning):
                raise silent from None
            raise

    def has_database(self) -> bool:
        """Tell whether there is a database yet. Raises StoreError when its folder may not be looked into."""
        try:
            return self.config.store.path.exists()
        except PermissionError:
            raise _not_for_you(self.config.store.path) from None

    def books(self, snapshot: Snapshot | None = None) -> Books:
        """Return the books with what is open in the database, nothing judged; without one, with nothing in them."""
        rows = {kind: _open_rows(snapshot, kind) for kind in ("obligation", "card", "machine", "source")}
        return Books(State.of(rows), self.config.plant, self.now, _no_id, self.writer())

    def writer(self) -> cards.Writer:
        """Return what writes the cards' texts, with the site's own templates."""
        return cards.Writer(cards.load_templates(self.config.folder), self.config.timezone)


def _open_rows(snapshot: Snapshot | None, kind: str) -> Mapping[str, Any]:
    if snapshot is None:
        return {}
    return snapshot.find(kind, closed=False) if kind in ("obligation", "card") else snapshot.rows(kind)


def _not_for_you(path: Path) -> StoreError:
    return StoreError(f"you may not read {path}", "run it as root, or as the user of the service")


def instant(value: Milliseconds | str | None) -> Milliseconds | None:
    """Return UTC ms of an instant in UTC ms or in the contract's text."""
    return from_datetime(datetime.fromisoformat(value)) if isinstance(value, str) else value


def _no_id() -> str:
    raise AssertionError("a look at the books makes nothing")
