"""`edge-bridge probe` as a technician uses it: beside real controls, beside the daemon, and when nothing works."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from rich.cells import cell_len

from tests.integration.modbus_servers import PlcProcess, free_port, plc_process
from tests.integration.opcua_servers import OpcUaServer
from tests.integration.opcua_servers import running as opcua_running
from tests.system import shown
from tests.system.site import Site
from tests.system.terminal import Terminal, here
from tests.waiting import until_sync

VERSIONS = """\
scheme: letters
version:
  - variable: R90
  - header: '\\(REV (?P<version>[A-Z]) \\d+\\)'
  - name: '_(?P<version>[A-Z])\\.MPF$'
  - name: '-(?P<version>[0-9])_'
"""


@pytest.fixture(scope="module")
def plc() -> Iterator[PlcProcess]:
    """A PLC with program 4711, version A."""
    with plc_process("--program", "4711", "--version", "A") as running:
        yield running


def test_a_plc_is_looked_at_once(site: Site, plc: PlcProcess) -> None:
    """Each value raw and mapped, the version that counts, how long it took; and the connection is closed again."""
    done = site.machines(modbus=plc.port).run("probe", "lathe-07")
    assert (done.returncode, done.stderr) == (0, "")
    for text in (
        f"车床 7 (lathe-07): modbus, 127.0.0.1:{plc.port}",
        "connect",
        "holding 100-101  4711 [0000 1267]",
        "stopped",
        "version → A; the control writes it on loading (bound: always); THIS ONE COUNTS",
        "no database yet",
    ):
        assert text in done.stdout
    until_sync(lambda: plc.connections() == 0, what="the connection to be closed")


def test_an_opcua_control_by_its_name(site: Site, control: OpcUaServer) -> None:
    """The variable may be left over, so the name counts; the session is closed."""
    done = site.machines(opcua=control.endpoint).run("probe", "dmu 50 #1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "R[u1,90] → A; does not count yet" in done.stdout
    assert "→ B; THIS ONE COUNTS" in done.stdout
    until_sync(lambda: control.ask("sessions") == 0, what="the session to be closed")


def test_a_place_that_is_not_there_leads_to_browse(site: Site, control: OpcUaServer) -> None:
    """What, and what to do; and no second sentence that blames the patterns."""
    site.machines(opcua=control.endpoint)
    file = site.config / "adapters/dmu50-01.yaml"
    site.write("adapters/dmu50-01.yaml", file.read_text() + "nodes: {execution: /Channel/NoSuch}\n")
    done = here(site, "probe", "dmu50-01")
    assert done.returncode == 1
    said = (
        "could not be read: execution: BadNodeIdUnknown → is its place right in the file? Look at: edge-bridge browse "
    )
    assert said + "dmu50-01" in done.stdout


def test_each_answer_says_of_which_program_it_is(site: Site) -> None:
    """Of a pallet's list and of what it calls; a text that is not there is told once, and not as a missing pattern."""
    with opcua_running("--program", "PALLET.MPF") as pallet:
        site.machines(opcua=pallet.endpoint)
        head = (site.config / "adapters/dmu50-01.yaml").read_text(encoding="utf-8").split("version:")[0]
        version = "version:\n  - header: 'REV (?P<version>[A-Z])'\n"
        site.write("adapters/dmu50-01.yaml", f"{head}judge: called_by_main\n{version}")
        missing = here(site, "probe", "dmu50-01")
        assert (missing.returncode, "no file found" in missing.stdout) == (1, True)
        assert "nothing configured gives its version" not in missing.stdout
        pallet.tell('program Part+Program/PALLET.MPF ; REV A\\nEXTCALL "PART7.MPF"\\nM30')
        pallet.tell("program Part+Program/PART7.MPF ; REV B\\nM17")
        done = here(site, "probe", "dmu50-01")
    assert "→ A; of PALLET" in done.stdout
    assert "→ B; of PART7" in done.stdout


def test_a_closed_port_and_a_bad_endpoint(site: Site) -> None:
    """One line that says what and what to do; exit code 1."""
    site.machines(modbus=free_port())
    for name, words in (
        ("lathe-07", "refuses the connection → switch on"),
        ("dmu50-01", "nothing listens at opc.tcp://"),
    ):
        done = here(site, "probe", name)
        assert done.returncode == 1
        assert words in done.stdout
    bad = (site.config / "adapters/dmu50-01.yaml").read_text().replace("127.0.0.1:9", "no-such-host.invalid:4840")
    site.write("adapters/dmu50-01.yaml", bad)
    done = here(site, "probe", "dmu50-01")
    assert (done.returncode, "no-such-host.invalid" in done.stdout) == (1, True)


