"""ECNs: what identifies one, which of several is in force, dates, and what people are asked about them.

The matrix of identity, order and change, and the test that would fail without it:

| what comes in | test |
|---|---|
| the same content again, from any file | test_the_same_content_from_any_file_has_no_effect |
| the same bytes under the same path | test_the_same_bytes_under_one_path_are_processed_once |
| changed content, and back | test_a_change_back_to_an_earlier_state_is_a_change |
| some items changed | test_a_corrected_ecn_supersedes_only_what_changed |
| another category, by which routes go | test_another_category_is_a_change_where_routes_go_by_it |
| two rows that demand different things of one program | test_an_ecn_that_contradicts_itself_is_never_silent |
| fewer items than before | test_an_item_that_is_no_longer_there_ends_its_obligation |
| changed without revision | test_changed_without_revision_raises_a_card |
| only texts changed | test_a_drawing_text_alone_starts_no_new_time_limit |
| only the stage changed | test_domain_stages.test_successive_exports_make_a_stage_history |
| older after newer | test_an_older_one_that_arrives_late_is_recorded_and_not_applied |
| equal releases | test_arrival_then_number_decide_between_equal_releases |
| explicit `supersedes` | test_explicit_supersedes_comes_before_release |
| two that supersede each other | test_two_that_supersede_each_other_are_ordered_by_release |
| superseded before the time is up | test_superseding_inside_the_window_hands_on_since_when_it_is_wrong |
| withdrawal | test_withdrawing_the_newest_restores_its_predecessor |
| withdrawal of what was never held | test_a_withdrawal_of_what_was_never_released_is_recorded_and_asks_nothing |
| status going back, and released again | test_released_to_in_work_to_released |
| closed | test_a_closed_ecn_stays_in_force |
| file gone | test_a_vanished_file_is_not_a_withdrawal |
| one number in two sources, or one item a file | test_another_file_that_takes_everything_back_is_never_silent |
| file with its items gone | test_items_that_have_not_come_take_back_none_that_are_known |
| effective later | test_a_future_effective_date_waits_visibly_and_is_activated_on_time |
| effective later, and withdrawn before | test_a_waiting_ecn_that_is_withdrawn_never_comes_into_force |
| released in the future | test_a_future_release_is_suspect_and_checking_goes_on |
| serial number or lot | test_domain_stages.test_serial_numbers_and_lots_are_shown_and_judge_nothing |
| a part that is not running | test_domain_obligation (not_loaded) |
| unknown status word | test_an_unknown_status_changes_nothing_and_raises_one_card_a_word |
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_bridge.cards import reasons
from edge_bridge.domain.card import Kind
from edge_bridge.domain.ecn import Item, Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import DAY, HOUR, MINUTE, SECOND, TimeQuality, When
from edge_bridge.domain.obligation import Verdict
from edge_bridge.domain.plant import Machine, Route, Source
from edge_bridge.domain.signal import ScanDone
from edge_bridge.domain.version import Scheme, VersionRule
from tests.unit.domain_plant import Shop, day, draft, kinds, plant, types


def test_the_same_content_from_any_file_has_no_effect() -> None:
    """A nightly re-export of everything under new names, with other titles, changes nothing."""
    shop = Shop()
    when = shop.now.utc
    for n in range(5):
        shop.released(f"E{n}", program=f"P{n}", released=when)
    before = len(shop.events)
    shop.waits(60)
    shop.notice(*(draft(f"E{n}", program=f"P{n}", released=when, title="again") for n in range(5)), file="night.csv")
    for n in range(5):
        shop.released(f"E{n}", program=f"P{n}", released=when, file=f"copy-{n}.csv")
    assert len(shop.events) == before


def test_the_same_bytes_under_one_path_are_processed_once() -> None:
    """After the ECN changed by another file, the old file seen again (a restart, a scan) does not bring it back."""
    shop = Shop()
    old = draft("E1", "2", released=shop.now.utc)
    shop.notice(old, file="a.csv", sha256="a")
    shop.released("E1", "3", released=shop.now.utc, file="b.csv")
    assert shop.notice(old, file="a.csv", sha256="a") == []
    assert shop.requirement().demand.version == "3"


def test_a_change_back_to_an_earlier_state_is_a_change() -> None:
    """The file goes 2 → 3 → 2: three states, each applied with its own arrival."""
    shop = Shop()
    shop.reads("2")
    two = draft("E1", "2", released=shop.now.utc)
    shop.notice(two, file="a.csv", sha256="a")
    shop.waits(5)
    shop.released("E1", "3", file="a.csv")
    shop.waits(5)
    shop.notice(two, file="a.csv", sha256="a")
    assert shop.requirement().demand.version == "2"
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == 3
    assert [e.type for e in shop.seen(EventType.ECN_CHANGED)] == [EventType.ECN_CHANGED] * 2


def test_a_corrected_ecn_supersedes_only_what_changed() -> None:
    """Of two items one gets another version: its obligation is superseded, the other one stays as it is."""
    shop = Shop()
    p1, p2 = Item(program="P1", version="2", machines=("m1",)), Item(program="P2", version="5", machines=("m1",))
    shop.notice(draft("E1", items=(p1, p2), released=shop.now.utc))
    shop.notice(draft("E1", items=(p1, replace(p2, version="6")), released=shop.now.utc))
    assert shop.verdicts() == ["excluded:superseded"]
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == 3
    assert shop.requirement("P2").demand.version == "6"


def test_an_item_that_is_no_longer_there_ends_its_obligation() -> None:
    """A corrected item list: what is not demanded any more is nobody's fault, and nothing rules that program now."""
    shop = Shop()
    p1, p2 = Item(program="P1", version="2", machines=("m1",)), Item(program="P2", version="5", machines=("m1",))
    shop.notice(draft("E1", items=(p1, p2), released=shop.now.utc))
    shop.notice(draft("E1", items=(p1,), released=shop.now.utc))
    assert shop.verdicts() == ["excluded:superseded"]
    assert [row.demand.program for row in shop.ledger.books.state.requirement.values()] == ["P1"]


