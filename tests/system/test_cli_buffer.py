"""`edge-bridge buffer` beside a running daemon and a real broker: sent, parked, shown, exported, sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_bridge.testing import Subscriber
from tests.integration.mosquitto import Mosquitto
from tests.system.site import Site
from tests.system.terminal import here
from tests.waiting import until_sync

PREFIX = "edge-bridge/v1/plant-1/edge-01"


def counted(site: Site) -> dict[str, Any]:
    """Return what `buffer --json` prints."""
    found: dict[str, Any] = json.loads(here(site, "buffer", "--json").stdout)
    return found


def all_told(site: Site) -> bool:
    """Tell whether the ECN was refused and nothing waits: the events of the first scan are parked before it is read."""
    found = counted(site)
    return not found["unsent"] and "ecn.received" in {one["type"] for one in found["parked"]}


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Subscriber]]:
    """A gateway whose broker refuses the events of the PLM folder, and somebody who listens to the rest."""
    folder = tmp_path_factory.mktemp("gateway")
    rules = folder / "rules"
    rules.write_text(f"topic deny {PREFIX}/evt/plm\ntopic readwrite #\n")
    rules.chmod(0o600)
    with Mosquitto(folder / "broker", f"acl_file {rules}") as broker, Subscriber(broker.port, f"{PREFIX}/evt/#") as one:
        site = Site(folder, broker=broker.url)
        with site.daemon():
            site.released("E-1", "EL-1", "B")
            until_sync(lambda: all_told(site), what="all sent, those of the ECN parked")
            yield site, one


def test_what_was_sent_and_what_was_refused(listener: tuple[Site, Subscriber]) -> None:
    """Nothing waits; what the broker refused is counted, and listed with its reason. Exit code 1."""
    site, _ = listener
    done = here(site, "buffer")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("Nothing waits for the broker: everything up to event ")
    assert " parked: the broker refused them; they are kept, and can be sent again\n" in done.stdout
    assert "sent events are kept for 90d" in done.stdout
    parked = here(site, "buffer", "--parked").stdout
    assert "0x87" in parked
    assert "ecn.received" in parked
    found = counted(site)
    assert (found["unsent"], {one["code"] for one in found["parked"]}) == (0, {"0x87"})


def test_show_one(listener: tuple[Site, Subscriber]) -> None:
    """An event as it was sent; one that is not there is told."""
    site, _ = listener
    assert json.loads(here(site, "buffer", "show", "1").stdout)["sequence"] == f"{1:020d}"
    missing = here(site, "buffer", "show", "9999")
    assert (missing.returncode, missing.stderr) == (
        1,
        "edge-bridge: there is no event 9999 in the database → see which there are: edge-bridge buffer\n",
    )
    assert here(site, "buffer", "show", "0").returncode == 2


def test_send_again(listener: tuple[Site, Subscriber]) -> None:
    """The same bytes arrive once more; what is not there is refused with the reason."""
    site, subscriber = listener
    before = len(subscriber.messages)
    done = here(site, "buffer", "replay", "1", "1")
    assert (done.returncode, done.stdout) == (0, "1 events sent again\n")
    until_sync(lambda: len(subscriber.messages) > before)
    assert subscriber.messages[-1][1] == subscriber.messages[0][1]
    refused = here(site, "buffer", "replay", "900", "901")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Not sent again: the newest sequence is " in refused.stderr


def test_export(listener: tuple[Site, Subscriber], tmp_path: Path) -> None:
    """One event a line, byte by byte as stored; an existing file is safe without --force."""
    site, subscriber = listener
    file = tmp_path / "events.jsonl"
    assert here(site, "buffer", "export", str(file), "--from", "1", "--to", "3").returncode == 0
    lines = file.read_bytes().splitlines()
    assert [int(json.loads(line)["sequence"]) for line in lines] == [1, 2, 3]
    assert lines[0] == subscriber.messages[0][1]
    again = here(site, "buffer", "export", str(file))
    assert again.returncode == 1
    assert "is there already → choose another name, or write over it with --force" in again.stderr
    assert file.read_bytes().splitlines() == lines
    assert here(site, "buffer", "export", str(file), "--force").returncode == 0
    assert len(file.read_bytes().splitlines()) > 3
    nowhere = here(site, "buffer", "export", str(tmp_path / "no" / "events.jsonl"))
    assert nowhere.stderr.endswith("cannot be written: No such file or directory → choose another place\n")