def test_an_unknown_adapter_is_wrong_usage(site: Site) -> None:
    """Those that there are, the nearest first."""
    done = here(site, "probe", "lathe-7")
    assert done.returncode == 2
    assert "did you mean lathe-07? There are: dmu50-01, lathe-07, plm" in done.stderr
    assert here(site, "probe").returncode == 2


def test_a_fault_in_its_own_file_is_bad_configuration_and_in_another_one_no_matter(site: Site, plc: PlcProcess) -> None:
    """78 where it cannot be used; a colleague's half-made edit is told, and the look goes on."""
    site.machines(modbus=plc.port)
    text = (site.config / "adapters/dmu50-01.yaml").read_text()
    site.write("adapters/dmu50-01.yaml", text.replace("profile: sinumerik", "profil: sinumerik"))
    broken = here(site, "probe", "dmu50-01")
    assert (broken.returncode, "unknown key `profil`" in broken.stderr) == (78, True)
    other = here(site, "probe", "lathe-07")
    assert (other.returncode, "unknown key `profil`" in other.stderr) == (0, True)
    site.write("edge-bridge.yaml", "site: [")
    assert here(site, "probe", "lathe-07").returncode == 78


def test_every_extractor_says_what_it_found(machine: Site) -> None:
    """In the configured order, which one counts, and why the others do not; an unmapped number is told."""
    shown.add(machine, more=f"variable: Q\n{VERSIONS}")
    done = here(machine, "probe", "shown-01")
    assert done.returncode == 0, done.stdout
    lines = [line.strip() for line in done.stdout.splitlines()]
    found = [line for line in lines if " → " in line]
    assert "variable: R90 → Q; does not count yet" in found[0]
    assert "→ A; THIS ONE COUNTS" in found[1]
    assert found[2].endswith("→ B")
    assert found[3].endswith("→ 7; no version of the scheme `letters`")
    assert "unknown: `map` has no word for it" in done.stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("version: [{name: '#(?P<version>x)'}]", "nothing configured gives its version → add a `version:` entry"),
        ("version: [{variable: R90}]\nvariable: A", "may be left over from another program, so it does not count yet"),
        (
            "version: [{variable: R90, bound: always}]\nvariable: 7\nscheme: letters",
            "what was read (7) is no version of",
        ),
    ],
)
def test_a_selected_program_without_a_version_is_found(machine: Site, more: str, said: str) -> None:
    """Exit code 1, and what to do about each reason."""
    shown.add(machine, more=more)
    done = here(machine, "probe", "shown-01")
    assert done.returncode == 1
    assert said in done.stdout


def test_whatever_an_adapter_raises_is_a_sentence(machine: Site) -> None:
    """A library's error is named in one line; --debug shows where it came from."""
    shown.add(machine, does="crashes")
    done = machine.run("probe", "shown-01")
    assert done.returncode == 1
    assert "the adapter shown failed: RuntimeError: two lines → run again with --debug" in done.stdout
    assert shown.sessions(machine) == (1, 1)
    assert "of its own" not in done.stdout + done.stderr
    debugged = here(machine, "probe", "shown-01", "--debug")
    assert ("Traceback" in debugged.stderr, "a line of its own" in debugged.stderr) == (True, True)


def test_log_lines_go_where_they_belong_whoever_set_them_up_before(machine: Site) -> None:
    """A program that runs a command inside itself finds its own log settings again."""
    shown.add(machine, does="crashes")
    try:
        structlog.configure(cache_logger_on_first_use=False)
        before = structlog.get_config()
        quiet, debugged = here(machine, "probe", "shown-01"), here(machine, "probe", "shown-01", "--debug")
        assert structlog.get_config() == before
    finally:
        structlog.reset_defaults()
    assert "of its own" not in quiet.stdout + quiet.stderr
    assert ("of its own" in debugged.stdout, "of its own" in debugged.stderr) == (False, True)


