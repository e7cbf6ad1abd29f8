"""The forwarder against a real Mosquitto: order, outages, refusals, birth and death."""

from __future__ import annotations

import json

import pytest

from edge_bridge.testing import MemoryOutbox, ReferenceConsumer, Subscriber
from tests.integration.forwarding import TOPICS, Gateway
from tests.integration.mosquitto import Mosquitto
from tests.waiting import until

UNLIMITED = (
    "max_queued_messages 0"  # by default Mosquitto drops what a slow subscriber has not taken, and still says PUBACK
)


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path / "broker", UNLIMITED) as broker:
        yield broker


async def test_events_arrive_in_order_without_gaps_or_duplicates(broker):
    """The usual day: each event once, in the order of its sequence, byte by byte what the outbox holds."""
    with Subscriber(broker.port, TOPICS.everything) as platform:
        async with Gateway(broker.url) as gateway:
            gateway.add(500)
            gateway.add(500, "gateway")
            await until(lambda: platform.consumer.only.upto == 1000)
            await until(gateway.sent)
        consumer = platform.consumer
        assert consumer.only.in_order
        assert (consumer.duplicates, consumer.conflicts) == (0, [])
        bodies = [payload for topic, payload, _ in platform.messages if "/evt/" in topic]
        assert bodies == [row.body for row in gateway.outbox.stored]
        upto = [told for told, _ in gateway.told]
        assert upto == sorted(set(upto))
        assert upto[-1] == 1000
        assert any(told > stored for told, stored in gateway.told)  # told at once, written down a little later


async def test_attributes_are_mirrored_as_user_properties(broker):
    """A broker can route on type, source, subject and sequence without reading JSON."""
    seen = []
    platform = Subscriber(broker.port, TOPICS.events)
    platform._client.message_callback_add(TOPICS.events, lambda _c, _d, message: seen.append(message.properties))
    with platform:
        async with Gateway(broker.url) as gateway:
            gateway.add(1)
            await until(lambda: seen)
    assert dict(seen[0].UserProperty) == {
        "source": gateway.outbox.source,
        "type": "edge-bridge.gap.v1",
        "subject": "dmu50-01",
        "sequence": "00000000000000000001",
    }
    assert seen[0].ContentType == "application/cloudevents+json; charset=utf-8"


async def test_broker_that_is_down_at_the_start_is_waited_for(tmp_path):
    """The daemon starts first after a power cut; nothing is lost, health says why it waits."""
    broker = Mosquitto(tmp_path)
    async with Gateway(broker.url) as gateway:
        gateway.add(10)
        await until(lambda: gateway.health.last_error)
        assert "nothing listens there" in gateway.health.last_error
        assert (gateway.health.connected, gateway.health.unsent) == (False, 10)
        with broker, Subscriber(broker.port, TOPICS.everything) as platform:
            await until(lambda: platform.consumer.only.upto == 10)
            assert gateway.sessions == 1  # attempts that never got there use no number


async def test_broker_killed_in_mid_stream_loses_and_reorders_nothing(tmp_path):
    """kill -9 three times under load: the platform ends with every event, whatever the broker took to its grave."""
    consumer = ReferenceConsumer()
    with Mosquitto(tmp_path, UNLIMITED) as broker:
        async with Gateway(broker.url, window=20) as gateway:
            for _ in range(3):
                with Subscriber(broker.port, TOPICS.everything, consumer=consumer):
                    goal = len(consumer.events) + 300
                    gateway.add(1900)
                    await until(lambda goal=goal: len(consumer.events) >= goal)
                    broker.kill()
                gateway.add(100)
                await until(lambda: not gateway.health.connected)
                broker.start()
            with Subscriber(broker.port, TOPICS.everything, consumer=consumer) as platform:
                await until(gateway.sent)
                await until(lambda: consumer.only.arrivals[-1] == 6000)
                assert consumer.only.in_order
                # Acknowledged by the broker and lost with it: the sequence tells the platform what to ask for.
                for number, (first, last) in enumerate(consumer.only.gaps):
                    platform.publish(TOPICS.command("replay"), {"id": f"r{number}", "from": first, "to": last})
                await until(lambda: consumer.only.upto == 6000)
        assert gateway.health.session == 4
    assert consumer.conflicts == []


async def test_window_stays_within_the_brokers_receive_maximum(tmp_path):
    """A frozen broker never has more unacknowledged messages than it announced (Receive Maximum)."""
    with (
        Mosquitto(tmp_path, "max_inflight_messages 7\nmax_queued_messages 0") as broker,
        Subscriber(broker.port, TOPICS.everything) as platform,
    ):
        async with Gateway(broker.url, window=100) as gateway:
            gateway.add(1)
            await until(gateway.sent)
            broker.freeze()
            gateway.add(500)
            await until(lambda: gateway.health.in_flight == 7)
            broker.thaw()
            most = 0

            def done():
                nonlocal most
                most = max(most, gateway.health.in_flight)
                return platform.consumer.only.upto == 501

            await until(done)
            assert most <= 7


