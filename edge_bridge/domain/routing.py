"""Routing: from an ECN's items to what is demanded of which program on which machine."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace

from edge_bridge.domain import program
from edge_bridge.domain.ecn import Ecn, EcnDraft, Item, Status
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.plant import Machine, Plant
from edge_bridge.domain.portions import finished
from edge_bridge.domain.route import Rule, fields_of
from edge_bridge.domain.version import Match, Scheme, VersionRule

ITEMS_AT_ONCE = 200
TEMPLATE_FIELDS = ("part", "drawing", "revision", "category")


@quickly_made
@dataclass(frozen=True, slots=True)
class Demand:
    """What one ECN item demands of one program, on whatever machine: one object for all that it demands the same of.

    program: as the ECN or route writes it; key: as the register keeps it. version or sha256 may be None, not both.
    limit in ms. route: the digest of the rule that led here, or "" when the ECN named everything itself.
    """

    ecn: str
    program: str
    key: str
    version: str | None
    sha256: str | None
    rule: VersionRule
    limit: Milliseconds
    stop_at_release: bool = False
    part: str | None = None
    drawing: str | None = None
    revision: str | None = None
    row: str = ""
    item: int = 0  # its place in the ECN
    route: str = ""
    effectivity: str = ""  # serial numbers and lots, as the ECN says: shown, never judged

    def same_need(self, other: Demand) -> bool:
        """Tell whether the machine needs the same thing: program, version, content.

        How versions are compared is not part of it: a corrected scheme judges anew, it does not start a new time limit.
        """
        return (self.key, self.version, self.sha256) == (other.key, other.version, other.sha256)


@dataclass(frozen=True, slots=True)
class Unrouted:
    """An item that leads to no machine: never silence."""

    ecn: str
    item: Item
    reason: str


Demands = dict[str, Demand]
"""What is demanded of each program on each machine, by register key, in the order of the ECN's items."""

Routed = tuple[Demands, list[Unrouted]]
"""What an ECN demands, and which of its items lead nowhere."""


def register_key(machine: str, program: str) -> str:
    """Return the key of a program on a machine."""
    return f"{machine}|{program}"


def machine_of(key: str) -> str:
    """Return the machine of a register key."""
    return key.split("|", 1)[0]


def route(draft: EcnDraft, plant: Plant) -> Routed:
    """Return every demand of an ECN, and the items that no rule covers or that name an unknown machine."""
    return finished(route_steps(draft, plant))


def route_held(ecn: Ecn, plant: Plant) -> Generator[None, None, Routed]:
    """Do the same in portions, of an ECN as it is held: a withdrawn one demands nothing."""
    if ecn.status is Status.WITHDRAWN:
        return {}, []
    return (yield from route_steps(ecn.draft, plant))


def route_steps(draft: EcnDraft, plant: Plant) -> Generator[None, None, Routed]:
    """Do the same in portions, for an ECN with thousands of items.

    An ECN without a single item is unrouted as a whole: it changes something, and nobody can tell on which machine.
    """
    demands: Demands = {}
    unrouted: list[Unrouted] = []
    ways = _Ways(plant)
    if not draft.items:
        unrouted.append(Unrouted(draft.number, Item(), "it names no part, drawing or program"))
    for index, item in enumerate(draft.items):
        if item.doubt:
            unrouted.append(Unrouted(draft.number, item, item.doubt))
            continue
        rules = plant.index.matching(item.part, item.drawing, item.program, draft.category)
        machines, unknown = _machines(item, rules, plant)
        led = ways.of(item, machines, rules)
        found, left = _demands(draft, index, rules, led, plant.limit)
        earlier = _other_need(found, demands)
        demands |= found  # of two rows on one program, the later one holds
        if earlier is not None:
            unrouted.append(Unrouted(draft.number, item, _contradiction(*earlier)))
        if unknown:
            unrouted.append(Unrouted(draft.number, item, f"unknown machine: {', '.join(unknown)}"))
        elif not machines:
            unrouted.append(Unrouted(draft.number, item, "no machine named and no route matches"))
        elif not found:
            unrouted.append(Unrouted(draft.number, item, _missing(item, rules)))
        elif gap := _gap(draft, item, left, rules) or _unversioned(draft, item, rules, led, found):
            unrouted.append(Unrouted(draft.number, item, gap))
        if index % ITEMS_AT_ONCE == ITEMS_AT_ONCE - 1:
            yield
    return demands, unrouted


