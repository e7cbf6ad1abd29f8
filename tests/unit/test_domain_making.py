"""Objects made quickly are what their class says: frozen, with its defaults, and refused when something is missing."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any

import pytest

from edge_bridge.domain.deadline import Deadline
from edge_bridge.domain.event import Event
from edge_bridge.domain.instant import Stamp
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.requirement import Requirement
from edge_bridge.domain.routing import Demand


@dataclass(frozen=True, slots=True)
class Slow:
    """A dataclass of the usual kind."""

    name: str
    count: int = 3
    marks: list[str] = field(default_factory=list)


@quickly_made
@dataclass(frozen=True, slots=True)
class Quick:
    """The same, made quickly."""

    name: str
    count: int = 3
    marks: list[str] = field(default_factory=list)


@pytest.mark.parametrize("arguments", [{"name": "a"}, {"name": "a", "count": 0}, {"name": "b", "marks": ["x"]}])
def test_it_holds_what_a_usual_one_holds(arguments: dict[str, Any]) -> None:
    """Named or in order, with or without defaults."""
    quick, slow = Quick(**arguments), Slow(**arguments)
    assert repr(quick) == repr(slow).replace("Slow", "Quick")
    assert quick == Quick(*arguments.values()) if "marks" not in arguments else quick.marks == ["x"]
    assert type(quick) is Quick
    assert (quick.name, quick.count, quick.marks) == (slow.name, slow.count, slow.marks)


def test_each_has_its_own_default() -> None:
    """A list that all of them share would be a trap."""
    assert Quick("a").marks is not Quick("b").marks


def test_it_is_frozen_and_complete() -> None:
    """Nothing can be changed, added or left out."""
    quick = Quick("a")
    with pytest.raises(FrozenInstanceError):
        quick.count = 4  # type: ignore[misc]
    with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
        quick.other = 4  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="name"):
        Quick()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="other"):
        Quick("a", other=1)  # type: ignore[call-arg]


def test_it_is_copied_replaced_and_sent_as_any_other() -> None:
    """ECN files come from another process, and every change of a row is a replacement."""
    quick = Quick("a", 7, ["x"])
    assert replace(quick, count=8) == Quick("a", 8, ["x"])
    assert copy.deepcopy(quick) == pickle.loads(pickle.dumps(quick)) == quick


@pytest.mark.parametrize("cls", [Stamp, Deadline, Demand, Obligation, Requirement, Event])
def test_what_an_ecn_makes_thousands_of_is_made_quickly(cls: type[Any]) -> None:
    """The whole intake of a large ECN waits for it."""
    assert cls.__init__.__code__.co_filename == f"<making of {cls.__name__}>"


@quickly_made
@dataclass(frozen=True, slots=True)
class More(Slow):
    """One with a field more than another class has."""

    note: str = ""


def test_it_may_extend_another() -> None:
    """Frozen all the same, in its own fields and in those that it has from there."""
    more = More("a", 1, note="n")
    assert (more.name, more.count, more.marks, more.note, type(more)) == ("a", 1, [], "n", More)
    for name in ("name", "note"):
        with pytest.raises(FrozenInstanceError):
            setattr(more, name, "b")


def test_a_class_that_cannot_be_made_so_is_refused() -> None:
    """When it is defined, not when something is missing in an object of it."""

    @dataclass(frozen=True, slots=True)
    class Checked(Slow):
        more: int = 0

        def __post_init__(self) -> None:
            raise ValueError

    with pytest.raises(AssertionError):
        quickly_made(Checked)
