"""Plays the scenario act by act. It never pauses: it waits for what must be true next, with a generous limit."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import singledispatchmethod
from typing import Any

from edge_bridge.contract import Topics
from edge_bridge.demo.acts import (
    Acknowledge,
    Act,
    BrokerAway,
    BrokerBack,
    Drop,
    Expect,
    Fact,
    Recorded,
    Say,
    Show,
    Step,
    Tell,
)
from edge_bridge.demo.judge import Record, name_of, told
from edge_bridge.demo.narrator import Narrator
from edge_bridge.demo.plant import Plant
from edge_bridge.demo.platform import Platform
from edge_bridge.demo.scenario import NAMES
from edge_bridge.errors import EdgeBridgeError
from edge_bridge.ports import Clock

WAIT_S = 60  # for one thing to come true; far more than it takes, for slow and busy computers
_LOOK_S = 0.2


class StoryError(EdgeBridgeError):
    """The story cannot go on: what had to happen did not."""


class Director:
    """Leads plant, platform and narrator through the steps. record: what has arrived so far."""

    def __init__(
        self, plant: Plant, platform: Platform, narrator: Narrator, record: Record, topics: Topics, clock: Clock
    ) -> None:
        self._plant = plant
        self._platform = platform
        self._narrator = narrator
        self._texts = narrator.texts
        self._record = record
        self._topics = topics
        self._clock = clock
        self._step = ""
        self._expected: Counter[Fact] = Counter()

    def play(self, steps: Sequence[Step]) -> None:
        """Play every step. Raises EdgeBridgeError when one cannot be played to its end."""
        for number, step in enumerate(steps, start=1):
            self._step = step.name
            self._narrator.chapter(number, len(steps), step.name)
            for act in step.acts:
                self._do(act)
            self._narrator.end_of_chapter()

    def look_on(self) -> None:
        """Tell whatever arrives, for ever."""
        while True:
            self._plant.check()
            self._listen()

    def settle(self) -> int:
        """Wait until the platform has all that the gateway has given out; return the newest sequence of it."""
        self._until(self._all_arrived, "quiet")
        return int(self._plant.status()["buffer"]["last"])

    def _all_arrived(self) -> bool:
        buffer = self._plant.status()["buffer"]
        return buffer["unsent"] == 0 and bool(self._record.upto >= buffer["last"])

    # -- acts -----------------------------------------------------------------------------------------------------------

    @singledispatchmethod
    def _do(self, act: Act) -> None:
        raise TypeError(act)

    @_do.register
    def _drop(self, act: Drop) -> None:
        self._narrator.happening("drop", file=act.name, encoding=act.encoding.upper())
        self._plant.drop(act)

    @_do.register
    def _tell(self, act: Tell) -> None:
        word, *more = act.command.split()
        values = dict(zip(("program", "version"), more, strict=False))
        self._narrator.happening(word, machine=NAMES[act.machine], **values)
        self._plant.machines[act.machine].tell(act.command)
        version, execution = act.seen

        def seen() -> bool:
            status = self._plant.status()
            line = next(m for m in status["machines"] if m["machine"] == act.machine)
            told = not status["broker"]["connected"] or self._record.upto >= status["buffer"]["last"]
            return told and (line["version"], line["execution"]) == act.seen

        self._until(seen, "seen", machine=NAMES[act.machine], version=version, execution=execution)

    @_do.register
    def _expect(self, act: Expect) -> None:
        self._expected.update(act.facts)
        if not self._waited(lambda: self._record.holds(self._expected)):
            missing = self._expected - self._record.facts
            self._give_up("facts", facts="; ".join(told(fact) for fact in missing))

    @_do.register
    def _acknowledge(self, act: Acknowledge) -> None:
        card = self._raised(act)
        identity = f"{card['card_id']}-{act.party}"
        by, comment = self._texts(f"people.{act.party}"), self._texts(f"comments.{act.comment}")
        order = {"party": act.party, "by": by, "comment": comment, "revision": card["revision"]}
        self._platform.send(self._topics.command("ack"), {"id": identity, "card_id": card["card_id"], **order})

        def answers() -> list[dict[str, Any]]:
            return [answer for answer in self._record.consumer.answers if answer["id"] == identity]

        self._until(lambda: bool(answers()), "answer")
        if not answers()[0]["ok"]:
            raise StoryError(self._texts("wrong.refused", reason=answers()[0]["reason"]))

    @_do.register
    def _show(self, _act: Show) -> None:
        text = self._plant.reason()
        self._narrator.happening("reason")
        english, _, chinese = text.partition("\n\n")
        for line in (chinese if self._texts.language == "zh-CN" else english).split("\n\n")[0].splitlines()[1:]:
            self._narrator.line(f"  {line}", "dim", continued=True)

    @_do.register
    def _away(self, _act: BrokerAway) -> None:
        self._until(self._all_arrived, "quiet")
        self._plant.pull_the_plug()
        self._until(lambda: not self._plant.status()["broker"]["connected"], "quiet")
        self._narrator.happening("away", received=len(self._record.events))

    @_do.register
    def _back(self, _act: BrokerBack) -> None:
        self._narrator.happening("waiting", unsent=self._plant.status()["buffer"]["unsent"])
        self._plant.start_broker()
        self._platform.wait()
        self._narrator.happening("back")

    @_do.register
    def _recorded(self, act: Recorded) -> None:
        self._until(
            lambda: bool(self._plant.status()["buffer"]["unsent"] == act.waiting), "recorded", count=act.waiting
        )

    @_do.register
    def _say(self, act: Say) -> None:
        self._narrator.happening(act.key)

    # -- waiting --------------------------------------------------------------------------------------------------------

    def _raised(self, act: Acknowledge) -> Mapping[str, Any]:
        """Return the newest card of this kind and origin."""
        for event in reversed(self._record.events):
            data: Mapping[str, Any] = event["data"]
            if name_of(event) == "card.raised" and (event["origin"], data["kind"]) == (act.origin, act.kind):
                return data
        raise StoryError(self._texts("waiting.card", kind=act.kind))

    def _until(self, done: Callable[[], bool], what: str, **values: object) -> None:
        if not self._waited(done):
            self._give_up(what, **values)

    def _waited(self, done: Callable[[], bool]) -> bool:
        """Listen until something is true; return whether it became so in time."""
        began = self._clock.now()
        while not done():
            self._plant.check()
            if self._clock.now().since(began) > WAIT_S * 1000:
                return False
            self._listen()
        return True

    def _listen(self) -> None:
        """Take in what arrives, waiting a moment for the first."""
        try:
            message = self._platform.inbox.get(timeout=_LOOK_S)
            while True:
                event = self._record.feed(*message)
                if event is not None:
                    self._narrator.event(event)
                message = self._platform.inbox.get_nowait()
        except queue.Empty:
            return

    def _give_up(self, what: str, **values: object) -> None:
        wanted = self._texts(f"waiting.{what}", **values)
        step = self._texts(f"steps.{self._step}.title")
        raise StoryError(self._texts("wrong.waited", step=step, seconds=WAIT_S, what=wanted))
