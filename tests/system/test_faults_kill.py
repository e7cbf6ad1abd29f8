"""kill -9, again and again, while ECNs arrive and machines change: what was committed stays, once, and timers go on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from edge_bridge.clock import SystemClock
from edge_bridge.domain.instant import from_datetime
from tests.system.plant import plant
from tests.system.site import OPCUA, R90, Site
from tests.waiting import until_sync

ROUNDS = 10
CLOCK = SystemClock()


def utc_ms(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


def overtaken(ecn: str, received: list[str]) -> bool:
    """Tell whether a newer ECN on the same part came in before this one: then it is recorded, and not applied."""
    _, number, part = ecn.split("-")
    before = received[: received.index(ecn)]
    return any(other.endswith(f"-{part}") and int(other.split("-")[1]) > int(number) for other in before)


def test_killed_in_a_loop(tmp_path: Path) -> None:
    """Ten kills at different moments: every event reaches the platform once in effect, and state agrees with events."""

    def only_the_variable(site: Site) -> None:
        text = OPCUA.format(title="DMU", endpoint="opc.tcp://127.0.0.1:9", r90=R90).split("  - name:")[0]
        old = (site.config / "adapters" / "dmu50-01.yaml").read_text(encoding="utf-8")
        endpoint = next(line for line in old.splitlines() if line.startswith("endpoint:"))
        site.write("adapters/dmu50-01.yaml", text.replace("endpoint: opc.tcp://127.0.0.1:9", endpoint))

    with plant(tmp_path, limit="3s", prepare=only_the_variable) as here:
        here.scanned()
        assert here.opcua
        assert here.plc
        folder = (here.site.config / "adapters" / "plm.yaml").read_text(encoding="utf-8")
        here.site.write("adapters/gone.yaml", folder.replace("../plm", "../nowhere").replace("PLM export", "old PLM"))
        here.heard("source.lost", source="gone", within=15)
        card = here.cards("source_lost", active=True)[0]["card_id"]
        for number in range(ROUNDS):
            for part in range(3):
                here.site.released(f"ECN-{number}-{part}", f"EL-{part}", "BCDEFGHIJKL"[number])
            here.opcua.tell(f"load EL-{number % 3}_OP10_B.MPF {'ABCDEFGHIJ'[number]}", "run")
            here.plc.say(f"load {4711 + number} A")
            if number % 2:  # one round with time to judge, one without
                until_sync(
                    lambda n=number: here.machine("dmu50-01").get("main_program") == f"EL-{n % 3}_OP10_B.MPF", within=15
                )
            here.process.kill()
            here.process.start()
        here.reachable("dmu50-01", "lathe-07")
        until_sync(lambda: len(here.events("ecn.received")) == 3 * ROUNDS, within=20, what="every ECN")
        late = [o for o in here.site.status()["obligations"] if o["verdict"] == "pending" and o["left_s"] < -31]
        assert late == []
        here.delivered()

        received = [e["ecn"] for e in here.events("ecn.received")]
        assert len(set(received)) == len(received) == 3 * ROUNDS
        opened = {e["obligation"] for e in here.events("obligation.opened")}
        closed = {e["obligation"] for e in here.events("obligation.closed")}
        assert len(here.events("obligation.opened")) == len(opened)
        without = set(received) - {e["ecn"] for e in here.events("obligation.opened")}
        assert all(overtaken(ecn, received) for ecn in without)
        assert len(here.events("obligation.closed")) == len(closed)
        assert opened - closed == {o["obligation"] for o in here.site.status()["obligations"]}
        raised = {e["card_id"] for e in here.events("card.raised")}
        assert len(here.events("card.raised")) == len(raised)
        assert raised - {e["card_id"] for e in here.events("card.closed")} == {
            c["card_id"] for c in here.site.status()["cards"]
        }
        assert [c["card_id"] for c in here.cards("source_lost", active=True)] == [card]  # card state survives
        sessions = [status["session"] for status in here.consumer.statuses if status["online"]]
        assert sessions == sorted(sessions)
        assert sessions[-1] > ROUNDS // 2  # numbers are never given twice; a start that was killed early used none


def test_a_deadline_outlives_a_kill(tmp_path: Path) -> None:
    """Opened before the kill, judged at its due time after it, to the second; nothing known is told again."""
    with plant(tmp_path, opcua=False, limit="5s") as here:
        here.reachable("lathe-07")
        here.scanned()
        here.site.released("ECN-1", "SH-1", "B")
        opened = here.heard("obligation.opened", ecn="ECN-1")
        here.process.kill()
        here.process.start()
        verdict = here.heard("obligation.verdict", ecn="ECN-1")
        assert verdict["verdict"] == "violated"
        assert 0 <= utc_ms(verdict["decided"]) - utc_ms(opened["due"]) < 1000
        until_sync(lambda: here.cards("overdue", active=True))
        here.process.kill()
        here.process.start()
        here.reachable("lathe-07")
        assert here.plc
        here.plc.say("version B")
        assert here.heard("obligation.closed", ecn="ECN-1")["verdict"] == "late"
        assert here.heard("card.cleared", kind="overdue")
        here.delivered()
        assert len(here.events("program.changed", machine="lathe-07")) == 2  # A, B: not once more for each start
        assert len(here.events("ecn.received")) == len(here.events("card.raised", kind="overdue")) == 1
