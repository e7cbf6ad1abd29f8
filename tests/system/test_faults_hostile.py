"""Files made to break the reader, on the real daemon: refused with a card and a copy, and the next good one is in time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

import pytest

from tests.integration.hostile_reader import ADAPTER, as_package
from tests.plm_hostile import old_workbooks
from tests.plm_workbooks import bomb, many_entries
from tests.system.plant import Plant, plant
from tests.system.site import PLM, Site, now_text
from tests.waiting import until_sync

OFFICE = {
    "office": "format: auto\npattern: '*'\n",
    "markup": "format: xml\nxml: {rows: //i}\ncolumns: {number: '@n', status: '@s'}\n",
}
"""Sources with the readers as they are."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One plant for all of these, whose parser does what a file's first line says."""
    folder = tmp_path_factory.mktemp("hostile")

    def prepare(site: Site) -> None:
        site.write("adapters/plm.yaml", PLM.replace("adapter: plm_folder", f"adapter: {ADAPTER}"))
        for name, more in OFFICE.items():
            (site.folder / name).mkdir()
            site.write(f"adapters/{name}.yaml", f"adapter: plm_folder\npath: ../{name}\n{more}")

    env = as_package(folder / "packages")
    with plant(folder, opcua=False, modbus=False, prepare=prepare, env=env) as running:
        running.scanned()
        running.site.released("WARM", "EL-1", "B")
        running.heard("ecn.received", ecn="WARM")
        yield running
        running.delivered()


def put(here: Plant, name: str, data: bytes) -> None:
    """Put a file there in one go."""
    draft = here.site.plm / f".{name}.new"
    draft.write_bytes(data)
    draft.replace(here.site.plm / name)


def parsers(here: Plant) -> set[int]:
    """Return the processes that the daemon has started, they and those that they have forked, and that still run."""
    found: set[int] = set()
    ahead = [here.process.pid]
    while ahead:
        pid = ahead.pop()
        listed = Path(f"/proc/{pid}/task/{pid}/children")
        children = [int(child) for child in listed.read_text().split()] if listed.exists() else []
        found.update(children)
        ahead += children
    return found


def running(pids: set[int]) -> set[int]:
    """Return those that still run; what has ended and nobody has looked at yet does not."""

    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False  # it ended, perhaps between opening and reading

    return {pid for pid in pids if runs(pid)}


def sequence(here: Plant, name: str, **facts: str) -> str:
    """Return where an event stands in the order of all."""
    with here.platform.lock if here.platform else nullcontext():
        events = here.consumer.of_type(name)
    return next(str(e["sequence"]) for e in events if facts.items() <= dict(e["data"]).items())


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("burn", "given up after"),
        ("wait", "given up after"),
        ("eat", "more than 300 MB"),
        ("crash", "SIGSEGV"),
    ],
)
def test_a_hostile_file(file: str, says: str, here: Plant) -> None:
    """Event, card, copy with its reason; the good file behind it is received while it is still being dealt with."""
    name, good = f"{file}.csv", f"GOOD-{file}"
    put(here, name, f"#{file}\n".encode())
    began = perf_counter()
    put(here, f"{good}.csv", f"number,status,released,part,revision\n{good},已发布,{now_text()},EL-9,B\n".encode())
    here.heard("ecn.received", within=20, ecn=good)
    took = perf_counter() - began
    print(f"the good file behind {name}: {took:.2f} s")
    rejected = here.heard("ecn.rejected", within=90, file=name)
    assert says in rejected["reason"]
    assert len(here.events("ecn.rejected", file=name)) == 1
    assert [card["facts"]["file"] for card in here.cards("ecn_rejected") if card["facts"]["file"] == name] == [name]
    (copy,) = here.site.database.parent.rglob(f"*-{name}")
    reason = copy.with_name(f"{copy.name}.reason.txt").read_text(encoding="utf-8")
    assert "What:" in reason
    assert "处理：" in reason
    assert here.events("source.lost") == []
    if file in ("burn", "wait"):
        assert sequence(here, "ecn.received", ecn=good) < sequence(here, "ecn.rejected", file=name)


