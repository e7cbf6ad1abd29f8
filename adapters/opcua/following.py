"""When one machine is looked at: each `every` when it is polled, and when its server has news when it is subscribed.

A subscription only says *when* to look. What is evidence is read, all of it in one go, as a poll does; so program and
version are never put together from two moments. Without news a look is repeated only while the server has proven that
nothing changed: its last word on every node is what was read, and it speaks on time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from asyncua import ua

from adapters.opcua.subscription import Published, Terms, UnwillingError
from adapters.opcua.values import Answer, status_of
from edge_bridge.domain.instant import MINUTE, SECOND, Milliseconds, Stamp
from edge_bridge.pacing import Pace, on_slot
from edge_bridge.ports import Clock

BEAT: Milliseconds = 4 * SECOND  # a server without news is to say so that often
GRACE: Milliseconds = SECOND  # for a beat that is late; then it is asked
FRESH: Milliseconds = 10 * SECOND  # a subscription is believed no longer than a reading is: see `Machine.fresh_for`
DOUBTFUL: Milliseconds = 30 * SECOND  # what is published and what is read may differ for so long
AGAIN: Milliseconds = 30 * SECOND  # after which a subscription that did not last is tried again, doubled each time
AGAIN_AT_MOST: Milliseconds = 10 * MINUTE
_MEANING = 0xFFFF0000  # of a status code: OPC 10000-4 7.38.1; the other bits only describe the value
_NODES_MISSING = {"BadNodeIdUnknown", "BadNodeIdInvalid", "BadAttributeIdInvalid"}


class Looks(Protocol):
    """The prepared requests of a connection, in the layout's order."""

    @property
    def nodes(self) -> Sequence[ua.NodeId | str]:
        """The nodes, or why there is none."""

    @property
    def again(self) -> Milliseconds | None:
        """When missing ones are looked for anew."""

    async def answers(self) -> list[Answer]:
        """Read every node."""


class Lives(Protocol):
    """What must be done to keep a session that is read seldom."""

    async def keep_alive(self) -> None:
        """Let the server hear from us."""

    @property
    def keep_alive_every(self) -> Milliseconds:
        """Within this time it must."""


class Publishes(Protocol):
    """A subscription: see `Subscription`."""

    notified: dict[ua.NodeId, ua.DataValue | None]

    async def open(self, asked: Terms) -> Terms:
        """Begin, and return what the server grants. Raises UnwillingError."""

    async def watch(self, nodes: Sequence[ua.NodeId], every: Milliseconds) -> tuple[list[str], Milliseconds]:
        """Have these nodes sampled; return the refusals, and the slowest sampling."""

    async def heard(self, within: Milliseconds) -> Published | None:
        """Return what the server publishes next. Raises UnwillingError when the subscription has ended."""

    async def drop(self) -> None:
        """Give the subscription back."""

    async def close(self) -> None:
        """End waiting."""


