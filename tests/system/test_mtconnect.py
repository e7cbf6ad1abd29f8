"""A machine behind an MTConnect agent on the real daemon: from a released ECN to the verdict, and what is never green."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.mtconnect_agents import Agent, running
from tests.system.plant import Plant, plant
from tests.system.site import Site
from tests.waiting import until_sync

pytestmark = pytest.mark.timeout(120)
MACHINE = "integrex-04"
PROGRAM = "EL-2_OP10.NC"
ADAPTER = """\
adapter: mtconnect
name: Integrex 4
area: mc-1
url: {url}
every: 100ms
timeout: 2s
scheme: letters
version:
  - asset: versionId
  - comment: 'REV (?P<version>[A-Z])'
"""
ROUTES = """\
- match: {part: 'EL-*'}
  machines: [integrex-04]
  program: '{part}_OP10.NC'
  version: '{revision}'
  scheme: letters
"""


def configured(site: Site, agent: Agent) -> None:
    """Write the machine's file and its route; the other machines are none of this test's."""
    for name in ("dmu50-01", "lathe-07"):
        (site.config / "adapters" / f"{name}.yaml").unlink()
    site.write(f"adapters/{MACHINE}.yaml", ADAPTER.format(url=agent.url))
    site.write("routes.yaml", ROUTES)


def verdicts(here: Plant, ecn: str) -> list[str]:
    """Return the verdicts of one ECN's obligation, in order."""
    return [event["verdict"] for event in here.events("obligation.verdict", ecn=ecn)]


def test_a_change_is_followed_to_the_machine(tmp_path: Path) -> None:
    """Opened by the ECN, compliant with the file's versionId as evidence; a file modified at the machine never is."""
    with (
        running("--program", PROGRAM, "--version", "A") as agent,
        plant(tmp_path, opcua=False, modbus=False, prepare=lambda site: configured(site, agent)) as here,
    ):
        here.reachable(MACHINE)
        here.scanned()
        here.site.released("EC-1", "EL-2", "B")
        here.heard("obligation.opened", ecn="EC-1")
        agent.tell(f"load {PROGRAM} B")
        here.heard("obligation.verdict", ecn="EC-1", verdict="compliant")
        machine = here.events("obligation.verdict", ecn="EC-1")[-1]["evidence"]["machine"]
        assert (machine["extractor"], machine["raw"]) == ("asset", "B PRODUCTION")

        here.site.released("EC-2", "EL-2", "C")
        here.heard("obligation.opened", ecn="EC-2")
        agent.tell(f"file {PROGRAM} C REVISION", "comment REV C")
        until_sync(lambda: here.machine(MACHINE)["version"] == "C (REVISION)", what="the modified file to be seen")
        assert "compliant" not in verdicts(here, "EC-2")
        agent.tell(f"file {PROGRAM} C PRODUCTION")
        here.heard("obligation.verdict", ecn="EC-2", verdict="compliant")
        here.delivered()


def test_an_agent_that_goes_and_comes_back(tmp_path: Path) -> None:
    """Power off: told as unreachable, with the reason. Another process at its port: read again, with what it says now."""
    with running("--program", PROGRAM, "--version", "A") as agent:
        port = str(agent.port)
        with plant(tmp_path, opcua=False, modbus=False, prepare=lambda site: configured(site, agent)) as here:
            here.reachable(MACHINE)
            agent.kill()
            lost = here.heard("machine.unreachable", machine=MACHINE)
            assert "→" in lost["error"]
            with running("--program", PROGRAM, "--version", "K", "--port", port) as successor:
                until_sync(lambda: here.machine(MACHINE)["version"] == "K", within=40, what="the new agent to be read")
                successor.tell("unavailable")
                until_sync(lambda: len(here.events("machine.unreachable", machine=MACHINE)) == 2, what="its loss")
                assert "is not available" in here.events("machine.unreachable", machine=MACHINE)[-1]["error"]


def test_check_says_where_a_setting_is_wrong(tmp_path: Path) -> None:
    """A right file passes; a wrong one is told with file, line, column and the way out, without asking the agent."""
    site = Site(tmp_path)
    site.write("routes.yaml", ROUTES)
    site.write(f"adapters/{MACHINE}.yaml", ADAPTER.format(url="http://127.0.0.1:9"))
    assert site.run("check").returncode == 0
    wrong = ADAPTER.format(url="http://127.0.0.1:9/current") + "items: {execution: {map: {ACTIVE: cutting}}}\n"
    site.write(f"adapters/{MACHINE}.yaml", wrong)
    done = site.run("check")
    assert done.returncode == 78
    assert f"{MACHINE}.yaml:4:1" in done.stdout + done.stderr
    assert "the adapter adds /current itself" in " ".join((done.stdout + done.stderr).split())
    assert f"{MACHINE}.yaml:11:" in done.stdout + done.stderr
