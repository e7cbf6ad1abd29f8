"""The database in use, not writable, on a full disk, damaged: said in words, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.system.plant import plant
from tests.system.site import PROGRAM, _environment
from tests.waiting import until_sync


def run(config: Path) -> subprocess.CompletedProcess[str]:
    """Run a daemon that will not get far."""
    command = [PROGRAM, "run", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, env=_environment(None))


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a disk of this size. Skipped, with the reason, where that is not permitted."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(disk: Path) -> Path:
    """Leave no space on a disk; return the file that takes it."""
    film = disk / "somebody-elses-film.mkv"
    with film.open("wb") as file, suppress(OSError):
        while os.write(file.fileno(), b"\0" * 4096):
            pass
    assert os.statvfs(disk).f_bavail == 0
    return film


def test_a_second_daemon_and_places_that_cannot_be_written(tmp_path: Path) -> None:
    """A second daemon is refused by name and the first goes on; a place that cannot be written is named, with the fix."""
    with plant(tmp_path, opcua=False, modbus=False) as here:
        here.scanned()
        second = run(here.site.config)
        assert second.returncode == 1
        assert f"in use by another edge-bridge (process {here.process.pid})" in second.stderr
        assert "Traceback" not in second.stderr
        assert here.site.status()["pid"] == here.process.pid  # it kept its socket
        here.site.released("ECN-1", "SH-1", "B")
        here.heard("obligation.opened")
        here.delivered()
        assert here.process.stop() == 0

        text = (here.site.config / "edge-bridge.yaml").read_text(encoding="utf-8")
        here.site.write("edge-bridge.yaml", text.replace("../var/edge-bridge.db", "edge-bridge.yaml/below/a/file.db"))
        refused = run(here.site.config)
        assert refused.returncode == 1
        assert "cannot write in" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_full_disk(tmp_path: Path) -> None:
    """It stays alive, says so, and goes on by itself when there is space again; every ECN reaches the platform."""
    with small_disk(tmp_path / "plant" / "site" / "var", "12M"), plant(tmp_path / "plant", opcua=False) as here:
        here.reachable("lathe-07")
        here.scanned()
        here.delivered()
        disk = here.site.database.parent
        film = fill_up(disk)
        for number in range(400):
            here.site.released(f"ECN-{number}", f"SH-{number % 7}", "B")
        until_sync(
            lambda: "full" in here.site.status()["troubles"].get("database", ""), within=20, what="trouble to be told"
        )
        before = here.site.status()["buffer"]["last"]
        film.unlink()
        until_sync(lambda: "database" not in here.site.status()["troubles"], within=15, what="it to go on")
        until_sync(lambda: len({e["ecn"] for e in here.events("ecn.received")}) == 400, within=30, what="every ECN")
        assert here.delivered() > before
        assert len(here.events("ecn.received")) == 400
        assert here.log().count("nothing can be recorded") == here.log().count("recording again")
        assert here.process.stop() == 0


def test_a_stop_on_a_full_disk(tmp_path: Path) -> None:
    """What could not be recorded is not half recorded: after the restart it is taken from the folder again."""
    with small_disk(tmp_path / "plant" / "site" / "var", "12M"), plant(tmp_path / "plant", opcua=False) as here:
        here.scanned()
        here.delivered()
        film = fill_up(here.site.database.parent)
        for number in range(400):
            here.site.released(f"ECN-{number}", f"SH-{number % 7}", "B")
        until_sync(
            lambda: "full" in here.site.status()["troubles"].get("database", ""), within=20, what="trouble to be told"
        )
        assert here.process.stop() == 0
        film.unlink()
        here.process.start()
        until_sync(lambda: len({e["ecn"] for e in here.events("ecn.received")}) == 400, within=30, what="every ECN")
        here.delivered()
        assert len(here.events("ecn.received")) == 400


@pytest.mark.parametrize("clean", [False, True], ids=["after a kill", "after a clean stop"])
def test_a_damaged_database(tmp_path: Path, clean: bool) -> None:
    """It is moved aside, what can be read is saved, the service goes on, and a card says what happened."""
    with plant(tmp_path, opcua=False) as here:
        here.reachable("lathe-07")
        here.scanned()
        for number in range(60):
            here.site.released(f"ECN-{number}", f"SH-{number}", "B")
        until_sync(lambda: len(here.events("ecn.received")) == 60)
        here.delivered()
        assert here.process.stop() == 0  # everything is in the file, nothing in the WAL
        if not clean:
            here.process.start()
            here.process.kill()
        size = here.site.database.stat().st_size
        with here.site.database.open("r+b") as file:
            for page in range(size // 4096 // 3, size // 4096 // 3 * 2):
                file.seek(page * 4096)
                file.write(os.urandom(4096))
        here.process.start()
        card = here.heard("card.raised", within=20, kind="store_recovered")
        assert "damaged" in card["facts"]["happened"]
        assert list(here.site.database.parent.glob("edge-bridge.db.corrupt-*"))
        here.reachable("lathe-07")
        here.site.released("ECN-99", "SH-99", "B")
        here.heard("ecn.received", ecn="ECN-99")
        assert here.process.stop() == 0
