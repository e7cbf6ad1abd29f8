"""The dry run of ECN files: where each field came from, and thousands of files in a few lines."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_bridge import config
from edge_bridge.cards import place
from edge_bridge.cli import main
from edge_bridge.cli.desk import Desk
from edge_bridge.cli.dry_run import Choice, DryRun
from edge_bridge.cli.dry_run_data import as_data
from edge_bridge.cli.dry_run_view import show_file
from edge_bridge.cli.ecn import unreadable
from edge_bridge.clock import SystemClock
from edge_bridge.domain.ecn import EcnDraft, Item, Status
from edge_bridge.errors import AdapterError
from edge_bridge.ports import Trace, TracedEcn
from tests.unit.test_config import FILES, write


class Tracer:
    """An ECN source that can say where each field came from."""

    def __init__(self, items: int = 1) -> None:
        self.items = items

    def read(self, name: str, data: bytes) -> tuple[EcnDraft, ...]:
        """Return what `trace` returns, without the origins."""
        return tuple(one.draft for one in self.trace(name, data))

    def trace(self, name: str, data: bytes) -> tuple[TracedEcn, ...]:
        """Return one ECN with `items` items."""
        if data == b"bad":
            raise AdapterError(f"{name}: line 1: it is bad", "make it good")
        items = tuple(Item(part=f"P{n}", revision="B", row=f"line {n + 2}", lot="L7") for n in range(self.items))
        draft = EcnDraft("E1", Status.RELEASED, "已发布", items=items, stage="等待刀具")
        head = {
            "number": Trace("line 2, column 1", "变更单号", "E1"),
            "status": Trace("line 2, column 2", "状态", "已发布"),
        }
        parts = tuple({"part": Trace(f"line {n + 2}, column 3", "零件号", f"P{n}")} for n in range(self.items))
        return (TracedEcn(draft, head, parts),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small valid site: one machine, one source."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        write(Path("site"), name, text)
    write(
        Path("site"),
        "routes.yaml",
        "- match: {part: P*}\n  machines: [lathe-07]\n  program: X\n  version: '{revision}'\n",
    )
    return Path("site")


def dry(folder: Path, tracer: Any, language: str = "en") -> tuple[DryRun, Desk, Choice]:
    """Return a dry run whose source is this one."""
    desk = Desk(config.load(folder, SystemClock()), language, SystemClock().now())
    source = replace(desk.config.adapters["plm"], adapter=tracer)
    choice = Choice("plm", source, "only", 1)
    return DryRun(desk, choice, None), desk, choice


def test_each_field_with_the_cell_it_came_from(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A technician finds the very cell, and sees what is not understood and what is only shown."""
    run, desk, choice = dry(folder, Tracer())
    read = run.read("a.csv", b"x", traced=True)
    show_file(read, desk)
    said = capsys.readouterr().out
    assert "number ← line 2, column 1, 变更单号: E1" in said
    assert "part ← line 2, column 3, 零件号: P0" in said
    assert "stage: 等待刀具, as the file says: no word in `stages:` of the source's file" in said
    assert "holds for lot L7: shown, not judged" in said
    (ecn,) = as_data([read], choice, desk)["files"][0]["ecns"]
    assert ecn["origin"]["items"] == [{"part": {"place": "line 2, column 3", "header": "零件号", "raw": "P0"}}]
    assert (ecn["items"][0]["lot"], ecn["demands"][0]["route_place"]) == ("L7", "routes.yaml:1:3")