class Following:
    """One connection's looks. `subscription`: None where the machine is polled in any case."""

    def __init__(
        self,
        plan: Looks,
        session: Lives,
        subscription: Publishes | None,
        terms: Terms,
        clock: Clock,
        every: Milliseconds,
        say: Callable[[str], None],
        phase: Milliseconds = 0,
    ) -> None:
        self._plan = plan
        self._session = session
        self._subscription = subscription
        self._asked = terms
        self._clock = clock
        self._every = every
        self._say = say
        self._pace = Pace(clock, every, phase)
        self._answers: list[Answer] = []
        self._read_at = clock.now()
        self._proven: Milliseconds = 0  # when the server had last shown that it lives
        self._heard: Milliseconds = 0  # when it last published
        self._granted: Terms | None = None  # None: no subscription is open
        self._began: Milliseconds = 0
        self._agreed: Milliseconds = 0  # when what it publishes was last what is read
        self._settled = False
        self._urgent = False
        self._subscribe_at: Milliseconds = 0
        self._pause: Milliseconds = AGAIN

    async def look(self) -> tuple[Stamp, list[Answer]]:
        """Return the answers of the next look, and when they were true. Raises AdapterError when the machine is lost."""
        if not self._answers:
            return await self._read()
        if self._subscription is None:
            return await self._poll()
        while True:
            if self._granted is None and not await self._subscribed(self._subscription):
                return await self._poll()
            try:
                if (left := self._due() - self._now()) <= 0:
                    found = await self._read()
                    await self._keep_watching(self._subscription)
                    return found
                published = await self._subscription.heard(left)
                if published is not None and self._still(published):
                    return published.at, self._answers
            except UnwillingError as reason:
                await self._give_up(self._subscription, str(reason))
                self._urgent = True

    async def begin(self) -> None:
        """Read once and subscribe where the server lets us, for who wants to know whether it does."""
        await self._read()
        if self._subscription is not None:
            await self._subscribed(self._subscription)

    async def close(self) -> None:
        """End waiting."""
        if self._subscription is not None:
            await self._subscription.close()

    async def _poll(self) -> tuple[Stamp, list[Answer]]:
        if self._urgent:
            await self._clock.sleep(max(0, self._pace.soonest - self._now()) / SECOND)
        else:
            await self._pace.next_poll(self._session.keep_alive, self._session.keep_alive_every)
        return await self._read()

    async def _read(self) -> tuple[Stamp, list[Answer]]:
        self._pace.polling()
        self._urgent = False
        self._answers = await self._plan.answers()
        self._pace.polled()
        self._read_at = self._clock.now()
        self._proven = self._read_at.boottime
        self._settle()
        return self._read_at, self._answers

    def _due(self) -> Milliseconds:
        """Return when to read, whatever the server publishes until then."""
        assert self._granted is not None
        read = self._read_at.boottime
        if self._urgent:
            return self._pace.soonest
        if not self._settled:
            return self._pace.due(read)
        due = min(read + max(FRESH, 3 * self._every), self._proven + self._patience)
        return on_slot(due if self._plan.again is None else min(due, self._plan.again))

    @property
    def _patience(self) -> Milliseconds:
        """How long the server may say nothing: until its next beat, or until a machine must be read at the latest."""
        assert self._granted is not None
        return min(self._granted.beat, max(self._every, BEAT), self._session.keep_alive_every) + GRACE

    def _still(self, published: Published) -> bool:
        """Take in what was published; tell whether it proves that the last look still holds."""
        self._heard = published.at.boottime
        if published.news:
            self._settle()
        if not self._settled:
            self._urgent = self._urgent or published.news
            return False
        self._agreed = self._heard
        if published.at.since(published.asked) > self._patience or published.at.since(self._read_at) <= 0:
            return False  # it may have lain about for long, on its way or here
        self._proven = self._heard
        return True

    def _settle(self) -> None:
        """Compare what was read with what was published, node by node."""
        known = self._subscription.notified if self._subscription is not None and self._granted else {}
        now = self._now()
        self._settled = bool(known) and all(
            _agree(node, answer, known) for node, answer in zip(self._plan.nodes, self._answers, strict=True)
        )
        if self._settled:
            self._agreed = now
            if now - self._began > AGAIN:
                self._pause = AGAIN

    async def _subscribed(self, subscription: Publishes) -> bool:
        """Begin a subscription if it is time to, and tell whether there is one now."""
        if self._now() < self._subscribe_at:
            return False
        self._subscribe_at = self._now() + self._pause
        self._pause = min(2 * self._pause, AGAIN_AT_MOST)
        try:
            granted = self._granted = await subscription.open(self._asked)
            self._began = self._heard = self._agreed = self._now()
            await self._keep_watching(subscription)
        except UnwillingError as reason:
            await self._give_up(subscription, str(reason))
            return False
        slow = granted.interval > 2 * self._asked.interval
        self._say(f"subscribed: news every {granted.interval} ms{_instead(self._asked.interval) if slow else ''}")
        return True

    async def _keep_watching(self, subscription: Publishes) -> None:
        """Have the nodes watched that were found meanwhile. Raises UnwillingError when it is of no use to go on."""
        assert self._granted is not None
        known = subscription.notified
        missing = [
            node
            for node, answer in zip(self._plan.nodes, self._answers, strict=True)
            if not isinstance(node, str) and node not in known and not _is_missing(answer)
        ]
        if missing:
            refused, slowest = await subscription.watch(list(dict.fromkeys(missing)), self._asked.interval)
            if refused:
                raise UnwillingError(f"the server does not watch {len(refused)} of the nodes ({refused[0]})")
            if slowest > max(2 * self._asked.interval, BEAT, self._every):
                raise UnwillingError(f"the server looks at its nodes only every {slowest} ms")
        if not known:
            raise UnwillingError("none of the nodes is there yet")
        now = self._now()
        if now - self._agreed > DOUBTFUL:
            raise UnwillingError("what the server publishes is not what is read")
        if now - self._heard > max(3 * self._granted.beat, FRESH):
            raise UnwillingError("the server publishes nothing")

    async def _give_up(self, subscription: Publishes, reason: str) -> None:
        """Go back to polling, for some time."""
        self._granted, self._settled = None, False
        self._subscribe_at = max(self._subscribe_at, self._now() + AGAIN)
        self._say(f"polled: {reason}")
        await subscription.drop()

    def _now(self) -> Milliseconds:
        return self._clock.now().boottime


def terms(every: Milliseconds, keep_alive_every: Milliseconds, session: Milliseconds, steps: Sequence[int]) -> Terms:
    """Return what to ask for: as often as the machine would be polled, in a step that the control knows.

    keep_alive_every: within this time the server must hear from us, and does with each Publish. session: its timeout; a
    subscription lives no longer without us.
    """
    beat = min(max(every, BEAT), keep_alive_every)
    interval = min(every, beat)
    if steps:
        interval = min((step for step in steps if step >= interval), default=max(steps))
    return Terms(interval=interval, beat=max(beat, interval), lifetime=session)


def _agree(node: ua.NodeId | str, answer: Answer, known: dict[ua.NodeId, ua.DataValue | None]) -> bool:
    """Tell whether the server's last word on a node is what was read; a missing node is looked for by itself."""
    if isinstance(node, str):
        return True
    if isinstance(answer, str):
        return False
    if node not in known:
        return _is_missing(answer)
    told = known[node]
    if told is None:
        return False
    status = status_of(answer)
    if (status.value ^ status_of(told).value) & _MEANING:
        return False
    return status.is_bad() or _value(answer) == _value(told)


def _is_missing(answer: Answer) -> bool:
    return not isinstance(answer, str) and status_of(answer).name in _NODES_MISSING


def _value(answer: ua.DataValue) -> ua.Variant | None:
    return None if answer.Value is None or answer.Value.Value is None else answer.Value


def _instead(interval: Milliseconds) -> str:
    return f" instead of every {interval} ms, as its server grants"
