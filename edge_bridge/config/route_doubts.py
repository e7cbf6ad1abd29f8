"""Rules that are perhaps not meant: one that never decides anything, two that contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from edge_bridge.domain import program
from edge_bridge.domain.route import Route, beginning, fields_of

Doubt = tuple[int, int, str]
"""Later rule, earlier rule (places from 0), and which: `dead` or `contradicts`; of one alone `empty`, when it says nothing, and
`unchecked`, where there are too many."""

MOST_COMPARED = 1_000_000  # looks: seconds; a table may hold a hundred thousand patterns
_DEAR = 5  # looks that two patterns take; a part and a pattern take one
_WILD = frozenset("*?[")
_NOTHING = Route({})
_NARROW = ("part", "drawing", "program")


def doubts(routes: Sequence[Route], most: int = MOST_COMPARED) -> Iterator[Doubt]:
    """Yield each rule that earlier ones make pointless, or that contradicts one where both match; a table may hold thousands.

    An exception before the general rule is how routes are meant to be written, and no doubt. most: how many looks are
    taken; from the rule at which there are more, `unchecked`, none is.
    """
    wide = _Wide()
    narrow: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    compared = 0
    for later, route in enumerate(routes):
        key = _narrow(route)
        near = sorted(
            [*wide.near(route), *(narrow[key] if key else ())]
        )  # a general rule is no exception to a narrow one
        compared += len(near) * (1 if key else _DEAR)
        if compared > most:
            yield later, later, "unchecked"
            return
        if replace(route, match={}) == _NOTHING:
            yield later, later, "empty"
        elif (doubt := _doubt(routes, near, later)) is not None:
            yield doubt
        if key is None:
            wide.add(later, route)
        else:
            narrow[key].append(later)


class _Wide:
    """Rules that are for more than one name, by what those names begin with: only such are compared as can meet."""

    def __init__(self) -> None:
        self._all: list[int] = []
        self._any: list[int] = []  # nothing is said of how a name begins
        self._exactly: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._under: defaultdict[tuple[str, str], list[int]] = defaultdict(list)  # it begins with at least this
        self._by_field: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, place: int, route: Route) -> None:
        self._all.append(place)
        if (key := beginning(route.match)) is None:
            self._any.append(place)
            return
        name, text = key
        self._exactly[key].append(place)
        self._by_field[name].append(place)
        for end in range(1, len(text) + 1):
            self._under[name, text[:end]].append(place)

    def near(self, route: Route) -> list[int]:
        """Return the rules that may match an item which this one matches."""
        if (key := beginning(route.match)) is None:
            return self._all
        name, text = key
        others = [place for field, places in self._by_field.items() if field != name for place in places]
        shorter = [place for end in range(1, len(text)) for place in self._exactly.get((name, text[:end]), ())]
        return [*self._any, *others, *shorter, *self._under.get(key, ())]


def _doubt(routes: Sequence[Route], near: Sequence[int], later: int) -> Doubt | None:
    """Return the first doubt about a rule. It is dead when for each program on each machine some earlier one decides."""
    route = routes[later]
    left = {(machine, name) for machine in route.machines for name in route.program or ("",)}
    for at in near:
        earlier = routes[at]
        if not set(earlier.machines) & set(route.machines):
            continue
        covered = _covers(earlier, route)
        if covered and _answers_whenever(earlier, route):
            decided = {(machine, name) for machine in earlier.machines for name in ("", *earlier.program)}
            left -= decided
            if not left:
                return later, at, "dead"
        if not covered and _covers(route, earlier):
            continue  # the exception to this rule
        if _differ(earlier, route) and _meet(earlier, route):
            return later, at, "contradicts"
    return None


def _answers_whenever(earlier: Route, later: Route) -> bool:
    """Tell whether the earlier rule names a version whenever the later one would: a template may lack its field."""
    if later.version is None:
        return True  # then the ECN itself says it, to both
    if earlier.version is None:
        return False
    given = {name for name, pattern in later.match.items() if pattern.strip("*")}
    return set(fields_of(earlier.version)) <= {
        "revision",
        *given,
        *fields_of(later.version),
    }  # an ECN without one is none


def _differ(earlier: Route, later: Route) -> bool:
    """Tell whether two rules give one program two versions; rules without a program are for whatever the ECN names."""
    if not (earlier.version and later.version) or earlier.version == later.version:
        return False
    one, other = ({program.key(name) for name in route.program} or {""} for route in (earlier, later))
    return bool(one & other)


def _covers(wider: Route, route: Route) -> bool:
    """Tell whether every item that `route` matches is matched by `wider`, too."""
    return all(_includes(pattern, route.match.get(name)) for name, pattern in wider.match.items())


def _includes(wider: str, pattern: str | None) -> bool:
    """Tell whether one pattern matches all that another one does; in doubt it does not."""
    if wider.strip("*") == "" or (pattern is not None and wider.upper() == pattern.upper()):
        return True
    if pattern is None or "[" in wider or (("?" in wider) and _WILD & set(pattern)):
        return False
    return fnmatchcase(pattern.upper(), wider.upper())  # a * takes in whatever stands for something else


def _meet(one: Route, other: Route) -> bool:
    """Tell whether some item may match both."""
    return all(_may_meet(one.match[name], other.match[name]) for name in one.match.keys() & other.match.keys())


def _may_meet(one: str, other: str) -> bool:
    one, other = one.upper(), other.upper()
    if not _WILD & set(one) or not _WILD & set(other):
        return fnmatchcase(one, other) or fnmatchcase(other, one)
    if "[" in one or "[" in other:
        return True
    return _intersect(one, other)


def _intersect(one: str, other: str) -> bool:
    """Tell whether two patterns of * and ? have a text in common: each position of one with each of the other."""
    reached = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        i, j = todo.pop()
        if (i, j) == (len(one), len(other)):
            return True
        a, b = one[i : i + 1], other[j : j + 1]
        steps = [(i + 1, j)] * (a == "*") + [(i, j + 1)] * (b == "*")
        if a and b:
            steps += [(i, j + 1)] * (a == "*") + [(i + 1, j)] * (b == "*")
            steps += [(i + 1, j + 1)] * (a == b or "?" in (a, b))
        for step in steps:
            if step not in reached:
                reached.add(step)
                todo.append(step)
    return False


def _narrow(route: Route) -> tuple[str, str] | None:
    """Return the field and value that an item must have for a rule; None when it is a general one."""
    for name in _NARROW:
        pattern = route.match.get(name)
        if pattern is not None and not _WILD & set(pattern):
            return name, pattern.upper()
    return None