@pytest.mark.parametrize(("does", "said"), [("refuses", "it refuses the password →"), ("faulty", "BadNodeIdUnknown")])
def test_what_cannot_be_read_is_found(machine: Site, does: str, said: str) -> None:
    """Exit code 1 with the reason."""
    shown.add(machine, does=does)
    done = here(machine, "probe", "shown-01")
    assert (done.returncode, said in done.stdout) == (1, True)


def test_an_adapter_that_can_only_be_connected_to(machine: Site) -> None:
    """Its first report is the look."""
    shown.add(machine, kind="connected", more="version: [{name: '_(?P<version>[A-Z])'}]")
    done = here(machine, "probe", "shown-01")
    assert (done.returncode, "PART-7_B.MPF" in done.stdout) == (0, True)
    assert shown.sessions(machine) == (1, 1)


def test_json_is_json_whatever_happens(machine: Site, plc: PlcProcess) -> None:
    """One document on standard output, with the same keys; nothing beside it."""
    machine.machines(modbus=plc.port)
    shown.add(machine, does="crashes")
    looks: dict[str, Any] = {}
    for name, code in (("lathe-07", 0), ("shown-01", 1), ("dmu50-01", 1), ("plm", 0)):
        done = machine.run("probe", name, "--json")
        assert (done.returncode, done.stderr) == (code, "")
        looks[name] = json.loads(done.stdout)
    assert len({tuple(look) for look in looks.values()}) == 1
    assert looks["lathe-07"]["values"][0] == {
        "field": "main_program", "place": "holding 100-101", "raw": "4711 [0000 1267]", "meaning": "4711", "fault": "",
    }  # fmt: skip
    assert [one["counts"] for one in looks["lathe-07"]["version"]] == [True]
    assert looks["shown-01"]["error"]["fix"]
    assert [look["ok"] for look in looks.values()] == [True, False, False, True]


