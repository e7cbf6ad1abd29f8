"""A share that vanishes, hangs or fails, on the real daemon: one card, no verdict, and no history told as news."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.shares import FaultyShare, faulty_share
from tests.system.plant import Plant, plant
from tests.system.site import PLM, Site
from tests.waiting import until_sync

SENTINEL = ".plm-share"
OLD = 40


@contextmanager
def watched(folder: Path, *lines: str, start: bool = True) -> Iterator[tuple[Plant, FaultyShare]]:
    """Run a plant whose PLM folder is a share with old files in it; its first scan is done."""
    with ExitStack() as stack:
        share = stack.enter_context(faulty_share(folder / "share"))

        def prepare(site: Site) -> None:
            text = PLM.replace("path: ../plm", f"path: {share.mounted}")
            site.write("adapters/plm.yaml", text + "".join(f"{line}\n" for line in lines))
            site.plm = share.served
            (share.served / SENTINEL).touch()
            for number in range(OLD):
                site.released(f"OLD-{number}", f"EL-{number}", "B", ago_s=86_400)

        here = stack.enter_context(plant(folder, opcua=False, modbus=False, prepare=prepare, start=start))
        if start:
            here.heard("baseline.taken", within=60)
        yield here, share


def news(here: Plant) -> dict[str, int]:
    """Count what was told of ECNs and obligations so far."""
    here.delivered()
    assert here.platform is not None
    with here.platform.lock:
        types = dict(here.consumer.types)
    return {
        name: count for name, count in types.items() if ".ecn." in name or ".obligation." in name or ".baseline" in name
    }


def lost(here: Plant, within: float = 40) -> str:
    """Wait until the source is lost, and return the error."""
    return str(
        until_sync(lambda: here.site.status()["sources"][0]["error"], within=within, what="the source to be lost")
    )


def back(here: Plant, within: float = 60) -> None:
    """Wait until the source is read again, and its card is cleared."""

    def well() -> bool:
        (source,) = here.site.status()["sources"]
        return source["lost"] is None and source["scanning"] is None and not here.cards("source_lost", active=True)

    until_sync(well, within=within, what="the source to be back")


def new_file_counts(here: Plant, number: str) -> None:
    """Put a new ECN, and wait until it is received."""
    here.site.released(number, "EL-900", "B")
    here.heard("ecn.received", within=40, ecn=number)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("unmount", "another folder than before"),
        ("kill", "not connected"),
        ("stall", "does not answer"),
        ("fail EIO", "Input/output error"),
        ("fail ESTALE", "Stale file handle"),
        ("fail ENOTCONN", "not connected"),
        ("fail EACCES", "Permission denied"),
        ("fail EIO readdir", "Input/output error"),
    ],
)
def test_a_share_that_goes_away_and_comes_back(how: str, says: str, tmp_path: Path) -> None:
    """Lost within seconds, one card, nothing judged; back without a word about what was known; new files count."""
    with watched(tmp_path) as (here, share):
        new_file_counts(here, "ECN-1")
        here.heard("obligation.opened", ecn="ECN-1")
        before = news(here)
        if how in ("unmount", "kill"):
            getattr(share, how)()
        else:
            share.tell(how)
        assert here.heard("source.lost", within=40)["source"] == "plm"
        until_sync(lambda: says in lost(here), within=40, what=f"{says!r} as the reason")
        (card,) = here.cards("source_lost", active=True)
        assert card["parties"]
        if how == "kill":
            share.unmount()
        if how in ("unmount", "kill"):
            share.mount()
        else:
            share.tell("heal")
        back(here)
        assert news(here) == before
        assert len(here.events("card.raised", kind="source_lost")) == 1
        new_file_counts(here, "ECN-2")
        assert news(here)["edge-bridge.ecn.received.v1"] == before["edge-bridge.ecn.received.v1"] + 1


def test_a_share_with_a_sentinel(tmp_path: Path) -> None:
    """A listing that turns empty on the same file system is a lost share, for the sentinel is not in it."""
    with watched(tmp_path, f"sentinel: {SENTINEL}") as (here, share):
        before = news(here)
        share.tell("empty on")
        assert f"has no {SENTINEL}" in lost(here)
        share.tell("empty off")
        back(here)
        assert news(here) == before


def test_a_listing_that_turns_empty_is_no_news(tmp_path: Path) -> None:
    """Without a sentinel it may be a folder that somebody emptied: nothing is withdrawn, nothing comes twice."""
    with watched(tmp_path) as (here, share):
        before = news(here)
        share.tell("empty on")
        (share.served / "unseen.csv").write_text("")
        until_sync(lambda: not list(share.mounted.iterdir()))
        share.tell("empty off")
        new_file_counts(here, "ECN-1")
        received = "edge-bridge.ecn.received.v1"
        after = news(here)
        assert after[received] == before[received] + 1
        assert after.get("edge-bridge.ecn.changed.v1") == before.get("edge-bridge.ecn.changed.v1")
        assert after.get("edge-bridge.ecn.withdrawn.v1") is None


@pytest.mark.parametrize("lines", [(), (f"sentinel: {SENTINEL}",)], ids=["by its mount", "by a sentinel"])
def test_a_restart_while_the_share_is_away(lines: tuple[str, ...], tmp_path: Path) -> None:
    """An empty mount point at the start is a lost share; when it is back, nothing is read as new, or even read again."""
    with watched(tmp_path, *lines) as (here, share):
        before = news(here)
        assert here.process.stop() == 0
        share.unmount()
        here.process.start()
        assert "not mounted" in lost(here)
        until_sync(lambda: here.cards("source_lost", active=True))
        share.mount()
        share.tell("fail EIO open below OLD-")  # they are not even opened
        back(here)
        assert news(here) == before
        share.tell("heal")
        new_file_counts(here, "ECN-1")


def test_a_share_that_goes_away_from_a_mount_point_with_a_file_in_it(tmp_path: Path) -> None:
    """What lies under the mount is not the share: the source stays lost, also after a restart, and its card stays."""
    with watched(tmp_path) as (here, share):
        before = news(here)
        share.unmount()
        (share.mounted / "NOT_MOUNTED.csv").write_text("the share is not mounted\n")
        here.heard("source.lost", within=40)
        log = here.process.log
        until_sync(lambda: here.site.status()["sources"][0]["error"], within=40, what="the source to be lost")
        assert here.process.stop() == 0
        assert "event=back adapter=plm" not in log.read_text()
        here.process.start()
        new = here.site.released("ECN-1", "EL-900", "B")  # the PLM goes on exporting
        assert new.exists()
        assert lost(here)
        assert len(here.cards("source_lost", active=True)) == 1
        (share.mounted / "NOT_MOUNTED.csv").unlink()
        share.mount()
        here.heard("ecn.received", within=60, ecn="ECN-1")
        back(here)
        after = news(here)
        assert after["edge-bridge.ecn.received.v1"] == before["edge-bridge.ecn.received.v1"] + 1
        assert here.events("ecn.rejected") == []


def test_the_database_is_lost_while_the_share_is_away(tmp_path: Path) -> None:
    """The sentinel holds the first scan back until the share is there; then old files are baseline, as at a first start."""
    with watched(tmp_path, f"sentinel: {SENTINEL}") as (here, share):
        news(here)
        assert here.process.stop() == 0
        for file in here.site.database.parent.iterdir():
            if file.is_file():
                file.unlink()
        share.unmount()
        here.process.start()
        assert "not mounted" in lost(here)
        assert here.site.status()["sources"][0]["first_scan"] is None
        assert here.log().count("there is no database yet") == 2  # what its loss means is told
        share.mount()
        back(here)
        here.scanned()
        status = here.site.status()
        assert status["obligations_open"] == 0
        assert [
            card["kind"] for card in status["cards"] if card["active"] and card["kind"] != "machine_unreachable"
        ] == []
        taken = until_sync(lambda: here.events("baseline.taken"), what="a baseline")[-1]
        assert (taken["files"], taken["ecns"]) == (OLD, OLD)


def test_one_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A bad sector under one file is that file's own: it is rejected, and the others go on."""
    with watched(tmp_path) as (here, share):
        share.tell("fail EIO read below bad.csv")
        (share.served / "bad.csv").write_text("number,status\nECN-0,released\n")
        new_file_counts(here, "ECN-1")
        assert "Input/output error" in here.heard("ecn.rejected", within=30, file="bad.csv")["reason"]
        assert here.events("source.lost") == []


