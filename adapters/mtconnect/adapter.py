"""One machine over MTConnect: options in, readings out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar, Literal

from adapters.mtconnect import browsing
from adapters.mtconnect.agent import Access, opened
from adapters.mtconnect.layout import Layout, lay_out
from adapters.mtconnect.options import MtConnectOptions, settings
from adapters.mtconnect.watching import Watching
from edge_bridge.domain.instant import SECOND
from edge_bridge.domain.reading import Reading
from edge_bridge.ports import Clock, Entry, Look


class MtConnectAdapter:
    """Listens to one machine's MTConnect agent. It only asks: no request but GET can leave it."""

    delivers: ClassVar[Literal["readings"]] = "readings"
    Options: ClassVar[type[MtConnectOptions]] = MtConnectOptions

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        """Check the options; touch nothing outside. Raises ConfigError(s) naming the key, its place and what to do."""
        self.options = settings(options)
        self.layout: Layout = lay_out(name, self.options, options)
        self._clock = clock
        self._access = Access(self.options.url, self.options.timeout / SECOND, self.options.ca)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[Reading]]:
        """Enter = the agent answers and shows the machine; iterate = a reading for each change and each `every`."""
        async with opened(self._access) as agent:
            watching = Watching(self.layout, agent, self._clock, self.options.every)
            await watching.begin()
            async with aclosing(watching.readings(self.options.read)) as readings:
                yield readings

    async def probe(self) -> Look:
        """Connect, read once, close. Raises what `connect` raises."""
        async with opened(self._access) as agent:
            watching = Watching(self.layout, agent, self._clock, self.options.every)
            await watching.begin()
            reading, values = watching.look()
            return Look(reading, values, watching.took)

    @asynccontextmanager
    async def browse(self, start: str | None, depth: int) -> AsyncIterator[AsyncIterator[Entry]]:
        """Enter = connected; iterate = components and data items below `start`, a device or component by id or name."""
        async with opened(self._access) as agent:
            entries = await browsing.entries(agent, start, depth)
            yield browsing.each(entries)
