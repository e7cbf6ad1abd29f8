"""ECN files as PLMs and people really leave them, on the real daemon: each has its effect once, or says why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.plant import Plant, plant
from tests.system.site import now_text
from tests.waiting import until_sync

HEAD = "number,status,released,part,revision"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One plant for all of these: the first scan is done, and `dmu50-01` shows EL-1 version A."""
    with plant(tmp_path_factory.mktemp("files"), modbus=False) as running:
        running.scanned()
        running.reachable("dmu50-01")
        yield running
        running.delivered()


def put(here: Plant, name: str, *rows: str, head: str = HEAD) -> Path:
    """Put a file there in one go, as `rename` does."""
    draft = here.site.plm / f".{name}.new"
    draft.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return draft.replace(here.site.plm / name)


def pass_marker(here: Plant, name: str) -> None:
    """Wait until everything put before this has been read."""
    put(here, f"{name}.csv", f"{name},已发布,{now_text()},EL-999,B")
    here.heard("ecn.received", ecn=name)


def test_two_ecns_for_one_program_within_the_window(here: Plant) -> None:
    """The newer one takes over, exposure included; the older one is excluded, not violated."""
    here.site.released("ECN-1", "EL-1", "C", ago_s=60)
    first = here.heard("obligation.opened", ecn="ECN-1")
    here.site.released("ECN-2", "EL-1", "D")
    second = here.heard("obligation.opened", ecn="ECN-2")
    closed = here.heard("obligation.closed", ecn="ECN-1")
    assert (closed["verdict"], closed["reason"]) == ("excluded", "superseded")
    assert second["unmet_since"] == first["unmet_since"]
    state = until_sync(lambda: here.retained("state/dmu50-01"))
    until_sync(
        lambda: [r["required"] for r in (here.retained("state/dmu50-01") or state)["requirements"]] == ["D"],
        what="one requirement, the newer",
    )


def test_back_to_work_and_released_again(here: Plant) -> None:
    """Back to work is a withdrawal that people hear of; released again opens a new obligation."""
    row = f"ECN-20,{{}},{now_text()},EL-20,B"
    put(here, "ECN-20.csv", row.format("已发布"))
    first = here.heard("obligation.opened", ecn="ECN-20")
    put(here, "ECN-20.csv", row.format("编制中"))
    assert here.heard("obligation.closed", obligation=first["obligation"])["reason"] == "withdrawn"
    assert here.heard("card.raised", kind="withdrawn_after_release")["ecn"] == "ECN-20"
    put(here, "ECN-20.csv", row.format("已发布"))
    until_sync(lambda: len(here.events("obligation.opened", ecn="ECN-20")) == 2, what="a new obligation")
    assert [e["status"] for e in here.events("ecn.changed", ecn="ECN-20")] == ["released"]
    assert len(here.events("ecn.withdrawn", ecn="ECN-20")) == 1


def test_the_nightly_export_of_everything(here: Plant) -> None:
    """The same files again, under the same names and under others, are no news."""
    for part in range(30, 50):
        here.site.released(f"ECN-{part}", f"EL-{part}", "B")
    until_sync(lambda: len(here.events("obligation.opened")) >= 20 + 0, what="20 obligations")
    pass_marker(here, "MARK-1")
    here.delivered()
    before = dict(here.consumer.types)
    for file in sorted(here.site.plm.glob("ECN-*.csv")):
        data = file.read_bytes()
        for name in (file.name, f"copy-of-{file.name}"):
            draft = file.with_name(f".{name}.new")
            draft.write_bytes(data)
            draft.replace(file.with_name(name))
    pass_marker(here, "MARK-2")
    here.delivered()
    after = dict(here.consumer.types)
    after["edge-bridge.ecn.received.v1"] -= 1  # the marker
    after["edge-bridge.obligation.opened.v1"] -= 1
    assert after["edge-bridge.obligation.closed.v1"] - before["edge-bridge.obligation.closed.v1"] in (0, 1)
    after["edge-bridge.obligation.closed.v1"] = before[
        "edge-bridge.obligation.closed.v1"
    ]  # marker 2 supersedes marker 1
    after["edge-bridge.obligation.verdict.v1"] = before.get("edge-bridge.obligation.verdict.v1", 0)
    assert after == {**after, **before}
    assert set(after) == set(before) | {"edge-bridge.obligation.verdict.v1"}


