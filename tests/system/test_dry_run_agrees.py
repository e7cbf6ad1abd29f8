"""What `edge-bridge ecn` says of a folder is what the daemon then makes of the same folder with the same configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

from edge_bridge.domain import program
from edge_bridge.domain.state import KINDS
from edge_bridge.store import Snapshot
from tests.system.plant import plant
from tests.system.site import Site

HEAD = "number,status,released,supersedes,part,drawing,revision,program,version,category,machines\n"
ROUTES = """\
- match: {part: 'EL-17*', category: 'special*'}
  machines: [dmu50-01]
  program: '{part}_OP10.MPF'
  version: '{drawing}'
- match: {part: 'EL-*'}
  machines: [milling]
  program: ['{part}_OP10.MPF', '{part}_{category}.MPF']
  version: '{revision}'
- match: {program: 'O1*'}
  machines: [lathe-07]
  version: '{revision}'
- table: parts.csv
"""
TABLE = "零件号;机床;程序号;程序版本\r\nSH-1;lathe-07;4711;{revision}\r\nSH-2;lathe-07;4712;\r\n"
FILES = {  # oldest first; the names are in another order
    "z.csv": ("A1,released,2026-01-01T08:00:00Z,,SH-1,,B,,,,",),
    "y.csv": ("A2,released,2026-01-02T08:00:00Z,,EL-1,,B,,,x,",),
    "yy.csv": ("B7,released,2026-01-02T08:00:00Z,,EL-17,D-9,B,,,special,",),
    "x.csv": ("A1,released,2026-01-01T08:00:00Z,,SH-1,,C,,,,",),  # changed
    "w.csv": ("A3,released,2025-12-01T08:00:00Z,,SH-1,,A,,,,",),  # older than what is in force
    "v.csv": ("A4,released,2026-01-03T08:00:00Z,,EL-2,,B,,,,",),  # one of two programs cannot be named
    "u.csv": ("A5,released,2026-01-03T08:00:00Z,,EL-3,,B,,,x,dmu50-01;nobody",),
    "t.csv": ("A6,released,2026-01-03T08:00:00Z,,SH-2,,B,,,,",),  # no version
    "s.csv": ("A7,strange,2026-01-03T08:00:00Z,,SH-1,,Z,,,,",),
    "r.csv": ("A8,released,2026-01-03T08:00:00Z,,,,D,O155,,,", "A8,released,2026-01-03T08:00:00Z,,,,E,o155.mpf,,,"),
    "q.csv": ("A9,released,2026-01-04T08:00:00Z,,EL-1,,C,,,x,DMU 50 #1;",),  # takes over on one of two machines
    "p.csv": ("B1,released,2026-01-05T08:00:00Z,,EL-4,,C,,,x,",),
    "o.csv": ("B1,withdrawn,2026-01-05T08:00:00Z,,EL-4,,C,,,x,",),
    "n.csv": ("B2,released,2026-01-05T08:00:00Z,,1.00E+05,,C,4711,,,lathe-07",),
    "m.csv": ("B3,released,2026-01-05T08:00:00Z,,ＳＨ－１,,C,,,,",),
    "l.csv": ("B4,released,2026-01-01T07:00:00Z,A1,SH-1,,0,,,,",),  # older, and says that it supersedes
    "k.csv": ("B5,released",),
    "j.csv": ("B6,released,2026-01-05T08:00:00Z,,EL-5,,C,,,x,milling",),
}


def prepare(site: Site) -> None:
    site.write("parts.csv", TABLE)
    site.write("routes.yaml", ROUTES)
    text = (site.config / "edge-bridge.yaml").read_text(encoding="utf-8")
    site.write("edge-bridge.yaml", text + "groups:\n  milling: [dmu50-01, '车床 7']\n")
    for age, (name, rows) in enumerate(FILES.items()):
        file = site.plm / name
        file.write_text(HEAD + "\n".join(rows) + ("" if name == "k.csv" else "\n"), encoding="utf-8")
        os.utime(file, (1_700_000_000 + age, 1_700_000_000 + age))
    (site.plm / "notes.txt").write_text(HEAD + FILES["z.csv"][0].replace("A1", "XX"), encoding="utf-8")
    (site.plm / "i.csv").symlink_to(site.plm / "z.csv")


def test_a_folder_dry_and_for_good(tmp_path: Path) -> None:
    """The same requirements, the same items that lead nowhere and why, the same files refused: before and after."""
    with plant(tmp_path, opcua=False, modbus=False, start=False, prepare=prepare) as here:
        done = here.site.run("ecn", str(here.site.plm), "--json")
        assert done.returncode == 1
        files = json.loads(done.stdout)["files"]
        ecns = [ecn for one in files for ecn in one["ecns"]]
        here.process.start()
        here.scanned()
        here.heard("ecn.rejected", file="k.csv")  # its last line has no end: it is tried a second time
        here.delivered()
        assert {one["file"] for one in files if one["error"]} == {"i.csv", "k.csv"}
        assert {told["file"] for told in here.events("ecn.rejected")} == {"i.csv", "k.csv"}

        said = {(u["row"], e["ecn"], u["reason"]) for e in ecns if e["status"] for u in e["unrouted"]}
        told = here.events("ecn.unrouted")
        assert said == {(item["row"], one["ecn"], item["reason"]) for one in told for item in one["items"]}
        assert {ecn for _, ecn, _ in said} == {"A4", "A5", "A6", "A8", "B2", "B3", "B6"}

        with Snapshot.open(here.site.database, KINDS) as past:
            held = {(key, r.demand.ecn, r.demand.version) for key, r in past.rows("requirement").items()}
        demands = [(e["ecn"], d) for e in ecns for d in e["demands"] if d["in_force"]]
        assert {(f"{d['machine']}|{program.key(d['program'])}", ecn, d["required"]) for ecn, d in demands} == held
        assert ("lathe-07|4711", "B4", "0") in held
        assert ("dmu50-01|EL-1_OP10", "A9", "C") in held
        assert ("lathe-07|EL-1_OP10", "A2", "B") in held
        assert ("dmu50-01|EL-17_OP10", "B7", "D-9") in held

        again = [e for one in here.site.json("ecn", str(here.site.plm / "q.csv"))["files"] for e in one["ecns"]]
        assert [one["same"] for one in again] == [True]
