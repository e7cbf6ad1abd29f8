"""The Modbus adapter: one PLC read as one machine, in slots, over one connection that is closed cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, ClassVar, Literal

from adapters.modbus import look
from adapters.modbus.block import stretch
from adapters.modbus.blocks import Block, plan, split
from adapters.modbus.link import Link, PlcRefusal
from adapters.modbus.observation import reading
from adapters.modbus.options import ModbusOptions, modbus_options
from adapters.modbus.registers import spans
from adapters.modbus.walk import walk
from edge_bridge.domain.extract import ATTEMPTS, BELONG_TOGETHER, TORN
from edge_bridge.domain.instant import SECOND
from edge_bridge.domain.reading import Reading
from edge_bridge.pacing import Pace
from edge_bridge.ports import Clock, Entry, Look

_SPLIT_ON = (2, 3)  # illegal data address or value: something inside the block is not there, or the block is too long

Answers = dict[str, tuple[int, ...]]
"""The registers of each field that was read."""


class ModbusAdapter:
    """Reads one PLC over Modbus TCP. It never writes: no function code but 1 to 4 can leave it."""

    delivers: ClassVar[Literal["readings"]] = "readings"
    Options: ClassVar[type[ModbusOptions]] = ModbusOptions

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        """Check the options; touch nothing outside. Raises ConfigError(s) naming the key, its place and what to do."""
        self.name = name
        self.options = modbus_options(options)
        self._clock = clock

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[Reading]]:
        """Enter = connected; iterate = a Reading every `every`, the first at once; AdapterError = lost."""
        async with self._linked() as link:
            yield Polls(self.name, self.options, link, self._clock)

    async def probe(self) -> Look:
        """Connect, read once, close. Raises AdapterError when the PLC cannot be read."""
        now = asyncio.get_running_loop().time
        moments = [now()]
        async with self._linked() as link:
            moments.append(now())
            polls = Polls(self.name, self.options, link, self._clock)
            answers, refusals = await polls.gather()
            seen = polls.told(answers, refusals)
            moments.append(now())
        moments.append(now())
        steps = zip(("connect", "read", "close"), pairwise(moments), strict=True)
        took = {step: round(1000 * (end - begin), 1) for step, (begin, end) in steps}
        return Look(seen, look.values(self.options, answers, refusals), took)

    @asynccontextmanager
    async def browse(self, start: str | None, depth: int) -> AsyncIterator[AsyncIterator[Entry]]:
        """Enter = connected; iterate = the registers of a block, and what they may hold. depth: registers have none.

        Raises ConfigError when `start` is no block of registers, AdapterError when the PLC cannot be read.
        """
        where = stretch(start, self.options)
        async with self._linked() as link:
            yield walk(link, where, self.options.limits.block)

    @asynccontextmanager
    async def _linked(self) -> AsyncIterator[Link]:
        """Hold one connection open; it is closed on every path."""
        options = self.options
        link = Link(options.host, options.port, options.unit, options.timeout / SECOND)
        try:
            await link.open()
            yield link
        finally:
            await link.close()


class Polls:
    """One reading after another over one connection. What the PLC refused as a block is remembered until it is lost."""

    def __init__(self, machine: str, options: ModbusOptions, link: Link, clock: Clock) -> None:
        self._machine, self._options, self._link, self._clock = machine, options, link, clock
        self._blocks = plan(spans(options).values(), options.limits.block)
        self._pace = Pace(clock, options.every)

    def __aiter__(self) -> Polls:
        """Return itself."""
        return self

    async def __anext__(self) -> Reading:
        """Wait for the next slot and read. Raises AdapterError when the connection is lost."""
        await self._pace.next_poll()
        found = self.told(*await self.gather())
        self._pace.polled()
        return found

    def told(self, answers: Answers, refusals: Mapping[str, str]) -> Reading:
        """Return what was gathered as a reading of this moment."""
        return reading(self._machine, self._clock.now(), self._options, answers, refusals)

    async def gather(self) -> tuple[Answers, dict[str, str]]:
        """Read every register once: what came, and why the rest did not. Raises AdapterError when the connection is lost."""
        for _ in range(ATTEMPTS):
            answers, refusals = await self._look()
            if await self._still(answers):
                break
        else:
            answers.pop("version", None)
            refusals["version"] = TORN
        return answers, refusals

    async def _still(self, answers: Answers) -> bool:
        """Tell whether program and version were there together: at once when one request brought them, else look again."""
        if self._options.registers.version is None:
            return True
        parted = [block for block in self._blocks if any(span.field in BELONG_TOGETHER for span in block.spans)]
        for block in parted[:-1]:
            again: Answers = {}
            await self._ask(block, again)
            fields = [span.field for span in block.spans if span.field in BELONG_TOGETHER]
            if any(again.get(field) != answers.get(field) for field in fields):
                return False
        return True

    async def _look(self) -> tuple[Answers, dict[str, str]]:
        answers: Answers = {}
        refusals: dict[str, str] = {}
        asking, kept = list(self._blocks), []
        while asking:
            block = asking.pop(0)
            refusal = await self._ask(block, answers)
            if refusal is not None and refusal.code in _SPLIT_ON and len(pieces := split(block)) > 1:
                asking[:0] = pieces
                continue
            kept.append(block)
            if refusal is not None:
                refusals |= {span.field: refusal.words for span in block.spans}
        self._blocks = tuple(kept)
        return answers, refusals

    async def _ask(self, block: Block, answers: Answers) -> PlcRefusal | None:
        try:
            answer = await self._link.read(block.table, block.first, block.size)
        except PlcRefusal as refusal:
            return refusal
        answers.update(block.cut(answer))
        return None
