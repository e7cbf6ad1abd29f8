"""The first start on a folder that has been in use for years: quiet, quick to answer, and not hungry."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge.clock import SystemClock
from edge_bridge.entrance import MOST_UNSENT
from edge_bridge.pipeline import MOST_TOGETHER
from tests.system.plant import plant
from tests.system.site import Site
from tests.waiting import until_sync

ECNS = 10_000


@pytest.mark.timeout(240)  # how fast it is, is measured in bench/scan.py; here it must only come to its end
def test_ten_thousand_old_ecns(tmp_path: Path) -> None:
    """They fill the register: no obligation, one card at most; `status` answers all the while, and memory stays small."""

    def years_of_files(site: Site) -> None:
        for number in range(1, ECNS + 1):
            text = (
                f"number,status,released,part,revision\nECN-{number},已发布,2024-05-01T08:00:00+08:00,EL-{number},C\n"
            )
            (site.plm / f"ECN-{number:05}.csv").write_text(text, encoding="utf-8")

    clock = SystemClock()
    with plant(tmp_path, modbus=False, prepare=years_of_files) as here:
        began = clock.now().boottime
        slowest = unsent = 0

        def scanned() -> bool:
            nonlocal slowest, unsent
            asked = clock.now().boottime
            status = here.site.status()
            sources = status["sources"]
            slowest = max(slowest, clock.now().boottime - asked)
            unsent = max(unsent, status["buffer"]["unsent"])
            return bool(sources and sources[0]["first_scan"])

        until_sync(scanned, within=120, what="the first scan")
        took = (clock.now().boottime - began) / 1000
        taken = here.heard("baseline.taken", within=30)
        assert (taken["files"], taken["ecns"]) == (ECNS, ECNS)
        until_sync(lambda: here.cards("baseline"), what="the summary card: EL-1 shows B, and C was released")
        here.delivered(within=60)
        assert here.events("obligation.opened") == []
        assert {e["kind"] for e in here.events("card.raised")} == {"baseline"}
        assert len(here.events("card.raised")) == 1
        lines = Path(f"/proc/{here.process.pid}/status").read_text(encoding="ascii").splitlines()
        resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024
        print(f"\n{ECNS} ECNs in {took:.1f} s; slowest status {slowest} ms; unsent {unsent}; RSS {resident} MiB")
        assert unsent <= MOST_UNSENT + MOST_TOGETHER  # the scan waits for the broker; what was let in may still come
        assert slowest < 3000
        assert resident < 400
