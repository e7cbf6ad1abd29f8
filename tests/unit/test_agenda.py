"""The agenda: what is due comes in order, however much there is of one instant."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from edge_bridge.domain.agenda import Agenda, Duty
from edge_bridge.domain.instant import Stamp

DUTIES = st.tuples(st.integers(0, 5), st.sampled_from(Duty), st.sampled_from("abc"))


def at(boottime: int) -> Stamp:
    return Stamp(0, boottime, "b")


@given(st.lists(st.tuples(st.lists(DUTIES, max_size=6), st.integers(0, 6), st.integers(0, 4))))
def test_in_order_of_time_then_kind_then_key(rounds: list[tuple[list[tuple[int, Duty, str]], int, int]]) -> None:
    """However they were added, between whichever that were taken; no duty is lost, and none comes twice."""
    agenda, waiting = Agenda(), list[tuple[int, Duty, str]]()
    for added, now, most in rounds:
        for duty in added:
            agenda.add(*duty)
        waiting = sorted(waiting + added)
        due = [one for one in waiting if one[0] <= now][:most]
        assert list(islice(agenda.due(at(now)), most)) == [(kind, key) for _, kind, key in due]
        for one in due:
            waiting.remove(one)
        assert (len(agenda), agenda.next_due()) == (len(waiting), waiting[0][0] if waiting else None)


def test_what_is_added_while_others_are_taken_comes_up_too() -> None:
    """A duty may bring another one, for the same instant or for one that has passed."""
    agenda, taken = Agenda(), list[str]()
    for key in "bd":
        agenda.add(5, Duty.CARD, key)
    for _, key in agenda.due(at(5)):
        taken.append(key)
        if key == "b":
            agenda.add(5, Duty.CARD, "c")
            agenda.add(4, Duty.CARD, "z")
    assert taken == ["b", "z", "c", "d"]
