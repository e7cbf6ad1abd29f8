"""The commands when something is missing or broken: one line that says what, and what to do; never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import apsw
import pytest

from tests.system.site import PROGRAM, Site
from tests.system.terminal import here

COMMANDS = {
    "status": ("status",),
    "explain": ("explain", "dmu50-01"),
    "cards": ("cards",),
    "cards all": ("cards", "--all"),
    "buffer": ("buffer",),
    "ecn": ("ecn", "draft.csv"),
}
NEEDS_DATABASE = [name for name in COMMANDS if name != "ecn"]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A gateway that ran once, found a mismatch, and was stopped."""
    site = Site(tmp_path_factory.mktemp("site")).machines()
    with site.daemon() as daemon:
        site.released("E-1", "EL-100", "B")
        daemon.stop()
    return site


@pytest.fixture
def site(stopped: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A copy of it, to be broken."""
    shutil.copytree(stopped.folder, tmp_path / "site")
    (tmp_path / "draft.csv").write_text("number,status,part,revision\nE-2,已发布,EL-100,C\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return Site(tmp_path / "site")


def test_a_machine_that_was_never_seen(site: Site) -> None:
    """No reading is not green."""
    done = here(site, "explain", "dmu50-01")
    assert done.returncode == 1
    assert "DMU 50 #1 (dmu50-01), mc-1: AMBER" in done.stdout
    assert "NOT REACHABLE since " in done.stdout
    assert "no reading yet" in done.stdout


def test_a_dry_run_without_a_daemon(site: Site) -> None:
    """It is judged by what the database holds: here nothing of the machine."""
    done = here(site, "ecn", "draft.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "not known: there is no reading of this machine yet" in done.stdout
    assert "no release date that can be read: the time counts from the arrival of the file" in done.stdout


def test_a_dry_run_of_an_ecn_that_names_nothing(site: Site) -> None:
    """It would be unrouted as a whole, and says so."""
    settings = site.config / "adapters" / "plm.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("format: csv", "format: json"), encoding="utf-8")
    Path("bare.json").write_text('{"number": "E-3", "status": "已发布", "items": []}', encoding="utf-8")
    done = here(site, "ecn", "bare.json")
    assert done.returncode == 1
    assert "UNROUTED: it names no part, drawing or program" in done.stdout


@pytest.mark.parametrize("name", NEEDS_DATABASE)
def test_no_database(site: Site, name: str) -> None:
    """A gateway that never ran."""
    site.database.unlink()
    done = here(site, *COMMANDS[name])
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "there is no database at " in done.stderr
    assert "→ start edge-bridge once" in done.stderr


def test_a_dry_run_before_the_first_start(site: Site) -> None:
    """A file can be tried before anything ran."""
    site.database.unlink()
    done = here(site, "ecn", "draft.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no database yet: machines are compared with nothing\n")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("garbage", "is damaged (SQLITE_NOTADB) → restart edge-bridge"),
        ("newer", "was written by a newer edge-bridge (schema 99"),
        ("other", "is not a database of edge-bridge"),
    ],
)
def test_a_database_that_cannot_be_used(site: Site, name: str, damage: str, said: str) -> None:
    """Damaged, of a newer program, of another one: the reason and the way out in one line."""
    if damage == "garbage":
        site.database.write_bytes(b"not a database at all " * 500)
    else:
        connection = apsw.Connection(str(site.database))
        connection.pragma("user_version" if damage == "newer" else "application_id", 99)
        connection.close()
    done = here(site, *COMMANDS[name])
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_locked_database_can_be_read(site: Site) -> None:
    """Somebody holds it for writing: reading goes on."""
    connection = apsw.Connection(str(site.database))
    connection.execute("BEGIN EXCLUSIVE")
    assert here(site, "buffer").returncode == 0
    connection.execute("ROLLBACK")
    connection.close()


@pytest.mark.parametrize("name", ["explain", "ecn"])
def test_a_broken_configuration(site: Site, name: str) -> None:
    """What judges by the configuration does not guess: exit code 78 and the place."""
    site.write("routes.yaml", "- {mach: 1}\n")
    done = here(site, *COMMANDS[name])
    assert (done.returncode, done.stdout) == (78, "")
    assert "routes.yaml:1:4: unknown key `mach` → did you mean `match`?" in done.stderr


@pytest.mark.parametrize("name", ["status", "cards", "cards all", "buffer"])
@pytest.mark.parametrize("file", ["routes.yaml", "adapters/dmu50-01.yaml"])
def test_a_half_made_edit_hides_nothing(site: Site, name: str, file: str) -> None:
    """What only looks says where the error is and goes on without that file; only `status` calls it wrong."""
    before = here(site, *COMMANDS[name])
    site.write(file, "- {mach: 1}\n")
    done = here(site, *COMMANDS[name])
    assert done.returncode == max(before.returncode, int(name == "status"))
    assert f"{file}:1:" in done.stderr
    assert "a running daemon goes on with the one before" in done.stderr
    assert done.stdout.splitlines()[:1] == before.stdout.splitlines()[:1]


def test_a_half_made_edit_and_an_acknowledgement(site: Site) -> None:
    """It is the silent daemon that stops it, not the edit."""
    site.write("routes.yaml", "- {mach: 1}\n")
    done = here(site, "ack", "a", "--party", "cell_leader", "--by", "Li")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("edge-bridge: edge-bridge is not running")


@pytest.mark.parametrize("name", [*COMMANDS, "ack"])
def test_a_site_file_that_cannot_be_read(site: Site, name: str) -> None:
    """Without `edge-bridge.yaml` nobody knows where the daemon is: exit code 78 and the place."""
    site.write("edge-bridge.yaml", "- {site: 1}\n")
    done = here(site, *COMMANDS.get(name, ("ack", "a", "--party", "cell_leader", "--by", "Li")))
    assert (done.returncode, done.stdout) == (78, "")
    assert "edge-bridge.yaml:1:" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to give rights away")
@pytest.mark.parametrize("name", ["status", "ecn"])
def test_somebody_who_may_not_read_it(site: Site, name: str, tmp_path: Path) -> None:
    """No rights is told as that, not as a fault."""
    os.chown(site.database.parent, 65_534, 65_534)
    site.database.parent.chmod(0o700)
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    done = subprocess.run(
        [
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            PROGRAM,
            *COMMANDS[name],
            "--config",
            str(site.config),
        ],
        env={"HOME": "/", "LANG": "C.UTF-8", **kept},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "edge-bridge: you may not " in done.stderr
    assert done.stderr.count("\n") == 1
