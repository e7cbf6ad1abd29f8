"""Rules that are perhaps not meant: one that never decides anything, two that contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from edge_bridge.domain.route import Route

Doubt = tuple[int, int, str]
"""Later rule, earlier rule (places from 0), and which: `dead` or `contradicts`."""

_WILD = frozenset("*?[")
_NARROW = ("part", "drawing", "program")


def doubts(routes: Sequence[Route]) -> Iterator[Doubt]:
    """Yield each rule that an earlier one makes pointless, or contradicts where both match; a table may hold thousands.

    An exception before the general rule is how routes are meant to be written, and no doubt.
    """
    wide: list[int] = []
    narrow: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for later, route in enumerate(routes):
        key = _narrow(route)
        near = [*wide, *narrow[key]] if key else wide  # a general rule after a narrow one: that is its exception
        for earlier in sorted(near):
            if (what := _doubt(routes[earlier], route)) is not None:
                yield later, earlier, what
                break
        (wide if key is None else narrow[key]).append(later)


def _doubt(earlier: Route, later: Route) -> str | None:
    if not set(earlier.machines) & set(later.machines):
        return None
    covered = _covers(earlier, later)
    within = set(later.program) <= set(earlier.program) and set(later.machines) <= set(earlier.machines)
    if covered and within and (earlier.version is not None or later.version is None):
        return "dead"
    exception = not covered and _covers(later, earlier)
    same = set(earlier.program) & set(later.program)
    differ = earlier.version and later.version and earlier.version != later.version
    return "contradicts" if same and differ and not exception and _meet(earlier, later) else None


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
