"""With `--json`, standard output is JSON whatever happens: also when the command itself fails, or is used wrongly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge_bridge.cli import COMMANDS, main

CONFIG = Path(__file__).parents[2] / "config"
FAILING = {  # a site whose daemon never ran
    "status": 1,
    "explain dmu50-01": 1,
    "ecn nothing.csv": 1,
    "probe nobody": 2,
    "browse nobody": 2,
    "version-test nobody --name x": 2,
    "cards": 1,
    "ack 4711": 1,
    "buffer": 1,
    "trust accept zz": 2,
}
WRONG = ("", "nonsense", "check --nonsense", "ack", "explain", "ecn", "trust", "buffer replay", "status --lang xx")


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    """Return the exit code, and what a program would read; a person is told, too."""
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    found = json.loads(out)
    assert found["ok"] is False
    assert found["problems"] or found["error"]
    return code, found


@pytest.fixture
def site(tmp_path: Path) -> str:
    return str(shutil.copytree(CONFIG, tmp_path / "config"))


@pytest.mark.parametrize("line", FAILING)
def test_a_command_that_fails(line: str, site: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What, what to do, and the same exit code as without it."""
    code, found = said([*line.split(), "--config", site], capsys)
    assert code == FAILING[line]
    assert found["error"]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command or option, or one that is missing."""
    code, found = said(line.split(), capsys)
    assert code == 2
    assert "--help" in str(found["error"])


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("demo", "simulate")])
def test_a_configuration_that_cannot_be_read(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that reads one."""
    (tmp_path / "edge-bridge.yaml").write_text("site: [\n", encoding="utf-8")
    more = {"explain": ["x"], "ecn": ["x"], "probe": ["x"], "browse": ["x"], "ack": ["x"], "trust": ["list"]}
    more["version-test"] = ["x", "--name", "y"]
    code, _ = said([name, *more.get(name, []), "--config", str(tmp_path)], capsys)
    assert code == 78


def test_a_person_reads_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """How the command is used, and what is missing; nothing on standard output."""
    assert main(["ack"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: edge-bridge ack")
    assert "edge-bridge: the following arguments are required: CARD → see: edge-bridge ack --help\n" in err
