"""The broker away, killed, refusing, or without a platform: nothing is lost, and what comes twice can be recognised."""

from __future__ import annotations

from pathlib import Path

from edge_bridge.testing import Subscriber
from tests.integration.mosquitto import Mosquitto
from tests.system.plant import PREFIX, QUEUE_ALL, Plant, plant
from tests.waiting import until_sync


def back(here: Plant) -> None:
    """Start the broker and wait for the platform; then have the gateway connect anew, as after 0x10 it probes each 30 s."""
    assert here.broker
    assert here.platform
    here.platform.ready.clear()
    here.broker.start()
    assert here.platform.ready.wait(10)
    file = here.site.config / "edge-bridge.yaml"
    text = file.read_text(encoding="utf-8")
    window = ", window: 50" if "window" not in text else ""
    here.site.write(file.name, text.replace(", window: 50", "").replace("200ms}", f"200ms{window}}}"))
    assert here.site.ask({"do": "reload"})["ok"]


def test_away_at_the_start_then_killed_in_the_stream(tmp_path: Path) -> None:
    """What happened before the broker came is sent; what was in flight when it was killed comes again."""
    with plant(tmp_path, opcua=False) as here:
        assert here.broker
        assert here.plc
        here.reachable("lathe-07")
        here.delivered()
        here.process.stop()
        here.broker.kill()
        here.process.start()  # nobody there
        here.scanned()
        here.site.released("ECN-1", "SH-1", "B")
        until_sync(lambda: here.site.status()["obligations"])
        until_sync(lambda: here.site.status()["buffer"]["unsent"])  # a moment later: when it is committed
        assert "broker" in here.site.status()["troubles"]
        back(here)
        here.delivered()
        for number in range(10, 40):
            here.site.released(f"ECN-{number}", "SH-1", "C")
            if number % 10 == 5:
                here.broker.kill()
                back(here)
        until_sync(lambda: here.site.status()["buffer"]["unsent"] == 0, within=20, what="everything to be sent")
        last = here.site.status()["buffer"]["last"]
        if here.consumer.only.upto < last:  # acknowledged by a broker that died with it: the platform asks again
            assert here.command("replay", {"id": "r-1", "from": here.consumer.only.upto + 1, "to": last})["ok"]
        until_sync(lambda: here.consumer.only.upto >= last, what="every event")
        assert here.consumer.conflicts == []
        assert len(here.events("ecn.received")) == 31
        assert len({e["ecn"] for e in here.events("ecn.received")}) == 31
        # retained topics are rebuilt on a broker that has lost them
        state = until_sync(lambda: here.retained("state/lathe-07"))
        assert [r["required"] for r in state["requirements"]] == ["C"]
        with Subscriber(here.broker.port, f"{PREFIX}/state/#") as late:
            until_sync(lambda: f"{PREFIX}/state/lathe-07" in late.consumer.retained)


def test_a_card_that_closes_while_the_broker_is_away(tmp_path: Path) -> None:
    """Its retained topic is emptied afterwards, even when the gateway itself was killed in between."""
    with plant(tmp_path, opcua=False) as here:
        assert here.broker
        here.scanned()
        (here.site.plm / "bad.csv").write_bytes(b"a,b\n1,2\n")
        card = here.heard("card.raised", kind="ecn_rejected")["card_id"]
        until_sync(lambda: here.retained(f"card/{card}"))
        here.delivered()
        here.broker.freeze()
        done = here.site.ask(
            {
                "do": "command",
                "verb": "ack",
                "payload": {"id": "a-1", "card_id": card, "revision": 1, "party": "it_operations", "by": "Li Wei"},
            }
        )
        assert done["ok"], done
        here.process.kill()
        here.broker.thaw()
        here.process.start()
        here.heard("card.closed", card_id=card)
        until_sync(lambda: here.retained(f"card/{card}") is None, what="the retained card to be emptied")
        here.delivered()


def test_refused_credentials_then_let_in(tmp_path: Path) -> None:
    """A broker that says no is told as trouble; when it lets the gateway in, everything comes."""
    with plant(tmp_path, opcua=False, modbus=False, online=False, start=False) as here:
        closed = Mosquitto(tmp_path / "closed", "", anonymous=False)
        here.site.write(
            "edge-bridge.yaml",
            (here.site.config / "edge-bridge.yaml")
            .read_text(encoding="utf-8")
            .replace("mqtt://127.0.0.1:9", closed.url),
        )
        with closed:
            here.process.start()
            until_sync(lambda: here.site.status()["broker"]["refused"], what="the refusal to be told")
            here.scanned()
        with (
            Mosquitto(tmp_path / "open", QUEUE_ALL, port=closed.port),
            Subscriber(closed.port, f"{PREFIX}/#") as platform,
        ):
            here.platform = platform
            here.heard("baseline.taken", within=20)
            here.delivered()


def test_nobody_subscribes_yet(tmp_path: Path) -> None:
    """Commissioned before the platform: what nobody took stays unsent, health says so, and all of it comes later."""
    with (
        plant(tmp_path, opcua=False, online=False, start=False) as here,
        Mosquitto(tmp_path / "b", QUEUE_ALL) as broker,
    ):
        text = (here.site.config / "edge-bridge.yaml").read_text(encoding="utf-8")
        here.site.write("edge-bridge.yaml", text.replace("mqtt://127.0.0.1:9", broker.url))
        here.process.start()
        here.reachable("lathe-07")
        here.scanned()
        until_sync(lambda: "platform" in here.site.status()["troubles"], what="health to say that nobody subscribes")
        here.site.released("ECN-1", "SH-1", "B")
        until_sync(lambda: here.site.status()["obligations"])
        buffer = here.site.status()["buffer"]
        assert buffer["unsent"] == buffer["last"]
        with Subscriber(broker.port, f"{PREFIX}/#") as platform:
            here.platform = platform
            here.process.stop()  # a probe is made every 30 s; a restart need not be waited for
            here.process.start()
            here.delivered()
            assert here.consumer.only.arrivals[0] == 1
            assert here.events("obligation.opened")
