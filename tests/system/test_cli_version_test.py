"""`edge-bridge version-test`: a technician pastes real headers and names, and sees what each pattern makes of them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system.site import PROGRAM, Site
from tests.system.terminal import Terminal, here

REV = r"REV (?P<version>[A-Z])"
HISTORY = b"O1234 (PN 587985)\n(REV C 2026-02-01)\n(REV B 2025-05-01)\n(REV A 2024-01-01)\nG0 X0\n"
MACHINE = """\
adapter: modbus
host: 127.0.0.1
zero_based: true
scheme: letters
skipped_letters: IOQ
registers:
  main_program: {address: 1, type: ascii, length: 30}
  version: {address: 20, type: ascii, length: 4}
version:
  - variable: version
  - name: '_(?P<version>[A-Z]{1,3})\\.(?:MPF|NC)$'
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a machine that has two extractors."""
    site = Site(tmp_path / "site")
    site.write("adapters/mill-01.yaml", MACHINE)
    return site


def paste(folder: Path, data: bytes, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it without a configuration, with this on standard input."""
    done = subprocess.run(
        [PROGRAM, "version-test", *words],
        input=data,
        cwd=folder,
        env={"HOME": "/", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]},
        capture_output=True,
        timeout=30,
        check=False,
    )
    text = subprocess.CompletedProcess(words, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in text.stdout + text.stderr
    return text


def answers(data: dict[str, Any], sample: int = 0) -> list[dict[str, Any]]:
    """Return a sample's answers."""
    found: list[dict[str, Any]] = data["samples"][sample]["answers"]
    return found


def test_a_history_shows_every_match_and_which_counts(tmp_path: Path) -> None:
    """The first is the newest in one shop and the oldest in another: nobody has to guess."""
    first = paste(tmp_path, HISTORY, "--pattern", REV)
    assert first.returncode == 0
    assert "line 2: (REV C 2026-02-01) → C ← taken" in first.stdout
    assert "line 4: (REV A 2024-01-01) → A\n" in first.stdout
    assert "several places say different versions; `which: first` decides" in first.stdout
    last = json.loads(paste(tmp_path, HISTORY, "--pattern", REV, "--which", "last", "--json").stdout)
    assert last["samples"][0]["version"] == "A"
    assert [(hit["line"], hit["version"], hit["counts"]) for hit in answers(last)[0]["matches"]] == [
        (2, "C", False), (3, "B", False), (4, "A", True),
    ]  # fmt: skip


def test_several_samples_apart_by_a_line(tmp_path: Path) -> None:
    """Headers and names in one paste; a name is a block of one word."""
    data = HISTORY + b"---\nPART-7_D.MPF\r\n---  \r\n(no revision)\n"
    done = paste(tmp_path, data, "--pattern", REV, "--pattern", r"_(?P<version>[A-Z])\.MPF$", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(one["label"], one["version"]) for one in found["samples"]] == [
        ("sample 1", "C"), ("PART-7_D.MPF", "D"), ("sample 3", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "version"),
    [
        ("(版本 B)\n".encode("gbk"), "B"),
        ("; Änderung\n(版本 B)\n".encode("gb18030"), "B"),
        ("\ufeff(版本 B)\n".encode(), "B"),
        ("(版本 B)\n".encode("utf-16"), "B"),
        (b"\x00\xff\x81(REV B)\x00", "B"),
    ],
)
def test_headers_in_any_encoding(tmp_path: Path, data: bytes, version: str) -> None:
    """What a control sends is read as text, whatever it is."""
    done = paste(tmp_path, data, "--pattern", r"(?:版本|REV) (?P<version>[A-Z])", "--json")
    assert json.loads(done.stdout)["samples"][0]["version"] == version


def test_lines_are_counted_as_the_control_ends_them(tmp_path: Path) -> None:
    """Old controls end a line with CR alone."""
    done = paste(tmp_path, b"O1\r(REV B)\rG0\r", "--pattern", REV)
    assert "line 2: (REV B) → B ← taken" in done.stdout


def test_a_machines_own_extractors_in_order(site: Site) -> None:
    """The first that fits its scheme counts; a skipped letter and a missing value do not."""
    both = here(site, "version-test", "mill-01", "--name", "PART-7_B.MPF", "--value", "C", "--required", "B", "--json")
    data = json.loads(both.stdout)
    assert [(one["value"], one["counts"], one["comparison"]) for one in answers(data)] == [
        ("C", True, "ahead"), ("B", False, "match"),
    ]  # fmt: skip
    assert both.returncode == 1
    unfit = here(site, "version-test", "mill-01", "--name", "PART-7_B.NC", "--value", "I")
    assert unfit.returncode == 0
    assert "version → I; no version of the scheme `letters`" in unfit.stdout
    assert "→ B; THIS ONE COUNTS" in unfit.stdout
    alone = here(site, "version-test", "mill-01", "--name", "PART-7.MPF")
    assert alone.returncode == 1
    assert "its value was not given (--value)" in alone.stdout
    assert "NO VERSION" in alone.stdout


def test_the_comparison_is_the_daemons(site: Site) -> None:
    """Normalised as there: `rev. b ` is B, and B is what B asks for."""
    done = here(site, "version-test", "mill-01", "--value", "rev. b ", "--required", "REV B")
    assert done.returncode == 0
    assert "version → rev. b (B); THIS ONE COUNTS" in done.stdout
    assert "version B, fits `letters`; that is what REV B asks for" in done.stdout
    assert "OLDER than C" in here(site, "version-test", "mill-01", "--value", "B", "--required", "C").stdout


def test_a_pattern_beside_a_machines_own(site: Site, tmp_path: Path) -> None:
    """A new pattern is tried after those that there are; a header comes from a file."""
    file = tmp_path / "header.txt"
    file.write_bytes(HISTORY)
    done = here(site, "version-test", "mill-01", "--header", str(file), "--pattern", REV, "--lang", "zh-CN")
    assert (done.returncode, "以此为准" in done.stdout, "← 采用" in done.stdout) == (0, True, True)


def test_a_match_where_no_program_is_read(tmp_path: Path) -> None:
    """Only the first kilobytes are read from a control: a revision below them is said, not taken."""
    done = paste(tmp_path, b"G0 X0\n" * 2000 + b"(REV B)\n", "--pattern", REV)
    assert (done.returncode, "behind the first 8192 characters" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there is nothing to try → name a machine that has `version:`, or give --pattern"),
        (["--pattern", "(", "--name", "x"], "not a regular expression"),
        (["--pattern", "REV", "--name", "x"], "put (?P<version>…) around it"),
        (["--pattern", REV], "nothing was pasted → paste a header or a name"),
        (["--pattern", REV, "--header", "no/such/file"], "no/such/file cannot be read: No such file or directory"),
        (["--pattern", REV, "--scheme", "roman"], "invalid choice"),
    ],
)
def test_wrong_usage(tmp_path: Path, words: list[str], said: str) -> None:
    """Exit code 2, and what to type; no configuration is needed."""
    done = paste(tmp_path, b"", *words)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_what_is_no_machine(site: Site) -> None:
    """An ECN source has no version."""
    done = here(site, "version-test", "plm", "--name", "x")
    assert (done.returncode, "PLM export (plm) has no `version:`" in done.stderr) == (2, True)


def test_a_program_shares_extractors(site: Site) -> None:
    """What is tried on a machine's programs can be tried on the released ones."""
    site.write(
        "adapters/dnc.yaml", "adapter: nc_folder\npath: ../dnc\nversion: [{name: '_(?P<version>[A-Z])[.]MPF$'}]\n"
    )
    done = here(site, "version-test", "dnc", "--name", "PART-7_B.MPF")
    assert (done.returncode, "→ B; THIS ONE COUNTS" in done.stdout) == (0, True)


def test_pasting_at_a_terminal(site: Site) -> None:
    """It says how to paste and how to end."""
    terminal = Terminal(site, "version-test", "mill-01")
    terminal.wait_for("Then Ctrl-D")
    terminal.type("PART-7_B.MPF\n\x04")
    assert terminal.end() == 0
    assert "THIS ONE COUNTS" in terminal.text


def test_ctrl_c_at_the_paste(site: Site) -> None:
    """No traceback, and the usual exit code."""
    terminal = Terminal(site, "version-test", "mill-01")
    terminal.wait_for("Then Ctrl-D")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "Traceback" not in terminal.text