def test_the_cells_in_chinese(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Line and column are said as the reader says them."""
    run, desk, _ = dry(folder, Tracer(), "zh-CN")
    show_file(run.read("a.csv", b"x", traced=True), desk)
    assert "part ← 第 2 行，第 3 列，零件号：P0" in capsys.readouterr().out


def test_many_items_are_traced_only_when_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each field of fifty items would bury what matters."""
    run, desk, _ = dry(folder, Tracer(50))
    read = run.read("a.csv", b"x", traced=True)
    show_file(read, desk)
    short = capsys.readouterr().out
    assert "←" not in short
    assert "--fields says of every field from which line or cell it came" in short
    show_file(read, desk, fields=True)
    assert capsys.readouterr().out.count("←") == 52


def test_a_source_that_cannot_trace_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A third party's adapter has `read` alone."""

    class Reader:
        read = Tracer().read

    run, desk, _ = dry(folder, Reader())
    show_file(run.read("a.csv", b"x", traced=True), desk)
    said = capsys.readouterr().out
    assert "ECN E1: released" in said
    assert "←" not in said
    assert run.read("b.csv", b"bad", traced=True).error == "b.csv: line 1: it is bad → make it good"


def test_hundreds_of_files_in_a_few_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each cause once, with how many files it is in; everything is in the JSON."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\n")
    plm = folder.parent / "drafts"
    plm.mkdir()
    texts = {
        "unknown": "E{n},zzz,P1,B\n",
        "unrouted": "E{n},released,Q1,B\n",
        "fine": "E{n},released,P1,B\n",
        "cut": "E{n}",
    }
    for n in range(400):
        text = list(texts.values())[n % 4].format(n=n)
        (plm / f"{n:04d}.csv").write_text(f"number,status,part,revision\n{text}")
    assert main(["--config", str(folder), "ecn", str(plm)]) == 1
    said = capsys.readouterr().out
    assert said.count("\n") < 60
    assert "100 file(s), such as 0000.csv: UNKNOWN STATUS 'zzz'" in said
    assert "100 file(s), such as 0001.csv: UNROUTED: no machine named and no route matches" in said
    assert "100 file(s), such as 0003.csv: CANNOT BE READ: " in said
    assert "400 file(s), 300 ECN(s): 0 would turn red" in said
    assert main(["--config", str(folder), "ecn", "--json", str(plm)]) == 1
    assert len(json.loads(capsys.readouterr().out)["files"]) == 400


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_what_no_source_reads(folder: Path, capsys: pytest.CaptureFixture[str], language: str) -> None:
    """Links, pipes and devices are told and never opened for long, and stop no other file; alone they are an error."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\nsubfolders: true\n")
    drafts = folder.parent / "drafts"
    (drafts / "2026" / ".snapshot").mkdir(parents=True)
    good = "number,status,part,revision\nE1,released,P1,B\n"
    for name in ("good.csv", "2026/below.csv", "2026/.snapshot/old.csv"):
        (drafts / name).write_text(good)
    os.mkfifo(drafts / "a-pipe.csv")
    (drafts / "link.csv").symlink_to("good.csv")
    (drafts / "nowhere.csv").symlink_to("not-there")
    (drafts / "zero.csv").symlink_to("/dev/zero")
    start = ["--config", str(folder), "--lang", language, "ecn"]
    assert main([*start, "--json", str(drafts)]) == 1
    files = {one["file"]: one for one in json.loads(capsys.readouterr().out)["files"]}
    assert set(files) == {"good.csv", "2026/below.csv", "a-pipe.csv", "link.csv", "nowhere.csv", "zero.csv"}
    for name, one in files.items():
        assert bool(one["ecns"]) == (name in ("good.csv", "2026/below.csv"))
    assert main([*start, str(drafts)]) == 1
    said = "".join(capsys.readouterr().out.split())
    assert said.count("管道" if language == "zh-CN" else "pipe,") == 4
    for name in ("a-pipe.csv", "link.csv"):
        assert main([*start, str(drafts / name)]) == 1
        assert ("管道" if language == "zh-CN" else "pipe,") in "".join(capsys.readouterr().out.split())


def test_a_command_that_fails_says_so_in_json_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads standard output must not take silence for an answer."""
    assert main(["--config", str(folder), "ecn", "--json", "nowhere.csv"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["problems"] == [
        {
            "what": "there is no ECN file at nowhere.csv",
            "fix": "give the path of a file, or of a folder with files",
            "where": "",
        }
    ]
    assert "there is no ECN file" in said.err
    write(folder, "routes.yaml", "- {mach: 1}\n- {mach: 2}\n")
    assert main(["--config", str(folder), "ecn", "--json", "nowhere.csv"]) == 78
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [one["where"] for one in problems if one["where"].endswith(":1:4")]


def test_two_files_of_one_ecn_are_joined(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with the ECN here and its items there leads where the daemon would lead it; items alone are told as such."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: in\njoin: {timeout: 10m}\n")
    inbox = folder / "inbox"
    write(folder, "inbox/a-items.csv", "number,part,revision\nE1,P1,B\nE9,P9,B\n")
    write(folder, "inbox/b-head.csv", "number,status,released\nE1,released,2026-01-05T08:00:00Z\n")
    assert main(["ecn", str(inbox), "--config", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "items of 1 ECN(s), shown with theirs" in said
    assert "a-items.csv: line 2: part P1" in said
    assert "part ← line 2, column 2, part: P1" in said
    assert said.count("ITEMS WITHOUT THEIR ECN") == 1
    assert "UNKNOWN STATUS" not in said
    assert "1 item(s) unrouted" not in said
    (inbox / "a-items.csv").write_text("number,part,revision\nE1,P1,B\n")
    assert main(["ecn", str(inbox), "--config", str(folder), "--json"]) == 0
    head, items = json.loads(capsys.readouterr().out)["files"]  # the older one first, as the daemon takes them in
    assert (items["elsewhere"], items["ecns"]) == (1, [])
    assert [one["machine"] for one in head["ecns"][0]["demands"]] == ["lathe-07"]


@pytest.mark.parametrize(
    ("where", "chinese"),
    [
        ("line 2, column 3", "第 2 行，第 3 列"),
        ("sheet ECN, cell C7", "工作表 ECN，单元格 C7"),
        ("a.xlsx: sheet ECN 2, row 7", "a.xlsx: 工作表 ECN 2，第 7 行"),
        ("line 4, characters 41-", "第 4 行，第 41- 字符"),
        ("/Export/row[2]", "/Export/row[2]"),
    ],
)
def test_a_place_in_chinese(where: str, chinese: str) -> None:
    """Line, cell and characters are named as the reader names them; a path is a path."""
    assert place(where, "zh-CN") == chinese
    assert place(where, "en") == where


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_an_ecn_whose_items_are_in_no_file(folder: Path, capsys: pytest.CaptureFixture[str], language: str) -> None:
    """With `join`, its items are missing: nobody is sent to the routes."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\njoin: {timeout: 5m}\n")
    file = folder.parent / "head.csv"
    file.write_text("number,status,title\nE1,released,T\n", encoding="utf-8")
    assert main(["--config", str(folder), "--lang", language, "ecn", str(file)]) == 1
    said = capsys.readouterr().out
    assert (
        "ITS ITEMS ARE MISSING → none of these files" if language == "en" else "缺少其条目 → 这些文件中没有"
    ) in said
    assert "routes.yaml" not in said


def test_why_a_file_cannot_be_read_in_chinese(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What, where and what to do, by a look at one file and at a folder of many."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\n")
    drafts = folder.parent / "drafts"
    drafts.mkdir()
    for n in range(60):
        (drafts / f"{n}.csv").write_text("number,status\nE1,released,x\n", encoding="utf-8")
    for look in (drafts / "0.csv", drafts):
        assert main(["--config", str(folder), "--lang", "zh-CN", "ecn", str(look)]) == 1
        said = capsys.readouterr().out
        assert "该行有 3 个字段，而表头有 2 个" in said
        assert "fields where" not in said
    (drafts / "0.csv").write_bytes(b"number,status\n\x00E1,released\n")
    assert main(["--config", str(folder), "--lang", "zh-CN", "ecn", str(drafts / "0.csv")]) == 1
    assert "the text" not in capsys.readouterr().out


def ecns_of(folder: Path, look: Path, capsys: pytest.CaptureFixture[str], code: int) -> list[dict[str, Any]]:
    """Return every ECN that the dry run finds, in its order."""
    assert main(["--config", str(folder), "ecn", "--json", str(look)]) == code
    files = json.loads(capsys.readouterr().out)["files"]
    return [{"file": one["file"], **ecn} for one in files for ecn in one["ecns"]]


def test_files_are_taken_in_as_the_daemon_takes_them_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Oldest first, whatever they are called; what a later one changes or withdraws is not told as if it held."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\n")
    drafts = folder.parent / "drafts"
    drafts.mkdir()
    rows = {
        "z": "E1,released,2026-01-05T08:00:00Z,P1,B",
        "m": "E2,released,2026-01-05T08:00:00Z,P2,B",
        "b": "E1,released,2026-01-05T08:00:00Z,P1,C",
        "a": "E2,withdrawn,2026-01-05T08:00:00Z,P2,B",
    }
    for age, (name, row) in enumerate(rows.items()):
        # one program for each part, else the ECNs would rule over each other
        (drafts / f"{name}.csv").write_text(f"number,status,released,part,revision,program\n{row},{row[-4:-2]}\n")
        os.utime(drafts / f"{name}.csv", (1_000_000 + age, 1_000_000 + age))
    found = ecns_of(folder, drafts, capsys, 0)
    assert [one["file"] for one in found] == ["z.csv", "m.csv", "b.csv", "a.csv"]
    assert [(d["required"], d["in_force"]) for one in found for d in one["demands"]][:3] == [
        ("B", False),
        ("B", False),
        ("C", True),
    ]
    assert main(["--config", str(folder), "ecn", str(drafts)]) == 0
    assert "would not be in force: E1 (version C) rules" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["notes.txt", "late.csv.part", "~$open.csv"])
def test_a_name_that_the_daemon_would_not_take(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """In a folder it is passed over, and nothing but such files is a fault; given by itself it is read, and that is told."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\npattern: ['*.csv', '*.part']\n")
    drafts = folder.parent / "drafts"
    drafts.mkdir()
    (drafts / name).write_text("number,status,part,revision\nE1,released,P1,B\n", encoding="utf-8")
    assert main(["--config", str(folder), "ecn", "--json", str(drafts)]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], len(said["problems"])) == (False, 1)
    assert said["problems"][0]["what"].startswith("none of the 1 file(s) in ")
    assert main(["--config", str(folder), "ecn", str(drafts / name)]) == 0
    assert "edge-bridge run would not read it: its name does not fit source plm" in capsys.readouterr().out
    assert main(["--config", str(folder), "ecn", "--json", str(drafts / name)]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert file["name_fits"] is False
    (drafts / "fits.csv").write_text("number,status,part,revision\nE1,released,P1,B\n", encoding="utf-8")
    assert [one["file"] for one in ecns_of(folder, drafts, capsys, 0)] == ["fits.csv"]


def test_names_of_any_bytes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no UTF-8 is shown, in JSON that is JSON; a name of two lines is refused, as the daemon refuses it."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\n")
    drafts = folder.parent / "drafts"
    drafts.mkdir()
    for name in (b"\xff.csv", b"two\nlines.csv"):
        Path(os.fsdecode(bytes(drafts) + b"/" + name)).write_text("number,status,part,revision\nE1,released,P1,B\n")
    assert main(["--config", str(folder), "ecn", "--json", str(drafts)]) == 1
    files = {one["file"]: one["error"] for one in json.loads(capsys.readouterr().out)["files"]}
    assert files.keys() == {"\\xff.csv", "two\\nlines.csv"}
    assert files["\\xff.csv"] is None
    assert "control character" in files["two\\nlines.csv"]
    assert main(["--config", str(folder), "ecn", str(drafts)]) == 1
    assert "\\xff.csv: ECNs: 1" in capsys.readouterr().out
    assert main(["--config", str(folder), "ecn", "--json", os.fsdecode(b"nowhere\xff")]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["what"] == "there is no ECN file at nowhere\\xff"


def test_a_large_file_is_read_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As large as a source may be told to read: half of it would be another ECN."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\nformat: json\nmax_file_size: 100MB\n")
    file = folder.parent / "large.json"
    file.write_text('{"number": "E1", "status": "released", "part": "P1",' + " " * 51_000_000 + '"revision": "B"}')
    assert [one["items"][0]["revision"] for one in ecns_of(folder, file, capsys, 0)] == ["B"]


def test_a_doubt_is_no_missing_route(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is sent to routes.yaml for what a spreadsheet did, in a folder of many files either."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\n")
    drafts = folder.parent / "drafts"
    drafts.mkdir()
    for n in range(12):
        (drafts / f"{n}.csv").write_text(f"number,status,part,revision\nE{n},released,1.00E+05,B\n")
    assert main(["--config", str(folder), "ecn", str(drafts)]) == 1
    (cause,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("12 file(s), such as"))
    assert "IN DOUBT" in cause
    assert "routes.yaml" not in cause


def test_what_to_do_about_a_machine_that_nobody_knows_and_a_row_that_does_not_hold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No route helps against a name in the ECN; and of two rows on one program the earlier one is not simply left out."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\n")
    write(folder, "edge-bridge.yaml", FILES["edge-bridge.yaml"] + "groups: {turning: [lathe-07]}\n")
    file = folder.parent / "a.csv"
    file.write_text(
        "number,status,part,revision,machines\nE1,released,P1,B,turning\nE1,released,P2,B,\nE1,released,P3,C,\n"
    )
    assert main(["--config", str(folder), "ecn", str(file)]) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    (lost,) = (line for line in lines if line.startswith("UNROUTED: unknown machine: turning"))
    assert "routes.yaml" not in lost
    assert "an ECN cannot name a group" in lost
    earlier = next(place for place, line in enumerate(lines) if line.startswith("line 3: part P2"))
    later = next(place for place, line in enumerate(lines) if line.startswith("line 4: part P3"))
    assert (
        "the same program on the same machine stands in a later row of this ECN: that row holds" in lines[earlier:later]
    )


def test_a_folder_below_another_ones(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The daemon reads a file as the source whose folder it lies in, not as the one that is named first."""
    write(folder, "adapters/plm.yaml", "adapter: plm_folder\npath: ../plm\n")
    write(folder, "adapters/plm-2.yaml", "adapter: plm_folder\npath: ../plm/esi\n")
    write(folder, "adapters/z.yaml", "adapter: plm_folder\npath: ../plm/esi/deep\n")
    file = folder.parent / "plm" / "esi" / "a.csv"
    write(file.parent, "a.csv", "number,status,part,revision\nE1,released,P1,B\n")
    assert main(["--config", str(folder), "ecn", "--json", str(file)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["source"], said["source_chosen"]) == ("plm-2", "folder")


def test_what_the_system_says_in_chinese(folder: Path) -> None:
    """Also why a file may not be opened, which the system says in English."""
    _, desk, _ = dry(folder, Tracer(), "zh-CN")
    error = unreadable(Path("a.csv"), PermissionError(errno.EACCES, os.strerror(errno.EACCES)), desk)
    assert error.what == "无法读取 a.csv：权限不足"
