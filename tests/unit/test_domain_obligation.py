"""The obligation: its table row by row, its deadline, and what each verdict carries."""

from __future__ import annotations

from itertools import product

import pytest

from edge_bridge.domain.card import Kind
from edge_bridge.domain.ecn import Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import HOUR, MINUTE, SECOND
from edge_bridge.domain.obligation import TRANSITIONS, Trigger, Verdict, step
from edge_bridge.domain.reading import Fault
from tests.unit.domain_plant import LIMIT, Shop, digest, draft, header, kinds, plant, types, variable

DESIGN = {
    # from design: 2-semantics, "Obligation: transition table"
    (Verdict.PENDING, Trigger.MATCHED): (Verdict.COMPLIANT, True),
    (Verdict.PENDING, Trigger.DUE_WRONG): (Verdict.VIOLATED, False),
    (Verdict.PENDING, Trigger.DUE_BLIND): (Verdict.UNVERIFIABLE, False),
    (Verdict.PENDING, Trigger.ENDED): (Verdict.EXCLUDED, True),
    (Verdict.VIOLATED, Trigger.MATCHED): (Verdict.LATE, True),
    (Verdict.VIOLATED, Trigger.ENDED): (Verdict.VIOLATED, True),
    (Verdict.UNVERIFIABLE, Trigger.MATCHED): (Verdict.UNVERIFIABLE, True),
    (Verdict.UNVERIFIABLE, Trigger.STILL_WRONG): (Verdict.VIOLATED, False),
    (Verdict.UNVERIFIABLE, Trigger.ENDED): (Verdict.UNVERIFIABLE, True),
}


@pytest.mark.parametrize(("verdict", "trigger", "closed"), list(product(Verdict, Trigger, (False, True))))
def test_a_signal_with_no_row_changes_nothing(verdict: Verdict, trigger: Trigger, closed: bool) -> None:
    """Every verdict, every trigger, open and closed: the table of the design and nothing beside it."""
    expected = None if closed else DESIGN.get((verdict, trigger))
    assert step(verdict, closed, trigger) == expected


def test_the_table_has_no_way_back_and_one_way_to_compliant() -> None:
    """Nothing returns to pending; only a match makes compliant or late."""
    assert Verdict.PENDING not in {to for to, _ in TRANSITIONS.values()}
    green = {(v, t) for (v, t), (to, _) in TRANSITIONS.items() if to in (Verdict.COMPLIANT, Verdict.LATE)}
    assert {t for _, t in green} == {Trigger.MATCHED}


def test_a_released_ecn_is_judged_at_once() -> None:
    """The machine already has the required version: compliant in the same turn, with evidence on both sides."""
    shop = Shop()
    shop.reads("2")
    shop.released("E1")
    assert shop.verdicts("E1") == ["compliant"]
    (verdict,) = shop.seen(EventType.OBLIGATION_VERDICT)
    evidence = verdict.data["evidence"]
    assert evidence["ecn"] == {"source": "plm", "file": "1.csv", "sha256": f"{1:064x}", "row": "line 2"}
    assert evidence["machine"]["raw"] == "REV 2"
    assert evidence["machine"]["adapter"] == "m1"


def test_pending_matched_is_compliant_and_closed() -> None:
    """The right version inside the limit closes the obligation."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1")
    shop.keeps_reading(60, "1")
    shop.keeps_reading(5, "2")
    closed = shop.closed_obligation("E1")
    assert (closed.verdict, closed.closed, closed.within_release_limit) == (Verdict.COMPLIANT, True, True)
    assert shop.cards() == []


def test_due_with_wrong_evidence_is_violated_to_the_second() -> None:
    """Nothing a moment before the limit, violated at the limit, with one overdue card for all three parties."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(15 * 60 - 1, "1", step=1)
    assert shop.verdicts() == []
    told = shop.keeps_reading(1, "1", step=1)
    assert types(told) == ["obligation.verdict", "card.raised"]
    assert shop.verdicts() == ["violated:other"]
    card = shop.card(Kind.OVERDUE)
    assert (card.severity, set(card.parties)) == ("high", {"design_supervisor", "cell_leader", "it_operations"})
    assert shop.obligation().within_release_limit is False


def test_the_timer_alone_judges_when_no_reading_comes_in_time() -> None:
    """Without any event the deadline itself is what wakes the gateway."""
    shop = Shop()
    shop.released("E1")
    assert shop.ledger.next_due() == shop.now.boottime + LIMIT


