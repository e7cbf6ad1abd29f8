"""Trust in a machine's certificate, through the real daemon and the real command: given by a person, by nobody else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_bridge.pki import Certificate, TrustStore, pairs
from tests.certificates import Made, make
from tests.integration.opcua_servers import OpcUaServer, running
from tests.system.site import PROGRAM, R90, Site
from tests.waiting import until_sync

MACHINE = """\
adapter: opcua
profile: sinumerik
name: Mill 9
area: mc-1
endpoint: {endpoint}
username: edge
password_credential: mill-09
every: 100ms
version:
  - variable: {r90}
"""
USER = ("--user", "edge", "--password", "right")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a gateway whose machine mill-09 is configured as it should be: encrypted, with a password."""
    here = Site(tmp_path / "site")
    secret = here.config / "credentials" / "mill-09"
    secret.parent.mkdir()
    secret.write_text("right")
    secret.chmod(0o400)
    machine(here, "opc.tcp://127.0.0.1:9")
    return here


def machine(site: Site, endpoint: str) -> None:
    """Write where mill-09 is."""
    site.write("adapters/mill-09.yaml", MACHINE.format(endpoint=endpoint, r90=R90))


@contextmanager
def control(site: Site, made: Made, *, port: str = "0") -> Iterator[OpcUaServer]:
    """Run the control with this certificate, and tell the gateway where."""
    with running(*made.arguments, *USER, "--port", port) as server:
        if port == "0":
            machine(site, server.endpoint)
        yield server


def pki(site: Site) -> Path:
    """Return where the certificates are when nobody says otherwise: beside the database."""
    return site.database.parent / "pki"


def cards(site: Site) -> list[dict[str, Any]]:
    """Return the cards about certificates."""
    return [card for card in site.status().get("cards", ()) if card["kind"] == "untrusted_certificate"]


def reachable(site: Site) -> bool:
    """Tell whether mill-09 is read."""
    return any(m["machine"] == "mill-09" and m["reachable"] for m in site.status().get("machines", ()))


def sessions_end(site: Site, server: OpcUaServer) -> None:
    """Have the daemon stop mill-09 and start it again, as an edit does."""
    file = site.config / "adapters" / "mill-09.yaml"
    text = file.read_text(encoding="utf-8")
    site.write(
        "adapters/mill-09.yaml", text + "judge: main\n" if "judge" not in text else text.replace("judge: main\n", "")
    )
    assert site.ask({"do": "reload"})["ok"]


@pytest.mark.timeout(150)
def test_an_unknown_certificate_waits_for_a_person(site: Site, tmp_path: Path) -> None:
    """Refused, with one card and one log line; accepted by its fingerprint it is read within seconds, without a restart;
    another certificate at the same place is refused again; rejected, it is refused at the next connection."""
    first, second = make(tmp_path, "first"), make(tmp_path, "second", number=1)
    shown = Certificate(first.der)
    with control(site, first) as server, site.daemon() as daemon:
        (card,) = until_sync(lambda: cards(site), what="a card about the certificate")
        assert pairs(shown.sha256) in card["text"]["en"]
        assert pairs(shown.sha1) in card["text"]["zh-CN"]
        assert (card["machine"], card["active"], card["title"]["en"][:6]) == ("mill-09", False, "Mill 9")
        command = f"edge-bridge trust accept {shown.sha256[:16]}"
        assert command in card["next_step"]["en"]
        assert command in card["next_step"]["zh-CN"]
        assert command in site.status()["stopped"]["mill-09"]
        (line,) = [line for line in daemon.log.read_text().splitlines() if "event=stopped" in line]
        for part in (pairs(shown.sha256), "adapter=mill-09", server.endpoint, command):
            assert part in line
        assert server.ask("sessions") == 0

        listed = site.run("trust", "list")
        assert (listed.returncode, "WAITS FOR A DECISION" in listed.stdout) == (1, True)
        typed = pairs(shown.sha256)[:23].lower()  # eight pairs, as somebody reads them from the panel
        done = site.run("trust", "accept", typed)
        assert (done.returncode, done.stderr) == (0, "")
        assert pairs(shown.sha256) in done.stdout
        until_sync(lambda: reachable(site), what="the machine to be read")
        assert site.status()["stopped"] == {}
        assert site.run("trust", "list").returncode == 0
        assert "did=accept" in daemon.log.read_text()
        assert (json.loads((pki(site) / "trust.log").read_text())["did"]) == "accept"
        port = server.endpoint.rsplit(":", 1)[1]

        server.kill()
        until_sync(lambda: not reachable(site), within=20, what="the loss to be seen")
        with control(site, second, port=port) as changed:
            until_sync(lambda: len(cards(site)) == 2, within=45, what="a card about the other certificate")
            assert "another certificate than the accepted one" in site.status()["stopped"]["mill-09"]
            assert changed.ask("sessions") == 0
            other = Certificate(second.der)
            assert site.run("trust", "accept", other.sha1).returncode == 0
            until_sync(lambda: reachable(site), what="the machine to be read again")
            assert site.run("trust", "reject", other.sha256).returncode == 0
            assert reachable(site)  # what is open goes on
            sessions_end(site, changed)
            until_sync(lambda: "mill-09" in site.status()["stopped"], what="the rejected one to be refused")
            until_sync(lambda: changed.ask("sessions") == 0, what="its session to be closed")


