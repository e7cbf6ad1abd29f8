"""The register outlives the window: what each machine shows is compared with it, for ever."""

from __future__ import annotations

import pytest

from edge_bridge.domain.card import Kind
from edge_bridge.domain.ecn import Status
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import DAY, HOUR
from edge_bridge.domain.obligation import Verdict
from edge_bridge.domain.plant import Judge, Machine, Route
from edge_bridge.domain.version import Scheme, VersionRule
from tests.unit.domain_plant import Shop, digest, draft, header, kinds, plant, types


def test_an_outdated_run_inside_the_window_is_an_event_only() -> None:
    """The floor still has time: said once, no card."""
    shop = Shop()
    shop.keeps_reading(5, "1", running=True)
    shop.released("E1")
    told = shop.keeps_reading(14 * 60, "1", running=True)
    assert told == []
    (run,) = shop.seen(EventType.PROGRAM_OUTDATED_RUN)
    assert (run.data["in_window"], run.data["observed"], run.data["required"]) == (True, "1", "2")


def test_after_the_window_the_same_is_critical() -> None:
    """This is what makes scrap; it is told to the cell and to operations."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1", running=True)
    card = shop.card(Kind.OUTDATED_PROGRAM_RUNNING)
    assert (card.severity, set(card.parties)) == ("critical", {"cell_leader", "it_operations"})


def test_stop_at_release_is_critical_at_once() -> None:
    """Where the route says so, the old program must not run one minute longer."""
    shop = Shop(plant(routes=(Route({"program": "P*"}, machines=("m1",), stop_at_release=True),)))
    shop.keeps_reading(5, "1", running=True)
    assert "outdated_program_running" in kinds(shop.released("E1", machines=()))


def test_an_old_program_that_runs_weeks_later_is_critical() -> None:
    """Not loaded at its time, then run in the old version."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1", program="OTHER")
    shop.keeps_reading(DAY // 1000, "1", program="OTHER", step=3600)
    assert kinds(shop.keeps_reading(5, "1", running=True)) == ["outdated_program_running"]


def test_the_critical_card_stays_until_the_program_is_right() -> None:
    """Stopping the spindle is not a cure."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1", running=True)
    shop.keeps_reading(60, "1")
    shop.keeps_reading(60, "9", program="OTHER")
    assert shop.card(Kind.OUTDATED_PROGRAM_RUNNING).active
    shop.keeps_reading(5, "2")
    assert not shop.card(Kind.OUTDATED_PROGRAM_RUNNING).active


def test_reverted_is_high_and_critical_while_it_runs() -> None:
    """A version that had matched and no longer does."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1")
    shop.keeps_reading(5, "1")
    assert shop.card(Kind.REVERTED).severity == "high"
    shop.keeps_reading(5, "1", running=True)
    assert shop.card(Kind.REVERTED).severity == "critical"
    shop.keeps_reading(5, "9", program="OTHER", running=True)
    assert shop.card(Kind.REVERTED).severity == "high"
    shop.keeps_reading(5, "2")
    assert not shop.card(Kind.REVERTED).active
    assert shop.verdicts() == ["compliant"]


def test_a_cleared_reverted_card_stays_cleared_when_another_program_is_selected() -> None:
    """Returned and not acknowledged is not the same as back."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1")
    shop.keeps_reading(5, "1", running=True)
    shop.keeps_reading(5, "2")
    shop.keeps_reading(5, "9", program="OTHER")
    assert not shop.card(Kind.REVERTED).active


def test_a_newer_requirement_is_no_relapse() -> None:
    """The version matched until a newer ECN came."""
    shop = Shop()
    shop.keeps_reading(5, "2", running=True)
    shop.released("E1")
    shop.released("E2", "3")
    shop.keeps_reading(60, "2", running=True)
    assert shop.cards() == []


@pytest.mark.parametrize("how", ["in work", "waiting"])
def test_the_version_of_an_ecn_in_work_or_waiting_never_raises_reverted(how: str) -> None:
    """Proving the new version is no relapse; in production it is ahead of its release, and never compliant."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1")
    if how == "in work":
        shop.notice(draft("E2", "3", status=Status.IN_WORK))
    else:
        shop.released("E2", "3", effective=shop.now.utc + DAY)
    assert kinds(shop.keeps_reading(60, "3")) == []
    assert kinds(shop.keeps_reading(60, "3", running=True)) == ["ahead_of_release"]
    shop.keeps_reading(60, "2", running=True)
    assert [c.kind for c in shop.cards() if c.active] == []


