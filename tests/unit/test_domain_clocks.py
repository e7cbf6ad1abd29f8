"""Clocks: deadlines to the second whatever the wall clock does, restarts, reboots and a gateway that was off."""

from __future__ import annotations

import pytest

from edge_bridge.domain.agenda import Agenda, Duty
from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.event import EventType
from edge_bridge.domain.instant import DAY, HOUR, MINUTE, SECOND, Stamp
from edge_bridge.domain.signal import Tick
from tests.unit.domain_plant import LIMIT, Shop, plant, types

TO_1970 = -1_777_600_800_000


@pytest.mark.parametrize("step", [HOUR, -HOUR, DAY, -DAY, TO_1970, 12 * 365 * DAY])
def test_a_step_of_the_wall_clock_moves_no_deadline(step: int) -> None:
    """Within one boot the limit lives on boottime: nothing early, nothing late, and the step is told once."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(5 * 60, "1", step=1)
    shop.clock.step_wall(step)
    shop.keeps_reading(10 * 60 - 1, "1", step=1)
    assert shop.verdicts() == []
    shop.keeps_reading(1, "1", step=1)
    assert shop.verdicts() == ["violated:other"]
    (told,) = shop.seen(EventType.CLOCK_STEP)
    assert told.data["delta_s"] == step / 1000
    assert shop.obligation().lateness is None


@pytest.mark.parametrize(("step", "told"), [(2000, 0), (-2000, 0), (2001, 1), (-2001, 1)])
def test_a_step_over_two_seconds_is_an_event(step: int, told: int) -> None:
    """Smaller ones are what clocks do."""
    shop = Shop()
    shop.clock.step_wall(step)
    shop.waits(1)
    assert len(shop.seen(EventType.CLOCK_STEP)) == told


def test_a_step_while_the_gateway_was_off_is_told_at_the_start() -> None:
    """Same boot: boottime went on and says by how much."""
    shop = Shop()
    shop.clock.step_wall(HOUR)
    assert types(shop.restart()) == ["clock.step"]


@pytest.mark.parametrize("step", [0, HOUR, -HOUR, TO_1970])
def test_within_one_boot_a_restart_changes_no_deadline(step: int) -> None:
    """Stopped and started in the middle of the limit, with the wall clock set meanwhile."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(5 * 60, "1", step=1)
    shop.clock.step_wall(step)
    shop.restart(off=60)
    shop.keeps_reading(9 * 60 - 1, "1", step=1)
    assert shop.verdicts() == []
    shop.keeps_reading(1, "1", step=1)
    assert shop.verdicts() == ["violated:other"]


def test_across_boots_utc_decides_what_is_left() -> None:
    """Two minutes without power are two minutes of the limit."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(5 * 60, "1", step=1)
    shop.restart(off=120, reboot=True)
    shop.keeps_reading(8 * 60 - 1, "1", step=1)
    assert shop.verdicts() == []
    shop.keeps_reading(1, "1", step=1)
    assert shop.verdicts() == ["violated:other"]


def test_a_second_restart_in_a_later_boot_does_not_ask_the_wall_clock_again() -> None:
    """Once laid on this boot's clock, a deadline stays there whatever is done to the wall clock."""
    shop = Shop()
    shop.released("E1")
    shop.restart(off=60, reboot=True)
    shop.keeps_reading(60, "1", step=1)
    shop.clock.step_wall(HOUR)
    shop.restart(off=60)
    shop.keeps_reading(12 * 60 - 1, "1", step=1)
    assert shop.verdicts() == []
    shop.keeps_reading(1, "1", step=1)
    assert shop.verdicts() == ["violated:other"]


@pytest.mark.parametrize("synced", [False, True])
def test_a_boot_into_1970_misses_no_deadline(synced: bool) -> None:
    """An empty clock battery: time is never behind the last record."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(5 * 60, "1")
    shop.clock.step_wall(TO_1970)
    shop.clock.synced = synced
    shop.restart(off=60, reboot=True)
    shop.keeps_reading(11 * 60, "1")
    assert shop.verdicts() == ["violated:other"]


def test_after_a_boot_with_a_wrong_clock_the_synchronised_time_is_believed() -> None:
    """Off for an hour, booted into 1970, synchronised a minute later: it is due now, not in fourteen minutes."""
    shop = Shop()
    shop.released("E1")
    shop.keeps_reading(60, "1")
    shop.clock.step_wall(TO_1970)
    shop.clock.synced = False
    shop.restart(off=0, reboot=True)
    shop.keeps_reading(60, "1")
    assert shop.verdicts() == []
    shop.clock.step_wall(-TO_1970 + HOUR)
    shop.clock.synced = True
    shop.keeps_reading(5, "1")
    assert shop.verdicts() == ["violated:other"]


def test_a_record_made_on_a_wrong_clock_gives_way_to_a_synchronised_one() -> None:
    """Unsynchronised in 2038, rebooted into the right time: nothing fires early."""
    shop = Shop()
    shop.clock.synced = False
    shop.released("E1")
    shop.clock.step_wall(12 * 365 * DAY)
    shop.keeps_reading(120, "1")
    shop.clock.step_wall(-12 * 365 * DAY)
    shop.clock.synced = True
    shop.restart(off=60, reboot=True)
    shop.keeps_reading(60, "1")
    assert shop.verdicts() == []


def test_a_waiting_ecn_is_not_lost_in_1970() -> None:
    """Its date comes on this boot's clock, laid on the last record."""
    shop = Shop()
    shop.released("E1", effective=shop.now.utc + HOUR)
    shop.clock.step_wall(TO_1970)
    shop.clock.synced = False
    shop.restart(off=0, reboot=True)
    shop.waits(3601)
    assert shop.obligation("E1").verdict == "pending"


