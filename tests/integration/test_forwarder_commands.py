"""Commands from the platform, through a real broker."""

from __future__ import annotations

import json

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_bridge.testing import Subscriber
from tests.integration.forwarding import TOPICS, Gateway
from tests.integration.mosquitto import Mosquitto
from tests.waiting import until


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path / "broker", "max_queued_messages 0") as broker:
        yield broker


@pytest.fixture
async def plant(broker):
    """A connected gateway with 20 events delivered, and the platform."""
    with Subscriber(broker.port, TOPICS.everything, "answers/#") as platform:
        async with Gateway(broker.url) as gateway:
            gateway.add(20)
            await until(lambda: platform.consumer.only.upto == 20)
            await until(gateway.sent)
            yield gateway, platform


async def answer(platform, identity):
    """Return the answer to a command once it is there."""
    answers = platform.consumer.answers
    return await until(lambda: next((given for given in answers if given["id"] == identity), None))


async def test_command_is_carried_out_and_answered(plant):
    """`ack` goes to the daemon with its whole payload; the answer names the command."""
    gateway, platform = plant
    platform.publish(TOPICS.command("ack"), {"id": "a1", "card_id": "c1", "party": "cell_leader"})
    assert await answer(platform, "a1") == {"id": "a1", "ok": True, "reason": "done"}
    assert gateway.commands[0].verb == "ack"
    assert gateway.commands[0].payload["card_id"] == "c1"


async def test_answer_carries_correlation_and_goes_to_the_response_topic(plant):
    """MQTT 5 request and response: the same bytes on cmdres and where the sender asked for them."""
    _, platform = plant
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic, properties.CorrelationData = "answers/1", b"\x00\xff42"
    seen = []
    platform._client.message_callback_add("answers/1", lambda _c, _d, message: seen.append(message))
    platform.publish(TOPICS.command("health"), {"id": "h1"}, properties=properties)
    await answer(platform, "h1")
    await until(lambda: seen)
    assert seen[0].properties.CorrelationData == b"\x00\xff42"
    assert json.loads(seen[0].payload) == {"id": "h1", "ok": True, "reason": "done"}


@pytest.mark.parametrize("topic", [TOPICS.status, TOPICS.command("ack"), "$SYS/x"])
async def test_response_topic_cannot_make_us_speak_on_our_own_topics(plant, topic):
    """A command must not be able to forge the gateway's own word."""
    gateway, platform = plant
    before = len(platform.consumer.statuses)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = topic
    platform.publish(TOPICS.command("health"), {"id": "h1"}, properties=properties)
    platform.publish(TOPICS.command("health"), {"id": "h2"})
    await answer(platform, "h2")
    assert all("ok" not in status for status in platform.consumer.statuses[before:])
    assert [command.payload["id"] for command in gateway.commands] == ["h1", "h2"]


async def test_replay_sends_stored_bytes_again_without_moving_the_position(plant):
    """The same bytes once more, between new events; the same command id again does nothing but repeat the answer."""
    gateway, platform = plant
    platform.publish(TOPICS.command("replay"), {"id": "r1", "from": 3, "to": 7})
    assert (await answer(platform, "r1"))["reason"] == "5 events sent again"
    assert platform.consumer.duplicates == 5
    platform.publish(TOPICS.command("replay"), {"id": "r1", "from": 3, "to": 7})
    await until(lambda: len(platform.consumer.answers) == 2)
    assert platform.consumer.duplicates == 5
    assert platform.consumer.conflicts == []
    assert (gateway.outbox.sent_upto, gateway.commands) == (20, [])


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"from": 0, "to": 3}, "at least 1"),
        ({"from": 5, "to": 3}, "at most `to`"),
        ({"from": 21, "to": 30}, "newest sequence is 20"),
        ({"from": 1, "to": 99_000_000}, "more than"),
        ({"from": "1", "to": 2}, "whole numbers"),
        ({}, "whole numbers"),
        ({"from": 2, "to": 6}, "not held any more: what is held begins at 5"),
    ],
)
async def test_replay_that_cannot_be_had_says_why(plant, wanted, reason):
    """Ranges that make no sense, and what retention has taken."""
    gateway, platform = plant
    gateway.outbox.forget(4)
    platform.publish(TOPICS.command("replay"), {"id": "r", **wanted})
    given = await answer(platform, "r")
    assert not given["ok"]
    assert reason in given["reason"]


async def test_replay_goes_on_over_a_lost_connection(broker):
    """A broker that dies during a replay gets the rest of it; who missed the answer asks again with the same id."""
    ask = {"id": "r", "from": 1, "to": 2000}
    with Subscriber(broker.port, TOPICS.everything) as platform:
        async with Gateway(broker.url, window=5) as gateway:
            gateway.add(2000)
            await until(gateway.sent)
            await until(lambda: platform.consumer.only.upto == 2000)
            platform.publish(TOPICS.command("replay"), ask)
            await until(lambda: platform.consumer.duplicates > 100)
            broker.kill()
            broker.start()
            last = gateway.outbox.stored[-1].body
            await until(lambda: [m[1] for m in platform.messages].count(last) == 2)
            platform.publish(TOPICS.command("replay"), ask)
            answer = await until(lambda: platform.consumer.answers)
            assert answer[0] == {"id": "r", "ok": True, "reason": "2000 events sent again"}
            assert platform.consumer.conflicts == []


async def test_retained_command_is_refused(broker):
    """It would be carried out again at each connect."""
    with Subscriber(broker.port, TOPICS.everything) as platform:
        platform.publish(TOPICS.command("waive"), {"id": "w1"}, retain=True)
        async with Gateway(broker.url) as gateway:
            given = await answer(platform, "w1")
            assert not given["ok"]
            assert "retained" in given["reason"]
            platform.publish(TOPICS.command("waive"), {"id": "w2"}, retain=True)  # while we listen
            assert not (await answer(platform, "w2"))["ok"]
            assert gateway.commands == []


async def test_command_sent_while_the_gateway_is_away_waits_for_it(broker):
    """The session outlives the connection, so the platform need not send again."""
    with Subscriber(broker.port, TOPICS.everything) as platform:
        async with Gateway(broker.url) as gateway:
            await until(lambda: gateway.health.connected and platform.consumer.statuses)
        platform.publish(TOPICS.command("ack"), {"id": "late"})
        async with Gateway(broker.url, first_session=2) as gateway:
            assert (await answer(platform, "late"))["ok"]


async def test_garbage_is_answered_and_harms_nobody(plant):
    """Whatever comes in on cmd/, the next good command is carried out."""
    gateway, platform = plant
    for garbage in (b"\xff\xfe", b"[" * 60_000, b"{}", b"null", b'{"id": 5}', b"x" * 70_000, b'{"id":"n","x":NaN}'):
        platform.publish(TOPICS.command("ack"), garbage)
    platform.publish(TOPICS.command("format-disk"), {"id": "evil"})
    platform.publish(TOPICS.command("ack"), {"id": "old", "expires": "2020-01-01T00:00:00Z"})
    platform.publish(TOPICS.receipt, {"source": "x", "upto": 3})
    platform.publish(TOPICS.command("ack"), {"id": "good", "expires": "2999-01-01T00:00:00Z"})
    assert (await answer(platform, "good"))["ok"]
    refused = [given for given in platform.consumer.answers if not given["ok"]]
    assert len(refused) == 9
    assert [command.payload["id"] for command in gateway.commands] == ["good"]
