"""Machines that are dead, silent, lying or half there, on the real daemon: each concerns itself alone."""

from __future__ import annotations

from pathlib import Path

from edge_bridge.clock import SystemClock
from tests.system.plant import plant
from tests.waiting import until_sync

CLOCK = SystemClock()


def seconds_since(boottime: int) -> float:
    return (CLOCK.now().boottime - boottime) / 1000


def test_a_dead_controller_at_the_start(tmp_path: Path) -> None:
    """It is told as unreachable at once, with the reason; the other machine and the folder are read all the same."""
    with plant(tmp_path, opcua=False) as here:
        here.reachable("lathe-07")
        lost = here.heard("machine.unreachable", within=10, machine="dmu50-01")
        assert "nothing listens at" in lost["error"]
        here.scanned()
        assert here.machine("dmu50-01")["reachable"] is False
        assert here.events("machine.unreachable", machine="lathe-07") == []
        here.delivered()
        assert len(here.events("machine.unreachable", machine="dmu50-01")) == 1


def test_a_controller_that_hangs_and_one_that_dies(tmp_path: Path) -> None:
    """Both are told within 10 s of the last good reading, and told again when back; neither delays the other."""
    with plant(tmp_path) as here:
        here.reachable("dmu50-01", "lathe-07")
        assert here.opcua
        assert here.plc
        began = CLOCK.now().boottime
        here.opcua.freeze()  # answers nothing, closes nothing
        here.plc.kill()
        here.heard("machine.unreachable", within=6, machine="lathe-07")
        here.heard("machine.unreachable", within=12, machine="dmu50-01")
        assert seconds_since(began) <= 10.5
        here.opcua.thaw()
        here.heard("machine.reachable", within=15, machine="dmu50-01")
        until_sync(lambda: len(here.events("machine.reachable", machine="dmu50-01")) == 2, what="it to be back")
        here.opcua.tell("load EL-1_OP10_B.MPF C")  # and is really read again
        until_sync(lambda: here.machine("dmu50-01")["version"] == "C")
        here.delivered()
        log = here.log()
        for adapter in ("dmu50-01", "lathe-07"):
            assert log.count(f"event=lost adapter={adapter}") == 1


def test_a_bad_node_and_a_node_that_is_not_there(tmp_path: Path) -> None:
    """A field that cannot be read is named as a fault; the machine stays reachable, and nothing is green by it."""
    with plant(tmp_path, modbus=False) as here:
        here.reachable("dmu50-01")
        here.scanned()
        assert here.opcua
        here.opcua.tell("bad version", "gone mode")
        until_sync(lambda: {"version", "mode"} & set(here.machine("dmu50-01")["faults"]), what="faults to be shown")
        here.site.released("ECN-1", "EL-1", "B")
        here.heard("obligation.opened", ecn="ECN-1")
        assert here.machine("dmu50-01")["reachable"]
        # the name says B, and a name belongs to its program by nature: the second extractor answers
        verdict = here.heard("obligation.verdict", ecn="ECN-1")
        assert (verdict["verdict"], verdict["evidence"]["machine"]["extractor"]) == ("compliant", "name")
        here.delivered()


def test_a_version_left_over_from_another_program(tmp_path: Path) -> None:
    """R90 still says B from the program before: that is no evidence for the one just selected, whatever it says."""

    def only_the_variable(site: object) -> None:
        file = site.config / "adapters" / "dmu50-01.yaml"  # type: ignore[attr-defined]
        site.write("adapters/dmu50-01.yaml", file.read_text(encoding="utf-8").split("  - name:")[0])  # type: ignore[attr-defined]

    with plant(tmp_path, modbus=False, limit="4s", prepare=only_the_variable) as here:
        assert here.opcua
        here.opcua.tell("load OTHER.MPF B", "run")
        until_sync(lambda: here.machine("dmu50-01").get("main_program") == "OTHER.MPF")
        here.scanned()
        here.opcua.tell("load EL-1_OP10_B.MPF")  # stopped, R90 untouched
        until_sync(lambda: here.machine("dmu50-01").get("main_program") == "EL-1_OP10_B.MPF")
        here.site.released("ECN-1", "EL-1", "B")
        verdict = here.heard("obligation.verdict", ecn="ECN-1")
        assert (verdict["verdict"], verdict["reason"]) == ("unverifiable", "unbound")
        here.opcua.tell("run")  # now it writes its own
        closed = here.heard("obligation.closed", ecn="ECN-1")
        assert (closed["verdict"], closed["evidence"]["machine"]["raw"]) == ("unverifiable", "B")
        here.delivered()
        assert here.events("obligation.verdict", verdict="compliant") == []


def test_a_plc_that_refuses_and_one_that_says_half(tmp_path: Path) -> None:
    """An exception answer and a broken frame are losses with a reason, not readings, and not the daemon's end."""
    wrong = "execution: {address: 9000, type: uint16, map: {1: running, default: stopped}}"

    def misread(site: object) -> None:
        text = (site.config / "adapters" / "lathe-07.yaml").read_text(encoding="utf-8")  # type: ignore[attr-defined]
        lines = [f"  {wrong}" if line.strip().startswith("execution:") else line for line in text.splitlines()]
        site.write("adapters/lathe-07.yaml", "\n".join(lines) + "\n")  # type: ignore[attr-defined]

    with plant(tmp_path, opcua=False, prepare=misread) as here:
        until_sync(lambda: here.machine("lathe-07").get("error") or here.machine("lathe-07").get("faults"))
        shown = here.machine("lathe-07")
        assert "execution" in shown["faults"] or shown["reachable"] is False
        assert shown["execution"] != "running"
        here.scanned()
        here.delivered()


def test_a_subscribed_machine_from_its_news_to_the_verdict(tmp_path: Path) -> None:
    """A new program is judged when the control tells of it; hanging, it is told in time; a subscription taken away is no loss."""

    def subscribing(site: object) -> None:
        file = site.config / "adapters" / "dmu50-01.yaml"  # type: ignore[attr-defined]
        site.write("adapters/dmu50-01.yaml", "read: subscribe\n" + file.read_text(encoding="utf-8"))  # type: ignore[attr-defined]

    with plant(tmp_path, modbus=False, prepare=subscribing) as here:
        here.reachable("dmu50-01")
        here.scanned()
        assert here.opcua
        control = here.opcua
        until_sync(lambda: control.ask("subscriptions") == 1, what="the machine to be subscribed")
        here.site.released("ECN-1", "EL-1", "B")
        here.heard("obligation.opened", ecn="ECN-1")
        control.tell("load EL-1_OP10_B.MPF B", "run", "version B")
        verdict = here.heard("obligation.verdict", ecn="ECN-1")
        assert verdict["verdict"] == "compliant"
        control.tell("drop-subscriptions", "load EL-1_OP10_B.MPF A", "run")
        until_sync(lambda: here.machine("dmu50-01")["version"] == "A", what="the old version to be seen")
        assert here.events("machine.unreachable", machine="dmu50-01") == []
        began = CLOCK.now().boottime
        control.freeze()
        here.heard("machine.unreachable", within=14, machine="dmu50-01")
        assert seconds_since(began) <= 11.5
        control.thaw()
        here.heard("machine.reachable", within=30, machine="dmu50-01")
        here.delivered()