def test_what_the_readers_themselves_refuse(here: Plant) -> None:
    """Bombs, nests, entities and old workbooks that promise too much, in the real readers: each is refused for what it is,
    none by a limit of its process, and a good one behind them all is received."""
    old = dict(old_workbooks(100_000))
    del old["the table's table lies in the header"]  # nobody needs it: this one is read
    files = {f"{name}.xls": data for name, data in old.items()}
    files |= {
        "bomb.xlsx": bomb(),
        "parts.xlsx": many_entries(),
        "nested.json": b"[" * 100_000 + b"]" * 100_000,
        "entities.xml": b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><e><i n="&c;" s="released"/></e>',
        "outside.xml": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><e><i n="&b;" s="released"/></e>',
    }
    good = b'[{"number": "OFFICE", "status": "released", "part": "EL-6", "revision": "B"}]'
    for name, data in (files | {"good.json": good}).items():
        draft = here.site.folder / f"{name}.new"
        draft.write_bytes(data)
        draft.replace(here.site.folder / ("markup" if name.endswith(".xml") else "office") / name)
    here.heard("ecn.received", within=20, ecn="OFFICE")
    for name in files:
        reason = here.heard("ecn.rejected", within=20, file=name)["reason"]
        assert "DOCTYPE" in reason or not name.endswith(".xml")
        assert not [word for word in ("given up", "300 MB", "ended with", "SIG", "bug") if word in reason], (
            name,
            reason,
        )
    assert here.events("source.lost") == []


def test_two_hostile_files_in_a_row(here: Plant) -> None:
    """The good file behind both is received before either has its verdict: it waits for neither."""
    for name in ("first", "second"):
        put(here, f"{name}.csv", f"#burn\n{name}\n".encode())
    began = perf_counter()
    put(here, "between.csv", f"number,status,released,part,revision\nBETWEEN,已发布,{now_text()},EL-7,B\n".encode())
    here.heard("ecn.received", within=30, ecn="BETWEEN")
    print(f"the good file behind two: {perf_counter() - began:.2f} s")
    for name in ("first", "second"):
        here.heard("ecn.rejected", within=90, file=f"{name}.csv")
        assert sequence(here, "ecn.received", ecn="BETWEEN") < sequence(here, "ecn.rejected", file=f"{name}.csv")


def test_names_that_are_tricks(here: Plant) -> None:
    """A line break in a name forges no line anywhere; the file is refused unread and shown on one line."""
    put(here, "line\nbreak.csv", b"number,status\nTRICK,released\n")
    rejected = here.heard("ecn.rejected", within=20, file="line\\nbreak.csv")
    assert "rename it" in rejected["reason"]
    assert here.events("ecn.received", ecn="TRICK") == []
    for name in ("变更 单 1.csv", os.fsdecode(b"\xb1\xe4.csv"), "$(reboot).csv"):
        number = f"ODD-{len(name)}"
        put(here, name, f"number,status,released,part,revision\n{number},已发布,{now_text()},EL-8,B\n".encode())
        here.heard("ecn.received", within=20, ecn=number)


def test_no_parser_is_left_behind(here: Plant) -> None:
    """Killed or stopped, in the middle of a file or not: the daemon's processes end with it."""
    put(here, "last.csv", b"#burn\n")
    until_sync(lambda: len(parsers(here)) >= 3)  # the one that forks, the quick one, the patient one
    left = parsers(here)
    here.process.kill()
    until_sync(lambda: not running(left), what="the end of the parsers")
    here.process.start()
    here.site.released("AGAIN", "EL-2", "B")
    here.heard("ecn.received", within=30, ecn="AGAIN")
    left = parsers(here)
    assert left
    here.process.signal(signal.SIGTERM)
    until_sync(lambda: not running(left), what="the end of the parsers")
    here.process.kill()
    here.process.start()
