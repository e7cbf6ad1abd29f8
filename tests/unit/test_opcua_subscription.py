"""A subscription's messages: their sequence, their end, and what a server may say that must not be believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.uaerrors import BadNoSubscription, BadSessionClosed, BadTimeout, BadTooManyPublishRequests

from adapters.opcua.session import Batches, Response
from adapters.opcua.subscription import Subscription, Terms, UnwillingError
from edge_bridge.errors import AdapterError
from edge_bridge.testing import ManualClock

NODE = ua.NodeId(ua.Int32(1), ua.Int16(1))


class Server:
    """A session on a server that publishes what the test gives it."""

    def __init__(self) -> None:
        self.publishes: asyncio.Queue[ua.PublishResponse | Exception] = asyncio.Queue()
        self.acknowledged: list[int] = []
        self.asked: list[ua.CreateSubscriptionParameters] = []
        self.number = 7

    async def call(self, request: Any, response: type[Response], *, patient: bool = False) -> Response:
        """Answer a request."""
        found: Any = response()
        match request:
            case ua.CreateSubscriptionRequest():
                self.asked.append(request.Parameters)
                found.Parameters = ua.CreateSubscriptionResult(self.number, 100.0, 600, 40)
            case ua.CreateMonitoredItemsRequest():
                found.Results = [ua.MonitoredItemCreateResult() for _ in request.Parameters.ItemsToCreate]
            case ua.PublishRequest():
                assert patient
                self.acknowledged += [one.SequenceNumber for one in request.Parameters.SubscriptionAcknowledgements]
                found = await self.publishes.get()
                if isinstance(found, Exception):
                    raise AdapterError("it failed") from found
        return found  # type: ignore[no-any-return]

    async def read(self, batches: Batches) -> list[ua.DataValue]:
        """No limit is set."""
        return [ua.DataValue(ua.Variant(0, ua.VariantType.UInt32)) for batch in batches for _ in batch.NodesToRead]

    def publish(self, sequence: int, *parts: Any, number: int | None = None) -> None:
        """Publish one message; without parts it is a keep-alive."""
        message = ua.NotificationMessage(SequenceNumber=ua.UInt32(sequence), NotificationData=list(parts))
        result = ua.PublishResult(SubscriptionId=ua.UInt32(self.number if number is None else number))
        result.NotificationMessage = message
        self.publishes.put_nowait(ua.PublishResponse(Parameters=result))


def news(value: str, handle: int = 0) -> ua.DataChangeNotification:
    """Return news of a node."""
    item = ua.MonitoredItemNotification(ClientHandle=ua.UInt32(handle), Value=ua.DataValue(ua.Variant(value)))
    return ua.DataChangeNotification(MonitoredItems=[item])


class Opened:
    """A subscription to one node."""

    def __init__(self) -> None:
        self.server = Server()
        self.clock = ManualClock(boottime=60_000)
        self.subscription = Subscription(self.server, self.clock)

    async def heard(self) -> bool | None:
        """Return whether the next message brings news, None when there is none."""
        found = await self.subscription.heard(50)
        return None if found is None else found.news

    @property
    def told(self) -> object:
        """The last word on the node."""
        value = self.subscription.notified[NODE]
        return value.Value.Value if value is not None and value.Value is not None else None


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Return an open subscription."""
    found = Opened()
    granted = await found.subscription.open(Terms(100, 4_000, 60_000))
    assert granted == Terms(100, 4_000, 60_000)
    assert await found.subscription.watch([NODE], 100) == ([], 100)
    yield found
    await found.subscription.close()


async def test_what_is_asked_for(opened: Opened) -> None:
    """Beats and lifetime are counted in intervals; a lifetime is three beats at least."""
    (asked,) = opened.server.asked
    assert (asked.RequestedPublishingInterval, asked.RequestedMaxKeepAliveCount, asked.RequestedLifetimeCount) == (
        100.0,
        40,
        600,
    )
    await opened.subscription.open(Terms(30_000, 30_000, 60_000))
    assert opened.server.asked[-1].RequestedLifetimeCount == 3