@pytest.mark.parametrize("change", [{"sha256": "bb"}, {"drawing": "D2"}, {"revision": "C"}])
def test_changed_without_revision_raises_a_card(change: dict[str, str]) -> None:
    """The same required version for another content is a question to design."""
    shop = Shop()
    shop.released("E1", sha256="aa", drawing="D1", revision="B", released=shop.now.utc)
    told = shop.released("E1", released=shop.now.utc, **({"sha256": "aa", "drawing": "D1", "revision": "B"} | change))
    assert Kind.CHANGED_WITHOUT_REVISION in kinds(told)


def test_a_drawing_text_alone_starts_no_new_time_limit() -> None:
    """The machine needs the same program: the obligation goes on."""
    shop = Shop()
    shop.released("E1", drawing="D1", released=shop.now.utc)
    shop.released("E1", drawing="D2", released=shop.now.utc)
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == 1
    assert shop.obligation().demand.drawing == "D2"


def test_released_to_in_work_to_released() -> None:
    """Going back is a withdrawal with a card; released again is a new obligation with its own arrival."""
    shop = Shop()
    shop.keeps_reading(5, "1")
    shop.released("E1")
    told = shop.notice(draft("E1", status=Status.IN_WORK))
    assert "ecn.withdrawn" in types(told)
    assert kinds(told) == ["withdrawn_after_release"]
    assert shop.verdicts() == ["excluded:withdrawn"]
    assert not shop.ledger.books.state.requirement
    shop.keeps_reading(600, "1")
    shop.released("E1", released=shop.now.utc)
    assert shop.obligation().t0 == shop.now.utc
    assert list(shop.ledger.books.state.ecn["E1"].stages.values()) == [shop.now.utc]


def test_a_vanished_file_is_not_a_withdrawal() -> None:
    """Losing the source and finding it empty withdraws nothing."""
    shop = Shop()
    shop.released("E1")
    shop.loses("plm")
    shop.source_back()
    shop.send(ScanDone("plm", shop.now, files=0))
    assert shop.obligation().verdict is Verdict.PENDING


def test_explicit_supersedes_comes_before_release() -> None:
    """An ECN that says what it supersedes wins although it was released earlier."""
    shop = Shop()
    shop.released("E2", "3", released=shop.now.utc)
    shop.released("E1", "9", released=shop.now.utc - HOUR, supersedes=("E2",))
    assert shop.requirement().demand.version == "9"


def test_two_that_supersede_each_other_are_ordered_by_release() -> None:
    """A slip of the pen in two files must not leave the program without a requirement."""
    shop = Shop()
    shop.released("E1", "2", released=shop.now.utc - HOUR, supersedes=("E2",))
    shop.released("E2", "3", released=shop.now.utc, supersedes=("E1",))
    assert shop.requirement().demand.version == "3"


def test_an_older_one_that_arrives_late_is_recorded_and_not_applied() -> None:
    """Order is by release, not by arrival."""
    shop = Shop()
    shop.released("E2", "3", released=shop.now.utc)
    told = shop.released("E1", "2", released=shop.now.utc - HOUR)
    assert types(told) == ["ecn.received"]
    assert shop.requirement().demand.ecn == "E2"


def test_arrival_then_number_decide_between_equal_releases() -> None:
    """A batch released in the same second: the later arrival, then the higher number, as people count."""
    shop = Shop()
    when = shop.now.utc
    shop.notice(draft("E10", "3", released=when), draft("E9", "2", released=when))
    assert shop.requirement().demand.ecn == "E10"
    shop.waits(1)
    shop.notice(draft("E0", "4", released=when))
    assert shop.requirement().demand.ecn == "E0"