def fill(template: str, draft: EcnDraft, item: Item) -> str | None:
    """Return a route's template with the item's values, or None when one that it needs is missing."""
    values = {"part": item.part, "drawing": item.drawing, "revision": item.revision, "category": draft.category}
    if not all(values[name] for name in fields_of(template)):
        return None
    return template.format_map({name: value or "" for name, value in values.items()}).strip() or None


def machine_called(name: str, machines: Mapping[str, Machine]) -> str | None:
    """Return the id of the machine that a person calls by id or by name, or None."""
    if name in machines:
        return name
    wanted = name.strip().casefold()
    for machine in machines.values():
        if wanted in (machine.id.casefold(), machine.name.strip().casefold()):
            return machine.id
    return None


def _machines(item: Item, rules: list[Rule], plant: Plant) -> tuple[list[str], list[str]]:
    """Return the machine ids an item concerns, and the names it gives that nobody knows."""
    if not item.machines:
        known = list(dict.fromkeys(machine for rule in rules for machine in rule.machines))
        return known, [name for rule in rules for name in rule.unknown]
    found = {name: plant.called(name) for name in item.machines}
    known = list(dict.fromkeys(machine for machine in found.values() if machine))
    return known, [name for name, machine in found.items() if machine is None]


def _demands(
    draft: EcnDraft, place: int, rules: list[Rule], ways: list[_Way], limit: Milliseconds
) -> tuple[Demands, list[str]]:
    """Return an item's demands: on each machine, of the rules that concern it the first one for each program decides; and the
    machines on which it demands nothing.
    """
    item = draft.items[place]
    wanted: dict[Rule | None, list[_Wanted]] = {
        rule: [_Wanted(draft, place, rule, *named, limit) for named in _answers(draft, item, rule)]
        for rule in rules or (None,)
    }
    found: Demands = {}
    left: list[str] = []
    for machine, exact, concerned in ways:
        before = len(found)
        for rule, compared in concerned:
            for one in wanted[rule]:
                demand = one.on(exact, compared)
                found.setdefault(register_key(machine, demand.key), demand)
        if len(found) == before:
            left.append(machine)
    return found, left


def _answers(draft: EcnDraft, item: Item, rule: Rule | None) -> Iterator[tuple[str, str | None]]:
    """Yield the programs that a rule, or the item by itself, names, each with its required version."""
    given = rule.route if rule else None
    version = item.version or (fill(given.version, draft, item) if given and given.version else None)
    if not (version or item.sha256):
        return
    for name in (item.program,) if item.program else (fill(t, draft, item) for t in (given.program if given else ())):
        if name:
            yield name, version


class _Wanted:
    """One program that an item demands, by a rule or by itself: one demand on all machines that name and compare alike."""

    __slots__ = ("_draft", "_limit", "_name", "_newest", "_place", "_rule", "_version")

    def __init__(
        self, draft: EcnDraft, place: int, rule: Rule | None, name: str, version: str | None, limit: Milliseconds
    ) -> None:
        self._draft, self._place, self._rule = draft, place, rule
        self._name, self._version, self._limit = name, version, limit
        self._newest: tuple[bool, VersionRule, Demand] | None = None

    def on(self, exact: bool, compared: VersionRule) -> Demand:
        """Return what is demanded of it on a machine. exact: as its names are. compared: how versions are compared there."""
        newest = self._newest
        if newest is None or newest[0] is not exact or newest[1] is not compared:
            newest = self._newest = exact, compared, self._demand(program.key(self._name, exact=exact), compared)
        return newest[2]

    def _demand(self, key: str, compared: VersionRule) -> Demand:
        item, rule = self._draft.items[self._place], self._rule
        given = rule.route if rule else None
        return Demand(
            self._draft.number,
            self._name,
            key,
            self._version,
            item.sha256.lower() if item.sha256 else None,
            compared,
            (given.limit if given else None) or self._limit,
            bool(given and given.stop_at_release),
            item.part,
            item.drawing,
            item.revision,
            item.row,
            self._place,
            rule.digest if rule else "",
            item.effectivity,
        )