def test_due_with_another_program_selected_is_not_loaded_and_nobody_is_warned() -> None:
    """A part that is not scheduled for weeks is no fault; the part that comes at last confirms without credit."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "7", program="OTHER")
    assert shop.verdicts() == ["unverifiable:not_loaded"]
    assert shop.cards() == []
    shop.keeps_reading(14 * 24 * 3600, "7", program="OTHER", step=3600)
    shop.keeps_reading(5, "2")
    closed = shop.closed_obligation("E1")
    assert (closed.verdict, closed.closed) == (Verdict.UNVERIFIABLE, True)
    assert closed.confirmed_at == shop.now.utc
    assert closed.reason == "not_loaded"


def test_not_loaded_that_comes_back_wrong_has_the_limit_again_then_is_violated() -> None:
    """The machine came back and had its time; running the old program raises its card at once."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "7", program="OTHER")
    told = shop.keeps_reading(5, "1", running=True)
    assert kinds(told) == ["outdated_program_running"]
    assert shop.verdicts() == ["unverifiable:not_loaded"]
    shop.keeps_reading(15 * 60 - 1, "1", running=True, step=1)
    assert len(shop.verdicts()) == 1
    shop.keeps_reading(1, "1", running=True, step=1)
    assert shop.verdicts()[1:] == ["violated:other"]
    revised = shop.seen(EventType.OBLIGATION_VERDICT)[1].data["revises"]
    assert revised == shop.seen(EventType.OBLIGATION_VERDICT)[0].id
    shop.keeps_reading(60, "2", running=True)
    closed = shop.closed_obligation("E1")
    assert closed.verdict is Verdict.LATE
    assert closed.lateness == 31 * MINUTE + 10 * SECOND - 15 * MINUTE


def test_a_machine_off_over_the_weekend() -> None:
    """Unreachable at the limit: unverifiable; back on Monday with the old program: its time, then violated, then late."""
    shop = Shop()
    shop.reads("1")
    shop.loses()
    shop.waits(24 * 3600)
    shop.released("E1")
    assert kinds(shop.waits(1)) == ["machine_unreachable"]
    shop.waits(2 * 24 * 3600, step=600)
    assert shop.verdicts() == ["unverifiable:unreachable"]
    assert [c.kind for c in shop.cards()] == [Kind.MACHINE_UNREACHABLE]
    shop.keeps_reading(14 * 60, "1")
    assert len(shop.verdicts()) == 1
    shop.keeps_reading(2 * 60, "1")
    assert shop.verdicts()[-1] == "violated:other"
    shop.keeps_reading(5, "2")
    assert shop.verdicts()[-1] == "late"


def test_the_time_after_coming_back_survives_a_restart() -> None:
    """A restart in the middle of it neither forgets nor prolongs it."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "7", program="OTHER")
    shop.keeps_reading(5 * 60, "1", step=5)
    shop.restart(off=60, reboot=True)
    shop.keeps_reading(9 * 60 + 4, "1", step=1)
    assert len(shop.verdicts()) == 1
    shop.keeps_reading(1, "1", step=1)
    assert shop.verdicts()[-1] == "violated:other"


def test_withdrawn_while_pending_is_excluded() -> None:
    """Only an explicit status withdraws; the reason is kept."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1")
    shop.notice(draft("E1", status=Status.WITHDRAWN))
    closed = shop.closed_obligation("E1")
    assert (closed.verdict, closed.reason, closed.ended) == (Verdict.EXCLUDED, "withdrawn", "withdrawn")


@pytest.mark.parametrize("how", ["withdrawn", "superseded", "waived", "removed"])
def test_a_violation_did_happen_whatever_comes_after(how: str) -> None:
    """Withdrawn, superseded, waived, removed: violated stays violated, closed; why it ended is kept beside it."""
    shop = Shop(plant("m1", "m2"))
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1")
    if how == "withdrawn":
        shop.notice(draft("E1", status=Status.WITHDRAWN))
    elif how == "superseded":
        shop.released("E2", "3")
    elif how == "waived":
        assert shop.waives(shop.obligation().id) is None
    else:
        shop.configured(plant("m2"))
    closed = shop.closed_obligation("E1")
    assert (closed.verdict, closed.closed, closed.reason) == (Verdict.VIOLATED, True, "other")
    ended = shop.seen(EventType.OBLIGATION_CLOSED)[-1].data["ended"]
    assert ended.startswith({"removed": "machine_removed"}.get(how, how))


def test_an_unverifiable_one_that_is_withdrawn_stays_unverifiable() -> None:
    """Closed without credit and without blame."""
    shop = Shop()
    shop.released("E1")
    shop.waits(16 * 60, step=30)
    shop.notice(draft("E1", status=Status.WITHDRAWN))
    closed = shop.closed_obligation("E1")
    assert (closed.verdict, closed.closed) == (Verdict.UNVERIFIABLE, True)