def test_withdrawing_the_newest_restores_its_predecessor() -> None:
    """The requirement before is in force again, without a second obligation for it."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1", "2", released=shop.now.utc - MINUTE)
    shop.released("E2", "3", released=shop.now.utc)
    shop.notice(draft("E2", "3", status=Status.WITHDRAWN))
    assert shop.requirement().demand.ecn == "E1"
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == 2
    assert shop.requirement().matched is not None


def test_a_withdrawal_of_what_was_never_released_is_recorded_and_asks_nothing() -> None:
    """Nobody on the floor can have acted on it."""
    shop = Shop()
    told = shop.notice(draft("E1", status=Status.WITHDRAWN))
    assert types(told) == ["ecn.received"]
    assert not shop.ledger.books.state.requirement


def test_a_closed_ecn_stays_in_force() -> None:
    """Finished is not withdrawn: nothing opens and nothing ends by it."""
    shop = Shop()
    shop.reads("2")
    when = shop.now.utc
    shop.released("E1", released=when)
    shop.notice(draft("E1", status=Status.CLOSED, released=when))
    assert shop.requirement().demand.ecn == "E1"
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == 1


def test_superseding_inside_the_window_hands_on_since_when_it_is_wrong() -> None:
    """Two ECNs within fifteen minutes: the successor's exposure counts from the first release."""
    shop = Shop()
    shop.released("E1", "2")
    first = shop.now.utc
    shop.keeps_reading(600, "1", running=True)
    shop.released("E2", "3")
    assert shop.verdicts() == ["excluded:superseded"]
    assert shop.obligation().unmet_since == first
    shop.keeps_reading(300, "1", running=True)
    shop.keeps_reading(5, "3", running=True)
    assert shop.closed_obligation("E2").exposure == pytest.approx(900 * SECOND, abs=10 * SECOND)


def test_superseding_revises_the_overdue_card_and_never_doubles_it() -> None:
    """One card, now about both ECNs and asking for the newest version."""
    shop = Shop()
    shop.released("E1", "2")
    shop.keeps_reading(16 * 60, "1")
    told = shop.released("E2", "3")
    assert kinds(told, EventType.CARD_REVISED) == ["overdue"]
    card = shop.card(Kind.OVERDUE)
    assert (card.ecns, card.facts["required"], card.revision) == (("E1", "E2"), "3", 2)
    shop.keeps_reading(16 * 60, "1")
    assert shop.verdicts() == ["violated:other", "violated:other"]
    assert shop.card(Kind.OVERDUE).id == card.id
    shop.keeps_reading(5, "3")
    assert not shop.card(Kind.OVERDUE).active


def test_two_rows_on_one_program_make_one_obligation() -> None:
    """Of two rows about one program on one machine, the later one holds."""
    shop = Shop()
    rows = (Item(program="P1", version="2", machines=("m1",)), Item(program="p1.mpf", version="3", machines=("M1",)))
    shop.notice(draft("E1", items=rows, released=shop.now.utc))
    assert shop.obligation().demand.version == "3"


def test_items_that_have_not_come_take_back_none_that_are_known() -> None:
    """ECN and items in two files: the one with the items was moved away, and after a restart the other one is alone."""
    shop = Shop()
    shop.released("E1", "2", released=(when := shop.now.utc))
    alone = (Item(row="line 2", doubt="its items are missing"),)
    assert shop.notice(draft("E1", items=alone, released=when), file="head.csv") == []
    assert shop.requirement().demand.version == "2"
    told = shop.notice(draft("E1", items=alone, released=when, status=Status.CLOSED), file="head.csv")
    assert {EventType.ECN_CHANGED, EventType.ECN_UNROUTED} <= {event.type for event in told}
    assert shop.requirement().demand.version == "2"
    assert shop.card(Kind.UNROUTED).facts["reason"] == "E1: its items are missing"
    shop.notice(draft("E1", items=alone, released=when, status=Status.WITHDRAWN), file="head.csv")
    assert not shop.ledger.books.state.requirement
    assert not shop.card(Kind.UNROUTED).active


@pytest.mark.parametrize("source", ["sap", "plm"])
def test_another_file_that_takes_everything_back_is_never_silent(source: str) -> None:
    """Two PLMs that share a number, or one that writes a file for each part of an ECN: the first item would be gone unseen."""
    shop = Shop(plant("m1", sources={"plm": Source("plm"), "sap": Source("sap")}))
    shop.notice(draft("42", "2", program="P1", released=shop.now.utc), file="a.csv")
    told = shop.notice(draft("42", "7", program="P9", released=shop.now.utc), file="b.csv", source=source)
    assert {EventType.ECN_CHANGED, EventType.ECN_UNROUTED} <= {event.type for event in told}
    reason = shop.card(Kind.UNROUTED).facts["reason"]
    assert "it was stated by a.csv of plm before" in reason
    assert reasons.told(reason.partition(": ")[2], "zh-CN").startswith("此前由 plm 的 a.csv 给出")


def test_a_correction_in_another_file_asks_nothing() -> None:
    """A nightly export under a new name, of which one item is gone and another one new; and one source after another."""
    shop = Shop(plant("m1", sources={"plm": Source("plm"), "sap": Source("sap")}))
    one, two, three = (Item(program=f"P{n}", version="2", machines=("m1",)) for n in (1, 2, 3))
    shop.notice(draft("42", items=(one, two), released=(when := shop.now.utc)), file="a.csv")
    told = shop.notice(draft("42", items=(two, three), released=when), file="b.csv")
    told += shop.notice(draft("42", items=(one, two, three), released=when), file="c.csv", source="sap")
    told += shop.notice(draft("42", items=(one,), released=when), file="c.csv", source="sap")
    told += shop.notice(draft("42", items=(two,), released=when), file="c.csv", source="sap")
    shop.notice(draft("43", program="P4", released=when, status=Status.IN_WORK), file="a.csv")
    told += shop.notice(draft("43", program="P5", released=when), file="b.csv")
    assert EventType.ECN_UNROUTED not in types(told)


