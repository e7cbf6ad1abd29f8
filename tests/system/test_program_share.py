"""A share of released programs beside a real plant: an obligation tells when its program came to lie there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.system.plant import plant
from tests.system.site import Site
from tests.waiting import until_sync

SHARE = r"""
adapter: nc_folder
path: {path}
every: 1s
machines: [dmu50-01]
program: '^(?P<program>.+)_[A-Z]\.MPF$'
version:
  - name: '_(?P<version>[A-Z])\.MPF$'
"""


def test_the_stage_available_reaches_the_platform(tmp_path: Path) -> None:
    """Released → on the share → on the machine: all three moments stand in the verdict, in their order."""
    share = tmp_path / "dnc"
    share.mkdir()

    def prepare(site: Site) -> None:
        site.write("adapters/released.yaml", SHARE.format(path=share))

    with plant(tmp_path, modbus=False, prepare=prepare) as here:
        until_sync(lambda: all(s["first_scan"] for s in here.site.status().get("sources", ())), what="both scans")
        here.reachable("dmu50-01")
        here.site.released("ECN-1", "EL-1", "C")
        opened = here.heard("obligation.opened", ecn="ECN-1")
        (share / f"{opened['program'].removesuffix('.MPF')}_C.MPF").write_text("; REV C\nM30\n")
        until_sync(lambda: b"available" in _obligation(here.site), what="the stage to be recorded")
        explained = here.site.run("explain", "ECN-1").stdout
        assert re.search(
            r"stages      released .+ → program on the share .+; waits for: program on the machine\n", explained
        )
        assert json.loads(_obligation(here.site))["findings"][0]["waits_for"] == "loaded"
        assert here.opcua is not None
        here.opcua.tell("version C")
        closed = here.heard("obligation.closed", ecn="ECN-1")
        assert closed["verdict"] == "compliant"
        stages = closed["stages"]
        assert list(stages) == ["released", "available", "loaded"]
        assert stages["released"] <= stages["available"] <= stages["loaded"]
        explained = here.site.run("explain", "ECN-1", "--lang", "zh-CN").stdout
        assert re.search(r"阶段 +已发布 .+ → 程序已上共享目录 .+ → 程序已在机床上 [^等]+\n", explained)
        share.rename(tmp_path / "away")
        here.heard("source.lost", source="released")
        assert here.cards("source_lost", active=True)
        (tmp_path / "away").rename(share)
        here.heard("source.back", source="released")


def _obligation(site: Site) -> bytes:
    """Return the open obligations as the database has them."""
    explained = site.run("explain", "ECN-1", "--json")
    return explained.stdout.encode()
