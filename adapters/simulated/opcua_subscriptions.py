"""What a control's server may do with subscriptions and sessions: refuse them, forget them, lose messages, run out of slots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.status_codes import StatusCodes

from adapters.simulated.machine import CommandError


class TimedSession(InternalSession):
    """A session that remembers, for its server, how long its client wants it kept."""

    async def create_session(
        self, params: ua.CreateSessionParameters, sockname: tuple[str, int] | None = None
    ) -> ua.CreateSessionResult:
        """Note the wish."""
        if isinstance(self.iserver, ScarceServer):
            self.iserver.asked_timeout = max(self.iserver.asked_timeout, round(params.RequestedSessionTimeout or 0))
        return await super().create_session(params, sockname)


NOBODY = User(role=UserRole.Anonymous)


class ScarceServer(InternalServer):
    """A server with so many session slots. One whose client died keeps its slot until its timeout, as on a control.

    asyncua keeps it only if the client had subscribed.
    """

    slots = 0
    refused = 0  # sessions, because no slot was free
    asked_timeout = 0  # ms; the longest that any client asked for

    def create_session(self, name: str, user: User = NOBODY, external: bool = False) -> InternalSession:
        """Return a new session, or refuse it when every slot is taken."""
        if external and self.slots and len(self._external_sessions) >= self.slots:
            self.refused += 1
            raise ServiceError(StatusCodes.BadTooManySessions)
        return TimedSession(self, self.aspace, self.subscription_service, name, user=user, external=external)


class TroubledSubscriptions(SubscriptionService):
    """Subscriptions that a command line can trouble."""

    def __init__(self, server: InternalServer, *, items_per_call: int = 0, shortest_interval: int = 0) -> None:
        super().__init__(server.aspace, server)
        self._items_per_call = items_per_call
        self._shortest = shortest_interval
        self._refusal: int | None = None
        self._unwatched: set[ua.NodeId] = set()
        self.made = 0
        self.commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "refuse-subscriptions": self._refuse,
            "drop-subscriptions": self._drop,
            "expire-subscriptions": self._expire,
            "mute-subscriptions": self._mute,
        }

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        session_id: ua.NodeId,
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        """Begin one, with the shortest interval that this control knows, or refuse."""
        if self._refusal is not None:
            raise ServiceError(self._refusal)
        params.RequestedPublishingInterval = max(params.RequestedPublishingInterval, float(self._shortest))
        made = await super().create_subscription(params, callback, session_id, request_callback)
        self.made += 1
        return made

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """Watch nodes, except those that it is told not to, and not too many in one request."""
        if self._items_per_call and len(params.ItemsToCreate) > self._items_per_call:
            raise ServiceError(StatusCodes.BadTooManyOperations)
        results = await super().create_monitored_items(params)
        refused = ua.MonitoredItemCreateResult(
            StatusCode=ua.StatusCode(ua.UInt32(StatusCodes.BadTooManyMonitoredItems))
        )
        return [
            refused if item.ItemToMonitor.NodeId in self._unwatched else result
            for item, result in zip(params.ItemsToCreate, results, strict=True)
        ]

    def unwatched(self, node: ua.NodeId) -> None:
        """Refuse to watch this node from now on; it can still be read."""
        self._unwatched.add(node)

    async def lose(self) -> None:
        """Lose the message that is about to be sent, as a server does whose queue overflows."""
        for found in self.subscriptions.values():
            found._triggered_datachanges.clear()
            found._notification_seq += 1

    async def _refuse(self, name: str) -> None:
        """`refuse-subscriptions BadTooManySubscriptions`; `none` allows them again."""
        code = getattr(StatusCodes, name, None)
        if code is None and name != "none":
            raise CommandError(f"no status {name!r}")
        self._refusal = code

    async def _drop(self, _words: str) -> None:
        """Forget every subscription without a word."""
        await self.delete_subscriptions(list(self.subscriptions))

    async def _expire(self, _words: str) -> None:
        """End every subscription with a word, as at the end of its lifetime."""
        for found in self.subscriptions.values():
            await found.enqueue_statuschange(ua.StatusCode(ua.UInt32(StatusCodes.BadTimeout)))
            found._startup = True  # publish it at once
            await found.publish_results()
        await self._drop("")

    async def _mute(self, _words: str) -> None:
        """Keep every subscription, and never publish anything of it."""
        for found in self.subscriptions.values():
            await found.stop()