def test_a_suspended_computer_wakes_up_past_the_limit() -> None:
    """Boottime counts suspend: twenty minutes of sleep in a limit of fifteen, and nobody looked."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1")
    shop.clock.move(20 * MINUTE)
    shop.reads("2")
    assert shop.verdicts() == ["unverifiable:unreachable"]
    assert shop.closed_obligation("E1").confirmed_at == shop.now.utc


def test_exposure_is_measured_and_not_jumped() -> None:
    """Ten minutes of the old program with the wall clock set forward a day are ten minutes."""
    shop = Shop()
    shop.keeps_reading(5, "1", running=True)
    shop.released("E1")
    shop.keeps_reading(5 * 60, "1", running=True)
    shop.clock.step_wall(DAY)
    shop.keeps_reading(5 * 60, "1", running=True)
    shop.keeps_reading(5, "2")
    assert shop.closed_obligation("E1").exposure == pytest.approx(10 * MINUTE, abs=10 * SECOND)


def test_a_silent_machine_is_told_ten_seconds_after_its_last_reading() -> None:
    """Nobody reports the loss: the last good reading plus ten seconds, named as since when."""
    shop = Shop()
    shop.keeps_reading(120, "1", step=1)
    last = shop.now.utc
    assert shop.waits(9.9) == []
    (told,) = shop.waits(0.1)
    assert told.type is EventType.MACHINE_UNREACHABLE
    assert told.data["since"].startswith("2026-05-01T02:02:00")
    assert shop.ledger.books.state.machine["m1"].since == last


@pytest.mark.parametrize("reboot", [False, True])
def test_a_machine_that_died_with_the_gateway_is_told_ten_seconds_after_the_start(reboot: bool) -> None:
    """Also when the new boot's clock began again at zero."""
    shop = Shop()
    shop.keeps_reading(600, "1")
    shop.restart(off=3, reboot=reboot)
    assert types(shop.waits(10, step=1)) == ["machine.unreachable"]


def test_an_unreachable_machine_stays_so_across_a_restart_and_says_nothing_twice() -> None:
    """The card comes at its time after the loss, not after the start."""
    shop = Shop()
    shop.reads("1")
    shop.released("E1")
    shop.loses()
    shop.waits(5 * 60)
    assert shop.restart(off=60) == []
    assert shop.loses() == []
    assert shop.waits(200, step=10) == []
    assert types(shop.waits(60, step=10)) == ["card.raised"]


def test_a_reading_that_waited_in_the_queue_does_not_turn_time_back() -> None:
    """What it saw is older; what fell due stays judged."""
    shop = Shop()
    old = shop.reading("1")
    shop.released("E1")
    shop.keeps_reading(16 * 60, "1")
    now = shop.ledger.books.now
    shop.send(old)
    assert shop.ledger.books.now == now
    assert shop.verdicts() == ["violated:other"]


def test_a_deadline_in_one_boot_and_across_boots() -> None:
    """By boottime in its own boot, by UTC elsewhere; laid over once."""
    start = Stamp(1_000_000, 5_000, "a")
    deadline = Deadline.after(start, 10_000)
    assert deadline.remaining(Stamp(9_999_999, 14_000, "a")) == 1_000
    other = Stamp(1_004_000, 100, "b")
    assert deadline.remaining(other) == 6_000
    assert deadline.anchored(other).boottime == 6_100
    assert deadline.anchored(start) is deadline


def test_the_agenda_gives_what_is_due_in_order() -> None:
    """What is added meanwhile and due already comes up too."""
    agenda = Agenda()
    for at in (30, 10, 20):
        agenda.add(at, Duty.CARD, str(at))
    taken = []
    for _, key in agenda.due(Stamp(0, 20, "a")):
        taken.append(key)
        if key == "10":
            agenda.add(5, Duty.ECN, "late")
    assert taken == ["10", "late", "20"]
    assert (agenda.next_due(), len(agenda)) == (30, 1)


def test_a_tick_with_nothing_due_changes_nothing() -> None:
    """No event; on the disk the clock's record only."""
    shop = Shop(plant("m1", "m2"))
    shop.released("E1")
    before = {kind: dict(rows) for kind, rows in shop.disk.items() if kind != "known"}
    shop.clock.move(LIMIT - 1)
    assert shop.told(Tick(shop.now)) == []
    assert {kind: rows for kind, rows in shop.disk.items() if kind != "known"} == before
