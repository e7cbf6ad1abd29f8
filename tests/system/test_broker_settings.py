"""What a site may set for its broker, seen at the broker: the topics' root, the client id, the protocol version."""

from __future__ import annotations

from pathlib import Path

from edge_bridge.testing import Subscriber
from tests.integration.mosquitto import Mosquitto
from tests.published import message_faults
from tests.system.plant import QUEUE_ALL
from tests.system.site import DaemonProcess, Site
from tests.waiting import until_sync

PREFIX = "plant/v1/plant-1/edge-01"


def test_root_client_id_and_mqtt_3_1_1(tmp_path: Path) -> None:
    """Everything below the site's own root, commands too; by the name that the broker's rules know; in MQTT 3.1.1."""
    with Mosquitto(tmp_path / "broker", QUEUE_ALL) as broker, Subscriber(broker.port, "#") as platform:
        site = Site(tmp_path / "site", broker=broker.url)
        file = site.config / "edge-bridge.yaml"
        text = file.read_text(encoding="utf-8").replace("200ms}", "200ms, client_id: mould shop 7, version: 3.1.1}")
        site.write(file.name, f"{text}root: plant\n")
        process = DaemonProcess(site)
        process.start()
        try:
            site.released("E-1", "nowhere", "B")
            until_sync(lambda: platform.consumer.of_type("ecn.unrouted"), what="the ECN at the platform")
            platform.publish(f"{PREFIX}/cmd/health", {"id": "h1"})
            until_sync(lambda: platform.consumer.answers, what="an answer")
        finally:
            process.kill()
        heard = [(topic, payload) for topic, payload, _ in platform.messages]
        assert {topic.rpartition("/v1/")[0] for topic, _ in heard} == {"plant"}
        assert message_faults(heard) == []
        assert "as mould shop 7 (p2," in broker.log.read_text(encoding="utf-8")  # p2: how Mosquitto counts 3.1.1
