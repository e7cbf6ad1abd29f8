"""One conversation with one agent: from its first answer on, a reading whenever something is said, or nothing is new."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

from adapters.mtconnect import decode, failure
from adapters.mtconnect.agent import MOST_FILES, Agent, NoStreamError, Scope, SilentStreamError, StreamEndedError
from adapters.mtconnect.decode import Files
from adapters.mtconnect.failure import UnusableAnswerError
from adapters.mtconnect.layout import Layout
from adapters.mtconnect.model import AgentFault, Observation, Streams
from adapters.mtconnect.resolve import Plan, resolve
from adapters.mtconnect.state import State, snapshot, steps
from edge_bridge.domain.instant import SECOND, Milliseconds, Stamp
from edge_bridge.domain.reading import Reading
from edge_bridge.errors import AdapterError
from edge_bridge.pacing import Pace
from edge_bridge.ports import Clock, Seen

SHORTEST_HEARTBEAT: Milliseconds = 1 * SECOND
LONGEST_HEARTBEAT: Milliseconds = 10 * SECOND
FILES_TOLD: Milliseconds = 60 * SECOND  # File assets are read again after this long, though the agent tells of changes
FILES_UNTOLD: Milliseconds = 10 * SECOND  # ... where it does not
SAME_ANSWER: Milliseconds = 5 * SECOND  # creationTime counts seconds: the same for longer is an old answer
TOO_MANY = f"the agent has more than the {MOST_FILES} assets that are read: let it hold fewer"
MOST_TRIES = 3  # of streams that end or cannot begin, without one document in between
_NO_FILTER = ("INVALID_XPATH", "INVALID_PATH", "INVALID_URI", "INVALID_REQUEST", "UNSUPPORTED", "QUERY_ERROR")


@dataclass(slots=True)
class _Turn:
    """What one stream came to. told: it brought a document. lost: it does not join on to what is known.

    waiting: states that must be told once the changed File assets were read.
    """

    told: bool = False
    lost: bool = False
    waiting: list[State] = field(default_factory=list)


class Watching:
    """The newest state of one machine as its agent tells it. What an agent said before it started anew is forgotten."""

    def __init__(self, layout: Layout, agent: Agent, clock: Clock, every: Milliseconds) -> None:
        self._layout = layout
        self._agent = agent
        self._clock = clock
        self._every = every
        self._pace = Pace(clock, every)
        self._filter = True
        self._instance = ""
        self._next = 0
        self._state: State = {}
        self._files = Files()
        self._files_at: Stamp | None = None
        self._created: tuple[str, Stamp] | None = None
        self.plan: Plan | None = None
        """Where everything is; None before `begin`."""
        self.took: dict[str, float] = {}
        """How long the last look at everything took, in ms, by what was asked for."""

    async def begin(self) -> None:
        """Ask for everything once, and find out where it is. Raises AdapterError."""
        await self._pace.next_poll()
        await self._look_anew()

    async def readings(self, read: Literal["auto", "poll", "subscribe"]) -> AsyncGenerator[Reading, None]:
        """Yield the reading of `begin`, then one after another. Raises AdapterError when the machine is lost."""
        yield self.reading()
        if read != "poll":
            try:
                async with aclosing(self._streamed()) as streamed:
                    async for one in streamed:
                        yield one
            except (NoStreamError, SilentStreamError, UnusableAnswerError):  # one that hangs answers no poll either
                if read == "subscribe":
                    raise
        while True:
            await self._pace.next_poll()
            await self._poll()
            yield self.reading()

    def reading(self) -> Reading:
        """Return what is known now."""
        return self.look()[0]

    def look(self) -> tuple[Reading, tuple[Seen, ...]]:
        """Return what is known now, with every value behind it."""
        assert self.plan is not None
        return decode.reading(self._layout, self.plan, self._state, self._clock.now(), self._files)

    async def read_files(self) -> None:
        """Read the File assets, where they are wanted; an agent that has none is a fault of the version only."""
        if not self._layout.wants_files:
            return
        began = self._clock.now()
        try:
            found = await self._agent.files(Scope(self._device))
            self._files = Files(found.files, TOO_MANY if found.total >= MOST_FILES else "")
        except AgentFault as fault:
            self._files = Files(fault=f"the agent gives no File assets: {fault}")
        except UnusableAnswerError as error:
            self._files = Files(fault=f"the agent gives no File assets: {error.what}")
        self._files_at = self._clock.now()
        self.took["assets"] = float(self._files_at.since(began))

    async def _streamed(self) -> AsyncGenerator[Reading, None]:
        """Yield readings for as long as the agent streams; raises NoStreamError when it does not."""
        tries = 0
        while True:
            turn = _Turn()
            try:
                async with aclosing(self._turn(turn)) as readings:
                    async for one in readings:
                        yield one
            except StreamEndedError:
                pass  # a proxy ends what lasts long: what was said meanwhile is still in the agent's buffer
            except AgentFault as fault:
                turn.lost = self._has_lost(fault)
            tries = 0 if turn.told else tries + 1
            if tries >= MOST_TRIES:
                raise NoStreamError(
                    f"{self._agent.url} does not keep up a stream", "write `read: poll`, or enlarge the agent's buffer"
                )
            if turn.lost:
                await self._look_anew()
                yield self.reading()
            elif self._files_old() or turn.waiting:
                await self.read_files()
                for state in turn.waiting or [self._state]:
                    self._state = state
                    decode.require_available(self._plan, state)
                    yield self.reading()
            await self._pace.next_poll()

    async def _turn(self, turn: _Turn) -> AsyncGenerator[Reading, None]:
        """Yield the readings of one stream, until something else has to be asked for: there is one connection only."""
        heartbeat = min(max(self._every, SHORTEST_HEARTBEAT), LONGEST_HEARTBEAT)
        interval = min(self._every, heartbeat)
        async with aclosing(self._agent.sample(self._scope, self._next, interval, heartbeat)) as documents:
            async for one in documents:
                if self._is_gap(one):
                    turn.lost = True
                    return
                turn.told = True
                observations = self._plan.mine(one.observations)
                states = list(steps(self._state, observations, self._ids))
                self._state, self._next = states[-1], one.header.next or self._next
                if self._files_changed(observations):
                    turn.waiting = states
                    return
                for state in states:
                    self._state = state
                    decode.require_available(self._plan, state)
                    yield self.reading()
                if self._files_old():
                    return

    def _has_lost(self, fault: AgentFault) -> bool:
        """Tell whether to look anew after an agent's error; raises NoStreamError where it does not stream at all."""
        if fault.says("OUT_OF_RANGE"):
            return True
        if self._filter and fault.says(*_NO_FILTER):
            self._filter = False
            return False
        raise NoStreamError(f"{self._agent.url} does not stream: {fault}", "write `read: poll`") from fault

    def _is_gap(self, one: Streams) -> bool:
        """Tell whether something between the last document and this one is missing, or the agent has started anew."""
        header = one.header
        return header.instance != self._instance or header.first > self._next or 0 < header.next < self._next

    async def _poll(self) -> None:
        """Ask for the newest of what is needed; for everything, where the agent has started anew."""
        found = await self._current(self._scope)
        if found.header.instance != self._instance:
            await self._look_anew()
            return
        self._require_new(found)
        before, self._state = self._state, snapshot(self._plan.mine(found.observations), self._ids)
        decode.require_available(self._plan, self._state)
        told = [one for one in self._plan.asset_changes if _sequence(before, one) != _sequence(self._state, one)]
        if told or self._files_old():
            await self.read_files()

    async def _look_anew(self) -> None:
        """Forget what was said, ask for everything, and find out where it is."""
        began = self._clock.now()
        found = await self._everything()
        self.took = {"current": float(self._clock.now().since(began))}
        self._instance, self._next, self._created = found.header.instance, found.header.next, None
        self.plan = resolve(self._layout, found)
        self._state = snapshot(self.plan.mine(found.observations), self.plan.ids)
        decode.require_available(self.plan, self._state)
        await self.read_files()

    async def _everything(self) -> Streams:
        """Return a `/current` of the whole device; of all devices where it is not known, which can then be named."""
        try:
            return await self._agent.current(Scope(self._layout.device))
        except AgentFault as fault:
            if self._layout.device is None:
                raise failure.said(fault, self._agent.url) from fault
        return await self._current(Scope())

    async def _current(self, scope: Scope) -> Streams:
        """Return a `/current`; one that does not take the selection is asked for everything from now on."""
        try:
            return await self._agent.current(scope)
        except AgentFault as fault:
            if not (scope.ids and self._filter and fault.says(*_NO_FILTER)):
                raise failure.said(fault, self._agent.url) from fault
            self._filter = False
        try:
            return await self._agent.current(self._scope)
        except AgentFault as fault:
            raise failure.said(fault, self._agent.url) from fault

    def _require_new(self, found: Streams) -> None:
        """Raise AdapterError when the same answer comes again and again: something in between has kept it."""
        now, created = self._clock.now(), found.header.created
        if self._created is None or not created or self._created[0] != created:
            self._created = (created, now)
        elif (age := now.since(self._created[1])) > max(SAME_ANSWER, 2 * self._every):
            raise AdapterError(
                f"{self._agent.url} has given the same answer for {age // SECOND} s ({created})",
                "look for a proxy that keeps answers, and whether the agent hangs",
            )

    def _files_changed(self, observations: tuple[Observation, ...]) -> bool:
        """Tell whether a stream announces a changed or removed file; tools change with every cut."""
        return any(
            one.id in self._plan.asset_changes and (one.asset_type or "File").endswith("File") for one in observations
        )

    def _files_old(self) -> bool:
        if not self._layout.wants_files:
            return False
        longest = FILES_TOLD if self._plan.asset_changes else FILES_UNTOLD
        return self._files_at is None or self._clock.now().since(self._files_at) >= longest

    @property
    def _plan(self) -> Plan:
        assert self.plan is not None
        return self.plan

    @property
    def _ids(self) -> frozenset[str]:
        return self._plan.ids

    @property
    def _device(self) -> str | None:
        return self._plan.device.called if self._plan.several or self._layout.device else None

    @property
    def _scope(self) -> Scope:
        return Scope(self._device, self._ids if self._filter else None)


def _sequence(state: State, name: str) -> int:
    return state[name].sequence if name in state else 0
