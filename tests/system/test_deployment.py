"""What goes to the plant, judged by the real tools: the unit by systemd-analyze, the image by hadolint, the locks by rule."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "edge-bridge.service"
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
SCRIPTS = [*(path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file()), ROOT / ".ci" / "run"]


def tool(name: str) -> str:
    """Return the path of a system tool, or fail: `make test` has installed it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found, f"{name} is missing: run scripts/system-packages"
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool and keep what it said."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=50, check=False)


def settings(section: str) -> dict[str, list[str]]:
    """Return one section of the unit: every key with all its values, in order."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            inside = line == f"[{section}]"
        elif inside and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A root file system as the installation leaves it, with programs in the places that the unit names."""
    for program in ("usr/lib/edge-bridge/bin/edge-bridge", "bin/kill"):
        target = tmp_path / program
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", target)
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(UNIT, units)
    return tmp_path


def verify(root: Path) -> subprocess.CompletedProcess[str]:
    """Let systemd itself read the unit."""
    return run(tool("systemd-analyze"), "verify", f"--root={root}", "--recursive-errors=no", UNIT.name)


def test_systemd_accepts_the_unit_without_a_word(unpacked: Path) -> None:
    """A misspelled key is only a warning to systemd, so silence is asked for."""
    verdict = verify(unpacked)
    assert (verdict.returncode, verdict.stdout + verdict.stderr) == (0, "")


def test_systemd_would_have_complained(unpacked: Path) -> None:
    """The check above can fail: without its program, and with a misspelled key."""
    unit = unpacked / "etc/systemd/system" / UNIT.name
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSeconds="))
    assert "WatchdogSeconds" in verify(unpacked).stderr
    (unpacked / "usr/lib/edge-bridge/bin/edge-bridge").unlink()
    assert verify(unpacked).returncode != 0


def test_systemd_accepts_the_drop_in_for_watched_folders(unpacked: Path) -> None:
    """The sample that a technician copies is read without complaint, too."""
    drop_ins = unpacked / "etc/systemd/system/edge-bridge.service.d"
    drop_ins.mkdir()
    shutil.copy(UNIT.parent / "watched-folders.conf", drop_ins)
    verdict = verify(unpacked)
    assert (verdict.returncode, verdict.stdout + verdict.stderr) == (0, "")


def test_the_unit_may_do_little() -> None:
    """Exposure 1.5 of 10 at most, by systemd's own count."""
    verdict = run(tool("systemd-analyze"), "security", "--offline=true", "--threshold=15", "--no-pager", UNIT)
    overall = next((line for line in verdict.stdout.splitlines() if "Overall exposure" in line), verdict.stderr)
    assert verdict.returncode == 0, overall


def test_a_bad_configuration_is_not_restarted() -> None:
    """Exit status 78 is final; every other end is followed by a new start, for ever."""
    service = settings("Service")
    assert service["RestartPreventExitStatus"] == ["78"]
    assert service["Restart"] == ["always"]
    assert settings("Unit")["StartLimitIntervalSec"] == ["0"]
    assert service["Type"] == ["notify"]
    assert int(service["WatchdogSec"][0]) == 30
    assert service["MemoryMax"] == ["1G"]
    assert service["OOMPolicy"] == ["continue"]  # a parser that the kernel ends must not stop the service


def test_the_unit_starts_a_command_that_exists() -> None:
    """ExecStart names a console script of the package and a sub-command of it."""
    program, *arguments = settings("Service")["ExecStart"][0].split()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert Path(program).name in project["scripts"]
    assert arguments == ["run", "--config", "/etc/edge-bridge"]


def test_image_and_unit_agree_on_the_place() -> None:
    """One path in the unit, the image and the how-to."""
    folder = str(Path(settings("Service")["ExecStart"][0].split()[0]).parents[1])
    assert f"COPY --from=build {folder} {folder}" in (ROOT / "Dockerfile").read_text()
    assert folder in (ROOT / "docs/how-to/install-with-systemd.md").read_text()


def test_the_service_sees_the_boot_id() -> None:
    """Deadlines hang on /proc/sys/kernel/random/boot_id; ProcSubset=pid would hide it and stop every start."""
    assert "ProcSubset" not in settings("Service")


def test_libraries_live_without_writable_code() -> None:
    """MemoryDenyWriteExecute: what the daemon imports works when the kernel refuses memory that is writable and executable."""
    program = """
import ctypes
refused = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN (Linux 6.3)
import apsw, asyncua, cryptography.x509, paho.mqtt.client, pydantic, pymodbus.client, structlog, watchdog.observers, yaml
from cryptography.hazmat.primitives.asymmetric import ec
ec.generate_private_key(ec.SECP256R1())
apsw.Connection(":memory:").execute("select json('[1]')").fetchall()
print("refused" if refused == 0 else "kernel too old")
"""
    outcome = run(sys.executable, "-c", program)
    assert outcome.returncode == 0, outcome.stderr
    if outcome.stdout.strip() != "refused":
        pytest.skip("this kernel cannot refuse it")


def test_hadolint_accepts_the_image() -> None:
    """The Dockerfile follows the usual rules."""
    verdict = run(Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile")
    assert (verdict.returncode, verdict.stdout) == (0, "")


def test_the_image_ends_without_root_and_watches_itself() -> None:
    """The last stage runs as a plain user and asks the daemon how it is."""
    last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE)
    assert 'CMD ["edge-bridge", "status", "--json"]' in last
    assert "pip" not in last


def requirements(lock: Path) -> Iterator[str]:
    """Return the requirements of a lock file, each with its continuation lines."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    yield from (part for part in re.split(r"\n(?=\S)", text.strip()) if part)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.name))
def test_every_locked_package_is_pinned_by_hash(lock: Path) -> None:
    """One version, at least one SHA-256, and no place named where it must come from."""
    assert "://" not in lock.read_text()
    assert "index-url" not in lock.read_text()
    found = list(requirements(lock))
    assert found
    for requirement in found:
        first, *hashes = requirement.replace("\\\n", "\n").splitlines()
        assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+", first), first
        assert hashes, f"{first} has no hash"
        assert all(re.fullmatch(r"\s+--hash=sha256:[0-9a-f]{64}\s*", line) for line in hashes), first


def test_the_locks_agree() -> None:
    """What is tested is what is shipped: a package has one version in all locks."""
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for requirement in requirements(lock):
            name, _, rest = requirement.partition("==")
            versions.setdefault(name, set()).add(rest.split()[0])
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_every_dependency_is_locked() -> None:
    """A dependency that is only in pyproject.toml would be missing in the plant."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = {requirement.partition("==")[0] for requirement in requirements(ROOT / "requirements/run.lock")}
    names = {re.split(r"[<>=!~\[ ;]", text)[0].lower().replace("_", "-") for text in declared}
    assert names - locked == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.name))
def test_scripts_can_be_read_by_the_shell(script: Path) -> None:
    """Each is executable, parses, and stops at undefined variables."""
    assert os.access(script, os.X_OK)
    if script.read_text().startswith("#!/usr/bin/env bash"):
        verdict = run("bash", "-n", script)
        assert (verdict.returncode, verdict.stderr) == (0, "")
        assert re.search(r"^set -e?uo pipefail$", script.read_text(), re.MULTILINE)


def test_the_unit_is_plain_text_that_other_tools_read_too() -> None:
    """No section but the three that a service has."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.read(UNIT)
    assert parser.sections() == ["Unit", "Service", "Install"]