def test_an_ecn_that_contradicts_itself_is_never_silent() -> None:
    """Two rows that ask two versions of one program: one of them holds, and people are asked which one is meant."""
    shop = Shop(plant("m1", routes=(Route({"part": "*"}, ("m1",), ("{part}",), "{revision}"),)))
    rows = (Item(part="P", revision="B", row="line 2"), Item(part="P", revision="A", row="line 3"))
    told = shop.notice(draft("E1", items=rows, released=shop.now.utc))
    assert EventType.ECN_UNROUTED in types(told)
    reason = shop.card(Kind.UNROUTED).facts["reason"]
    assert "A is demanded of P here and B at line 2" in reason
    assert reasons.told(reason.partition(": ")[2], "zh-CN").startswith("此处对 P 要求 A，而 第 2 行 处要求 B")
    shop.notice(draft("E1", items=rows[:1], released=shop.now.utc))
    assert not shop.card(Kind.UNROUTED).active


def test_rows_that_demand_the_same_contradict_nothing() -> None:
    """One program for two parts, or for two lots, asked in the same version."""
    shop = Shop(plant("m1", routes=(Route({"part": "*"}, ("m1",), ("O1",), "{revision}"),)))
    rows = (Item(part="P1", revision="B", lot="L1"), Item(part="P1", revision="B", lot="L2"), Item("P2", revision="B"))
    assert EventType.ECN_UNROUTED not in types(shop.notice(draft("E1", items=rows, released=shop.now.utc)))


def test_another_category_is_a_change_where_routes_go_by_it() -> None:
    """Nothing but the category is corrected, and another program is to be changed."""
    rules = (Route({"category": kind}, ("m1",), (f"P{kind}",), "{revision}") for kind in ("A", "B"))
    shop = Shop(plant("m1", routes=tuple(rules)))
    rows, released = (Item(part="P", revision="B"),), shop.now.utc
    shop.notice(draft("E1", items=rows, category="A", released=released))
    shop.notice(draft("E1", items=rows, category="B", released=released))
    assert [row.demand.program for row in shop.ledger.books.state.requirement.values()] == ["PB"]
    assert shop.verdicts() == ["excluded:superseded"]


def test_a_program_name_may_hold_any_character() -> None:
    """A bar in the name, of which keys are made, confuses nothing."""
    shop = Shop(plant(Machine("m1", exact_names=True)))
    shop.released("E1", program="A|B|C")
    shop.keeps_reading(16 * 60, "1", program="A|B|C", running=True)
    assert shop.verdicts() == ["violated:other"]
    shop.keeps_reading(5, "9", program="B|C", running=True)
    assert shop.requirement("A|B|C").outdated_since is None
    shop.restart()
    shop.keeps_reading(5, "2", program="A|B|C")
    assert shop.verdicts()[-1] == "late"


def test_a_future_effective_date_waits_visibly_and_is_activated_on_time() -> None:
    """The old requirement stays in force until then; the obligation opens to the second."""
    shop = Shop()
    shop.reads("2")
    shop.released("E1", "2")
    (received, *_) = shop.released("E2", "3", effective=shop.now.utc + HOUR)
    assert received.data["waiting"] is True
    assert shop.requirement().demand.ecn == "E1"
    shop.keeps_reading(3599, "2", step=1)
    assert shop.requirement().demand.ecn == "E1"
    told = shop.keeps_reading(1, "2", step=1)
    assert types(told)[:2] == ["ecn.changed", "obligation.opened"]
    assert shop.obligation("E2").t0 == shop.now.utc


def test_a_waiting_ecn_that_is_withdrawn_never_comes_into_force() -> None:
    """The date comes, and nothing is demanded; the old requirement was never touched."""
    shop = Shop()
    shop.released("E1", "1")
    shop.notice(draft("E2", "2", effective=shop.now.utc + HOUR))
    shop.notice(draft("E2", "2", effective=shop.now.utc + HOUR, status=Status.WITHDRAWN))
    shop.waits(2 * HOUR / SECOND)
    assert shop.requirement().demand.ecn == "E1"
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == 1


def test_a_waiting_ecn_is_activated_after_a_restart_too() -> None:
    """Also when its date passed while the gateway was off; the deadline is still from its date."""
    shop = Shop()
    effective = shop.now.utc + HOUR
    shop.released("E1", "2", effective=effective)
    shop.restart(off=1800, reboot=True)
    shop.waits(1799, step=60)
    assert not shop.ledger.books.state.obligation
    shop.restart(off=5, reboot=True)
    shop.waits(1)
    assert shop.obligation("E1").t0 == effective


def test_a_future_release_is_suspect_and_checking_goes_on() -> None:
    """It claims to be released already: a card, and the time limit runs from arrival."""
    shop = Shop()
    told = shop.released("E1", released=shop.now.utc + DAY)
    assert "suspect_time" in kinds(told)
    assert shop.obligation().t0 == shop.now.utc