async def test_nobody_subscribes_keeps_events_until_somebody_does(broker):
    """Reason code 0x10 is not delivery: commissioning before the platform loses nothing."""
    async with Gateway(broker.url) as gateway:
        gateway.add(50)
        await until(lambda: gateway.health.nobody_subscribes)
        assert gateway.health.nobody_subscribes == TOPICS.event("dmu50-01")
        assert (gateway.outbox.sent_upto, gateway.health.unsent) == (0, 50)
        with Subscriber(broker.port, TOPICS.everything) as platform:
            await until(lambda: platform.consumer.only.upto == 50)
            assert platform.consumer.only.in_order
            await until(gateway.sent)
            assert gateway.health.nobody_subscribes is None


async def test_refused_topic_is_parked_and_the_rest_goes_on(tmp_path):
    """The broker's ACL denies one machine (0x87): its events are set aside, neither dropped nor tried for ever."""
    rules = tmp_path / "acl"
    rules.write_text(f"topic readwrite #\ntopic deny {TOPICS.event('forbidden')}\n")
    with Mosquitto(tmp_path, f"acl_file {rules}") as broker, Subscriber(broker.port, TOPICS.everything) as platform:
        async with Gateway(broker.url) as gateway:
            gateway.add(10)
            gateway.add(2, "forbidden")
            gateway.add(10)
            await until(gateway.sent)
            await until(lambda: len(platform.consumer.only.arrivals) == 20)
    assert gateway.outbox.parked.keys() == {11, 12}
    assert gateway.outbox.parked[11][0] == 0x87
    assert gateway.parked == [(11, 0x87), (12, 0x87)]
    assert platform.consumer.only.in_order


async def test_event_larger_than_the_broker_takes_is_parked(tmp_path):
    """Maximum Packet Size is respected: the event would end the connection each time."""
    with (
        Mosquitto(tmp_path, "max_packet_size 3000") as broker,
        Subscriber(broker.port, TOPICS.everything) as platform,
    ):
        async with Gateway(broker.url) as gateway:
            gateway.add(1)
            gateway.outbox.add("dmu50-01", body=b"x" * 4000)
            gateway.add(1)
            await until(gateway.sent)
            await until(lambda: platform.consumer.only.arrivals == [1, 3])
            assert gateway.health.session == 1
    assert gateway.outbox.parked[2][0] == 0x95
    assert "3000 bytes" in gateway.outbox.parked[2][1]


async def test_event_that_the_broker_hangs_up_on_is_parked_in_the_end(tmp_path):
    """On 3.1.1 nobody announces a size: what ends the connection five times, alone in flight, is set aside."""
    with (
        Mosquitto(tmp_path, "max_packet_size 3000") as broker,
        Subscriber(broker.port, TOPICS.everything) as platform,
    ):
        async with Gateway(broker.url, version="3.1.1") as gateway:
            gateway.add(1)
            await until(gateway.sent)
            gateway.outbox.add("dmu50-01", body=b"x" * 4000)
            gateway.add(3)
            await until(gateway.sent)
            await until(lambda: set(platform.consumer.only.arrivals) == {1, 3, 4, 5})
    assert gateway.outbox.parked.keys() == {2}


async def test_birth_and_death_carry_the_number_of_their_session(broker):
    """Death comes before DISCONNECT, with the birth's number; the next life has the next one."""
    with Subscriber(broker.port, TOPICS.everything) as platform:
        for number in (1, 2):
            async with Gateway(broker.url, first_session=number) as gateway:
                gateway.add(1)
                await until(lambda: gateway.health.connected)
                await until(gateway.sent)
            await until(lambda number=number: len(platform.consumer.statuses) == 2 * number)
    statuses = platform.consumer.statuses
    assert [(status["online"], status["session"]) for status in statuses] == [
        (True, 1),
        (False, 1),
        (True, 2),
        (False, 2),
    ]
    assert statuses[0] | {"time": ""} == {
        "online": True,
        "session": 1,
        "epoch": "e1",
        "versions": {"edge-bridge": "0"},
        "last_sequence": 1,
        "oldest_unsent": 1,
        "nobody_subscribes": None,
        "parked": 0,
        "time": "",
    }
    assert statuses[1]["reason"] == "stopped"
    log = broker.log.read_text()
    assert log.rindex("Received PUBLISH from edge-01") < log.rindex("Received DISCONNECT from edge-01")