def test_a_machine_removed_excludes_its_obligations_and_clears_its_cards() -> None:
    """Pending there: excluded with machine_removed; its cards are cleared, its retained topic is told again."""
    shop = Shop(plant("m1", "m2"))
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1")
    shop.released("E2", "5", program="P2")
    shop.ledger.advance(shop.now)
    told = shop.configured(plant("m2"))
    closed = shop.closed_obligation("E2")
    assert (closed.verdict, closed.reason) == (Verdict.EXCLUDED, "machine_removed")
    assert "card.cleared" in types(told)
    assert [c for c in shop.cards() if c.active] == []
    assert "m1" not in shop.ledger.books.state.machine


def test_a_waiver_needs_a_person_and_a_reason_and_excludes() -> None:
    """Who, why and until when are in the record; nobody is warned while it holds, everybody when it ends."""
    shop = Shop()
    shop.keeps_reading(5, "1", running=True)
    shop.released("E1")
    obligation = shop.obligation().id
    assert shop.waives(obligation, by=" ") == "a waiver needs a person and a reason"
    assert shop.waives(obligation, until=shop.now.utc - 1) == "the waiver would end in the past"
    assert shop.waives("nonsense") is not None
    assert shop.waives(obligation, by="Li", reason="stock", until=shop.now.utc + HOUR) is None
    assert shop.verdicts() == [f"excluded:{shop.closed_obligation('E1').reason}"]
    assert "waived by Li until" in shop.closed_obligation("E1").reason
    assert shop.keeps_reading(3500, "1", running=True) == []
    assert kinds(shop.keeps_reading(200, "1", running=True)) == ["outdated_program_running"]


def test_a_waiver_is_quiet_for_a_reverted_program_too() -> None:
    """A waived program that had matched and no longer does is not put on the board again at the next reading."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1")
    shop.released("E1", "2", sha256="AA")
    shop.keeps_reading(5, "1", running=True)
    shop.waives(shop.obligation("E1").id)
    assert kinds(shop.keeps_reading(300, "1", running=True)) == []


def test_inferred_where_the_evidence_itself_proves_the_time() -> None:
    """The gateway was off at the limit; a trustworthy time of the evidence before it makes compliant, inferred."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1")
    proof = header("2", source_time=shop.now.utc + 5 * MINUTE, trusted_time=True)
    shop.restart(off=3600)
    shop.reads(evidence=(proof,))
    closed = shop.closed_obligation("E1")
    assert (closed.verdict, closed.inferred, closed.within_release_limit) == (Verdict.COMPLIANT, True, True)