def test_up_to_the_skew_tolerance_the_future_is_now() -> None:
    """A PLM clock one minute ahead: released now, with the skew recorded."""
    shop = Shop()
    (received, *_) = shop.released("E1", released=shop.now.utc + MINUTE)
    assert received.data["skew_s"] == 60
    assert shop.obligation().t0 == shop.now.utc
    assert shop.cards() == []


@pytest.mark.parametrize(("released", "quality"), [(None, "none"), (When(1_777_593_600_000, TimeQuality.DAY), "day")])
def test_without_an_instant_the_arrival_counts(released: When | None, quality: str) -> None:
    """R missing, or a day without time: t0 = A, with the quality said."""
    shop = Shop()
    shop.notice(draft("E1", released=released))
    obligation = shop.obligation()
    assert (obligation.t0, obligation.time_quality, obligation.release) == (shop.now.utc, quality, None)


def test_a_bad_date_never_switches_checking_off() -> None:
    """A release in 1970, or in 2099: an obligation with a deadline of now + 15 minutes."""
    shop = Shop()
    shop.released("E1", released=0)
    shop.released("E2", program="P2", released=shop.now.utc + 26_000 * DAY)
    assert {o.t0 for o in shop.ledger.books.state.obligation.values()} == {shop.now.utc}


def test_an_unknown_status_changes_nothing_and_raises_one_card_a_word() -> None:
    """Ten ECNs with the same new word: one card; the ECNs as they were."""
    shop = Shop()
    for n in range(10):
        shop.notice(draft(f"E{n}", status=None, status_word="freigegebn"))
    card = shop.card(Kind.UNKNOWN_STATUS)
    assert (len(card.ecns), card.facts["word"]) == (10, "freigegebn")
    assert not list(shop.ledger.books.state.ecn)


def test_a_file_is_read_again_once_its_word_is_known() -> None:
    """The same bytes with the word mapped: taken in, the card is cleared; again, nothing."""
    shop = Shop()
    known = draft("E0", program="P0", released=shop.now.utc)
    shop.notice(known, draft("E1", status=None, status_word="Neu"), file="a.csv", sha256="a")
    shop.released("E0", "9", program="P0", released=shop.now.utc)
    mapped = draft("E1", status=Status.RELEASED, status_word="Neu", released=shop.now.utc)
    told = shop.notice(known, mapped, file="a.csv", sha256="a")
    assert types(told) == ["card.cleared", "ecn.received", "obligation.opened"]
    assert shop.requirement("P0").demand.version == "9"
    assert shop.notice(known, mapped, file="a.csv", sha256="a") == []


def test_an_acknowledged_word_does_not_come_back_at_every_start() -> None:
    """The file is delivered again at each connect; who has seen the card has seen it."""
    shop = Shop()
    unknown = draft("E1", status=None, status_word="Neu")
    shop.notice(unknown, file="a.csv", sha256="a")
    shop.acknowledges(shop.card(Kind.UNKNOWN_STATUS))
    shop.restart()
    assert shop.notice(unknown, file="a.csv", sha256="a") == []


@pytest.mark.parametrize("machines", [(), ("nobody",), ("m1", "nobody")])
def test_an_item_without_a_way_is_never_silent(machines: tuple[str, ...]) -> None:
    """No route, or a machine that nobody knows: an event and one card a source."""
    shop = Shop()
    for n in range(3):
        shop.released(f"E{n}", program=f"P{n}", machines=machines)
    assert types(shop.seen(EventType.ECN_UNROUTED)) == ["ecn.unrouted"] * 3
    assert shop.card(Kind.UNROUTED).ecns == ("E0", "E1", "E2")


@pytest.mark.parametrize(
    ("routes", "reason"),
    [
        (
            (Route({"part": "*"}, ("m1",), ("{part}_10", "{part}_{category}"), "{revision}"),),
            "route's {part}_{category} needs",
        ),
        (
            (
                Route({"part": "*"}, ("m1",), ("{part}",), "{revision}"),
                Route({"part": "*"}, ("m2",), ("{drawing}",), "{revision}"),
            ),
            "no program and version for m2",
        ),
    ],
)
def test_half_of_a_way_is_never_silent(routes: tuple[Route, ...], reason: str) -> None:
    """One of two programs, or one of two machines, that cannot be told from the ECN: the other alone would look done."""
    shop = Shop(plant("m1", "m2", routes=routes))
    shop.notice(draft("E1", released=1, items=(Item(part="P", revision="B"),)))
    assert shop.obligation().machine == "m1"
    assert reason in shop.card(Kind.UNROUTED).facts["reason"]
    shop.notice(draft("E1", released=1, items=(Item(part="P", drawing="D", revision="B"),), category="X"))
    assert len(shop.ledger.books.state.obligation) == 2
    assert not shop.card(Kind.UNROUTED).active