def test_a_version_newer_than_the_newest_released_is_ahead() -> None:
    """Ordered scheme, in production: high, never compliant; violated at the limit."""
    shop = Shop(plant(Machine("m1", rule=VersionRule(Scheme.NUMERIC))))
    shop.released("E1", "2")
    assert kinds(shop.keeps_reading(60, "3", running=True)) == ["ahead_of_release"]
    shop.keeps_reading(15 * 60, "3", running=True)
    assert shop.verdicts() == ["violated:ahead"]
    shop.keeps_reading(5, "9", program="OTHER")
    assert not shop.card(Kind.AHEAD_OF_RELEASE).active


def test_a_program_of_an_ecn_not_yet_in_effect_in_production() -> None:
    """Nothing is in force for it, and it already runs: ahead; said as soon as the ECN comes in, too."""
    shop = Shop()
    shop.keeps_reading(5, "3", running=True)
    assert kinds(shop.notice(draft("E2", "3", status=Status.IN_WORK))) == ["ahead_of_release"]
    told = shop.released("E2", "3")
    assert "card.cleared" in types(told)
    assert shop.verdicts() == ["compliant"]


def test_edited_on_the_machine() -> None:
    """Name and version match, the content does not: high for cell and design; cleared when it is right again."""
    shop = Shop()
    good = (header("2"), digest("aa"))
    shop.keeps_reading(5, evidence=good, running=True)
    shop.released("E1", sha256="AA")
    assert shop.verdicts() == ["compliant"]
    told = shop.keeps_reading(60, evidence=(header("2"), digest("bb")), running=True)
    assert kinds(told) == ["edited_on_machine"]
    assert shop.card(Kind.EDITED_ON_MACHINE).severity == "high"
    shop.keeps_reading(5, evidence=good)
    assert not shop.card(Kind.EDITED_ON_MACHINE).active


def test_another_content_without_a_readable_version_is_another_program() -> None:
    """The digest alone is enough to know that it is wrong."""
    shop = Shop()
    shop.released("E1", sha256="aa")
    shop.keeps_reading(16 * 60, evidence=(digest("bb"),))
    assert shop.verdicts() == ["violated:other"]
    assert shop.cards(Kind.EDITED_ON_MACHINE) == []


@pytest.mark.parametrize("judge", list(Judge))
def test_an_outdated_run_is_told_each_time_it_starts_anew(judge: Judge) -> None:
    """Old, something else, old again: two runs, wherever in the stack the program is judged."""
    shop = Shop(plant(Machine("m1", judge=judge)))
    shop.released("E1", program="SUB")
    old = {
        "program": "SUB" if judge is Judge.MAIN else "MAIN",
        "active_program": "SUB",
        "called": ("SUB",),
        "evidence": (header("1", "SUB"),),
    }
    for _ in range(2):
        shop.keeps_reading(10, running=True, **old)  # type: ignore[arg-type]
        shop.keeps_reading(10, "9", program="OTHER", active_program="OTHER", running=True)
    assert len(shop.seen(EventType.PROGRAM_OUTDATED_RUN)) == 2


def test_a_requirement_that_goes_while_it_runs_leaves_nothing_behind() -> None:
    """Withdrawn in the middle of an outdated run; another program is selected afterwards."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1", running=True)
    shop.notice(draft("E1", status=Status.WITHDRAWN))
    shop.keeps_reading(60, "9", program="OTHER")
    assert [c.kind for c in shop.cards() if c.active] == [Kind.WITHDRAWN_AFTER_RELEASE]


def test_the_last_confirmed_match_moves_on() -> None:
    """For every program on every machine it is known when it was last seen right, also after a restart."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1")
    shop.keeps_reading(HOUR // 1000, "2")
    assert shop.now.utc - (shop.requirement().matched or 0) <= 65_000
    shop.restart()
    assert shop.requirement().matched is not None
    assert shop.requirement().verdict == Verdict.COMPLIANT


def test_running_the_withdrawn_version_while_its_predecessor_is_back_in_force() -> None:
    """The floor acted on what was then withdrawn: that program in production is critical."""
    shop = Shop()
    shop.keeps_reading(5, "2")
    shop.released("E1", "2")
    shop.released("E2", "3")
    shop.keeps_reading(60, "3", running=True)
    told = shop.notice(draft("E2", "3", status=Status.WITHDRAWN))
    assert kinds(told) == ["outdated_program_running", "withdrawn_after_release"]


def test_memory_does_not_grow_with_what_is_over() -> None:
    """A thousand ECNs met and closed leave no empty shelves behind."""
    shop = Shop()
    for n in range(300):
        shop.reads("2", program=f"P{n}")
        shop.released(f"E{n}", program=f"P{n}")
        shop.notice(draft(f"E{n}", program=f"P{n}", status=Status.WITHDRAWN))
        for card in shop.cards():
            shop.acknowledges(card)
    books = shop.ledger.books
    assert (books.open_on, books.open_at, books.open_cards, books.cards_at) == ({}, {}, {}, {})
    assert not books.state.obligation
    assert not books.state.card
