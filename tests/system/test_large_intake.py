"""Routes from a table and large ECNs, with the real daemon: edits while it runs, kill -9 in the middle."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge_bridge.store import Snapshot
from tests.system.plant import Plant, plant
from tests.system.site import MODBUS, Site, now_text
from tests.waiting import until_sync

ITEMS = 3_000
MORE = tuple(f"lathe-{number:02d}" for number in range(8, 15))  # machines like lathe-07 that cannot be reached
ENTRY = "- table: parts.csv\n  machines: [lathe-07]\n  version: '{revision}'\n"


def with_table(rows: str) -> str:
    return f"零件号,程序号\n{rows}"


def prepare(site: Site) -> None:
    site.write("parts.csv", with_table("SH-1,4711\n"))
    site.write("routes.yaml", ENTRY)


def test_a_table_is_edited_while_the_daemon_runs(tmp_path: Path) -> None:
    """A new row leads an ECN to its machine; a bad row is refused with its line, and the old table goes on."""
    with plant(tmp_path, opcua=False, prepare=prepare) as here:
        here.scanned()
        here.site.released("ECN-1", "SH-1", "B")
        assert here.heard("obligation.opened", ecn="ECN-1")["program"] == "4711"
        here.site.released("ECN-2", "SH-2", "B")
        here.heard("ecn.unrouted", ecn="ECN-2")

        here.site.write("parts.csv", with_table("SH-1,4711\nSH-2,{prat}\n"))
        refused = here.heard("config.refused")
        assert any("parts.csv:3:1: `program`: no field {prat}" in line for line in refused["problems"])
        here.site.released("ECN-3", "SH-1", "C")
        here.heard("obligation.opened", ecn="ECN-3")

        here.site.write("parts.csv", with_table("SH-1,4711\nSH-2,4712\n"))
        opened = here.heard("obligation.opened", ecn="ECN-2")
        assert (opened["program"], opened["machine"]) == ("4712", "lathe-07")
        assert here.cards("unrouted", active=True) == []
        here.delivered()


def cpu_ticks(pid: int) -> int:
    return sum(int(field) for field in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])


def large(here: Plant, number: str) -> None:
    """Export one ECN with thousands of items, as a PLM does: under another name, then renamed."""
    head, released = "number,status,released,part,revision\n", now_text()
    rows = "".join(f"{number},已发布,{released},{number}-{n},B\n" for n in range(ITEMS))
    draft = here.site.plm / f"{number}.part"
    draft.write_text(head + rows, encoding="utf-8")
    draft.rename(here.site.plm / f"{number}.csv")


def recorded(here: Plant, name: str) -> list[str]:
    """Return the events of a type that are on record, each as its item and machine."""
    with Snapshot.open(here.site.database) as past:
        found = [json.loads(event.body)["data"] for event in past.events(type=name, limit=10 * ITEMS)]
    return [f"{data.get('program')} {data.get('machine')}" for data in found]


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.5, 1.0])
def test_killed_in_the_middle_of_a_large_ecn(tmp_path: Path, seconds: float) -> None:
    """All of it or nothing of it is on record; after the restart all of it is, each obligation once.

    seconds: of the daemon's own processor time, so that a busy computer does not move the moment.
    """

    def wide(site: Site) -> None:
        site.write(
            "routes.yaml",
            "- match: {part: '*'}\n  machines: [lathe-07]\n  program: '{part}'\n  version: '{revision}'\n",
        )

    with plant(tmp_path, opcua=False, prepare=wide) as here:
        here.scanned()
        pid = here.process.pid
        before = cpu_ticks(pid)
        large(here, "ECN-1")
        until_sync(lambda: cpu_ticks(pid) - before >= seconds * os.sysconf("SC_CLK_TCK"), within=60)
        here.process.kill()
        assert (len(recorded(here, "obligation.opened")), len(recorded(here, "ecn.received"))) in ((0, 0), (ITEMS, 1))
        here.process.start()
        told = until_sync(lambda: recorded(here, "obligation.opened"), within=60, what="the obligations")
        assert len(told) == len(set(told)) == ITEMS
        assert len(recorded(here, "ecn.received")) == 1
        assert here.site.status()["obligations_open"] == ITEMS


def test_what_one_item_opened_on_many_machines_survives_a_kill(tmp_path: Path) -> None:
    """Each machine owes its program, before and after; what one of them has done by then is its own."""

    def wide(site: Site) -> None:
        for name in MORE:
            site.write(f"adapters/{name}.yaml", MODBUS.format(title=name, port=9))
        machines = ", ".join(("lathe-07", *MORE))
        site.write(
            "routes.yaml",
            f"- match: {{part: '*'}}\n  machines: [{machines}]\n  program: '{{part}}'\n  version: '{{revision}}'\n",
        )

    with plant(tmp_path, opcua=False, prepare=wide) as here:
        here.scanned()
        here.reachable("lathe-07")
        for revision, met in (("A", True), ("B", False)):  # what it has, and what nobody has yet
            number = f"ECN-{revision}"
            here.site.released(number, "4711", revision)
            for name in ("lathe-07", *MORE):
                here.heard("obligation.opened", ecn=number, machine=name)
            if met:
                here.heard("obligation.verdict", ecn=number, machine="lathe-07", verdict="compliant")
            here.process.kill()
            here.process.start()
            until_sync(lambda: here.site.status().get("obligations_open") == len(MORE) + (not met), within=20)  # noqa: B023
            found = here.site.json("explain", number)["findings"]
            assert {
                f["machine"]: f["required"] for f in found if f["obligation"]["verdict"] == "pending"
            } == dict.fromkeys(MORE, revision) | ({} if met else {"lathe-07": revision})
        assert [one["ecn"] for one in here.site.json("explain", MORE[-1])["findings"]] == ["ECN-B"]
        assert len(recorded(here, "obligation.opened")) == 2 * (1 + len(MORE))
