"""The way from release to machine: stages from successive exports, and what an ECN says of serial numbers and lots."""

from __future__ import annotations

from edge_bridge.domain.card import Kind
from edge_bridge.domain.ecn import MOST_STEPS, EcnDraft, Item, Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import DAY, HOUR, MINUTE, TimeQuality, When
from edge_bridge.domain.obligation import Verdict
from tests.unit.domain_plant import Shop, draft


def way(shop: Shop, number: str = "E1") -> list[str]:
    """Return the stages of an ECN in the order in which it was in them."""
    return [stage for stage, _ in shop.ledger.books.state.ecn[number].steps]


def test_successive_exports_make_a_stage_history() -> None:
    """The same content with another stage is no change: nothing is told, and the way is noted."""
    shop = Shop()
    released = shop.now.utc
    shop.notice(draft("E1", released=released, stage="programming"))
    before = len(shop.events)
    times = [shop.now.utc]
    for stage in ("review", "approved"):
        shop.waits(60)
        times.append(shop.now.utc)
        shop.notice(draft("E1", released=released, stage=stage))
    assert len(shop.events) == before
    assert shop.ledger.books.state.ecn["E1"].stages == dict(
        zip(("released", "programming", "review", "approved"), (released, *times), strict=True)
    )


def test_a_stage_that_it_comes_back_to_is_there_twice() -> None:
    """Review sends it back to programming: when it was first there stays, and the way shows the detour."""
    shop = Shop()
    released = shop.now.utc
    for stage in ("programming", "review", "programming", "review", "approved"):
        shop.waits(60)
        for _ in range(2):  # each export twice: seen again is not reached again
            shop.notice(draft("E1", released=released, stage=stage))
    ecn = shop.ledger.books.state.ecn["E1"]
    assert way(shop) == ["released", "programming", "review", "programming", "review", "approved"]
    assert ecn.stages["review"] == released + 2 * MINUTE
    assert ecn.steps[-2] == ("review", released + 4 * MINUTE)


def test_the_way_survives_a_restart_and_is_bounded() -> None:
    """An export that flaps for years must not fill the database."""
    shop = Shop()
    released = shop.now.utc
    for n in range(MOST_STEPS + 20):
        shop.waits(1)
        shop.notice(draft("E1", released=released, stage=f"s{n % 2}"))
    shop.restart()
    assert len(way(shop)) == MOST_STEPS
    assert set(shop.ledger.books.state.ecn["E1"].stages) == {"released", "s0", "s1"}


def test_a_stage_date_counts_where_it_can_be() -> None:
    """To the second and in the past: when it was reached. A day, the future, or before the stage before: when it came."""
    shop = Shop()
    released = shop.now.utc - HOUR
    said = When(released + 10 * MINUTE)
    shop.notice(draft("E1", released=released, stage="programming", stage_date=said))
    reached = shop.ledger.books.state.ecn["E1"].stages
    assert reached["programming"] == said.utc
    for stage, when in (
        ("review", When(shop.now.utc - DAY, TimeQuality.DAY)),
        ("approved", When(shop.now.utc + DAY)),
        ("available", When(released)),
    ):
        shop.waits(1)
        shop.notice(draft("E1", released=released, stage=stage, stage_date=when))
        assert shop.ledger.books.state.ecn["E1"].stages[stage] == shop.now.utc


def test_a_new_release_starts_the_stages_anew_and_keeps_the_way() -> None:
    """Released, back in work, released again: the clock of each stage starts with the release that counts."""
    shop = Shop()
    shop.notice(draft("E1", released=shop.now.utc, stage="programming"))
    shop.waits(60)
    shop.notice(draft("E1", status=Status.IN_WORK, stage="review"))
    shop.waits(60)
    shop.notice(draft("E1", released=shop.now.utc, stage="programming"))
    assert shop.ledger.books.state.ecn["E1"].stages == {"released": shop.now.utc, "programming": shop.now.utc}
    assert way(shop) == ["released", "programming", "review", "released", "programming"]


def test_the_machine_says_when_it_is_loaded() -> None:
    """The last stage is per obligation: two machines load at two times."""
    shop = Shop()
    told = shop.notice(draft("E1", released=shop.now.utc, stage="approved"))
    assert "loaded" not in told[0].data["stages"]
    shop.keeps_reading(60, "2")
    (closed,) = shop.seen(EventType.OBLIGATION_CLOSED)
    assert list(closed.data["stages"]) == ["released", "approved", "loaded"]
    assert "loaded" not in shop.ledger.books.state.ecn["E1"].stages


def test_the_way_is_told_with_the_ecn() -> None:
    """The platform sees detours with the next change; `stages` keeps its meaning."""
    shop = Shop()
    for stage in ("programming", "review", "programming"):
        shop.notice(draft("E1", released=shop.now.utc, stage=stage))
    (told, *_) = shop.notice(draft("E1", "3", released=shop.now.utc, stage="programming"))
    assert [step["stage"] for step in told.data["stage_history"]] == [
        "released",
        "programming",
        "review",
        "programming",
    ]


def test_a_card_names_the_last_stage_even_of_one_moment() -> None:
    """A file that says that it is released and in review has both at one time: it hangs in the review."""
    shop = Shop()
    shop.reads("1")
    shop.notice(draft("E1", released=shop.now.utc, stage="review"))
    stages = shop.ledger.books.state.ecn["E1"].stages
    assert (list(stages), len(set(stages.values()))) == (["released", "review"], 1)
    shop.keeps_reading(16 * 60, "1")
    assert shop.card(Kind.OVERDUE).facts["stage"] == "review"


def effective(**more: str) -> EcnDraft:
    return draft("E1", items=(Item(program="P1", version="2", machines=("m1",), row="line 2", **more),), released=1)  # type: ignore[arg-type]


def test_serial_numbers_and_lots_are_shown_and_judge_nothing() -> None:
    """Nobody can read from a control which serial number is being cut: checking is not switched off by it."""
    shop = Shop()
    shop.reads("1")
    told = shop.notice(effective(serial_from="0500", lot="L7"))
    (item,) = told[0].data["items"]
    assert (item["serial_from"], item["lot"], "serial_to" in item) == ("0500", "L7", False)
    (opened,) = shop.seen(EventType.OBLIGATION_OPENED)
    assert opened.data["effectivity"] == "serial 0500 – …, lot L7"
    shop.keeps_reading(16 * 60, "1")
    assert shop.obligation().verdict is Verdict.VIOLATED


def test_another_serial_number_is_a_change_and_no_new_time_limit() -> None:
    """It says for which pieces, not what the machine needs."""
    shop = Shop()
    shop.notice(effective(serial_from="0500"))
    told = shop.notice(effective(serial_from="0700"))
    assert [event.type for event in told] == [EventType.ECN_CHANGED]
    assert shop.obligation().demand.effectivity == "serial 0700 – …"
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == 1


def test_an_ecn_without_them_has_the_digest_that_it_always_had() -> None:
    """After an upgrade, the files of years must not all be changes."""
    assert draft("E1", "2", released=1).digest == "b269e86cd51f012bebb6efe86e70a10d6bd7c2f86e9ce6ec40e86fb9b7bacb85"