def test_an_exception_that_does_not_fit_is_no_gap() -> None:
    """A template whose field is empty gives way to the next rule, as long as there is one."""
    rules = (Route({"part": "*"}, ("m1",), (name,), "{revision}") for name in ("{drawing}", "{part}"))
    shop = Shop(plant("m1", routes=tuple(rules)))
    shop.notice(draft("E1", released=1, items=(Item(part="P", revision="B"),)))
    assert shop.obligation().program == "P"
    assert shop.seen(EventType.ECN_UNROUTED) == []


def test_the_card_says_why_of_every_ecn_on_it() -> None:
    """Not only of the last; and no longer of one that has found its way."""
    shop = Shop()
    shop.released("E1", machines=("nobody",))
    shop.notice(draft("E2", released=1, items=(Item(row="line 2", doubt="its items are missing"),)))
    shop.released("E3", program="P3", machines=())
    reasons = [
        "part: no machine named and no route matches",
        "E2: its items are missing",
        "part: unknown machine: nobody",
    ]
    assert shop.card(Kind.UNROUTED).facts["reason"] == "; ".join(reasons)
    shop.released("E2", machines=("m1",))
    shop.released("E1", machines=("m1",))
    assert shop.card(Kind.UNROUTED).ecns == ("E3",)
    assert shop.card(Kind.UNROUTED).facts["reason"] == reasons[0]


def test_a_machine_is_called_by_id_or_by_name() -> None:
    """As people write it."""
    shop = Shop()
    shop.released("E1", machines=(" name OF m1 ",))
    assert shop.obligation().machine == "m1"


def test_a_route_added_clears_the_card_when_every_ecn_on_it_has_its_way() -> None:
    """Half the way leaves the rest on the card."""
    shop = Shop()
    shop.released("E1", program="P1", machines=())
    shop.released("E2", program="Q1", machines=())
    shop.configured(plant(routes=(Route({"program": "P*"}, machines=("m1",)),)))
    assert shop.card(Kind.UNROUTED).ecns == ("E2",)
    shop.configured(plant(routes=(Route({"program": "*"}, machines=("m1",)),)))
    assert not shop.card(Kind.UNROUTED).active


def test_a_route_taken_away_is_never_silent() -> None:
    """The ECN whose way is gone goes on the card; its open obligation is excluded."""
    layout = plant(routes=(Route({"program": "P*"}, machines=("m1",)),))
    shop = Shop(layout)
    shop.released("E1", machines=())
    told = shop.configured(plant())
    assert kinds(told) == ["unrouted"]
    assert shop.verdicts() == ["excluded:rerouted"]
    assert shop.restart() == []


def test_an_ecn_that_finds_its_way_leaves_the_card() -> None:
    """Corrected in the PLM, or withdrawn: nothing is left to do."""
    shop = Shop()
    shop.released("E1", machines=())
    shop.released("E2", machines=())
    shop.released("E1")
    assert shop.card(Kind.UNROUTED).ecns == ("E2",)
    shop.notice(draft("E2", status=Status.WITHDRAWN))
    assert not shop.card(Kind.UNROUTED).active


def test_a_rejected_file_is_told_once_for_each_content() -> None:
    """An event and a one-shot card; the same bytes again are nothing new, other bytes are."""
    shop = Shop()
    assert types(shop.rejects()) == ["ecn.rejected", "card.raised", "card.cleared"]
    assert shop.rejects() == []
    assert types(shop.rejects(sha256="other")) == ["ecn.rejected", "card.revised"]


def test_a_rejected_file_is_read_again_once_it_can_be_understood() -> None:
    """The columns were corrected, the same bytes make sense now: taken in like any new file; again, nothing."""
    shop = Shop()
    shop.rejects("a.csv", "a")
    shop.waits(60)
    found = draft("E1", released=shop.now.utc), draft("E2", status=None, status_word="Neu")
    told = shop.notice(*found, file="a.csv", sha256="a")
    assert types(told) == ["ecn.received", "obligation.opened", "card.raised"]
    assert shop.card(Kind.UNKNOWN_STATUS).ecns == ("E2",)
    assert shop.notice(*found, file="a.csv", sha256="a") == []


def test_a_file_understood_late_does_not_bring_back_what_another_said_since() -> None:
    """It could not be read when it came; a newer file has told the ECN's state meanwhile."""
    shop = Shop()
    shop.rejects("a.csv", "a")
    shop.waits(60)
    shop.released("E1", "3")
    shop.waits(60)
    assert shop.notice(draft("E1", "2"), file="a.csv", sha256="a") == []
    assert shop.requirement("P1").demand.version == "3"


@pytest.mark.parametrize("status", [Status.RELEASED, Status.CLOSED])
def test_an_ecn_without_items_is_never_silent(status: Status) -> None:
    """It changes something, and nobody can tell on which machine; in work it demands nothing yet."""
    shop = Shop()
    bare = replace(draft("E1", status=status), items=())
    shop.notice(replace(bare, status=Status.IN_WORK))
    assert not shop.seen(EventType.ECN_UNROUTED)
    shop.notice(bare)
    assert [event.data["ecn"] for event in shop.seen(EventType.ECN_UNROUTED)] == ["E1"]
    assert shop.card(Kind.UNROUTED).ecns == ("E1",)


# Baseline