def test_accepted_while_nothing_runs(site: Site, tmp_path: Path) -> None:
    """The command does it itself, and the daemon that is started later connects; the own certificate is there, too."""
    made = make(tmp_path, "made")
    exported = site.run("trust", "export", str(tmp_path / "ours.pem"))
    assert exported.returncode == 0
    assert (tmp_path / "ours.pem").read_text().startswith("-----BEGIN CERTIFICATE-----\n")
    assert site.run("trust", "export", str(tmp_path / "ours.pem")).returncode == 1  # it is there already
    done = site.run("trust", "accept", str(made.certificate), "--lang", "zh-CN")
    assert (done.returncode, done.stderr) == (0, "")
    assert "从现在起信任" in done.stdout
    with control(site, made), site.daemon():
        until_sync(lambda: reachable(site), what="the machine to be read")
        assert cards(site) == []
        told = site.json("trust", "list")
        assert told["own"][0]["file"] == str(pki(site) / "own" / "edge-bridge.der")
        assert [one["standing"] for one in told["certificates"]] == ["trusted"]


def kept(site: Site, *made: Made) -> None:
    """Keep certificates as the daemon does when it meets them."""
    for one in made:
        facts = {"machine": "mill-09", "endpoint": "opc.tcp://127.0.0.1:9", "seen": "2026-01-01T00:00:00.000Z"}
        TrustStore(pki(site)).keep(Certificate(one.der), facts)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("accept", "ABCDEF1"), 2, "8 hex digits or more"),
        (("accept", "not-hex-at-all"), 2, "8 hex digits or more"),
        (("reject", "00000000"), 1, "no certificate begins with 00000000"),
        (("accept",), 2, "the following arguments are required"),
        ((), 2, "the following arguments are required"),
    ],
)
def test_what_cannot_be_meant(site: Site, tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    """One line, and nothing is trusted."""
    kept(site, make(tmp_path, "made"))
    done = site.run("trust", *words)
    assert done.returncode == code
    assert said in done.stderr
    assert [one.standing for one in TrustStore(pki(site)).entries()] == ["waiting"]


def test_a_file_that_holds_no_certificate(site: Site, tmp_path: Path) -> None:
    """It is said; nothing is trusted."""
    (tmp_path / "letter.txt").write_text("dear technician")
    done = site.run("trust", "accept", str(tmp_path / "letter.txt"))
    assert (done.returncode, "holds no certificate" in done.stderr) == (1, True)
    assert TrustStore(pki(site)).entries() == []


def test_decided_twice_and_undone(site: Site, tmp_path: Path) -> None:
    """The same again changes nothing; a rejected one can be accepted, and the other way round. Each is in the record."""
    kept(site, made := make(tmp_path, "made", days=(-30, -1)))
    digits = Certificate(made.der).sha256[:12]
    for verb, said in (
        ("accept", "trusted from now on"),
        ("accept", "was trusted already"),
        ("reject", "trusted no longer"),
        ("reject", "was rejected already"),
        ("accept", "trusted from now on"),
    ):
        done = site.run("trust", verb, digits)
        assert (done.returncode, said in done.stdout) == (0, True), done.stdout
        assert ("refused all the same" in done.stdout) is (verb == "accept")  # it ran out
    log = [json.loads(line)["did"] for line in (pki(site) / "trust.log").read_text().splitlines()]
    assert log == ["accept", "reject", "accept"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to give rights away")
@pytest.mark.parametrize("words", [("list",), ("accept", "ABCDEF01"), ("export",)])
def test_somebody_who_has_no_rights(site: Site, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Nothing is shown or trusted, and one line says who may."""
    kept(site, make(tmp_path, "made"))
    (pki(site) / "own").mkdir()
    for folder in (pki(site), *pki(site).iterdir()):
        if folder.is_dir():
            os.chown(folder, 65_534, 65_534)
            folder.chmod(0o700)
    kept_variables = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    done = subprocess.run(
        [
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            PROGRAM,
            "trust",
            *words,
            "--config",
            str(site.config),
        ],
        env={"HOME": "/", "LANG": "C.UTF-8", **kept_variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert "user of the service" in done.stderr


def test_the_platform_cannot_give_trust(site: Site, tmp_path: Path) -> None:
    """A command as it would come over MQTT is none."""
    kept(site, made := make(tmp_path, "made"))
    with site.daemon():
        order = {"id": "1", "verb": "accept", "fingerprint": Certificate(made.der).sha256, "by": "platform"}
        for verb in ("trust", "accept"):
            answer = site.ask({"do": "command", "verb": verb, "payload": order})
            assert (answer["ok"], "is not a command" in answer["reason"]) == (False, True)
    assert not TrustStore(pki(site)).trusts(Certificate(made.der))


def test_the_folder_of_rejected_ones_is_bounded(tmp_path: Path) -> None:
    """A server that shows a new certificate each time fills no disk; the newest stay."""
    store = TrustStore(tmp_path / "pki")
    for number in range(60):
        one = Certificate(make(tmp_path, f"n{number}").der)
        store.keep(one, {"endpoint": "x", "seen": f"2026-01-01T00:{number:02}:00.000Z"})
    left = [entry.facts["seen"] for entry in store.entries()]
    assert len(left) == 50
    assert min(left) == "2026-01-01T00:10:00.000Z"
