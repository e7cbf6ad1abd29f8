"""`edge-bridge check --probe`: one line for each machine and source, all at once, each bounded in time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_bridge.clock import SystemClock
from tests.integration.modbus_servers import PlcProcess, plc_process
from tests.system import shown
from tests.system.site import Site
from tests.system.terminal import Terminal, here
from tests.waiting import until_sync

NAMED = "version: [{name: '_(?P<version>[A-Z])'}]"


@pytest.fixture(scope="module")
def plc() -> Iterator[PlcProcess]:
    """A PLC with program 4711, version A."""
    with plc_process("--program", "4711", "--version", "A") as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site where machines that do as they are told can be added."""
    shown.install(tmp_path / "package", monkeypatch)
    return Site(tmp_path / "site")


def lines_of(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return what was said about each machine and source."""
    said = [line for line in done.stdout.splitlines() if line[:5] in ("WRONG", "ok   ")]
    return {line.split("(")[1].split(")")[0]: line for line in said}


def test_all_is_well(site: Site, plc: PlcProcess) -> None:
    """A line with latency and what was seen for each, then the sum; exit code 0, sessions closed."""
    site.machines(modbus=plc.port)
    (site.config / "adapters/dmu50-01.yaml").unlink()
    site.write("routes.yaml", "[]")
    shown.add(site, more=NAMED)
    shown.add(site, "shown-02", kind="connected", more=NAMED)
    done = site.run("check", "--probe")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    for text in (
        "ok     车床 7 (lathe-07): ",
        "program 4711, version A",
        "Machine shown-02 (shown-02)",
        "0 file(s) count",
    ):
        assert text in done.stdout
    assert "4 looked at, all can be read" in done.stdout
    assert shown.sessions(site) == (2, 2)
    until_sync(lambda: plc.connections() == 0, what="the connection to be closed")


def test_what_is_wrong_with_each(site: Site, plc: PlcProcess) -> None:
    """What and what to do in one line each; the others are looked at all the same; exit code 1."""
    site.machines(modbus=plc.port)
    for number, does in enumerate(("crashes", "refuses", "faulty", "fine")):
        shown.add(site, f"shown-0{number}", does=does, more=NAMED)
    done = here(site, "check", "--probe")
    assert done.returncode == 1
    lines = lines_of(done)
    assert "nothing listens at" in lines["dmu50-01"]
    assert "RuntimeError: two lines → run again with --debug" in lines["shown-00"]
    assert "it refuses the password → correct" in lines["shown-01"]
    assert "BadNodeIdUnknown → look closer with: edge-bridge probe shown-02" in lines["shown-02"]
    assert [name for name, line in lines.items() if line.startswith("ok")] != []
    assert {name for name, line in lines.items() if line.startswith("ok")} == {"shown-03", "lathe-07", "plm"}
    assert "7 looked at, 4 cannot be read as configured" in done.stdout


def test_a_version_that_cannot_be_found_is_wrong_and_one_that_will_count_is_not(site: Site) -> None:
    """A machine that would stay unjudged for ever is not `ok`; the sentence is the one `probe` gives."""
    site.machines()
    (site.config / "adapters/dmu50-01.yaml").unlink()
    (site.config / "adapters/lathe-07.yaml").unlink()
    site.write("routes.yaml", "[]")
    shown.add(site, "none", more="version: [{name: '#(?P<version>x)'}]")
    shown.add(site, "unfit", more="version: [{variable: R90, bound: always}]\nvariable: 7\nscheme: letters")
    shown.add(site, "later", more="version: [{variable: R90}]\nvariable: A")
    shown.add(
        site, "first", more="scheme: letters\nversion: [{name: '-(?P<version>[0-9])_'}, {name: '_(?P<version>[A-Z])'}]"
    )
    done = here(site, "check", "--probe")
    lines = lines_of(done)
    assert done.returncode == 1
    assert "WRONG" in lines["none"]
    assert "PART-7_B is selected, and nothing configured gives its version → add a `version:`" in lines["none"]
    assert "WRONG" in lines["unfit"]
    assert "(7) is no version of" in lines["unfit"]
    assert "ok " in lines["later"]
    assert "version A, which counts once the program has run" in lines["later"]
    assert lines["first"].endswith("program PART-7_B.MPF, version B")  # not 7, which answered first and does not fit


def test_json(site: Site, plc: PlcProcess) -> None:
    """One document; `probes` in the configuration's order; without --probe it is as before."""
    site.machines(modbus=plc.port)
    done = site.run("check", "--probe", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, found["ok"]) == (1, "", False)
    assert [(one["adapter"], one["ok"]) for one in found["probes"]] == [
        ("dmu50-01", False), ("lathe-07", True), ("plm", True),
    ]  # fmt: skip
    plain = site.json("check")
    assert (plain["ok"], "probes" in plain) == (True, False)


def test_a_bad_configuration_touches_nothing(site: Site) -> None:
    """78 comes first: nothing is connected to."""
    shown.add(site, more="wrong: 1")
    done = here(site, "check", "--probe")
    assert (done.returncode, "unknown key `wrong`" in done.stdout) == (78, True)
    assert shown.sessions(site) == (0, 0)


def test_ctrl_c_closes_every_session(site: Site) -> None:
    """All are under way at once; each is closed before the command ends, and what was seen stands."""
    for number in range(5):
        shown.add(site, f"shown-0{number}", does="slow")
    terminal = Terminal(site, "check", "--probe")
    terminal.wait_for("1 of 6 done")
    until_sync(lambda: shown.sessions(site)[0] == 5, what="five sessions at once")
    terminal.interrupt()
    assert terminal.end() == 130
    assert shown.sessions(site) == (5, 5)
    assert "given up; the session is closed" in terminal.text
    assert "Traceback" not in terminal.text


def test_one_that_hangs_holds_up_nobody_for_long(site: Site) -> None:
    """Each look ends by itself, and all of them together take no longer than one; nothing counts in a pipe."""
    for number in range(3):
        shown.add(site, f"shown-0{number}", does="slow", more="timeout: 3s")
    began = SystemClock().now()
    done = site.run("check", "--probe", within=55)
    assert SystemClock().now().since(began) < 40_000  # one after another would be 45 s
    assert (done.returncode, done.stdout.count("no end after 15 s → check power")) == (1, 3)
    assert shown.sessions(site) == (3, 3)
    assert done.stderr == ""
