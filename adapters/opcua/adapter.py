"""One machine over OPC UA: options in, readings out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar, Literal
from zlib import crc32

import structlog
from asyncua import ua

from adapters.opcua import profile
from adapters.opcua.decode import Layout
from adapters.opcua.following import Following, terms
from adapters.opcua.identification import protection, user_certificate
from adapters.opcua.layout import lay_out
from adapters.opcua.nodes import Looks, Resolved, resolve
from adapters.opcua.observing import Observer
from adapters.opcua.options import OpcUaOptions, check, check_rate
from adapters.opcua.probing import Laps, looked
from adapters.opcua.programs import most_files
from adapters.opcua.session import Access, Batches, Session, opened
from adapters.opcua.subscription import Subscription
from adapters.opcua.values import Answer
from adapters.opcua.walk import understood, walk
from edge_bridge.domain.extract import ATTEMPTS, BELONG_TOGETHER, TORN
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.reading import Reading
from edge_bridge.options import read_options
from edge_bridge.ports import Clock, Entry, Look, Seen

RESOLVE_AGAIN: Milliseconds = 30_000  # a control that is starting publishes its nodes bit by bit
log = structlog.get_logger(__name__)
_STALE = ("BadNodeIdUnknown", "BadNodeIdInvalid", "BadAttributeIdInvalid")


class OpcUaAdapter:
    """Reads one machine's OPC UA server. It reads only.

    how: whether it polls or is subscribed, and why, in words; empty while it has not been connected. sessions: how many
    the control allows, as site or profile say. doubts: settings that cannot be meant with this profile.
    """

    delivers: ClassVar[Literal["readings"]] = "readings"
    Options: ClassVar[type[OpcUaOptions]] = OpcUaOptions

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        self.options = read_options(OpcUaOptions, options)
        check(self.options, options)
        self._clock = clock
        make = profile.read(self.options.profile, options)
        settings = profile.settle(make, self.options)
        self.doubts = tuple(profile.doubts(make, self.options))
        self.layout: Layout = lay_out(name, self.options, settings, options)
        check_rate(len(self.layout.wanted), most_files(self.layout), self.options.every, settings.limits, options)
        self._namespace = settings.namespace
        self._subscribes = (settings.read if self.options.read == "auto" else self.options.read) == "subscribe"
        self._limits = settings.limits
        self.sessions = settings.limits.sessions
        self._name = name
        self._said: set[str] = set()
        self.how = ""
        self._access = Access(
            endpoint=settings.endpoint,
            timeout=self.options.timeout / 1000,
            session_timeout=settings.limits.session_timeout,
            username=self.options.username,
            password=self.options.password_credential,
            user_certificate=user_certificate(self.options, options),
            protection=protection(self.options, name),
        )

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[Reading]]:
        """Enter = connected; iterate = one reading after another, the first at once; AdapterError = lost.

        A reading comes each `every` when the machine is polled; with a subscription, when something changed and every few
        seconds.
        """
        async with (
            opened(self._access, self._clock) as session,
            aclosing(self._readings(session)) as readings,
        ):
            yield readings

    async def probe(self) -> Look:
        """Connect, read once, close. Raises what `connect` raises."""
        laps = Laps(self._clock)
        async with opened(self._access, self._clock) as session:
            laps.lap("connect")
            plan = Plan(self.layout, self._namespace, session, self._clock)
            await plan.answers()
            laps.lap("find the nodes")
            answers = await plan.answers()
            laps.lap("read")
            observer = Observer(self.layout, session, self._clock, self._namespace)
            try:
                look = await looked(self.layout, observer, self._clock, answers, plan.nodes, laps)
            finally:
                await observer.close()
            if self._subscribes:
                await self._following(plan, session).begin()
                laps.lap("subscribe")
                look = replace(look, values=(*look.values, Seen("read", f"read: {self.options.read}", None, self.how)))
        return look

    @asynccontextmanager
    async def browse(self, start: str | None, depth: int) -> AsyncIterator[AsyncIterator[Entry]]:
        """Enter = connected; iterate = what is below `start`, as it is found. Raises ConfigError for no node notation."""
        reference = None if start is None else understood(start, self._namespace)
        async with (
            opened(self._access, self._clock) as session,
            aclosing(walk(session, self._clock, reference, self._namespace, depth)) as entries,
        ):
            yield entries

    async def _readings(self, session: Session) -> AsyncGenerator[Reading, None]:
        plan = Plan(self.layout, self._namespace, session, self._clock)
        following = self._following(plan, session)
        observer = Observer(self.layout, session, self._clock, self._namespace)
        self.how = "polled"
        try:
            while True:
                at, answers = await following.look()
                yield await observer.reading(at, answers, plan.nodes)
        finally:
            try:
                await observer.close()
            finally:  # a file that cannot be closed must not leave a Publish under way
                await following.close()

    def _following(self, plan: Plan, session: Session) -> Following:
        every = self.options.every
        asked = terms(every, session.keep_alive_every, self._limits.session_timeout, self._limits.sampling)
        subscription = Subscription(session, self._clock) if self._subscribes else None
        phase = crc32(self._name.encode())  # each machine its own, the same at each connection
        return Following(plan, session, subscription, asked, self._clock, every, self._say, phase)

    def _say(self, how: str) -> None:
        """Note how it is read now, and log it once: a control's server does not change its mind often."""
        self.how = how
        if how not in self._said:
            self._said.add(how)
            log.info("how it is read", adapter=self._name, how=how)


