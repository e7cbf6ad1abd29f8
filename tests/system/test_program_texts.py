"""Versions from program texts over OPC UA, on the real daemon: from the header at the control to the verdict and the card."""

from __future__ import annotations

from pathlib import Path

from edge_bridge.domain.nc_program import digest
from tests.system.plant import Plant, plant
from tests.system.site import Site, now_text
from tests.waiting import until_sync

PART = "Part+Program"
TEXT_B = "; REV B\nG1 X10\nM30"
TEXT_EDITED = "; REV B\nG1 X11\nM30"


def by_text(site: Site, judge: str = "main") -> None:
    """Let the machine's version be found in the program's text only."""
    file = site.config / "adapters" / "dmu50-01.yaml"
    head = file.read_text(encoding="utf-8").split("version:")[0]
    version = "version:\n  - header: 'REV (?P<version>[A-Z])'\n  - digest: sha256\n"
    site.write("adapters/dmu50-01.yaml", f"{head}judge: {judge}\n{version}")


def put(here: Plant, path: str, text: str) -> None:
    """Send a program to the control."""
    assert here.opcua
    here.opcua.tell(f"program {path} {text}".replace("\n", "\\n"))


def release(here: Plant, number: str, program: str, version: str, sha256: str = "") -> None:
    """Release an ECN that demands this program in this version."""
    row = {"number": number, "status": "已发布", "released": now_text(), "program": program, "version": version}
    here.site.ecn(f"{number}.csv", {**row, "sha256": sha256, "machines": "dmu50-01"})


def test_a_header_at_the_control_makes_it_compliant_and_an_edit_there_is_seen(tmp_path: Path) -> None:
    """Version and content as released: compliant, by the header's line. Edited at the control under the same name: a card."""
    with plant(tmp_path, modbus=False, prepare=by_text) as here:
        assert here.opcua
        put(here, f"{PART}/P1.MPF", "; REV A\nG1 X9\nM30")
        here.opcua.tell("load P1.MPF")
        here.scanned()
        until_sync(lambda: here.machine("dmu50-01").get("version") == "A", what="the old header to be read")
        release(here, "ECN-1", "P1.MPF", "B", digest(TEXT_B))
        here.heard("obligation.opened", ecn="ECN-1")
        put(here, f"{PART}/P1.MPF", TEXT_B)
        verdict = here.heard("obligation.verdict", ecn="ECN-1")
        assert verdict["verdict"] == "compliant"
        machine = verdict["evidence"]["machine"]
        assert (machine["extractor"], machine["raw"]) == ("header", "; REV B")
        assert machine["field"] == "Sinumerik/FileSystem/Part Program/P1.MPF"
        put(here, f"{PART}/P1.MPF", TEXT_EDITED)
        card = here.heard("card.raised", kind="edited_on_machine")
        assert card["machine"] == "dmu50-01"
        here.delivered()


def test_the_program_that_a_wrapper_calls_is_judged_by_its_own_text(tmp_path: Path) -> None:
    """The selected main program is a pallet's list; the part program that it names has the version."""
    with plant(tmp_path, modbus=False, prepare=lambda site: by_text(site, "called_by_main")) as here:
        assert here.opcua
        put(here, "Work+Pieces/W7.WPD/PART7.MPF", "; REV A\nM30")
        put(here, f"{PART}/PALLET.MPF", 'EXTCALL ("/_N_WKS_DIR/_N_W7_WPD/_N_PART7_MPF")\nM30')
        here.opcua.tell("load PALLET.MPF", "run")
        here.scanned()
        release(here, "ECN-2", "PART7", "B")
        here.heard("obligation.opened", ecn="ECN-2")
        put(here, "Work+Pieces/W7.WPD/PART7.MPF", "; REV B\nM30")
        verdict = here.heard("obligation.verdict", ecn="ECN-2")
        assert (verdict["verdict"], verdict["evidence"]["machine"]["raw"]) == ("compliant", "; REV B")
        here.delivered()
