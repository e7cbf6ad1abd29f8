"""One performance from curtain to curtain: starts the plant, plays, judges, tells the result, and leaves nothing behind."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.text import Text

from edge_bridge.contract import Topics
from edge_bridge.demo import summary
from edge_bridge.demo.director import Director
from edge_bridge.demo.judge import Record, differences
from edge_bridge.demo.narrator import Narrator
from edge_bridge.demo.plant import Plant
from edge_bridge.demo.platform import Platform
from edge_bridge.demo.scenario import GATEWAY, SITE, STEPS, demanded
from edge_bridge.demo.summary import Summary
from edge_bridge.demo.texts import Texts
from edge_bridge.errors import EdgeBridgeError
from edge_bridge.ports import Clock

ROOT = "edge-bridge"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How it is to be played. record: a file for every message that arrives, as JSON lines."""

    language: str
    limit_s: int
    keep: bool = False
    quiet: bool = False
    record: Path | None = None


def perform(wishes: Wishes, clock: Clock) -> Summary:
    """Play the scenario and return how it went. Raises EdgeBridgeError when it cannot even begin."""
    texts = Texts(wishes.language)
    narrator = Narrator(texts, clock, wishes.limit_s, quiet=wishes.quiet)
    topics = Topics(ROOT, SITE, GATEWAY)
    with _sigterm_as_interrupt():
        plant = Plant(wishes.limit_s, clock, wishes.language)
        platform = Platform(plant.port, topics.everything)
        record = Record()
        director = Director(plant, platform, narrator, record, topics, clock)
        try:
            found = _played(plant, platform, director, narrator, record)
            if wishes.record is not None:
                lines = [json.dumps({"topic": topic, "payload": body.decode()}) for topic, body in record.messages]
                wishes.record.write_text("\n".join(lines) + "\n", encoding="utf-8")
            if wishes.keep:
                summary.show(found, narrator)
                _keep(plant, topics, director, narrator)
        except KeyboardInterrupt:
            narrator.console.print(Text(texts("interrupted")), soft_wrap=True)
            raise
        finally:
            code = _cleared(plant, platform, keep_folder=wishes.keep)
    if wishes.keep:
        return found
    if code != 0 and found.passed:
        found = summary.failed(found, texts("wrong.stopped", code=code, words=""))
    summary.show(found, narrator)
    return found


def _played(plant: Plant, platform: Platform, director: Director, narrator: Narrator, record: Record) -> Summary:
    """Start everything, play every step, and compare."""
    problems, last = [], None
    with narrator.showing():
        narrator.opening()
        plant.start_broker()
        platform.start()
        plant.start_machines()
        plant.start_daemon()
        try:
            director.play(STEPS)
            last = director.settle()
        except EdgeBridgeError as error:
            problems.append(str(error))
    expected = list(demanded())
    problems += differences(record, expected, last, narrator.texts)
    return summary.made(record, len(expected), last, problems, narrator.seconds)


def _keep(plant: Plant, topics: Topics, director: Director, narrator: Narrator) -> None:
    """Leave everything running until Ctrl-C, and say how to look at it."""
    texts, console = narrator.texts, narrator.console
    lines = {
        "status": f"{_program()} status --config {plant.config}",
        "listen": f"mosquitto_sub -V 311 -h 127.0.0.1 -p {plant.port} -v -t '{topics.everything}'",
        "drop": str(plant.inbox),
        "quarantine": str(plant.folder / "quarantine"),
        "logs": f"{plant.folder}/*.log",
    }
    try:  # from the first word on: whoever reads quickly may press Ctrl-C before the last one
        console.print(Text(f"\n{texts('keep.head')}", style="bold"))
        for key, line in lines.items():
            console.print(Text(f"  {texts(f'keep.{key}')}\n    {line}"), soft_wrap=True)
        with narrator.showing():
            director.look_on()
    except KeyboardInterrupt:
        console.print(Text(texts("keep.folder", folder=plant.folder)), soft_wrap=True)


def _program() -> str:
    """Return what starts edge-bridge in the reader's terminal: its name, or its path where the name leads nowhere."""
    own = Path(sys.argv[0]).absolute()
    return "edge-bridge" if own.name != "edge-bridge" or shutil.which("edge-bridge") else shlex.quote(str(own))


def _cleared(plant: Plant, platform: Platform, *, keep_folder: bool) -> int:
    """End everything; a second Ctrl-C does not leave half of it behind."""
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        platform.stop()
        return plant.stop(keep_folder=keep_folder)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Clean up after SIGTERM, and when the terminal is closed, as after Ctrl-C."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