@pytest.mark.parametrize("proof", [{}, {"trusted_time": False, "source_time": 0}, {"trusted_time": True}])
def test_a_match_first_seen_after_the_limit_proves_nothing_about_the_limit(proof: dict[str, int]) -> None:
    """Without a trustworthy time of its own: unverifiable, confirmed, no credit and no blame."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1")
    shop.restart(off=3600)
    shop.reads(evidence=(header("2", **proof),))
    closed = shop.closed_obligation("E1")
    assert (closed.verdict, closed.reason, closed.closed) == (Verdict.UNVERIFIABLE, "gateway_down", True)
    assert closed.confirmed_at is not None


def test_a_trusted_time_after_the_limit_does_not_make_green() -> None:
    """The proof has to lie before the deadline."""
    shop = Shop()
    shop.released("E1")
    proof = header("2", source_time=shop.now.utc + 16 * MINUTE, trusted_time=True)
    shop.restart(off=3600)
    shop.reads(evidence=(proof,))
    assert shop.closed_obligation("E1").verdict is Verdict.UNVERIFIABLE


def test_what_fell_due_while_the_gateway_was_off_waits_for_each_machines_first_reading() -> None:
    """Not judged blind at the start; wrong at the first reading is violated, another machine waits on."""
    shop = Shop(plant("m1", "m2"))
    shop.released("E1", machines=("m1", "m2"))
    shop.restart(off=3600)
    assert shop.waits(3) == []
    shop.reads("1", machine="m1")
    assert shop.verdicts() == ["violated:other"]
    shop.waits(26)
    assert len(shop.verdicts()) == 1
    shop.waits(1)
    assert shop.verdicts()[1:] == ["unverifiable:unreachable"]


def test_the_first_reading_after_a_start_judges_what_it_does_not_show_too() -> None:
    """The machine is there and another program is selected: not loaded, without waiting for the thirty seconds."""
    shop = Shop()
    shop.released("E1")
    shop.restart(off=3600)
    shop.waits(1)
    shop.reads("7", program="OTHER")
    assert shop.verdicts() == ["unverifiable:not_loaded"]


def test_late_arrival_is_judged_at_once_and_its_exposure_reconstructed() -> None:
    """Released three hours ago and only now here: the time the old program ran since is known from earlier readings."""
    shop = Shop()
    shop.keeps_reading(3600, "1", running=True)
    shop.keeps_reading(1800, "1")
    shop.released("E1", released=shop.now.utc - 3 * HOUR)
    opened = shop.seen(EventType.OBLIGATION_OPENED)[-1].data
    assert opened["late_arrival"] is True
    assert opened["exposure_s"] == pytest.approx(3600, abs=5)
    assert opened["transport_delay_s"] == 3 * 3600
    shop.keeps_reading(5, "2")
    closed = shop.closed_obligation("E1")
    assert (closed.verdict, closed.within_release_limit) == (Verdict.COMPLIANT, False)


def test_exposure_counts_the_old_program_after_release_only() -> None:
    """Ten minutes of the old program after release are ten minutes, whatever ran before."""
    shop = Shop()
    shop.keeps_reading(3600, "1", running=True)
    shop.released("E1")
    shop.keeps_reading(600, "1", running=True)
    shop.keeps_reading(60, "1")
    shop.keeps_reading(60, "2", running=True)
    assert shop.closed_obligation("E1").exposure == pytest.approx(600 * SECOND, abs=5 * SECOND)


def test_exposure_outlives_the_runs_that_are_remembered() -> None:
    """Hundreds of short cycles on the old program: each one counts, though only some are remembered one by one."""
    shop = Shop()
    shop.released("E1")
    for _ in range(300):
        shop.keeps_reading(10, "1", running=True, step=5)
        shop.keeps_reading(5, "1", step=5)
    shop.keeps_reading(5, "2")
    assert shop.closed_obligation("E1").exposure == pytest.approx(3000 * SECOND, rel=0.01)
    assert len(shop.ledger.books.state.machine["m1"].runs) <= 130


def test_transport_delay_is_not_blamed_on_the_machine() -> None:
    """The PLM took ten minutes: the machine still has its limit from arrival; both views are in the verdict."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1", released=shop.now.utc - 10 * MINUTE)
    shop.keeps_reading(14 * 60, "1")
    shop.keeps_reading(5, "2")
    closed = shop.closed_obligation("E1")
    assert closed.verdict is Verdict.COMPLIANT
    assert (closed.transport_delay, closed.within_release_limit) == (10 * MINUTE, False)


def test_the_stages_on_a_verdict_are_those_known_by_then() -> None:
    """A stage that the PLM reports while the limit runs is in the verdict, and the machine adds the last one."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1", file="a.csv")
    released = shop.now.utc
    shop.keeps_reading(60, "1")
    shop.notice(draft("E1", released=released, stage="programming"))
    shop.keeps_reading(60, "2")
    stages = shop.seen(EventType.OBLIGATION_CLOSED)[-1].data["stages"]
    assert list(stages) == ["released", "programming", "loaded"]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"version": None}, "no_extractor"),
        ({"evidence": (variable("2"),)}, "unbound"),
        ({"program": None, "faults": (Fault("main_program", "BadNodeIdUnknown"),)}, "unreadable"),
        ({"program": None}, "not_loaded"),
        ({"evidence": (header("2"),), "sha": "aa"}, "no_digest"),
    ],
)
def test_the_reasons_why_nothing_can_be_said(case: dict[str, object], reason: str) -> None:
    """Each blind reading is unverifiable with its own reason at the limit, and warns unless the part is not loaded."""
    shop = Shop()
    shop.released("E1", sha256=case.pop("sha", None))
    shop.keeps_reading(16 * 60, **case)  # type: ignore[arg-type]
    assert shop.verdicts() == [f"unverifiable:{reason}"]
    assert [c.kind for c in shop.cards()] == ([] if reason == "not_loaded" else [Kind.CANNOT_VERIFY])


def test_a_required_digest_confirms_alone_or_beside_a_version() -> None:
    """A SHA-256 instead of a version, and as well as one: the content decides, and the evidence says so."""
    shop = Shop()
    shop.reads(evidence=(digest("AA"),))
    shop.released("E1", None, sha256="aa")
    assert shop.verdicts("E1") == ["compliant"]
    assert shop.seen(EventType.OBLIGATION_VERDICT)[-1].data["evidence"]["machine"]["extractor"] == "digest"
    shop.released("E2", "2", program="P2", sha256="aa")
    shop.reads(program="P2", evidence=(header("2", "P2"), digest("bb", "P2")))
    assert shop.verdicts("E2") == []
    shop.reads(program="P2", evidence=(digest("aa", "P2"),))
    assert shop.verdicts("E2") == []
    shop.reads(program="P2", evidence=(header("2", "P2"), digest("aa", "P2")))
    assert shop.verdicts("E2") == ["compliant"]
