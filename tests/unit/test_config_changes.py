"""What a reload touches: only what an edit changed, and it says what a running daemon cannot change."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_bridge import config
from edge_bridge.clock import SystemClock
from edge_bridge.config import Changes, Config
from tests.unit.test_config import FILES, PLC, PLM, SITE, write

OPCUA = """adapter: opcua
endpoint: opc.tcp://127.0.0.1:4840
security: None
allow_insecure: true
username: u
password_credential: pw
nodes: {main_program: nsu=urn:x;s=Main}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small valid site."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    for name, text in FILES.items():
        write(tmp_path, name, text)
    return tmp_path


def load(folder: Path) -> Config:
    return config.load(folder, SystemClock())


def after(folder: Path, name: str, text: str | None) -> Changes:
    """Return what an edit of one file changes; None removes the file."""
    old = load(folder)
    if text is None:
        (folder / name).unlink()
    else:
        write(folder, name, text)
    return config.diff(old, load(folder))


def test_nothing(folder: Path) -> None:
    """The same folder read twice differs in nothing."""
    assert config.diff(load(folder), load(folder)) == Changes()
    assert not Changes().any


def test_one_machine(folder: Path) -> None:
    """An edit of one file touches that adapter alone; the ledger hears of what concerns it."""
    assert after(folder, "adapters/lathe-07.yaml", PLC + "timeout: 9s\n") == Changes(changed=("lathe-07",))
    edited = PLC.replace("mc-2", "mc-3")
    assert after(folder, "adapters/lathe-07.yaml", edited) == Changes(changed=("lathe-07",), plant=True)


def test_added_and_removed(folder: Path) -> None:
    """New and vanished files."""
    assert after(folder, "adapters/plm-2.yaml", PLM) == Changes(added=("plm-2",), plant=True)
    assert after(folder, "adapters/plm-2.yaml", None) == Changes(removed=("plm-2",), plant=True)


def test_what_the_site_adds_counts(folder: Path) -> None:
    """Another plant time zone, as another language, changes the sources that take theirs from it, and no machine."""
    assert after(folder, "edge-bridge.yaml", SITE.replace("Shanghai", "Tokyo")) == Changes(
        changed=("plm",), language=True
    )


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ("mqtts://broker", "mqtts://other", Changes(mqtt=True)),
        ("e.db}", "e.db, retain: 30d}", Changes(store=True)),
        ("gateway", "limit: 20m\ngateway", Changes(plant=True)),
        ("gateway", "language: zh-CN\ngateway", Changes(changed=("plm",), language=True)),
        ("gateway", "parties: {boss: {}}\ngateway", Changes(plant=True)),
    ],
)
def test_site_settings(folder: Path, was: str, now: str, expected: Changes) -> None:
    """Each part of the site's file is told from the others."""
    assert after(folder, "edge-bridge.yaml", SITE.replace(was, now)) == expected


@pytest.mark.parametrize(
    ("was", "now", "word"),
    [
        ("e.db", "f.db", "store.path"),
        ("s-1", "s-2", "site"),
        ("edge-01", "edge-02", "gateway"),
        ("store:", "root: r\nstore:", "root"),
    ],
)
def test_what_needs_a_restart(folder: Path, was: str, now: str, word: str) -> None:
    """The database and the name of the gateway cannot change under a running daemon."""
    (said,) = after(folder, "edge-bridge.yaml", SITE.replace(was, now)).restart
    assert said.startswith(f"`{word}` changed from ")
    assert said.endswith(": restart edge-bridge")


def test_a_new_secret(folder: Path) -> None:
    """A password that was changed reloads the adapter that uses it, though no YAML did."""
    secret = folder / "credentials" / "pw"
    secret.parent.mkdir()
    secret.write_text("old")
    secret.chmod(0o600)
    write(folder, "adapters/mill.yaml", OPCUA)
    old = load(folder)
    secret.write_text("new")
    assert config.diff(old, load(folder)) == Changes(changed=("mill",))


def test_the_digest_is_of_every_file(folder: Path) -> None:
    """A comment changes the digest, and nothing else."""
    old = load(folder)
    write(folder, "routes.yaml", "# none\n")
    new = load(folder)
    assert old.digest != new.digest
    assert config.diff(old, new) == Changes()
