"""Routing: from an ECN's items to what is demanded of which program on which machine."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from edge_bridge.domain import program
from edge_bridge.domain.ecn import EcnDraft, Item
from edge_bridge.domain.instant import Milliseconds
from edge_bridge.domain.plant import Machine, Plant, Route
from edge_bridge.domain.version import VersionRule

TEMPLATE_FIELDS = ("part", "drawing", "revision", "category")


@dataclass(frozen=True, slots=True)
class Demand:
    """What one ECN item demands of one program on one machine.

    program: as the ECN or route writes it; key: as the register keeps it. version or sha256 may be None, not both.
    limit in ms. route: the digest of the rule that led here, or "" when the ECN named everything itself.
    """

    ecn: str
    machine: str
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


def route(draft: EcnDraft, plant: Plant) -> tuple[list[Demand], list[Unrouted]]:
    """Return every demand of an ECN, and the items that no rule covers or that name an unknown machine.

    An ECN without a single item is unrouted as a whole: it changes something, and nobody can tell on which machine.
    """
    demands: dict[tuple[str, str], Demand] = {}
    unrouted: list[Unrouted] = []
    if not draft.items:
        unrouted.append(Unrouted(draft.number, Item(), "it names no part, drawing or program"))
    for index, item in enumerate(draft.items):
        if item.doubt:
            unrouted.append(Unrouted(draft.number, item, item.doubt))
            continue
        rules = [rule for rule in plant.routes if _matches(rule, draft, item)]
        machines, unknown = _machines(item, rules, plant)
        found = [demand for machine in machines for demand in _demands(draft, item, machine, rules, plant)]
        for demand in found:
            # of two rows on one program, the later one holds
            demands[demand.machine, demand.key] = replace(demand, item=index)
        if unknown:
            unrouted.append(Unrouted(draft.number, item, f"unknown machine: {', '.join(unknown)}"))
        elif not machines:
            unrouted.append(Unrouted(draft.number, item, "no machine named and no route matches"))
        elif not found:
            unrouted.append(Unrouted(draft.number, item, _missing(item, rules)))
    return list(demands.values()), unrouted


def fill(template: str, draft: EcnDraft, item: Item) -> str | None:
    """Return a route's template with the item's values, or None when one that it needs is missing."""
    values = {"part": item.part, "drawing": item.drawing, "revision": item.revision, "category": draft.category}
    needed = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    if any(not values.get(name) for name in needed):
        return None
    return template.format_map({name: value or "" for name, value in values.items()}).strip() or None


def machine_called(name: str, machines: Mapping[str, Machine]) -> str | None:
    """Return the id of the machine that an ECN or route calls by id or by name, or None."""
    if name in machines:
        return name
    wanted = name.strip().casefold()
    for machine in machines.values():
        if wanted in (machine.id.casefold(), machine.name.strip().casefold()):
            return machine.id
    return None


def _matches(rule: Route, draft: EcnDraft, item: Item) -> bool:
    values = {"part": item.part, "drawing": item.drawing, "program": item.program, "category": draft.category}
    return all(fnmatchcase((values.get(name) or "").upper(), pattern.upper()) for name, pattern in rule.match.items())


def _machines(item: Item, rules: list[Route], plant: Plant) -> tuple[list[str], list[str]]:
    """Return the machine ids an item concerns, and the names it gives that nobody knows."""
    named = item.machines or tuple(machine for rule in rules for machine in rule.machines)
    found = {name: machine_called(name, plant.machines) for name in named}
    known = list(dict.fromkeys(machine for machine in found.values() if machine))
    return known, [name for name, machine in found.items() if machine is None]


def _demands(draft: EcnDraft, item: Item, machine: str, rules: list[Route], plant: Plant) -> Iterator[Demand]:
    """Yield an item's demands on one machine, from the rules that concern it, the first one for each program."""
    concerned = [rule for rule in rules if item.machines or machine in _ids(rule, plant)]
    seen: set[str] = set()
    candidates: list[Route | None] = [*concerned] or [None]
    for rule in candidates:
        programs = (
            (item.program,) if item.program else tuple(fill(t, draft, item) for t in (rule.program if rule else ()))
        )
        version = item.version or (fill(rule.version, draft, item) if rule and rule.version else None)
        for name in programs:
            if not name or not (version or item.sha256):
                continue
            demand = _demand(draft, item, plant.machines[machine], name, version, rule, plant)
            if demand.key not in seen:
                seen.add(demand.key)
                yield demand


def _demand(
    draft: EcnDraft, item: Item, machine: Machine, name: str, version: str | None, rule: Route | None, plant: Plant
) -> Demand:
    compared = machine.rule
    if rule is not None:
        compared = replace(compared, scheme=rule.scheme or compared.scheme, match=rule.match_version or compared.match)
    return Demand(
        ecn=draft.number,
        machine=machine.id,
        program=name,
        key=program.key(name, exact=machine.exact_names),
        version=version,
        sha256=item.sha256.lower() if item.sha256 else None,
        rule=compared,
        limit=(rule.limit if rule else None) or plant.limit,
        stop_at_release=bool(rule and rule.stop_at_release),
        part=item.part,
        drawing=item.drawing,
        revision=item.revision,
        row=item.row,
        route=rule.digest if rule else "",
    )


def _ids(rule: Route, plant: Plant) -> set[str]:
    return {found for name in rule.machines if (found := machine_called(name, plant.machines))}


def _missing(item: Item, rules: list[Route]) -> str:
    if not item.program and not any(rule.program for rule in rules):
        return "no program named and no route gives one"
    return "no required version named and no route gives one"
