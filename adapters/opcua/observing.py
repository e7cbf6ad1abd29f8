"""From the answers of one look to a reading, with what only this connection knows: texts of values, and of programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from adapters.opcua.decode import Layout, complete, found
from adapters.opcua.instances import Resolved
from adapters.opcua.programs import ProgramTexts, Serves
from adapters.opcua.structures import Interpreter
from adapters.opcua.values import Answer
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.reading import Reading
from edge_bridge.ports import Clock


class Observes(Serves, Protocol):
    """What an observer needs of a session."""


class Observer:
    """One connection's readings, polled and subscribed alike. Close it before its session."""

    def __init__(self, layout: Layout, session: Observes, clock: Clock, namespace: str | None) -> None:
        self._layout = layout
        self._texts = Interpreter(layout.wanted, session, clock)
        self.programs = ProgramTexts(layout, session, clock, namespace)

    async def reading(self, at: Stamp, answers: Sequence[Answer], nodes: Sequence[Resolved]) -> Reading:
        """Return the reading of these answers, in the layout's order. at: when they were true. nodes: what was asked."""
        made = found(self._layout, await self._texts.texts(answers, nodes))
        return complete(self._layout, at, made, await self.programs.known(made))

    async def in_words(self, answers: Sequence[Answer], nodes: Sequence[Resolved]) -> Sequence[Answer]:
        """Return the answers with texts for what has texts, for a person who looks."""
        return await self._texts.texts(answers, nodes)

    async def close(self) -> None:
        """Stop reading files, and close the one that is open."""
        await self.programs.close()
