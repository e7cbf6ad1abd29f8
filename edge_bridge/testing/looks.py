"""A machine for `probe` and `browse` without a network: its file says what it does, and a log says what was opened and closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal

import structlog
from pydantic import Field

from edge_bridge.domain.extract import from_header, from_names
from edge_bridge.domain.nc_program import content
from edge_bridge.domain.reading import Evidence, Execution, Fault, Mode, Reading
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import RefusedError
from edge_bridge.options import ControllerOptions, ExtractorOptions, FilePath, Options, read_options
from edge_bridge.ports import Clock, Entry, Look, Seen

log = structlog.get_logger(__name__)

PROGRAM = "PART-7_B.MPF"
HEADER = b"%_N_PART-7_MPF\n;(REV A 2024)\n;(REV C 2026)\n"


class LimitsOptions(Options):
    """What the machine bears."""

    sessions: str = Field("", description="how many sessions it takes")


class ShownOptions(ControllerOptions):
    """What such a machine's file may say."""

    does: Literal["fine", "slow", "crashes", "refuses", "faulty", "nothing", "stuck", "endless"] = Field(
        "fine", description="how it behaves"
    )
    log: FilePath = Field(description="the file in which it writes `open` and `close`")
    variable: str | None = Field(None, description="what the variable `R90` holds")
    limits: LimitsOptions = Field(default_factory=LimitsOptions, description="what it bears")

    extractors: ClassVar[frozenset[Extractor]] = frozenset({Extractor.VARIABLE, Extractor.NAME, Extractor.HEADER})


class ConnectedAdapter:
    """One machine that can only be connected to: it says one reading and then nothing."""

    delivers: ClassVar[Literal["readings"]] = "readings"
    Options: ClassVar[type[ShownOptions]] = ShownOptions

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        """Check the options; touch nothing outside."""
        self.name, self._clock = name, clock
        self.options = read_options(ShownOptions, options)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[Reading]]:
        """Enter = connected."""
        async with self._session():
            yield self._readings()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[None]:
        self._note("open")
        try:
            if self.options.does == "slow":
                await asyncio.Event().wait()
            if self.options.does == "crashes":
                log.warning("a line of its own")
                logging.getLogger("some.library").error("a library's line", exc_info=ValueError("why"))
                raise RuntimeError("two\nlines")
            if self.options.does == "refuses":
                raise RefusedError("it refuses the password", "correct `password_credential`")
            yield
        finally:
            self._note("close")

    def _note(self, what: str) -> None:
        with self.options.log.open("a") as log:
            log.write(f"{what}\n")

    async def _readings(self) -> AsyncIterator[Reading]:
        yield self._reading()
        await asyncio.Event().wait()

    def _reading(self) -> Reading:
        if self.options.does == "faulty":
            return Reading(self.name, self._clock.now(), faults=(Fault("main_program", "BadNodeIdUnknown"),))
        found = [piece for entry in self.options.version for piece in self._evidence(entry)]
        return Reading(
            self.name,
            self._clock.now(),
            main_program=PROGRAM,
            execution=Execution.RUNNING,
            mode=Mode.UNKNOWN,
            evidence=tuple(found),
        )

    def _evidence(self, entry: ExtractorOptions) -> list[Evidence]:
        if entry.name is not None:
            return list(from_names(entry.name, {"main_program": PROGRAM}, exact=False))
        if entry.header is not None:
            text = content(PROGRAM, "file", HEADER, whole=True)
            return list(from_header(entry.header, [text], last=entry.which == "last"))
        value = self.options.variable
        bound = entry.bound == "always"
        return [Evidence(Extractor.VARIABLE, value, value, entry.variable or "", bound=bound)] if value else []


class ShownAdapter(ConnectedAdapter):
    """The same, which can be looked at and walked through."""

    async def probe(self) -> Look:
        """Look once, as the file says."""
        async with self._session():
            reading = self._reading()
            fault = next((fault.error for fault in reading.faults), "")
            seen = (
                Seen("main_program", "node 1", reading.main_program, reading.main_program, fault),
                Seen("execution", "node 2", "3", "running"),
                Seen("mode", "node 3", "9", "unknown"),
            )
        return Look(reading, seen, {"connect": 1.5, "read": 12.0})

    @asynccontextmanager
    async def browse(self, start: str | None, depth: int) -> AsyncIterator[AsyncIterator[Entry]]:
        """Walk, as the file says."""
        async with self._session():
            yield self._entries(depth)

    async def _entries(self, depth: int) -> AsyncIterator[Entry]:
        number = 0
        while self.options.does != "nothing" and (number < 3 or self.options.does == "endless"):
            number += 1
            place, value = f"ns=2;s=N{number}", f"{PROGRAM}\x1b[31m" if number == 2 else str(number)
            yield Entry(min(1, depth), f"Node {number}", place, "Variable", value, f"main_program: {place}")
            await self._clock.sleep(0)
        if self.options.does == "stuck":
            await asyncio.Event().wait()
