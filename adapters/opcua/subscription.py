"""A subscription on a session: what is asked of the server, what it made of it, and what it publishes. It keeps no time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from adapters.opcua.session import Batches, Response, parameters
from edge_bridge.domain.instant import SECOND, Milliseconds, Stamp
from edge_bridge.errors import AdapterError
from edge_bridge.ports import Clock

_ITEMS_PER_CALL = ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall))
_LOST = {"BadSessionIdInvalid", "BadSessionClosed", "BadSessionNotActivated", "BadShutdown", "BadServerHalted"}
_AGAIN = {"BadTimeout", "BadTooManyPublishRequests"}  # of one Publish: the next may be answered
_OFTEN = 3
_LARGEST_SEQUENCE = 2**32 - 1  # OPC 10000-4 7.26: 1 follows


class UnwillingError(Exception):
    """The server does not subscribe, or no longer: in words. The session goes on."""


class Calls(Protocol):
    """What a subscription needs of a session."""

    async def call(self, request: Any, response: type[Response], *, patient: bool = False) -> Response:
        """Return the answer to a request. Raises AdapterError, with the server's status as its cause."""

    async def read(self, batches: Batches) -> list[ua.DataValue]:
        """Return the values of prepared requests."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Intervals of a subscription, as asked or as granted, ms. beat: without news, it says so that often.

    lifetime: without a word from us, the server forgets the subscription.
    """

    interval: Milliseconds
    beat: Milliseconds
    lifetime: Milliseconds


@dataclass(frozen=True, slots=True)
class Published:
    """One answer of the server. asked, at: when we had asked for it, and when it came. news: it brought values."""

    asked: Stamp
    at: Stamp
    news: bool


