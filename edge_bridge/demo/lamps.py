"""A lamp for each machine, from the events alone: what the platform can know, nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edge_bridge.demo.judge import name_of
from edge_bridge.demo.scenario import NAMES
from edge_bridge.domain.instant import Milliseconds, from_datetime

OFF, GREEN, AMBER, RED = "off", "green", "amber", "red"
STYLES = {OFF: "dim", GREEN: "bold green", AMBER: "bold yellow", RED: "bold red"}


class Lamps:
    """Green when nothing is open on a machine, amber while a change is, red when one is overdue."""

    def __init__(self) -> None:
        self.shown = dict.fromkeys(NAMES, OFF)
        self._open: dict[str, dict[str, tuple[str, Milliseconds]]] = {machine: {} for machine in NAMES}

    def see(self, event: Mapping[str, Any]) -> str | None:
        """Take an event in; return the lamp of its machine when it changed."""
        machine, name, data = event["origin"], name_of(event), event.get("data", {})
        if machine not in self.shown:
            return None
        if name in ("obligation.opened", "obligation.verdict"):
            due = from_datetime(datetime.fromisoformat(data["due"]))
            self._open[machine][data["obligation"]] = (data["verdict"], due)
        if name == "obligation.closed" or data.get("verdict") in ("compliant", "late"):
            self._open[machine].pop(data["obligation"], None)
        before, self.shown[machine] = self.shown[machine], self._lamp(machine)
        return self.shown[machine] if self.shown[machine] != before else None

    def left(self, machine: str, now: Milliseconds) -> int | None:
        """Return the seconds until the first open change on this machine is overdue; None when none is open."""
        dues = [due for verdict, due in self._open[machine].values() if verdict == "pending"]
        return max(0, -(-(min(dues) - now) // 1000)) if dues else None

    def _lamp(self, machine: str) -> str:
        verdicts = {verdict for verdict, _ in self._open[machine].values()}
        if "violated" in verdicts:
            return RED
        return AMBER if verdicts else GREEN