_Way = tuple[str, bool, list[tuple[Rule | None, VersionRule]]]
"""A machine by its id, whether its names are exact, and the rules that lead there with how versions are compared by each."""


class _Ways:
    """Where rules lead to: worked out once for thousands of items. Machines that compare alike have one object for it."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._known: dict[tuple[int, ...], list[_Way]] = {}
        self._compared_on: dict[tuple[str, Scheme | None, Match | None], VersionRule] = {}
        self._alike: dict[object, VersionRule] = {}

    def of(self, item: Item, machines: list[str], rules: list[Rule]) -> list[_Way]:
        """Return the ways to an item's machines: to those that it names by every rule, else by those that name them."""
        if item.machines:
            return [self._way(machine, rules) for machine in machines]
        numbers = tuple([rule.number for rule in rules])
        known = self._known.get(numbers)
        if known is None:
            known = [self._way(machine, [rule for rule in rules if machine in rule.machines]) for machine in machines]
            self._known[numbers] = known
        return known

    def _way(self, name: str, rules: list[Rule]) -> _Way:
        machine = self._plant.machines[name]
        return name, machine.exact_names, [(rule, self._compared(machine, rule)) for rule in rules or (None,)]

    def _compared(self, machine: Machine, rule: Rule | None) -> VersionRule:
        given = (None, None) if rule is None else (rule.route.scheme, rule.route.match_version)
        known = self._compared_on.get((machine.id, *given))
        if known is None:
            usual = machine.rule
            made = replace(usual, scheme=given[0] or usual.scheme, match=given[1] or usual.match)
            content = made.scheme, made.match, tuple(made.aliases.items()), made.skipped_letters
            known = self._compared_on[machine.id, *given] = self._alike.setdefault(content, made)
        return known


def _gap(draft: EcnDraft, item: Item, left: list[str], rules: list[Rule]) -> str:
    """Return what is left out though something is demanded: a machine without a program, a program without its name.

    A part of several programs is not done when the ones that could be named are.
    """
    if left:
        return f"its routes give no program and version for {', '.join(left)}"
    if item.program:
        return ""
    for rule in rules:
        if len(rule.route.program) < 2:
            continue
        unnamed = [template for template in rule.route.program if fill(template, draft, item) is None]
        if 0 < len(unnamed) < len(rule.route.program):
            return f"the ECN does not say what the route's {unnamed[0]} needs"
    return ""


def _other_need(found: Demands, demands: Demands) -> tuple[Demand, Demand] | None:
    """Return what an earlier row demands of a program, and this one, where the machine cannot do both."""
    both = ((demands[key], demand) for key, demand in found.items() if key in demands)
    return next(((old, new) for old, new in both if not old.same_need(new)), None)


def _contradiction(old: Demand, new: Demand) -> str:
    """Say that the ECN demands two things of one program."""
    was, now = (demand.version or f"SHA-256 {(demand.sha256 or '')[:12]}" for demand in (old, new))
    return (
        f"{now} is demanded of {new.program} here and {was} at {old.row}; this row holds until the ECN states only one"
    )


def _unversioned(draft: EcnDraft, item: Item, rules: list[Rule], ways: list[_Way], found: Demands) -> str:
    """Return which program a rule names that nothing is demanded of, because neither it nor another one names its version."""
    if item.program or item.version or item.sha256:
        return ""
    bare = [rule for rule in rules if not (rule.route.version and fill(rule.route.version, draft, item))]
    for machine, exact, concerned in ways if bare else ():
        for rule in [rule for rule, _ in concerned if rule is not None and rule in bare]:
            for name in (fill(template, draft, item) for template in rule.route.program):
                if name and register_key(machine, program.key(name, exact=exact)) not in found:
                    return f"its routes give no version for {name} on {machine}"
    return ""


def _missing(item: Item, rules: list[Rule]) -> str:
    if not item.program and not any(rule.route.program for rule in rules):
        return "no program named and no route gives one"
    return "no required version named and no route gives one"