def test_one_file_that_is_listed_and_not_found(tmp_path: Path) -> None:
    """The mount cannot express its name: it is told, not passed over as a file that was moved away."""
    with watched(tmp_path) as (here, share):
        share.tell("fail ENOENT getattr below bad.csv")
        (share.served / "bad.csv").write_text("number,status\nECN-0,released\n")
        new_file_counts(here, "ECN-1")
        assert "nothing is found under its name" in here.heard("ecn.rejected", within=30, file="bad.csv")["reason"]
        share.tell("heal")
        here.heard("ecn.received", within=40, ecn="ECN-0")
        assert len(here.events("ecn.rejected")) == 1


@pytest.mark.parametrize("how", ["fail EIO read", "fail ESTALE open", "fail ENOENT open"])
def test_a_share_on_which_nothing_can_be_read(how: str, tmp_path: Path) -> None:
    """When file after file fails it is not the files: one lost source, not a card for each, and never silence."""
    with watched(tmp_path) as (here, share):
        share.tell(how)
        for number in range(10):
            here.site.released(f"ECN-{number}", f"EL-{number}", "C")
        assert "no file of" in lost(here)
        assert here.events("ecn.rejected") == []
        share.tell("heal")
        for number in range(10):
            here.heard("ecn.received", within=60, ecn=f"ECN-{number}")
