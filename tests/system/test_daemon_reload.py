"""Edits while it runs: only what was touched is touched, and a bad edit leaves everything as it was."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.integration.opcua_servers import running as opcua_running
from tests.system.plant import Plant, plant
from tests.system.site import OPCUA, PROGRAM, R90, _environment
from tests.waiting import until_sync


def applied(here: Plant, count: int) -> None:
    until_sync(lambda: len(here.events("config.applied")) == count, what=f"{count} configurations applied")


def hang_up(here: Plant) -> None:
    here.process.signal(signal.SIGHUP)


def test_adapters_come_change_and_go(tmp_path: Path) -> None:
    """An added machine is read, an edited one restarts alone, a removed one leaves nothing behind; the other keeps its
    OPC UA session through all of it."""
    with plant(tmp_path) as here, opcua_running("--program", "EL-7_OP10_B.MPF") as other:
        here.reachable("dmu50-01", "lathe-07")
        here.scanned()
        assert here.opcua
        assert here.plc
        assert here.opcua.ask("sessions") == 1
        connections = here.log().count("event=lost")
        here.site.released("ECN-1", "SH-1", "B")
        opened = here.heard("obligation.opened", machine="lathe-07")
        here.plc.say("run")
        here.heard("program.outdated_run", machine="lathe-07")

        here.site.write("adapters/dmu50-02.yaml", OPCUA.format(title="'DMU 50 #2'", endpoint=other.endpoint, r90=R90))
        hang_up(here)
        applied(here, 2)
        here.reachable("dmu50-02")
        second_session = other.ask("sessions")

        file = here.site.config / "adapters" / "lathe-07.yaml"
        here.site.write(
            "adapters/lathe-07.yaml", file.read_text(encoding="utf-8").replace("every: 100ms", "every: 200ms")
        )
        applied(here, 3)  # the file watch: nobody has sent a signal
        here.reachable("lathe-07")
        assert here.events("obligation.closed") == []

        file.unlink()
        routes = (here.site.config / "routes.yaml").read_text(encoding="utf-8")
        here.site.write("routes.yaml", routes.replace("[lathe-07]", "[dmu50-02]"))
        hang_up(here)
        closed = here.heard("obligation.closed", obligation=opened["obligation"])
        assert (closed["verdict"], closed["reason"]) == ("excluded", "machine_removed")
        applied(here, 4)
        until_sync(lambda: here.retained("state/lathe-07") is None, what="its retained state to be emptied")
        assert here.retained("state/dmu50-01")
        assert here.machine("lathe-07") == {}
        assert [c for c in here.site.status()["cards"] if c["machine"] == "lathe-07" and c["active"]] == []

        assert (here.opcua.ask("sessions"), second_session) == (1, 1)
        assert here.log().count("event=lost") == connections  # nobody was dropped
        assert here.events("machine.unreachable") == []
        assert len(here.events("machine.reachable", machine="dmu50-01")) == 1
        here.delivered()


def test_a_broken_edit(tmp_path: Path) -> None:
    """Refused with file, line and column, by SIGHUP and by the file watch, once each; mended, it is applied."""
    with plant(tmp_path, opcua=False) as here:
        here.reachable("lathe-07")
        good = (here.site.config / "adapters" / "lathe-07.yaml").read_text(encoding="utf-8")
        here.site.write("adapters/lathe-07.yaml", good.replace("unit: 1", "unnit: 1"))
        hang_up(here)
        refused = here.heard("config.refused")
        assert any("lathe-07.yaml:7:1" in line and "unnit" in line for line in refused["problems"])
        assert here.machine("lathe-07")["reachable"]

        here.site.write("adapters/lathe-07.yaml", good.replace("port:", "port: ["))
        until_sync(lambda: len(here.events("config.refused")) == 2, what="the file watch to refuse")
        answer = here.site.ask({"do": "reload"})
        assert answer["ok"] is False
        assert "lathe-07.yaml:" in answer["reason"]
        assert here.machine("lathe-07")["reachable"]
        assert len(here.events("config.applied")) == 1

        here.site.write("adapters/lathe-07.yaml", good)
        hang_up(here)
        applied(here, 2)
        assert "lathe-07" in here.heard("config.applied")["adapters"]

        # a file that is saved in two halves is not read in between
        with (here.site.config / "routes.yaml").open("w", encoding="utf-8") as file:
            file.write("- match: {part: 'EL-*'}\n  machines: [dmu50-01]\n  program: ['{pa")
            file.flush()
            file.write("rt}.MPF']\n  version: '{revision}'\n")
        applied(here, 3)
        # many at once: each waits for the one before, and nothing hangs
        for _ in range(5):
            hang_up(here)
        assert here.site.ask({"do": "reload"})["ok"] is True
        here.delivered()
        assert len(here.events("config.refused")) == 3
        assert here.events("machine.unreachable", machine="lathe-07") == []


def test_broken_at_the_start(tmp_path: Path) -> None:
    """Exit code 78, so that systemd does not restart on it; each problem with its place, and no traceback."""
    with plant(tmp_path, online=False, opcua=False, modbus=False, start=False) as here:
        here.site.write("routes.yaml", "- match: {part: 'EL-*'\n")
        command = [PROGRAM, "run", "--config", str(here.site.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, env=_environment(None))
        assert done.returncode == 78
        assert "routes.yaml:" in done.stderr
        assert "Traceback" not in done.stderr
        here.process.log.touch()