class Plan:
    """The prepared requests of one connection: which nodes they ask for, and where each answer belongs."""

    def __init__(self, layout: Layout, namespace: str | None, session: Looks, clock: Clock) -> None:
        self._session = session
        self._wanted = layout.wanted
        self._root = layout.root
        self._namespace = namespace
        self._clock = clock
        self._resolved: list[Resolved] = []
        self._batches: Batches = ()
        self._resolve_at: Milliseconds | None = self._clock.now().boottime

    @property
    def nodes(self) -> Sequence[Resolved]:
        """What the layout's nodes are on this server, in its order."""
        return self._resolved

    @property
    def again(self) -> Milliseconds | None:
        """When nodes that were missing are looked for again; None when none is."""
        return self._resolve_at

    async def answers(self) -> list[Answer]:
        """Return an answer for each node of the layout, in its order."""
        now = self._clock.now().boottime
        if self._resolve_at is not None and now >= self._resolve_at:
            self._resolved = await resolve(
                self._session, [wanted.reference for wanted in self._wanted], self._namespace, self._root
            )
            self._batches = self._session.prepared([node for node in self._resolved if not isinstance(node, str)])
            self._resolve_at = None
        answers = await self._read()
        if self._resolve_at is None and any(map(_stale, answers)):
            self._resolve_at = now + RESOLVE_AGAIN
        return answers

    async def _read(self) -> list[Answer]:
        """Read until program and version were there together: at once when one request holds them, else looking again."""
        feeds = [one.feeds for one, node in zip(self._wanted, self._resolved, strict=True) if not isinstance(node, str)]
        together = (
            [index for index, field in enumerate(feeds) if field in BELONG_TOGETHER] if "version" in feeds else []
        )
        before_last = self._batches[: together[-1] // len(self._batches[0].NodesToRead)] if together else ()
        for _ in range(ATTEMPTS):
            values = await self._session.read(self._batches)
            again = await self._session.read(before_last)
            if all(_same(values[index], again[index]) for index in together if index < len(again)):
                return self._in_order(values)
        return self._in_order(
            [TORN if field == "version" else value for field, value in zip(feeds, values, strict=True)]
        )

    def _in_order(self, values: Sequence[Answer]) -> list[Answer]:
        """Return the values in the layout's order, with the reason where a node was not even found."""
        found = iter(values)
        return [node if isinstance(node, str) else next(found) for node in self._resolved]


def _same(before: ua.DataValue, after: ua.DataValue) -> bool:
    return (before.Value, before.StatusCode) == (after.Value, after.StatusCode)


def _stale(answer: Answer) -> bool:
    """Tell whether a node may be found elsewhere, or later."""
    if isinstance(answer, str):
        return True
    return answer.StatusCode is not None and answer.StatusCode.name in _STALE