class Subscription:
    """At most one subscription at a time, with one Publish request under way.

    `notified`: for each node in it, the value of which the server told last; None while it has not.
    """

    def __init__(self, session: Calls, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._id: int | None = None
        self._opened: Milliseconds = 0
        self._nodes: list[ua.NodeId] = []  # by client handle
        self._received: list[ua.SubscriptionAcknowledgement] = []
        self._expected = 1
        self._pending: asyncio.Task[ua.PublishResponse] | None = None
        self._asked = clock.now()
        self._in_vain = 0
        self.notified: dict[ua.NodeId, ua.DataValue | None] = {}

    async def open(self, asked: Terms) -> Terms:
        """Begin, and return what the server grants. Raises UnwillingError."""
        beats = max(1, asked.beat // asked.interval)
        request = ua.CreateSubscriptionRequest()
        request.Parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=float(asked.interval),
            RequestedMaxKeepAliveCount=ua.UInt32(beats),
            RequestedLifetimeCount=ua.UInt32(max(3 * beats, asked.lifetime // asked.interval)),
            PublishingEnabled=True,
        )
        granted = (await self._call(request, ua.CreateSubscriptionResponse)).Parameters
        self._id, self._opened = granted.SubscriptionId, self._clock.now().boottime
        self._nodes, self._received, self._expected, self.notified = [], [], 1, {}
        interval = max(1, round(granted.RevisedPublishingInterval))
        return Terms(
            interval=interval,
            beat=interval * max(1, granted.RevisedMaxKeepAliveCount),
            lifetime=interval * granted.RevisedLifetimeCount,
        )

    async def watch(self, nodes: Sequence[ua.NodeId], every: Milliseconds) -> tuple[list[str], Milliseconds]:
        """Have these nodes sampled `every` so often; return the refusals, and the slowest sampling that was granted."""
        limit = await self._items_per_call()
        refused: list[str] = []
        slowest = every
        for start in range(0, len(nodes), limit or len(nodes) or 1):
            some = nodes[start : start + (limit or len(nodes))]
            request = ua.CreateMonitoredItemsRequest()
            request.Parameters.SubscriptionId = self._id
            request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Neither
            request.Parameters.ItemsToCreate = [
                self._item(node, len(self._nodes) + n, every) for n, node in enumerate(some)
            ]
            self._nodes += some
            results = (await self._call(request, ua.CreateMonitoredItemsResponse)).Results
            if len(results) != len(some):
                raise UnwillingError(f"it answered {len(results)} of {len(some)} monitored items")
            for node, result in zip(some, results, strict=True):
                if result.StatusCode.is_bad():
                    refused.append(result.StatusCode.name)
                else:
                    self.notified[node] = None
                    slowest = max(slowest, round(result.RevisedSamplingInterval))
        return refused, slowest

    async def heard(self, within: Milliseconds) -> Published | None:
        """Return what the server publishes next, None when nothing came in this time.

        Raises UnwillingError when the subscription has ended, or a message of it was lost: it is to be opened anew.
        """
        if self._pending is None:
            self._pending = asyncio.create_task(self._publish())
        await asyncio.wait((self._pending,), timeout=within / SECOND)
        if not self._pending.done():
            return None
        done, self._pending = self._pending, None
        asked, response = self._asked, self._answer(done)
        if response is None or response.Parameters.SubscriptionId != self._id:
            return None  # a last word of one that we have given up
        at = self._clock.now()
        message = response.Parameters.NotificationMessage
        self._in_sequence(message)
        news = self._take(message)
        self._pending = asyncio.create_task(self._publish())
        return Published(asked, at, news)

    async def drop(self) -> None:
        """Give the subscription back; what the server says to that is all the same."""
        if self._id is None:
            return
        request = ua.DeleteSubscriptionsRequest()
        request.Parameters.SubscriptionIds = [self._id]
        self._id, self.notified = None, {}
        try:
            await self._call(request, ua.DeleteSubscriptionsResponse)
        except UnwillingError:
            pass  # it has forgotten it already

    async def close(self) -> None:
        """End waiting. The subscription itself ends with its session."""
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.gather(self._pending, return_exceptions=True)
            self._pending = None

    async def _publish(self) -> ua.PublishResponse:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements, self._received = self._received, []
        self._asked = self._clock.now()
        return await self._session.call(request, ua.PublishResponse, patient=True)

    def _answer(self, done: asyncio.Task[ua.PublishResponse]) -> ua.PublishResponse | None:
        try:
            response = done.result()
        except AdapterError as error:
            status = _status(error)
            self._in_vain += 1
            before = self._asked.boottime < self._opened  # it says so of one that we have given up
            if self._in_vain > _OFTEN or not (before or status in _AGAIN):
                raise UnwillingError(f"it ended the subscription ({status})") from error
            return None
        self._in_vain = 0
        return response

    def _in_sequence(self, message: ua.NotificationMessage) -> None:
        """Notice a lost message: its values would never be told again. A keep-alive names the next message's number."""
        if message.SequenceNumber > self._expected:
            raise UnwillingError(f"a message of the subscription was lost ({self._expected})")
        if message.NotificationData:
            self._received.append(ua.SubscriptionAcknowledgement(self._id, message.SequenceNumber))
            self._expected = message.SequenceNumber % _LARGEST_SEQUENCE + 1

    def _take(self, message: ua.NotificationMessage) -> bool:
        news = False
        for part in message.NotificationData or ():
            if isinstance(part, ua.StatusChangeNotification):
                raise UnwillingError(f"it ended the subscription ({part.Status.name})")
            if isinstance(part, ua.DataChangeNotification):
                news = True
                for item in part.MonitoredItems:
                    if item.ClientHandle < len(self._nodes) and self._nodes[item.ClientHandle] in self.notified:
                        self.notified[self._nodes[item.ClientHandle]] = item.Value
        return news

    async def _items_per_call(self) -> int:
        (found,) = await self._session.read((parameters([_ITEMS_PER_CALL]),))
        limit = found.Value.Value if found.Value is not None else None
        return limit if isinstance(limit, int) else 0

    @staticmethod
    def _item(node: ua.NodeId, handle: int, every: Milliseconds) -> ua.MonitoredItemCreateRequest:
        """Queue of one: only the newest value counts, and it is read again before it is believed."""
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=ua.UInt32(handle),
                SamplingInterval=float(every),
                QueueSize=ua.UInt32(1),
                DiscardOldest=True,
            ),
        )

    async def _call(self, request: Any, response: type[Response]) -> Response:
        try:
            return await self._session.call(request, response)
        except AdapterError as error:
            raise UnwillingError(f"the server refuses it ({_status(error)})") from error


def _status(error: AdapterError) -> str:
    """Return the status with which the server refused. Raises the error itself when the connection is lost."""
    cause = error.__cause__
    name = ua.StatusCode(cause.code).name if isinstance(cause, UaStatusCodeError) else ""
    if not name or name in _LOST or name.startswith("BadSecureChannel"):
        raise error
    return name
