"""The real `edge-bridge check` as a process: exact places and fixes, exit codes, and never a traceback."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
COMMAND = (str(Path(sys.executable).with_name("edge-bridge")),)
PLAIN = {"PATH": os.environ["PATH"], "HOME": "/", "LANG": "C.UTF-8"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the site that ships, to be broken."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    return tmp_path / "config"


def run(folder: Path, *words: str, env: Mapping[str, str] = PLAIN) -> subprocess.CompletedProcess[str]:
    """Run the installed command in the folder above the configuration; whatever it prints, it is no traceback."""
    done = subprocess.run(
        [*COMMAND, *words], cwd=folder.parent, env=dict(env), capture_output=True, text=True, timeout=30, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def edit(folder: Path, name: str, was: str, now: str) -> None:
    file = folder / name
    text = file.read_text(encoding="utf-8")
    assert was in text
    file.write_text(text.replace(was, now, 1), encoding="utf-8")


def test_a_good_site(site: Path) -> None:
    """Exit code 0, and what was understood."""
    done = run(site, "check")
    assert (done.returncode, done.stderr) == (0, "")
    for word in (
        "dmu50-01",
        "lathe-07",
        "plm",
        "cell_leader",
        "2 machines, 1 source, 2 routes, 3 parties",
        "would start",
    ):
        assert word in done.stdout


@pytest.mark.parametrize("words", [("--config", "config", "check"), ("check", "--config", "config"), ("check",)])
def test_the_folder_may_be_named_before_or_after(site: Path, words: tuple[str, ...]) -> None:
    """Shared options stand on either side of the command; without one it is ./config."""
    assert run(site, *words).returncode == 0


BROKEN = {
    "no unit": (
        "edge-bridge.yaml",
        "limit: 15m ",
        "limit: 15  ",
        "config/edge-bridge.yaml:8:1: `limit`: a duration needs a number and a unit (ms, s, m, h, d, w) (found '15')"
        " → write 15s for seconds, 15m for minutes",
    ),
    "wrong key": (
        "adapters/lathe-07.yaml",
        "host: ",
        "hots: ",
        "config/adapters/lathe-07.yaml:7:1: unknown key `hots` → did you mean `host`?",
    ),
    "deep key": (
        "adapters/lathe-07.yaml",
        "{address: 100",
        "{adress: 100",
        "config/adapters/lathe-07.yaml:13:18: unknown key `adress` → did you mean `address`?",
    ),
    "unknown machine": (
        "routes.yaml",
        "[lathe-07]",
        "[lathe-70]",
        "config/routes.yaml:13:14: `machines`: no machine 'lathe-70' → did you mean 'lathe-07'?",
    ),
    "unknown adapter": (
        "adapters/plm.yaml",
        "adapter: plm_folder",
        "adapter: plm-folder",
        "config/adapters/plm.yaml:3:1: no adapter `plm-folder` is installed → did you mean `plm_folder` or"
        " `nc_folder`? installed: modbus, mtconnect, nc_folder, opcua, plm_folder",
    ),
    "a tab": (
        "adapters/plm.yaml",
        "  number:",
        "\tnumber:",
        "config/adapters/plm.yaml:8:1: a tab → indent with blanks, not tabs",
    ),
    "no secret": (
        "adapters/dmu50-01.yaml",
        "# password_credential:",
        "username: u\npassword_credential:",
        "`password_credential`: credential 'dmu50-01' not found → put the secret into ",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_site(site: Path, case: str) -> None:
    """Exit code 78, the problem with place and fix, and the verdict."""
    name, was, now, expected = BROKEN[case]
    edit(site, name, was, now)
    done = run(site, "check")
    assert done.returncode == 78
    *problems, verdict = done.stdout.splitlines()
    assert len(problems) == 1
    assert expected in problems[0]
    assert verdict == "1 problem: edge-bridge would not start"


def test_many_problems_come_together(site: Path) -> None:
    """Every file is read to its end."""
    for name, was, now, _ in (BROKEN["no unit"], BROKEN["wrong key"], BROKEN["unknown adapter"]):
        edit(site, name, was, now)
    done = run(site, "check")
    assert [line.split(" ")[0] for line in done.stdout.splitlines()] == [
        "config/edge-bridge.yaml:8:1:",
        "config/adapters/lathe-07.yaml:7:1:",
        "config/adapters/plm.yaml:3:1:",
        "3",
    ]


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"\0", b"{" * 100_000, b"a: &a [*a]", b"- " * 50_000, b"a: !!python/object:os.system x", b"?"],
)
@pytest.mark.parametrize("name", ["edge-bridge.yaml", "routes.yaml", "adapters/plm.yaml"])
def test_rubbish_is_a_problem_like_any_other(site: Path, name: str, content: bytes) -> None:
    """Whatever stands in a file: place, fix, 78."""
    (site / name).write_bytes(content)
    done = run(site, "check")
    assert done.returncode == 78
    assert f"config/{name}:1:" in done.stdout
    assert done.stderr == ""


def test_warnings_do_not_change_the_exit_code(site: Path) -> None:
    """The daemon would start: 0, with the warning shown."""
    edit(site, "edge-bridge.yaml", "127.0.0.1:1883", "broker.plant:1883")
    done = run(site, "check")
    assert done.returncode == 0
    assert (
        "warning: config/edge-bridge.yaml:12:3: `mqtt.url`: broker.plant is reached without encryption" in done.stdout
    )


def test_what_no_control_of_a_make_takes_is_warned_of(site: Path) -> None:
    """A profile knows it before anybody has walked to the machine."""
    machine = (
        "adapter: opcua\nprofile: heidenhain\nendpoint: opc.tcp://10.0.0.7\nsecurity: None\nallow_insecure: true\n"
    )
    (site / "adapters/tnc.yaml").write_text(machine, encoding="utf-8")
    done = run(site, "check")
    assert done.returncode == 0
    assert "tnc.yaml:4:1: `security: None`: HEIDENHAIN" in done.stdout
    assert "lets nobody in without SignAndEncrypt → remove it" in done.stdout


def test_json(site: Path) -> None:
    """The same for programs: what was understood, or the problems with their places."""
    good = json.loads(run(site, "check", "--json").stdout)
    assert good["ok"]
    assert (good["problems"], [machine["id"] for machine in good["machines"]]) == ([], ["dmu50-01", "lathe-07"])
    edit(site, "edge-bridge.yaml", "limit: 15m", "limit: 1d 5")
    done = run(site, "--json", "check")
    found = json.loads(done.stdout)
    (problem,) = found["problems"]
    assert (done.returncode, found["ok"]) == (78, False)
    assert (problem["level"], problem["file"], problem["line"], problem["column"], problem["key"], problem["fix"]) == (
        "error",
        "config/edge-bridge.yaml",
        8,
        1,
        "limit",
        "such as 15m",
    )


def test_chinese(site: Path) -> None:
    """The language comes from the option, else from the configuration."""
    assert "可以启动" in run(site, "check", "--lang", "zh-CN").stdout
    edit(site, "edge-bridge.yaml", "language: en", "language: zh-CN")
    assert "可以启动" in run(site, "check").stdout
    assert "would start" in run(site, "check", "--lang", "en").stdout


def test_no_folder(tmp_path: Path) -> None:
    """A wrong folder is a bad configuration, with the option to type."""
    done = run(tmp_path / "x", "check", "--config", "nowhere")
    assert done.returncode == 78
    assert "configuration nowhere: there is no such folder → name the folder with --config DIR" in done.stdout


@pytest.mark.parametrize(
    "words", [(), ("chek",), ("check", "--jsn"), ("check", "extra"), ("--config",), ("check", "--lang", "de")]
)
def test_wrong_usage(site: Path, words: tuple[str, ...]) -> None:
    """Exit code 2 and the usage."""
    done = run(site, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: edge-bridge")


def test_version_and_help(site: Path) -> None:
    """Both are answers, not errors."""
    assert run(site, "--version").stdout.startswith("edge-bridge 0.")
    assert "check" in run(site, "--help").stdout
    assert run(site, "check", "--help").returncode == 0


def test_a_reader_that_goes_away(site: Path) -> None:
    """`edge-bridge check | head -0` is no error to tell anybody of."""
    process = subprocess.Popen(
        [*COMMAND, "check"], cwd=site.parent, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 0  # not 1, which says that something was found


def test_nothing_is_made(site: Path) -> None:
    """Checking writes nothing: no database, no folder for quarantine, no PLM folder."""
    before = sorted(site.parent.rglob("*"))
    assert run(site, "check").returncode == 0
    assert sorted(site.parent.rglob("*")) == before


def test_a_bug_is_one_line(site: Path, tmp_path: Path) -> None:
    """What nobody foresaw is a sentence and exit code 70; the traceback comes with --debug alone."""
    package = tmp_path / "broken"
    (package / "third_party.dist-info").mkdir(parents=True)
    (package / "third_party.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: third-party\nVersion: 1\n"
    )
    (package / "third_party.dist-info" / "entry_points.txt").write_text(
        "[edge_bridge.adapters]\nacme = third_party:Acme\n"
    )
    (package / "third_party.py").write_text("1 / 0\n")
    (site / "adapters" / "acme.yaml").write_text("adapter: acme\n")
    env = {**PLAIN, "PYTHONPATH": str(package)}
    done = run(site, "check", env=env)
    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr.splitlines()[0] == (
        "edge-bridge: this is a bug in edge-bridge: ZeroDivisionError: division by zero; run again with --debug"
    )
    loud = subprocess.run(
        [*COMMAND, "check", "--debug"],
        cwd=site.parent,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" in loud.stderr


def test_on_a_terminal(site: Path) -> None:
    """A person sees colour; a name in a file cannot move the cursor."""
    edit(site, "adapters/plm.yaml", "name: PLM export", r'name: "PLM\e[2J"')
    parent, child = pty.openpty()
    subprocess.run(
        [*COMMAND, "check"], cwd=site.parent, env={**PLAIN, "TERM": "xterm"}, stdout=child, timeout=30, check=True
    )
    os.close(child)
    shown = b""
    try:
        while chunk := os.read(parent, 65_536):
            shown += chunk
    except OSError:  # Linux says so when the other end of a terminal is closed
        pass
    os.close(parent)
    assert b"\x1b[1m" in shown
    assert b"\x1b[2J" not in shown
    assert rb"PLM\x1b[2J" in shown
