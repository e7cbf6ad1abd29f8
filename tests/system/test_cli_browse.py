"""`edge-bridge browse` as a technician uses it: to find where a PLC or control keeps its program."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from rich.cells import cell_len

from adapters.modbus.walk import MOST_REQUESTS
from edge_bridge import config
from edge_bridge.clock import SystemClock
from tests.integration.modbus_servers import PlcProcess, plc_process
from tests.integration.opcua_servers import OpcUaServer
from tests.system import shown
from tests.system.site import Site
from tests.system.terminal import Terminal, here
from tests.waiting import until_sync


@pytest.fixture(scope="module")
def plc() -> Iterator[PlcProcess]:
    """A PLC with program 4711, version PART-B."""
    with plc_process("--program", "4711", "--version", "PART-B") as running:
        yield running


def test_a_program_number_is_found_and_its_yaml_works(site: Site, plc: PlcProcess) -> None:
    """From a number on the panel to a line that the configuration takes."""
    done = site.machines(modbus=plc.port).run("browse", "lathe-07", "90-200", "--find", "4711")
    assert (done.returncode, done.stderr) == (0, "")
    shown_lines, pasted = done.stdout.split("registers:\n")
    assert "holding 100-101     uint32 big      4711" in shown_lines
    assert pasted.splitlines()[0] == "  main_program: {address: 100, type: uint32}"
    head = (site.config / "adapters/lathe-07.yaml").read_text().split("registers:")[0]
    site.write("adapters/lathe-07.yaml", f"{head}registers:\n{pasted.splitlines()[0]}\n")
    assert "lathe-07" in config.load(site.config, SystemClock()).plant.machines
    until_sync(lambda: plc.connections() == 0, what="the connection to be closed")


def test_the_whole_stretch_with_what_is_not_there(site: Site, plc: PlcProcess) -> None:
    """Without START it is around what is configured; refused ranges are narrowed."""
    done = here(site.machines(modbus=plc.port), "browse", "lathe-07")
    assert done.returncode == 0
    for line in (
        "90-99               unreadable      illegal data address",
        "  102-104           ascii           'PART-B'",
    ):
        assert line in done.stdout
    assert "116-121             unreadable" in done.stdout


def test_an_opcua_tree(site: Site, control: OpcUaServer) -> None:
    """Objects and variables with values, as a tree; searched by a value's text; the session is closed."""
    site.machines(opcua=control.endpoint)
    tree = here(site, "browse", "dmu50-01", "--depth", "2")
    assert (tree.returncode, "  main_program" in tree.stdout) == (0, True)
    found = here(site, "browse", "dmu50-01", "--find", "op10_b")
    assert "nsu=SinumerikVarProvider;s=/Channel/ProgramInfo/selectedWorkPProg" in found.stdout.split("nodes:")[1]
    until_sync(lambda: control.ask("sessions") == 0, what="the session to be closed")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["lathe-07", "x-y"], 2, "'x-y' is no block of registers → write it as 100, 100-160 or input:100-160"),
        (["lathe-07", "0-9999"], 2, "walk through at most 2000 at a time"),
        (["lathe-07", "1-9"], 1, "Nothing of it can be read → begin elsewhere"),
        (["lathe-07", "--find", "nowhere"], 1, "has 'nowhere' in it → look deeper"),
        (["lathe-07", "--depth", "0"], 2, "'0' is not a number from 1 on"),
        (["plm"], 2, "an adapter of the kind plm_folder cannot be walked through → look at it with: edge-bridge probe"),
        (["dmu50-01"], 1, "nothing listens at opc.tcp://127.0.0.1:9"),
        (["nobody"], 2, "no machine and no source is called 'nobody'"),
    ],
)
def test_what_cannot_be_walked_through(site: Site, plc: PlcProcess, words: list[str], code: int, said: str) -> None:
    """What, and what to do; usage apart from what was found."""
    done = here(site.machines(modbus=plc.port), "browse", *words)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_nothing_is_there(machine: Site) -> None:
    """An empty server is a hint, not silence."""
    shown.add(machine, does="nothing")
    done = here(machine, "browse", "shown-01")
    assert (done.returncode, "There is nothing here → begin elsewhere" in done.stdout) == (1, True)


