"""Routes: the rules that lead an item to programs and machines, and an index that finds those for an item at once."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache

from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.version import Match, Scheme

MATCHED_BY = ("part", "drawing", "program", "category")
_NARROW = ("part", "drawing", "program")  # fields of an item, of which a table may name thousands
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Route:
    """Finds programs and machines for an item when the ECN does not name them.

    match: field (part, drawing, program, category) → shell-style pattern. program: templates with {part} {drawing}
    {revision} {category}. version: template. The rest overrides the machine or the site where it is given. place: where
    it stands in the configuration, for people; it is no part of the rule.
    """

    match: Mapping[str, str]
    machines: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    version: str | None = None
    scheme: Scheme | None = None
    match_version: Match | None = None
    limit: Milliseconds | None = None
    stop_at_release: bool = False
    place: str = field(default="", compare=False)

    @property
    def digest(self) -> str:
        """Return a short digest of the rule: an edited route is a new route."""
        return hashlib.sha256(repr((sorted(self.match.items()), *self._rest())).encode()).hexdigest()[:16]

    def _rest(self) -> tuple[object, ...]:
        return (
            self.machines,
            self.program,
            self.version,
            self.scheme,
            self.match_version,
            self.limit,
            self.stop_at_release,
        )


class Rule:
    """A route made ready: its patterns compiled, its machines found. number: its place in the order, from 0."""

    __slots__ = ("digest", "machines", "number", "patterns", "route", "unknown")

    def __init__(self, number: int, route: Route, called: Callable[[str], str | None]) -> None:
        self.number, self.route, self.digest = number, route, route.digest
        found = {name: called(name) for name in route.machines}
        self.machines = tuple(dict.fromkeys(machine for machine in found.values() if machine))
        self.unknown = tuple(name for name, machine in found.items() if machine is None)
        self.patterns = tuple((name, pattern.upper(), _compiled(pattern)) for name, pattern in route.match.items())

    @property
    def narrow(self) -> tuple[str, str] | None:
        """The field whose value an item must have exactly, with that value; None when there is no such field."""
        return next(((name, text) for name, text, wild in self.patterns if wild is None and name in _NARROW), None)

    def matches(self, values: Mapping[str, str]) -> bool:
        """Tell whether an item with these values, in upper case, is one that the rule is for."""
        for name, text, wild in self.patterns:
            value = values[name]
            if (value != text) if wild is None else (wild.match(value) is None):
                return False
        return True


class RouteIndex:
    """Every rule in order. A rule for one part, drawing or program is found by its name, and one for names that begin alike
    by that beginning, so that tables stay quick."""

    def __init__(self, routes: Iterable[Route], called: Callable[[str], str | None]) -> None:
        self.rules = tuple(Rule(number, route, called) for number, route in enumerate(routes))
        self._wide: list[Rule] = []
        self._by_digest = {rule.digest: rule for rule in reversed(self.rules)}
        self._narrow: dict[tuple[str, str], list[Rule]] = {}
        self._beginning: dict[tuple[str, str], list[Rule]] = {}
        for rule in self.rules:
            if (key := rule.narrow) is not None:
                self._narrow.setdefault(key, []).append(rule)
            elif (key := beginning(rule.route.match)) is not None:
                self._beginning.setdefault(key, []).append(rule)
            else:
                self._wide.append(rule)
        self._lengths = tuple({(name, len(text)): None for name, text in self._beginning})

    def matching(self, part: str | None, drawing: str | None, program: str | None, category: str | None) -> list[Rule]:
        """Return the rules for an item, in the order of the configuration."""
        if not self.rules:
            return []
        values = {
            "part": (part or "").upper(),
            "drawing": (drawing or "").upper(),
            "program": (program or "").upper(),
            "category": (category or "").upper(),
        }
        narrow = [rule for name in _NARROW for rule in self._narrow.get((name, values[name]), ())]
        for name, length in self._lengths:
            narrow += self._beginning.get((name, values[name][:length]), ())
        found = [rule for rule in (*self._wide, *narrow) if rule.matches(values)]
        return sorted(found, key=lambda rule: rule.number) if narrow else found

    def numbered(self, digest: str) -> Rule | None:
        """Return the rule with this digest, or None."""
        return self._by_digest.get(digest)


def beginning(match: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the first field of an item whose value must begin with a text, and that text, in upper case; else None."""
    for name in _NARROW:
        text = _WILD.split(match.get(name, "").upper(), maxsplit=1)[0]
        if text:
            return name, text
    return None


@lru_cache(maxsize=4096)
def fields_of(template: str) -> tuple[str, ...]:
    """Return the names of the fields in a template."""
    return tuple(name for _, name, _, _ in string.Formatter().parse(template) if name)


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return what a shell-style pattern means, None when it means nothing but itself."""
    return re.compile(translate(pattern.upper())) if _WILD.search(pattern) else None