async def test_messages_in_sequence_are_taken_and_acknowledged(opened: Opened) -> None:
    """News, a beat that names the next number, news; a beat with an old number is only a beat."""
    opened.server.publish(1, news("A"))
    assert (await opened.heard(), opened.told) == (True, "A")
    opened.server.publish(2)
    assert (await opened.heard(), opened.told) == (False, "A")
    opened.server.publish(1)
    assert await opened.heard() is False
    opened.server.publish(2, news("B"))
    assert (await opened.heard(), opened.told) == (True, "B")
    await opened.heard()
    assert opened.server.acknowledged == [1, 2]


@pytest.mark.parametrize("parts", [(), (news("C"),)])
async def test_a_gap_ends_it(opened: Opened, parts: tuple[Any, ...]) -> None:
    """What was in the lost message is never told again, whether a beat or the next news betrays it."""
    opened.server.publish(1, news("A"))
    await opened.heard()
    opened.server.publish(3, *parts)
    with pytest.raises(UnwillingError, match="lost"):
        await opened.heard()


async def test_after_the_largest_number_comes_one(opened: Opened) -> None:
    """After 136 years at one message a second."""
    opened.subscription._expected = 2**32 - 1
    opened.server.publish(2**32 - 1, news("A"))
    assert await opened.heard() is True
    opened.server.publish(1, news("B"))
    assert (await opened.heard(), opened.told) == (True, "B")
    opened.server.publish(3)
    with pytest.raises(UnwillingError, match="lost"):
        await opened.heard()


async def test_a_word_on_its_end_ends_it(opened: Opened) -> None:
    """A status change, or a server that knows no subscription."""
    opened.server.publish(1, ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadTimeout))))
    with pytest.raises(UnwillingError, match="BadTimeout"):
        await opened.heard()
    opened.clock.move(10)
    opened.server.publishes.put_nowait(BadNoSubscription())
    with pytest.raises(UnwillingError, match="BadNoSubscription"):
        await opened.heard()


async def test_one_publish_in_vain_is_no_end_and_many_are(opened: Opened) -> None:
    """A server may give up a request; one that always does is not asked without end."""
    for error in (BadTimeout(), BadTooManyPublishRequests(), BadTimeout()):
        opened.server.publishes.put_nowait(error)
        assert await opened.heard() is None
    opened.server.publish(1, news("A"))
    assert await opened.heard() is True
    for _ in range(3):
        opened.server.publishes.put_nowait(BadTimeout())
        assert await opened.heard() is None
    opened.server.publishes.put_nowait(BadTimeout())
    with pytest.raises(UnwillingError, match="BadTimeout"):
        await opened.heard()


async def test_a_last_word_of_one_that_was_given_up_is_not_the_next_ones(opened: Opened) -> None:
    """Its Publish is still under way when the next begins: its answer is news of nobody, and no end."""
    assert await opened.heard() is None
    await opened.subscription.drop()
    opened.clock.move(1_000)
    opened.server.number = 8
    await opened.subscription.open(Terms(100, 4_000, 60_000))
    await opened.subscription.watch([NODE], 100)
    opened.server.publishes.put_nowait(BadNoSubscription())
    assert await opened.heard() is None
    opened.server.publish(5, news("OLD"), number=7)
    assert await opened.heard() is None
    opened.server.publish(1, news("NEW"))
    assert (await opened.heard(), opened.told) == (True, "NEW")


async def test_a_lost_session_is_a_loss(opened: Opened) -> None:
    """And so is whatever has no status: the connection is gone."""
    for error in (BadSessionClosed(), ConnectionError("gone")):
        opened.server.publishes.put_nowait(error)
        with pytest.raises(AdapterError, match="it failed"):
            await opened.heard()


async def test_news_of_a_node_that_nobody_asked_for_are_left(opened: Opened) -> None:
    """A handle that was never given, or a node that was refused."""
    opened.server.publish(1, news("A"), news("X", handle=9))
    assert await opened.heard() is True
    assert list(opened.subscription.notified) == [NODE]