def test_ctrl_c_in_the_middle_keeps_what_was_found(machine: Site) -> None:
    """Entries come as they are found; at the end by Ctrl-C the session is closed and the lines can be pasted."""
    shown.add(machine, does="stuck")
    terminal = Terminal(machine, "browse", "shown-01")
    terminal.wait_for("Node 3")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "nodes:\n  main_program: ns=2;s=N1" in terminal.text
    assert "given up; the session is closed" in terminal.text
    assert "Traceback" not in terminal.text
    assert shown.sessions(machine) == (1, 1)


def test_ctrl_c_with_json_is_still_json(machine: Site) -> None:
    """A program that reads it learns that it is not all."""
    shown.add(machine, does="stuck")
    terminal = Terminal(machine, "browse", "shown-01", "--json", columns=200)
    until_sync(lambda: shown.sessions(machine) == (1, 0), within=20, what="the session to be open")
    terminal.interrupt()
    assert terminal.end() == 130
    found = json.loads(terminal.text[terminal.text.index("{") :])
    assert found["complete"] is False
    assert shown.sessions(machine) == (1, 1)


def test_an_endless_server_is_bounded(machine: Site) -> None:
    """It stops, says so and how to narrow it down; names cannot colour the terminal."""
    shown.add(machine, does="endless")
    done = machine.run("browse", "shown-01", "--most", "40")
    assert (done.returncode, "Stopped after 40 entries" in done.stdout) == (0, True)
    assert (done.stdout.count("Variable"), "\x1b" in done.stdout, "\\x1b[31m" in done.stdout) == (40, False, True)
    assert "and 20 more" in done.stdout
    assert shown.sessions(machine) == (1, 1)


def test_a_crash_in_the_middle_is_a_sentence(machine: Site) -> None:
    """Whatever a library raises."""
    shown.add(machine, does="crashes")
    done = machine.run("browse", "shown-01")
    assert (done.returncode, "the adapter shown failed: RuntimeError: two lines" in done.stderr) == (1, True)


def test_json_is_one_document(machine: Site) -> None:
    """Whole, bounded or refused."""
    shown.add(machine)
    whole = machine.json("browse", "shown-01")
    assert (whole["complete"], len(whole["entries"]), whole["paste"][0]["under"]) == (True, 3, "nodes")
    bounded = machine.json("browse", "shown-01", "--most", "1")
    assert (bounded["complete"], bounded["paste"][0]["lines"]) == (False, ["main_program: ns=2;s=N1"])
    lost = machine.run("browse", "dmu50-01", "--json")
    assert (lost.returncode, json.loads(lost.stdout)["error"]["fix"] != "", lost.stderr) == (1, True, "")


def test_a_narrow_terminal(site: Site, plc: PlcProcess) -> None:
    """Values go on below; nothing but the lines to paste is longer."""
    terminal = Terminal(site.machines(modbus=plc.port), "browse", "lathe-07", "100-105", columns=40)
    assert terminal.end() == 0
    shown_lines = terminal.text.split("registers:")[0].splitlines()[1:]
    assert [line for line in shown_lines if cell_len(line) > 40] == []


def test_a_large_hole_costs_a_bounded_number_of_requests(site: Site, plc: PlcProcess) -> None:
    """A PLC is not kept busy by a walk through nothing."""
    assert MOST_REQUESTS <= 300
    done = here(site.machines(modbus=plc.port), "browse", "lathe-07", "1000-2999", "--json")
    entries = json.loads(done.stdout)["entries"]
    assert [(one["name"], one["kind"]) for one in entries] == [("1000-2999", "unreadable")]
