"""`routes.yaml`: from an ECN's part or drawing to programs and machines; every entry checked against the plant."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from edge_bridge.config.adapters import AdapterConfig
from edge_bridge.domain.plant import Route
from edge_bridge.domain.routing import TEMPLATE_FIELDS
from edge_bridge.domain.version import Match, Scheme
from edge_bridge.errors import ConfigError
from edge_bridge.options import Duration, Options, ShareOptions, YesNo, read_options
from edge_bridge.strict_yaml import ENTRIES, Key, Section


def _template(value: object) -> object:
    """Refuse a template that could never be filled."""
    if not isinstance(value, str):
        return value
    try:
        parts = list(string.Formatter().parse(value))
    except ValueError:
        raise ValueError("a brace without its other half → write fields as {part}") from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in TEMPLATE_FIELDS or form or conversion):
            near = get_close_matches(name, TEMPLATE_FIELDS, n=1)
            known = ", ".join(f"{{{field}}}" for field in TEMPLATE_FIELDS)
            raise ValueError(
                f"no field {{{name}}} → " + (f"did you mean {{{near[0]}}}?" if near else f"known: {known}")
            )
    if not value.strip():
        raise ValueError("an empty template → such as '{part}.MPF'")
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


Template = Annotated[str, BeforeValidator(_template)]


class RouteMatch(Options):
    """`match:` — which items a route is for; each a pattern with * and ?."""

    part: str | None = Field(None, min_length=1)
    drawing: str | None = Field(None, min_length=1)
    program: str | None = Field(None, min_length=1)
    category: str | None = Field(None, min_length=1)

    def model_post_init(self, _context: object) -> None:
        """Refuse a rule that says nothing."""
        if not self.patterns():
            raise ValueError("says for which items the route is → such as part: '*' for all")

    def patterns(self) -> dict[str, str]:
        """Return the fields given, with their patterns."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: pattern for name, pattern in given.items() if pattern is not None}


class RouteOptions(Options):
    """One entry of `routes.yaml`."""

    match: RouteMatch
    machines: Annotated[tuple[str, ...], BeforeValidator(_one_or_more)] = ()
    program: Annotated[tuple[Template, ...], BeforeValidator(_one_or_more)] = ()
    version: Template | None = None
    scheme: Scheme | None = None
    match_version: Match | None = None
    limit: Duration | None = Field(None, ge=1000)
    stop_at_release: YesNo = False


class RoutesFile(Options):
    """The whole list."""

    entries: tuple[RouteOptions, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What a route may call a machine: ids and names, folded → id; and the ids of sources, which are no machines."""

    machines: Mapping[str, str]
    sources: frozenset[str] = frozenset()


def read_routes(section: Section, names: Names) -> tuple[Route, ...]:
    """Return the routes with machine ids in place of names. Raises ConfigError(s)."""
    file = read_options(RoutesFile, section)
    return tuple(_route(entry, index, section, names) for index, entry in enumerate(file.entries))


def machine_problems(section: Section, names: Names) -> Iterator[ConfigError]:
    """Yield a problem for each machine in a route that is none, also where the rest of the file is wrong."""
    entries: Any = section[ENTRIES] or []
    for index, entry in enumerate(entries):
        listed = _one_or_more(entry.get("machines")) if isinstance(entry, Mapping) else None
        for place, name in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(name, str) and name.strip().casefold() not in names.machines:
                key: Key = (ENTRIES, index, "machines", place)
                yield ConfigError(*_unknown_machine(name, names), key=key, where=section.where(key))


def share_problems(share: AdapterConfig, names: Names) -> Iterator[ConfigError]:
    """Yield a problem for each machine that a program share names and that is none."""
    assert isinstance(share.options, ShareOptions)
    for name in share.options.machines:
        if name.strip().casefold() not in names.machines:
            key: Key = ("machines",)
            yield ConfigError(*_unknown_machine(name, names), key=key, where=share.section.where(key))


def _unknown_machine(name: str, names: Names) -> tuple[str, str]:
    if name in names.sources:
        return (
            f"`machines`: {name!r} is a folder, not a machine",
            "name a machine's file in adapters/, or its `name:`",
        )
    ids = sorted(set(names.machines.values()))
    near = get_close_matches(name.strip().casefold(), names.machines, n=1, cutoff=0.5)
    known = f"did you mean {names.machines[near[0]]!r}?" if near else f"known here: {', '.join(ids) or 'none'}"
    return f"`machines`: no machine {name!r}", known


def _route(entry: RouteOptions, index: int, section: Section, names: Names) -> Route:
    return Route(
        match=entry.match.patterns(),
        machines=tuple(dict.fromkeys(names.machines.get(name.strip().casefold(), name) for name in entry.machines)),
        program=entry.program,
        version=entry.version,
        scheme=entry.scheme,
        match_version=entry.match_version,
        limit=entry.limit,
        stop_at_release=entry.stop_at_release,
    )


def dead_routes(routes: Sequence[Route]) -> Iterator[tuple[int, int]]:
    """Yield (entry, earlier entry), from 0, where the earlier one answers first for all that the later one could say."""
    for later, route in enumerate(routes):
        for earlier, other in enumerate(routes[:later]):
            if _covers(other, route):
                yield later, earlier
                break


def _covers(other: Route, route: Route) -> bool:
    """Tell whether `other`, which comes first, decides every program of `route` on every machine of it."""
    wider = all(pattern in ("*", route.match.get(name)) for name, pattern in other.match.items())
    programs = set(route.program) <= set(other.program) and set(route.machines) <= set(other.machines)
    return wider and programs and (other.version is not None or route.version is None)