def test_a_file_that_is_written_slowly(here: Plant) -> None:
    """Half a file is neither an ECN nor a fault; completed, it counts once, whole."""
    with (here.site.plm / "slow.csv").open("w", encoding="utf-8") as file:
        file.write(f"{HEAD}\nECN-60,已发布,{now_text()},EL-60,B\nECN-61,已发布,20")
        file.flush()
        pass_marker(here, "MARK-3")
        assert here.events("ecn.received", ecn="ECN-60") == []
        file.write(f"26-11-01T08:00:00,EL-61,B\nECN-62,已发布,{now_text()},EL-62,B\n")
    for number in ("ECN-60", "ECN-61", "ECN-62"):
        here.heard("ecn.received", ecn=number)
    assert here.events("ecn.rejected", file="slow.csv") == []
    assert len(here.events("ecn.received", ecn="ECN-60")) == 1


def test_what_makes_no_sense(here: Plant) -> None:
    """Empty, wrongly encoded, without a column that must be there: each is rejected with its reason, once, as one card."""
    for name, data in {
        "empty.csv": b"",
        "encoding.csv": HEAD.encode() + b"\nECN-70,\xff\xfe\x00\x81\x9d,,EL-70,B\n",
        "column.csv": b"released,part,revision\n2026-11-01T08:00:00,EL-71,B\n",
    }.items():
        draft = here.site.plm / f".{name}.new"
        draft.write_bytes(data)
        draft.replace(here.site.plm / name)
    for name in ("empty.csv", "encoding.csv", "column.csv"):
        rejected = here.heard("ecn.rejected", within=20, file=name)
        assert rejected["reason"]
        assert len(here.events("ecn.rejected", file=name)) == 1
    assert "number" in here.heard("ecn.rejected", file="column.csv")["reason"]
    assert {card["facts"]["file"] for card in here.cards("ecn_rejected")} == {"empty.csv", "encoding.csv", "column.csv"}
    assert here.cards("ecn_rejected", active=True) == []  # one-shots


def test_an_item_that_no_route_covers(here: Plant) -> None:
    """Never silence: an event and a card for the designer; the routed item beside it counts all the same."""
    now = now_text()
    put(here, "ECN-80.csv", f"ECN-80,已发布,{now},XX-1,B", f"ECN-80,已发布,{now},EL-80,B")
    assert here.heard("ecn.unrouted", ecn="ECN-80")["items"][0]["part"] == "XX-1"
    assert here.heard("obligation.opened", ecn="ECN-80")["part"] == "EL-80"
    assert here.heard("card.raised", kind="unrouted")["parties"]


def test_released_long_ago_and_not_yet(here: Plant) -> None:
    """A late file is told as late, and its time runs from its arrival; one of the future waits, visibly, and binds nobody."""
    here.site.released("ECN-90", "EL-90", "B", ago_s=7200)
    late = here.heard("obligation.opened", ecn="ECN-90")
    assert late["late_arrival"] is True
    assert late["transport_delay_s"] > 7100
    put(here, "ECN-91.csv", f"ECN-91,已发布,{now_text(ago_s=-3600)},EL-91,B")
    assert here.heard("ecn.received", ecn="ECN-91")
    pass_marker(here, "MARK-4")
    received = here.heard("ecn.received", ecn="ECN-91")
    opened = here.events("obligation.opened", ecn="ECN-91")
    # either it is effective from then (and waits), or its date is doubted in public: never silently green
    assert received["waiting"] is not bool(opened)
    assert received["waiting"] or here.cards("suspect_time")


def test_withdrawn(here: Plant) -> None:
    """An explicit withdrawal excludes the obligation; a deleted file does not."""
    file = here.site.released("ECN-95", "EL-95", "B")
    here.heard("obligation.opened", ecn="ECN-95")
    file.unlink()
    pass_marker(here, "MARK-5")
    assert here.events("obligation.closed", ecn="ECN-95") == []
    put(here, "ECN-95.csv", f"ECN-95,已取消,{now_text()},EL-95,B")
    closed = here.heard("obligation.closed", ecn="ECN-95")
    assert (closed["verdict"], closed["reason"]) == ("excluded", "withdrawn")
