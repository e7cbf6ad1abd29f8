"""The real `edge-bridge simulate` as a process: controllers to try a configuration against, and a clean end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_bridge import control
from edge_bridge.cli import simulate
from edge_bridge.errors import ControlError
from tests.waiting import until_sync

REPOSITORY = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("edge-bridge"))
PLAIN = {"PATH": os.environ["PATH"], "HOME": "/", "LANG": "C.UTF-8"}
pytestmark = pytest.mark.timeout(120)


@contextmanager
def process(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a folder with pipes, and end it whatever happened."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [COMMAND, *words], cwd=folder, env=PLAIN, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as found:
        try:
            yield found
        finally:
            found.terminate()


@contextmanager
def simulated(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run both controllers on free ports; yield the process and where they are."""
    with process(folder, "simulate", "--json", "--opcua-port", "0", "--modbus-port", "0") as found:
        assert found.stdout is not None
        yield found, json.loads(found.stdout.readline())


def ask(found: subprocess.Popen[str], line: str) -> str:
    """Type one line and return the answer."""
    assert found.stdin is not None
    assert found.stdout is not None
    found.stdin.write(line + "\n")
    found.stdin.flush()
    return found.stdout.readline().rstrip("\n")


def gone(places: dict[str, Any]) -> bool:
    """Tell whether both controllers have ended."""
    return not any(Path(f"/proc/{place['pid']}").exists() for place in places.values())


def test_lines_are_obeyed_and_nonsense_is_told(tmp_path: Path) -> None:
    """What a machine does comes back in one line; a wrong line changes nothing and ends nothing."""
    with simulated(tmp_path) as (found, _):
        assert "main=EL-1_OP10.MPF" in ask(found, "dmu50-01 load EL-1_OP10.MPF C")
        assert "execution=running" in ask(found, "lathe-07 run")
        assert ask(found, "mill-99 run").startswith("error")
        assert ask(found, "dmu50-01").startswith("error")
        assert ask(found, "lathe-07 load TEXT").startswith("error")
        assert ask(found, "dmu50-01 quit").startswith("error")
        assert "load" in ask(found, "help")
        assert "version=C" in ask(found, "dmu50-01 status")
        assert ask(found, "quit") == ""
        assert found.wait(30) == 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, None])
def test_a_clean_end(tmp_path: Path, sign: signal.Signals | None) -> None:
    """Ctrl-C, SIGTERM and the end of the input: exit code 0, no traceback, no controller left."""
    with simulated(tmp_path) as (found, places):
        assert not gone(places)
        if sign is not None:
            found.send_signal(sign)
        _, errors = found.communicate(timeout=30)
        assert (found.returncode, errors) == (0, "")
        assert gone(places)


@pytest.mark.parametrize("option", ["--opcua-port", "--modbus-port", "--mtconnect-port"])
def test_a_port_that_is_taken_is_one_line(tmp_path: Path, option: str) -> None:
    """Which port, why, and which option; exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        both = {"--opcua-port": "0", "--modbus-port": "0", option: port}
        with process(tmp_path, "simulate", *(word for pair in both.items() for word in pair)) as found:
            output, errors = found.communicate(timeout=30)
    assert (found.returncode, output, len(errors.splitlines())) == (1, "", 1)
    assert port in errors
    assert option in errors


def test_the_shipped_site_expects_them_where_they_are() -> None:
    """The default ports are those of config/adapters."""
    mill = (REPOSITORY / "config/adapters/dmu50-01.yaml").read_text(encoding="utf-8")
    lathe = (REPOSITORY / "config/adapters/lathe-07.yaml").read_text(encoding="utf-8")
    assert f"endpoint: opc.tcp://127.0.0.1:{simulate.OPCUA_PORT}" in mill
    assert re.search(rf"^port: {simulate.MODBUS_PORT}\b", lathe, re.MULTILINE)


def test_the_shipped_site_reads_them(tmp_path: Path) -> None:
    """`edge-bridge run` on config/ (with these ports) reaches both machines, and sees what is typed here."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    with simulated(tmp_path) as (found, places):
        swap(tmp_path / "config/adapters/dmu50-01.yaml", "opc.tcp://127.0.0.1:4840", places["dmu50-01"]["endpoint"])
        swap(tmp_path / "config/adapters/lathe-07.yaml", "port: 5020", f"port: {places['lathe-07']['port']}")
        assert ask(found, "dmu50-01 load EL-1_OP10.MPF C").startswith("ok")
        assert ask(found, "lathe-07 load 4712 C").startswith("ok")
        with process(tmp_path, "run", "--config", "config"):
            shown = {"dmu50-01": ("EL-1_OP10.MPF", "C"), "lathe-07": ("4712", "C")}
            until_sync(lambda: seen(tmp_path / "var/edge-bridge.sock") == shown, within=60, what="both machines")


def test_an_mtconnect_agent_is_run_where_it_is_asked_for(tmp_path: Path) -> None:
    """A third machine, with its file to paste; it obeys lines and goes with the others."""
    ports = [word for name in ("opcua", "modbus", "mtconnect") for word in (f"--{name}-port", "0")]
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    with process(tmp_path, "simulate", *ports) as found:
        output, errors = found.communicate("integrex-04 load EL-2_OP10.NC C\nquit\n", timeout=60)
    assert (found.returncode, errors) == (0, "")
    assert "main=EL-2_OP10.NC active=EL-2_OP10.NC version=C" in output
    (text,) = re.findall(r"^# config/adapters/integrex-04.yaml\n(.*?)\n\n", output, re.MULTILINE | re.DOTALL)
    (tmp_path / "config/adapters/integrex-04.yaml").write_text(text + "\n", encoding="utf-8")
    with process(tmp_path, "check") as checked:
        told, _ = checked.communicate(timeout=60)
    assert checked.returncode == 0, told


def swap(file: Path, was: str, now: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert was in text
    file.write_text(text.replace(was, now), encoding="utf-8")


def seen(socket_path: Path) -> dict[str, tuple[str, str]]:
    """Return program and version of each machine, as the daemon has read them."""
    try:
        status = control.request(socket_path, {"do": "status"})
    except ControlError:
        return {}
    return {line["machine"]: (line["main_program"], line["version"]) for line in status["machines"]}


def test_what_is_printed_can_be_pasted(tmp_path: Path) -> None:
    """The adapter files on the screen are a configuration that `edge-bridge check` accepts."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    with process(tmp_path, "simulate", "--opcua-port", "0", "--modbus-port", "0") as found:
        output, errors = found.communicate("quit\n", timeout=60)
    assert (found.returncode, errors) == (0, "")
    files = re.findall(r"^# config/(\S+)\n(.*?)\n\n", output, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == ["adapters/dmu50-01.yaml", "adapters/lathe-07.yaml"]
    for name, text in files:
        (tmp_path / "config" / name).write_text(text + "\n", encoding="utf-8")
    with process(tmp_path, "check") as checked:
        told, _ = checked.communicate(timeout=60)
    assert checked.returncode == 0, told