def first_scan(shop: Shop, count: int, **more: object) -> None:
    """Deliver old ECNs and end the first scan."""
    for n in range(count):
        shop.notice(draft(f"OLD{n}", program=f"P{n}", released=shop.now.utc - 400 * DAY, **more))
    shop.send(ScanDone("plm", shop.now, count))


@pytest.mark.parametrize("read", ["before", "during", "after"])
def test_a_first_start_on_old_files_is_quiet(read: str) -> None:
    """Whenever the machine is read first: no obligation, and one summary card for what does not match."""
    shop = Shop(plant("m1", "m2"), scanned=False)
    if read == "before":
        shop.keeps_reading(5, "1", machines=("m1", "m2"), running=True)
    for n in range(50):
        shop.notice(draft(f"OLD{n}", program=f"P{n}", machines=("m1", "m2"), released=shop.now.utc - 400 * DAY))
        if read == "during" and n == 25:
            shop.keeps_reading(5, "1", machines=("m1", "m2"), running=True)
    shop.send(ScanDone("plm", shop.now, 50))
    shop.keeps_reading(300, "1", machines=("m1", "m2"), running=True)
    shop.keeps_reading(300, "1", program="P2", machines=("m1", "m2"))
    shop.keeps_reading(300, "1", program="P2", machines=("m1", "m2"), running=True)
    assert shop.seen(EventType.OBLIGATION_OPENED, EventType.OBLIGATION_VERDICT) == []
    assert [c.kind for c in shop.cards()] == [Kind.BASELINE]
    assert shop.card(Kind.BASELINE).ecns == ("OLD1", "OLD2")
    assert len(shop.seen(EventType.BASELINE_TAKEN)) == 1


def test_the_summary_card_is_cleared_when_none_is_left() -> None:
    """Each match takes its line off; the last one clears the card."""
    shop = Shop(plant("m1", "m2"), scanned=False)
    first_scan(shop, 3, machines=("m1", "m2"))
    shop.keeps_reading(5, "1", machines=("m1", "m2"))
    shop.keeps_reading(5, "2", machines=("m1",))
    assert shop.card(Kind.BASELINE).active
    shop.keeps_reading(5, "2", machines=("m2",))
    assert not shop.card(Kind.BASELINE).active


def test_what_gets_worse_under_a_baseline_has_its_own_card() -> None:
    """Matched and no longer, or wrong in another way than before: people have to look now."""
    shop = Shop(plant("m1", "m2"), scanned=False)
    first_scan(shop, 3, machines=("m1", "m2"))
    shop.keeps_reading(5, "2", running=True)
    assert kinds(shop.keeps_reading(5, "1", running=True)) == ["reverted"]
    shop.keeps_reading(5, "1", machines=("m2",), running=True)
    assert kinds(shop.keeps_reading(5, "0", machines=("m2",), running=True)) == ["outdated_program_running"]


def test_a_recent_release_in_the_first_scan_is_an_obligation() -> None:
    """Released within the limit before the source was first configured: it counts."""
    shop = Shop(scanned=False)
    shop.released("E1", released=shop.now.utc - 14 * MINUTE)
    shop.released("E2", program="P2", released=shop.now.utc - 16 * MINUTE)
    shop.notice(draft("E3", program="P3"))
    shop.notice(draft("E4", program="P4", released=day(shop.now.utc - HOUR)))
    assert {o.ecn for o in shop.ledger.books.state.obligation.values()} == {"E1", "E4"}


@pytest.mark.parametrize("meanwhile", ["nothing", "a restart", "other routes"])
def test_a_first_scan_asks_about_each_cause_once(meanwhile: str) -> None:
    """Hundreds of unknown words, files without a way, unreadable files, old withdrawals: one card each, at the end."""
    shop = Shop(scanned=False)
    for n in range(100):
        shop.notice(draft(f"U{n}", status=None, status_word="??", released=0))
        shop.released(f"N{n}", machines=(), released=0)
        shop.rejects(file=f"bad{n}", sha256=f"bad{n}")
        shop.released(f"W{n}", program=f"W{n}", released=0)
        shop.notice(draft(f"W{n}", program=f"W{n}", status=Status.WITHDRAWN, released=0))
        shop.released(f"M{n}", machines=(), released=0)
        shop.notice(draft(f"M{n}", program=f"M{n}", released=0))  # a later file mends it
        if meanwhile == "a restart" and n == 50:
            shop.restart()
        if meanwhile == "other routes" and n == 50:
            shop.configured(plant("m1", routes=(Route({"part": "none"}, machines=("m1",)),)))
    assert shop.seen(EventType.CARD_RAISED) == []
    shop.send(ScanDone("plm", shop.now, 500))
    assert sorted(kinds(shop.seen(EventType.CARD_RAISED))) == ["ecn_rejected", "unknown_status", "unrouted"]
    assert shop.seen(EventType.CARD_REVISED) == []
    assert len(shop.card(Kind.UNROUTED).ecns) == 100