def test_who_waits_sees_for_what_and_ctrl_c_closes_the_session(machine: Site) -> None:
    """After a second a line counts; Ctrl-C ends it in order and says so."""
    shown.add(machine, does="slow")
    terminal = Terminal(machine, "probe", "shown-01")
    terminal.wait_for("(Ctrl-C ends it)")
    assert shown.sessions(machine) == (1, 0)
    terminal.interrupt()
    assert terminal.end() == 130
    assert "given up; the session is closed" in terminal.text
    assert "Traceback" not in terminal.text
    assert shown.sessions(machine) == (1, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_lost_terminal_leaves_no_session_open(machine: Site, number: signal.Signals) -> None:
    """A broken remote connection and `timeout 10 edge-bridge probe` end it in order too."""
    shown.add(machine, does="slow")
    terminal = Terminal(machine, "probe", "shown-01")
    until_sync(lambda: shown.sessions(machine) == (1, 0), within=20, what="the session to be open")
    terminal.process.send_signal(number)
    assert terminal.end() == 130
    assert shown.sessions(machine) == (1, 1)
    assert "Traceback" not in terminal.text


def test_ctrl_c_while_a_control_hangs_leaves_no_session_on_it(site: Site, control: OpcUaServer) -> None:
    """Whatever step it was in: the control's count goes back to zero once it lives again."""
    terminal = Terminal(site.machines(opcua=control.endpoint), "probe", "dmu50-01")
    control.freeze()
    try:
        terminal.wait_for("(Ctrl-C ends it)")
        terminal.interrupt()
        assert terminal.end() == 130
    finally:
        control.thaw()
    assert "Traceback" not in terminal.text
    until_sync(lambda: control.ask("sessions") == 0, what="no session to be left")


def test_a_narrow_terminal_in_chinese(site: Site, plc: PlcProcess) -> None:
    """No line is cut or runs over."""
    terminal = Terminal(site.machines(modbus=plc.port), "probe", "lathe-07", "--lang", "zh-CN", columns=50)
    assert terminal.end() == 0
    assert "以此为准" in terminal.text.replace("\n", "").replace(" ", "")
    assert [line for line in terminal.text.splitlines()[1:] if cell_len(line) > 50] == []


def test_a_plm_folder(site: Site) -> None:
    """How many files count, the newest, and whether it can be read; nothing in it is touched."""
    empty = here(site, "probe", "plm")
    assert (empty.returncode, "no file in it counts" in empty.stdout) == (0, True)
    site.released("ECN-1", "EL-1", "B")
    (site.plm / "notes.txt").write_text("x")
    good = here(site, "probe", "plm")
    assert (good.returncode, "1 file(s) count, 1 other(s) do not" in good.stdout) == (0, True)
    assert "newest: ECN-1.csv" in good.stdout
    (site.plm / "ECN-2.csv").write_text("nonsense")
    bad = here(site, "probe", "plm")
    assert (bad.returncode, "ECN-2.csv" in bad.stdout, "2 file(s) count" in bad.stdout) == (1, True, True)
    assert sorted(path.name for path in site.plm.iterdir()) == ["ECN-1.csv", "ECN-2.csv", "notes.txt"]
    (site.plm).rename(site.folder / "gone")
    assert "cannot be listed: No such file or directory → mount the share" in here(site, "probe", "plm").stdout


def test_beside_the_daemon(site: Site, plc: PlcProcess) -> None:
    """It says that the daemon holds a session, and holds what it sees against the register."""
    site.machines(modbus=plc.port)
    plc.say("load 4711 A")
    with site.daemon():
        until_sync(lambda: _source(site).get("first_scan"), within=20, what="the folder's first scan")
        site.released("ECN-2", "SH-1", "B")
        until_sync(lambda: site.status()["obligations_open"], within=20, what="an obligation")
        done = here(site, "probe", "lathe-07")
        assert "The daemon holds a session to it too" in done.stdout
        assert "Against the register: AMBER" in done.stdout
        assert "Load version B of 4711 on the machine." in done.stdout
        assert done.returncode == 0
        plc.say("version B")
        assert "Against the register: GREEN" in here(site, "probe", "lathe-07").stdout
        until_sync(lambda: plc.connections() == 1, what="the second session to be closed")


def test_the_only_session_is_left_to_the_daemon(site: Site, plc: PlcProcess) -> None:
    """Where a control takes one, the daemon is asked what it sees; --own-session says otherwise."""
    site.machines(modbus=plc.port)
    file = site.config / "adapters/lathe-07.yaml"
    site.write("adapters/lathe-07.yaml", file.read_text() + "limits: {sessions: one}\n")
    plc.say("load 4711 C")
    with site.daemon():
        until_sync(lambda: _machine(site).get("reachable"), within=20, what="the PLC to be read")
        asked = json.loads(site.run("probe", "lathe-07", "--json").stdout)
        assert (asked["asked_daemon"], asked["took_ms"], asked["reading"]["main_program"]) == (True, {}, "4711")
        assert [one["value"] for one in asked["version"] if one["counts"]] == ["C"]
        assert "the daemon holds it" in here(site, "probe", "lathe-07").stdout
        own = here(site, "probe", "lathe-07", "--own-session")
        assert "this is a second one" in own.stdout
        refused = here(site, "browse", "lathe-07")
        assert (refused.returncode, "known to take one only" in refused.stderr) == (1, True)


def _machine(site: Site) -> dict[str, Any]:
    return next((one for one in site.status().get("machines", ()) if one["machine"] == "lathe-07"), {})


def _source(site: Site) -> dict[str, Any]:
    return next(iter(site.status().get("sources", ())), {})


RELEASED = r"""
adapter: nc_folder
path: {path}
program: '^(?P<program>.+?)(?:_[A-Z])?\.MPF$'
version:
  - name: '_(?P<version>[A-Z])\.MPF$'
  - digest: sha256
"""


def test_a_share_of_programs_is_looked_through(site: Site, tmp_path: Path) -> None:
    """Which programs lie there and under which version; what has none is a finding, and so is a share without programs."""
    share = tmp_path / "dnc"
    share.mkdir()
    site.write("adapters/released.yaml", RELEASED.format(path=share))
    empty = site.run("probe", "released")
    assert empty.returncode == 1
    assert "no file there is a program" in " ".join(empty.stdout.split())
    (share / "EL-1_OP10_C.MPF").write_text("; REV C\nM30\n")
    os.utime(share / "EL-1_OP10_C.MPF", (1_700_000_000, 1_700_000_000))
    there = site.json("probe", "released")
    assert there["ok"]
    (only,) = there["share"]["shown"]
    assert (only["file"], only["program"], only["version"]["name"]) == ("EL-1_OP10_C.MPF", "EL-1_OP10", "C")
    (share / "4711.MPF").write_text("M30\n")
    os.utime(share / "4711.MPF", (1_700_000_000, 1_700_000_000))
    without = site.run("probe", "released", "--lang", "zh-CN")
    assert without.returncode == 1
    assert "1 个程序没有版本" in without.stdout