async def test_will_says_that_the_gateway_is_gone(broker):
    """A connection that breaks is told by the broker, with the number of the session that it ended."""
    with Subscriber(broker.port, TOPICS.status) as platform:
        async with Gateway(broker.url, first_session=7) as gateway:
            await until(lambda: platform.consumer.statuses)
            # Somebody takes the client id, which ends our connection without a DISCONNECT of ours; we take it back.
            thief = Subscriber(broker.port, "elsewhere", client_id="edge-01")
            thief._client.on_disconnect = lambda *_: None
            thief.start()
            await until(lambda: gateway.health.session == 8 or "taken over" in (gateway.health.last_error or ""))
            thief.stop()
            await until(lambda: [s for s in platform.consumer.statuses if s["online"] and s["session"] > 7])
            deaths = [s["session"] for s in platform.consumer.statuses if not s["online"]]
            assert set(deaths) <= {7, 8, 9}


async def test_retained_topics_are_published_at_connect_and_after_changes(broker):
    """State is there for whoever comes later; a closed card is emptied, also one that closed while we were away."""
    with Subscriber(broker.port, TOPICS.everything) as early:
        early.publish(TOPICS.card("old"), b"{}", retain=True)
        gateway = Gateway(broker.url)
        gateway.retained.topics = {TOPICS.state("m1"): b'{"a":1}', TOPICS.card("c1"): b"{}", TOPICS.card("old"): None}
        async with gateway:
            await until(lambda: early.consumer.retained.get(TOPICS.card("c1")))
            gateway.forwarder.changed({TOPICS.card("c1"): None, TOPICS.state("m1"): b'{"a":2}'})
            await until(lambda: TOPICS.card("c1") not in early.consumer.retained)
            await until(lambda: early.consumer.retained.get(TOPICS.state("m1")) == b'{"a":2}')
    with Subscriber(broker.port, TOPICS.everything) as late:
        await until(lambda: len(late.messages) == 2)
        assert {topic: retained for topic, _, retained in late.messages} == {
            TOPICS.state("m1"): True,
            TOPICS.status: True,
        }


async def test_cards_do_not_wait_behind_a_backlog_nor_stop_it(broker):
    """Retained topics and events share the window: neither starves the other."""
    outbox = MemoryOutbox()
    for _ in range(5000):
        outbox.add("dmu50-01")
    gateway = Gateway(broker.url, outbox, window=10)
    gateway.retained.topics = {TOPICS.card(f"c{number}"): b"{}" for number in range(200)}
    with Subscriber(broker.port, TOPICS.everything) as platform:
        async with gateway:
            await until(lambda: len([t for t in platform.consumer.retained if "/card/" in t]) == 200)
            await until(gateway.sent, within=20)
        order = [topic.split("/")[-2] for topic, _, _ in platform.messages]
        last_card = len(order) - order[::-1].index("card")
        assert 100 < order[:last_card].count("evt") < 1500


async def test_silent_broker_costs_no_memory_and_no_event(broker):
    """A broker that answers nothing is left; what was in flight goes out again, the same bytes."""
    with Subscriber(broker.port, TOPICS.everything) as platform:
        async with Gateway(broker.url, window=20) as gateway:
            gateway.add(1)
            await until(gateway.sent)
            broker.freeze()
            gateway.add(3000)
            await until(lambda: "acknowledged" in (gateway.health.last_error or ""))
            assert len(gateway.forwarder._load.live._rows) <= 250
            broker.thaw()
            await until(lambda: platform.consumer.only.upto == 3001, within=20)
    assert platform.consumer.conflicts == []


async def test_clean_stop_leaves_the_position_where_the_broker_is(broker):
    """What was acknowledged is written down at the end, so that a restart sends nothing twice."""
    with Subscriber(broker.port, TOPICS.everything) as platform:
        outbox = MemoryOutbox()
        async with Gateway(broker.url, outbox) as gateway:
            gateway.add(200)
            await until(lambda: platform.consumer.only.upto == 200)
        assert outbox.sent_upto == 200
        async with Gateway(broker.url, outbox, first_session=2) as gateway:
            gateway.add(1)
            await until(lambda: platform.consumer.only.upto == 201)
    assert platform.consumer.duplicates == 0


async def test_status_is_published_again_when_it_changes(broker):
    """Health follows the facts, not only the connects."""
    with Subscriber(broker.port, TOPICS.everything) as platform:
        async with Gateway(broker.url) as gateway:
            gateway.add(5)
            await until(lambda: platform.consumer.statuses and platform.consumer.statuses[-1]["oldest_unsent"] is None)
            assert json.loads(platform.consumer.retained[TOPICS.status])["last_sequence"] == 5
