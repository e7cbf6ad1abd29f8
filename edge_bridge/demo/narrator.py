"""Tells what happens, one line per happening: in colour with live lamps on a terminal, as plain text in a pipe."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from edge_bridge.demo.judge import name_of
from edge_bridge.demo.lamps import STYLES, Lamps
from edge_bridge.demo.scenario import NAMES
from edge_bridge.demo.texts import Texts
from edge_bridge.demo.wrapping import wrapped
from edge_bridge.ports import Clock

WIDEST, PIPE_WIDTH = 100, 80
_TIME, _LAMP = 8, 7
_VERDICT_STYLES = {"compliant": "green", "late": "yellow", "violated": "bold red"}


class Narrator:
    """Speaks one language to one console. quiet: says nothing (`--json`)."""

    def __init__(self, texts: Texts, clock: Clock, limit_s: int, *, quiet: bool = False) -> None:
        terminal = sys.stdout.isatty()
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8 shows `?`, and the demo goes on
        self.console = Console(
            file=sys.stdout,
            quiet=quiet,
            highlight=False,
            markup=False,
            emoji=False,
            width=None if terminal else PIPE_WIDTH,
        )
        self.console.width = min(self.console.width, WIDEST)
        self.texts = texts
        self.lamps = Lamps()
        self._clock = clock
        self._limit_s = limit_s
        self._began = clock.now()
        self._live = terminal and not quiet and not self.console.is_dumb_terminal

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._clock.now().since(self._began) / 1000

    def showing(self) -> AbstractContextManager[object]:
        """Show the lamps at the foot of a terminal while the context is open."""
        if not self._live:
            return nullcontext()
        return Live(get_renderable=self._lamp_line, console=self.console, refresh_per_second=4, transient=True)

    def opening(self) -> None:
        """Say what this is about."""
        self.console.rule(Text(self.texts("title"), style="bold"), characters="═")
        self.paragraph(self.texts("intro", limit=self._limit_s))
        self.console.print()
        self.paragraph(self.texts("legend"), "bold")
        self.paragraph(self.texts("starting"), "dim")

    def chapter(self, number: int, count: int, name: str) -> None:
        """Open a step: its number, title, and what it is about."""
        self.console.print()
        title = Text(f"{number}/{count}  {self.texts(f'steps.{name}.title')}", style="bold cyan")
        self.console.rule(title, align="left")
        self.paragraph(self.texts(f"steps.{name}.text", limit=self._limit_s), "italic")

    def end_of_chapter(self) -> None:
        """Show every machine's lamp; on a terminal they stand at the foot anyway."""
        if not self._live:
            self.console.print(Text(" " * _TIME) + self._lamp_line(countdown=False))

    def happening(self, key: str, **values: object) -> None:
        """Tell something that people or the demo itself did."""
        self.line(self.texts(f"happenings.{key}", **values), "dim")

    def event(self, event: Mapping[str, Any]) -> None:
        """Tell an event that reached the platform; those without a text change lamps only."""
        lamp = self.lamps.see(event)
        found = self._words(event)
        if found is None:
            return
        text, style = found
        self.line(text, style, lamp)
        if name_of(event) == "card.raised" and event["data"]["severity"] != "medium":
            next_step = event["data"]["next_step"][self.texts.language]
            self.line(self.texts("events.card.raised_next", next_step=next_step), continued=True)

    def line(self, text: str, style: str = "", lamp: str | None = None, *, continued: bool = False) -> None:
        """Print one happening with the seconds and, when it changed, the machine's lamp in a word."""
        time = "" if continued else f"{self.seconds:5.1f} s"
        word = self.texts(f"lamps.{lamp}") if lamp else ""
        mark = Text(word, style=STYLES[lamp] if lamp else "")
        mark.pad_right(_LAMP - mark.cell_len)
        head = Text(f"{time:{_TIME}}") + mark
        for part in wrapped(text, self.console.width - _TIME - _LAMP):
            self.console.print(head + Text(part, style=style), soft_wrap=True)
            head = Text(" " * (_TIME + _LAMP))

    def paragraph(self, text: str, style: str = "") -> None:
        """Print a text over the whole width."""
        for part in wrapped(text, self.console.width):
            self.console.print(Text(part, style=style), soft_wrap=True)

    def _words(self, event: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return what to say of an event and how; None when nothing."""
        name, data = name_of(event), event["data"]
        values = {**data, "limit": self._limit_s, "machine": NAMES.get(data.get("machine"), data.get("machine"))}
        if name == "program.changed":
            key = data["execution"] if data["execution"] in ("running", "stopped") else "other"
            return self.texts(f"events.{name}.{key}", **values), ""
        if name == "obligation.verdict":
            return self._verdict(values), _VERDICT_STYLES.get(data["verdict"], "bold")
        if name.startswith("card."):
            return self._card(name, data)
        if f"events.{name}" not in self.texts:
            return None
        return self.texts(f"events.{name}", **values), {"program.outdated_run": "yellow"}.get(name, "")

    def _verdict(self, values: dict[str, Any]) -> str:
        key = values["verdict"] if values["verdict"] in _VERDICT_STYLES else "other"
        took = (_at(values["decided"]) - _at(values["t0"])).total_seconds()
        lateness = f"{values['lateness_s'] or 0:.1f}"
        return self.texts(f"events.obligation.verdict.{key}", **{**values, "took": f"{took:.1f}", "lateness": lateness})

    def _card(self, name: str, data: Mapping[str, Any]) -> tuple[str, str] | None:
        word, kind = self.texts.word, self.texts.word("kinds", data["kind"])
        if name == "card.raised":
            parties = " + ".join(word("parties", party) for party in data["parties"])
            severity = word("severities", data["severity"])
            title = data["title"][self.texts.language]
            text = self.texts("events.card.raised", severity=severity, parties=parties, title=title)
            return text, "yellow" if data["severity"] == "medium" else "bold red"
        if name == "card.acknowledged":
            party, ack = max(data["acks"].items(), key=lambda pair: str(pair[1]["at"]))
            response = (_at(ack["at"]) - _at(data["raised"])).total_seconds()
            values = {**ack, "party": word("parties", party), "kind": kind, "response": f"{response:.1f}"}
            return self.texts("events.card.acknowledged", **values), ""
        if name == "card.closed":
            key = f"endings.{data['kind']}"
            ending = self.texts(key if key in self.texts else "endings.other")
            return self.texts("events.card.closed", kind=kind, ending=ending), "green"
        return None

    def _lamp_line(self, *, countdown: bool = True) -> Text:
        now = self._clock.now().utc
        parts: list[str | tuple[str, str]] = [(f"{self.texts('lamp_line')}  ", "dim")]
        for machine, name in NAMES.items():
            lamp = self.lamps.shown[machine]
            parts += [f"  {name} ", (f"● {self.texts(f'lamps.{lamp}')}", STYLES[lamp])]
            if countdown and (left := self.lamps.left(machine, now)) is not None:
                parts.append((f" {self.texts('left', seconds=left)}", "yellow"))
        return Text.assemble(*parts)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
