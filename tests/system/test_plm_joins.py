"""ECNs in one file and their items in another, on the real daemon: joined whichever comes first, and never left in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.plant import Plant, plant
from tests.system.site import PLM, Site, now_text
from tests.waiting import until_sync

SOON, LONG = "2s", "5m"  # soon enough for a test to wait for; so long that no test waits for it


def joining(timeout: str, folder: str = "../plm") -> str:
    """Return a source's file that joins halves."""
    return PLM.replace("../plm", folder) + f"join: {{timeout: {timeout}}}\n"


def header(here: Plant, number: str, status: str = "已发布", name: str = "") -> Path:
    """Export the ECN itself."""
    row = {"number": number, "status": status, "released": now_text(), "title": "T"}
    return here.site.ecn(name or f"{number}-head.csv", row)


def items(here: Plant, number: str, *parts: str, name: str = "") -> Path:
    """Export its items; a part is written PART/REVISION."""
    rows = [{"number": number, "part": part.split("/")[0], "revision": part.split("/")[1]} for part in parts]
    return here.site.ecn(name or f"{number}-items.csv", *rows)


def waits(here: Plant, number: str, times: int = 1) -> None:
    """Wait until the daemon says that it waits for the other half, for so many times since the log began."""
    told = f"ecn={number}"

    def said() -> bool:
        lines = [line for line in here.log().splitlines() if "waiting for the other half" in line and told in line]
        return len(lines) >= times

    until_sync(said, what=f"{number} to wait")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One plant for the short time-out; its machines are away, which matters to nobody here."""

    def prepare(site: Site) -> None:
        site.write("adapters/plm.yaml", joining(SOON))

    with plant(tmp_path_factory.mktemp("joins"), opcua=False, modbus=False, prepare=prepare) as running:
        running.scanned()
        yield running
        running.delivered()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Plant]:
    """A plant with a time-out so long that whatever is told is told without it."""

    def prepare(site: Site) -> None:
        site.write("adapters/plm.yaml", joining(LONG))

    with plant(tmp_path, opcua=False, modbus=False, prepare=prepare) as running:
        running.scanned()
        yield running
        running.delivered()


def test_the_header_first(patient: Plant) -> None:
    """Nothing is told of the ECN alone; with its items it is one ECN, of both files."""
    header(patient, "ECN-1")
    waits(patient, "ECN-1")
    items(patient, "ECN-1", "EL-1/B", "SH-1/C")
    received = patient.heard("ecn.received", ecn="ECN-1")
    assert received["file"] == "ECN-1-head.csv + ECN-1-items.csv"
    assert [item["row"] for item in received["items"]] == [
        "ECN-1-items.csv: line 2",
        "ECN-1-items.csv: line 3",
    ]
    until_sync(lambda: len(patient.events("obligation.opened", ecn="ECN-1")) == 2, what="both machines")
    assert patient.events("ecn.unrouted", ecn="ECN-1") == []
    assert len(patient.events("ecn.received", ecn="ECN-1")) == 1


def test_the_items_first_and_the_same_pair_again(patient: Plant) -> None:
    """The other way round gives the same; both files once more, under these names and others, are no news."""
    items(patient, "ECN-2", "EL-2/B")
    waits(patient, "ECN-2")
    head = header(patient, "ECN-2")
    patient.heard("obligation.opened", ecn="ECN-2")
    text = head.read_text(encoding="utf-8")
    for name in ("ECN-2-head.csv", "again-head.csv"):
        items(patient, "ECN-2", "EL-2/B", name=name.replace("head", "items"))
        draft = patient.site.plm / f".{name}.new"
        draft.write_text(text, encoding="utf-8")
        draft.replace(patient.site.plm / name)
    items(patient, "ECN-3", "EL-3/B")  # what comes after it has been taken in, so it has been, too
    header(patient, "ECN-3")
    patient.heard("obligation.opened", ecn="ECN-3")
    for event in ("ecn.received", "obligation.opened"):
        assert len(patient.events(event, ecn="ECN-2")) == 1
    for event in ("ecn.changed", "ecn.unrouted", "obligation.closed"):
        assert patient.events(event, ecn="ECN-2") == []


def test_a_changed_half(patient: Plant) -> None:
    """Other items, under the same name or a new one, change the ECN; so does its status in a new header."""
    header(patient, "ECN-4")
    items(patient, "ECN-4", "EL-4/B")
    first = patient.heard("obligation.opened", ecn="ECN-4")
    items(patient, "ECN-4", "EL-4/C")
    assert patient.heard("obligation.closed", obligation=first["obligation"])["reason"] == "superseded"
    second = patient.heard("obligation.opened", ecn="ECN-4", required="C")
    items(patient, "ECN-4", "EL-4/C", "EL-5/C", name="more-items.csv")
    patient.heard("obligation.opened", ecn="ECN-4", part="EL-5")
    header(patient, "ECN-4", "已取消")
    assert patient.heard("obligation.closed", obligation=second["obligation"])["reason"] == "withdrawn"


def test_a_kill_between_the_halves(patient: Plant) -> None:
    """Nobody is told that a half is missing only because edge-bridge was started anew: the other half has its time."""
    header(patient, "ECN-5")
    waits(patient, "ECN-5")
    items(patient, "ECN-6", "EL-6/B")
    waits(patient, "ECN-6")
    patient.process.kill()
    items(patient, "ECN-7", "EL-7/B")
    header(patient, "ECN-7")
    patient.process.start()
    patient.heard("obligation.opened", ecn="ECN-7")
    waits(patient, "ECN-5", 2)
    waits(patient, "ECN-6", 2)
    items(patient, "ECN-5", "EL-5/B")
    patient.heard("obligation.opened", ecn="ECN-5")
    patient.process.stop()
    header(patient, "ECN-6")
    patient.process.start()
    patient.heard("obligation.opened", ecn="ECN-6")
    assert patient.events("ecn.unrouted") == []
    assert patient.events("ecn.rejected") == []
    for number in ("ECN-5", "ECN-6", "ECN-7"):
        assert len(patient.events("ecn.received", ecn=number)) == 1


def test_an_ecn_whose_items_do_not_come(here: Plant) -> None:
    """People are told that its items are missing and what to do; items that come late bring it out all the same."""
    header(here, "ECN-10")
    unrouted = here.heard("ecn.unrouted", ecn="ECN-10")["items"]
    assert "its items are missing (`join` has waited 2s for them) → export its items" in unrouted[0]["reason"]
    card = here.heard("card.raised", kind="unrouted")
    assert "ECN-10: its items are missing" in card["text"]["en"]
    assert "ECN-10：缺少其条目（`join` 已等待 2s）" in card["text"]["zh-CN"]
    items(here, "ECN-10", "EL-10/B")
    here.heard("obligation.opened", ecn="ECN-10")
    assert here.heard("card.cleared", kind="unrouted")["card_id"] == card["card_id"]


def test_items_whose_ecn_does_not_come(here: Plant) -> None:
    """They are refused with their number, and a copy is where the card says; an ECN that comes late brings them out."""
    file = items(here, "ECN-20", "EL-20/B")
    rejected = here.heard("ecn.rejected", file=file.name)
    assert "items of ECN-20" in rejected["reason"]
    assert "the ECN itself is missing (`join` has waited 2s for it) → export the ECN itself" in rejected["reason"]
    card = here.heard("card.raised", kind="ecn_rejected")
    assert card["title"]["en"] == f"ECN file {file.name} is refused"  # it can be read: its other half is missing
    assert "此处有 ECN-20 的条目，但缺少变更单本身（`join` 已等待 2s）" in card["text"]["zh-CN"]
    (note,) = (here.site.database.parent / "quarantine" / "plm").glob("*ECN-20*.reason.txt")
    assert "the ECN itself is missing" in note.read_text(encoding="utf-8")
    assert note.with_name(note.name.removesuffix(".reason.txt")).read_bytes() == file.read_bytes()
    header(here, "ECN-20")
    here.heard("obligation.opened", ecn="ECN-20")


def test_told_once_whatever_restarts(here: Plant) -> None:
    """After a restart, and after a kill, what was told is not told again, though every file is read and joined anew."""
    header(here, "ECN-30")
    items(here, "ECN-31", "EL-31/B")
    here.heard("ecn.unrouted", ecn="ECN-30")
    here.heard("ecn.rejected", file="ECN-31-items.csv")
    here.delivered()
    counted = ("ecn.received", "ecn.changed", "ecn.unrouted", "ecn.rejected", "obligation.opened", "card.raised")
    before = {name: len(here.events(name)) for name in counted}
    for end in (here.process.stop, here.process.kill):
        end()
        here.process.start()
        header(here, f"MARK-{end.__name__}")  # told after the others that wait
        here.heard("ecn.unrouted", ecn=f"MARK-{end.__name__}")
    here.delivered()
    after = {name: len(here.events(name)) for name in counted}
    assert after == before | {
        "ecn.received": before["ecn.received"] + 2,
        "ecn.unrouted": before["ecn.unrouted"] + 2,
        "card.raised": after["card.raised"],
    }


def test_items_that_were_moved_away_take_nothing_back(here: Plant) -> None:
    """Another consumer archives the file with the items; after a restart the ECN is alone, and demands what it did."""
    header(here, "ECN-40")
    file = items(here, "ECN-40", "EL-40/B")
    here.heard("obligation.opened", ecn="ECN-40")
    here.process.stop()
    file.unlink()
    here.process.start()
    header(here, "ECN-41")  # told after what waited before it
    here.heard("ecn.unrouted", ecn="ECN-41")
    here.delivered()
    assert here.events("ecn.changed", ecn="ECN-40") == here.events("ecn.unrouted", ecn="ECN-40") == []