def test_a_new_machine_starts_with_a_baseline() -> None:
    """Old ECNs that name it fill the register only; a new release is an obligation."""
    shop = Shop()
    shop.released("E1", machines=("m1", "m2"), released=shop.now.utc - HOUR)
    shop.waits(3600)
    opened = len(shop.seen(EventType.OBLIGATION_OPENED))
    shop.configured(plant("m1", "m2"))
    shop.keeps_reading(60, "1", machines=("m2",), running=True)
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == opened
    assert [c.kind for c in shop.cards() if c.active and c.machine != "m1"] == [Kind.BASELINE]
    shop.released("E2", "3", machines=("m2",))
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == opened + 1


@pytest.mark.parametrize("edited", [False, True])
def test_a_new_or_edited_route_starts_with_a_baseline(edited: bool) -> None:
    """What was released before the rule was there fills the register only, also at a restart with it."""
    before = (Route({"program": "P*"}, machines=("m1",), version="1"),) if edited else ()
    shop = Shop(plant(routes=before))
    shop.released("E1", None if edited else "2", machines=(), revision="2")
    shop.keeps_reading(3600, "1", running=True)
    opened = len(shop.seen(EventType.OBLIGATION_OPENED))
    shop.restart(plant(routes=(Route({"program": "P*"}, machines=("m1",), version="{revision}"),)))
    shop.keeps_reading(60, "1", running=True)
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == opened
    assert shop.requirement().demand.version == "2"
    assert Kind.BASELINE in {c.kind for c in shop.cards() if c.active}


def test_a_new_source_has_its_own_baseline() -> None:
    """A second source configured later: its old files are quiet, the first one's new files count."""
    shop = Shop()
    shop.configured(plant(sources={"plm": Source("plm"), "erp": Source("erp")}))
    shop.notice(draft("OLD", program="P9", released=shop.now.utc - DAY), source="erp")
    shop.released("NEW")
    shop.send(ScanDone("erp", shop.now, 1))
    assert [o.ecn for o in shop.ledger.books.state.obligation.values()] == ["NEW"]


def test_a_predecessor_restored_from_the_baseline_is_baseline_again() -> None:
    """Withdrawing the newest does not turn an old mismatch into an alarm."""
    shop = Shop(scanned=False)
    shop.keeps_reading(5, "0", program="P0", running=True)
    first_scan(shop, 1)
    shop.released("E2", "3", program="P0")
    shop.notice(draft("E2", "3", program="P0", status=Status.WITHDRAWN))
    assert [c.kind for c in shop.cards() if c.active and c.machine] == []
    assert shop.requirement("P0").baseline == "plm"


@pytest.mark.parametrize("reboot", [False, True])
def test_a_start_with_nothing_changed_tells_nothing(reboot: bool) -> None:
    """Baselines, obligations in every state, cards, waiting ECNs: all there again, and no event."""
    layout = plant("m1", "m2", routes=(Route({"part": "*"}, machines=("m2",)),))
    shop = Shop(layout, scanned=False)
    first_scan(shop, 5)
    shop.keeps_reading(30, "1", program="P0", machines=("m1", "m2"), running=True)
    shop.released("E1", "7", machines=())
    shop.released("E2", "8", program="P2", effective=shop.now.utc + DAY)
    shop.released("E3", "8", program="P3", machines=("nobody",))
    shop.loses("m2")
    shop.keeps_reading(20 * 60, "1", running=True)
    shop.released("E4", "8", program="P4")
    state = {kind: dict(rows) for kind, rows in shop.disk.items()}
    assert shop.restart(reboot=reboot, off=2) == []
    assert state["card"] == shop.disk["card"]
    assert state["requirement"] == shop.disk["requirement"]


def test_a_corrected_scheme_judges_anew_and_starts_no_new_time_limit() -> None:
    """Months of ECNs are not opened again because a machine's versions are now compared as numbers."""
    shop = Shop()
    shop.released("E1", "02")
    shop.keeps_reading(16 * 60, "2")
    assert shop.verdicts() == ["violated:other"]
    shop.configured(plant(Machine("m1", rule=VersionRule(Scheme.NUMERIC))))
    assert shop.verdicts() == ["violated:other", "late"]
    assert len(shop.seen(EventType.OBLIGATION_OPENED)) == 1


@pytest.mark.parametrize("trouble", ["columns", "word"])
def test_what_a_first_scan_could_not_understand_stays_quiet_when_it_can(trouble: str) -> None:
    """Commissioning with a wrong mapping, then corrected: the old files fill the register; what is new counts."""
    shop = Shop(scanned=False)
    for n in range(50):
        if trouble == "columns":
            shop.rejects(f"{n}.csv", f"{n}")
        else:
            shop.notice(draft(f"E{n}", status=None, status_word="Neu"), file=f"{n}.csv", sha256=f"{n}")
    shop.send(ScanDone("plm", shop.now, 50))
    shop.waits(60)
    for n in range(50):
        old = shop.now.utc - 400 * DAY
        shop.notice(draft(f"E{n}", program=f"P{n}", released=old), file=f"{n}.csv", sha256=f"{n}")
    assert not shop.seen(EventType.OBLIGATION_OPENED)
    assert shop.requirement("P7").baseline == "plm"
    shop.released("LATE", program="Q1", released=shop.now.utc - 400 * DAY)
    assert shop.obligation().ecn == "LATE"
