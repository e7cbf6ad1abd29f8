"""One machine over OPC UA: options in, readings out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar, Literal

from adapters.opcua import profile
from adapters.opcua.decode import Layout, reading
from adapters.opcua.layout import lay_out
from adapters.opcua.nodes import Resolved, resolve
from adapters.opcua.options import OpcUaOptions, check
from adapters.opcua.session import Access, Batches, Session, opened
from adapters.opcua.values import Answer
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.reading import Reading
from edge_bridge.options import read_options
from edge_bridge.ports import Clock

SLOT: Milliseconds = 50  # polls start on these marks of boottime: machines share wake-ups, which are what polling costs
RESOLVE_AGAIN: Milliseconds = 30_000  # a control that is starting publishes its nodes bit by bit
_STALE = ("BadNodeIdUnknown", "BadNodeIdInvalid", "BadAttributeIdInvalid")


class OpcUaAdapter:
    """Polls one machine's OPC UA server. It reads only."""

    delivers: ClassVar[Literal["readings"]] = "readings"
    Options: ClassVar[type[OpcUaOptions]] = OpcUaOptions

    def __init__(self, name: str, options: Mapping[str, Any], clock: Clock) -> None:
        self.options = read_options(OpcUaOptions, options)
        check(self.options, options)
        self._clock = clock
        settings = profile.settle(profile.read(self.options.profile, options), self.options)
        self._layout: Layout = lay_out(name, self.options, settings, options)
        self._namespace = settings.namespace
        self._access = Access(
            endpoint=self.options.endpoint,
            timeout=self.options.timeout / 1000,
            session_timeout=settings.limits.session_timeout,
            username=self.options.username,
            password=self.options.password_credential,
        )

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncIterator[Reading]]:
        """Enter = connected; iterate = one reading each `every`, the first at once; AdapterError = lost."""
        async with (
            opened(self._access, self._clock) as session,
            aclosing(self._readings(_Plan(self._layout, self._namespace, session, self._clock))) as readings,
        ):
            yield readings

    async def _readings(self, plan: _Plan) -> AsyncGenerator[Reading, None]:
        due = self._clock.now().boottime
        while True:
            answers = await plan.answers()
            yield reading(self._layout, self._clock.now(), answers)
            due = next_slot(due, self.options.every, self._clock.now().boottime)
            await self._rest(plan.session, due)

    async def _rest(self, session: Session, due: Milliseconds) -> None:
        """Sleep until `due`, and let the server hear from us when that is longer than a session lives."""
        while (left := due - self._clock.now().boottime) > session.keep_alive_every:
            await self._clock.sleep(session.keep_alive_every / 1000)
            await session.keep_alive()
        await self._clock.sleep(max(0, left) / 1000)


class _Plan:
    """The prepared requests of one connection: which nodes they ask for, and where each answer belongs."""

    def __init__(self, layout: Layout, namespace: str | None, session: Session, clock: Clock) -> None:
        self.session = session
        self._references = [wanted.reference for wanted in layout.wanted]
        self._namespace = namespace
        self._clock = clock
        self._resolved: list[Resolved] = []
        self._batches: Batches = ()
        self._resolve_at: Milliseconds | None = self._clock.now().boottime

    async def answers(self) -> list[Answer]:
        """Return an answer for each node of the layout, in its order."""
        now = self._clock.now().boottime
        if self._resolve_at is not None and now >= self._resolve_at:
            self._resolved = await resolve(self.session, self._references, self._namespace)
            self._batches = self.session.prepared([node for node in self._resolved if not isinstance(node, str)])
            self._resolve_at = None
        values = iter(await self.session.read(self._batches))
        answers = [found if isinstance(found, str) else next(values) for found in self._resolved]
        if self._resolve_at is None and any(map(_stale, answers)):
            self._resolve_at = now + RESOLVE_AGAIN
        return answers


def next_slot(due: Milliseconds, every: Milliseconds, now: Milliseconds) -> Milliseconds:
    """Return when to poll next: `every` after the last, on a slot; when that has passed, the next slot from now.

    Polls that were missed are not made up for.
    """
    return -(-max(due + every, now) // SLOT) * SLOT


def _stale(answer: Answer) -> bool:
    """Tell whether a node may be found elsewhere, or later."""
    if isinstance(answer, str):
        return True
    return answer.StatusCode is not None and answer.StatusCode.name in _STALE
