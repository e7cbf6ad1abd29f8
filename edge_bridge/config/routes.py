"""`routes.yaml`: from an ECN's part or drawing to programs and machines; every entry checked against the plant."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from edge_bridge.config.adapters import AdapterConfig
from edge_bridge.config.route_table import MATCHED, Column, Table, TableRow, read_table
from edge_bridge.domain.plant import Route
from edge_bridge.domain.routing import TEMPLATE_FIELDS
from edge_bridge.domain.version import Match, Scheme
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options import Duration, Options, ShareOptions, YesNo, read_options
from edge_bridge.strict_yaml import ENTRIES, Key, Section

MOST_PROBLEMS = 20  # of one table that are told: who sees twenty looks at the column, not at the rows
_STAND_IN = {"match": {"part": "*"}}  # where a table stands in the list, so that all else keeps its place


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


class TableOptions(Options):
    """An entry of `routes.yaml` that stands for the rows of a table; what a row leaves open is taken from here."""

    table: str
    encoding: Literal["auto", "utf-8", "gb18030", "cp1252"] = "auto"
    columns: dict[Column, str] = Field(default_factory=dict)
    machines: Annotated[tuple[str, ...], BeforeValidator(_one_or_more)] = ()
    program: Annotated[tuple[Template, ...], BeforeValidator(_one_or_more)] = ()
    version: Template | None = None
    scheme: Scheme | None = None
    match_version: Match | None = None
    limit: Duration | None = Field(None, ge=1000)
    stop_at_release: YesNo = False

    @field_validator("table")
    @classmethod
    def _in_the_folder(cls, table: str) -> str:
        if not re.fullmatch(r"(tables/)?[^/\\]+\.csv", table, re.IGNORECASE):
            raise ValueError(
                "a table is a .csv file in the configuration folder, or in tables/ there → such as parts.csv"
            )
        return table

    def row(self, row: TableRow) -> dict[str, Any]:
        """Return a row as the entry it stands for, as it would be written."""
        given = {name: getattr(self, name) for name in ("machines", "program", "version", "scheme", "limit")}
        cells = {name: row.cells[name] for name in ("version", "scheme", "limit") if name in row.cells}
        listed = {name: values for name in ("machines", "program") if (values := row.several(name))}
        # a part number is no pattern of characters: only * and ? stand for something else
        match = {name: row.cells[name].replace("[", "[[]") for name in MATCHED if name in row.cells}
        shared = {"match_version": self.match_version, "stop_at_release": self.stop_at_release}
        return {**given, **shared, **cells, **listed, "match": match}


class RoutesFile(Options):
    """The whole list."""

    entries: tuple[RouteOptions, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What a route may call a machine: ids and names, folded → id; groups, folded → ids; and the ids of sources, which are
    no machines."""

    machines: Mapping[str, str]
    sources: frozenset[str] = frozenset()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def ids(self, name: str) -> tuple[str, ...] | None:
        """Return the machines that a name stands for, None when nobody is called so."""
        folded = name.strip().casefold()
        if folded in self.groups:
            return self.groups[folded]
        return (self.machines[folded],) if folded in self.machines else None


def read_routes(section: Section, names: Names) -> tuple[tuple[Route, ...], tuple[Table, ...]]:
    """Return the routes with machine ids in place of names, and the tables that some come from. Raises ConfigError(s)."""
    entries: list[Any] = list(section[ENTRIES] or [])
    told = {at: entry for at, entry in enumerate(entries) if isinstance(entry, Mapping) and "table" in entry}
    without = [_STAND_IN if at in told else entry for at, entry in enumerate(entries)]
    file = read_options(RoutesFile, section.replacing({ENTRIES: without}))
    routes: list[Route] = []
    tables: list[Table] = []
    for at, entry in enumerate(file.entries):
        if at in told:
            options = _table_options(told[at], at, section)
            table = _read_table(options, at, section)
            tables.append(table)
            routes += _table_routes(options, table, names)
        else:
            routes.append(_route(entry, names, _place(section, at)))
    return tuple(routes), tuple(tables)


def _place(section: Section, at: int) -> str:
    """Return where an entry stands, as `routes.yaml:5:3`."""
    return f"{section.file.name}:{':'.join(section.where((ENTRIES, at)).rsplit(':', 2)[1:])}"


def _table_options(entry: Mapping[str, Any], at: int, section: Section) -> TableOptions:
    try:
        return read_options(TableOptions, entry, at=(ENTRIES, at))
    except ConfigErrors as errors:
        raise ConfigErrors([_placed(problem, section) for problem in errors.problems]) from errors
    except ConfigError as error:
        raise _placed(error, section) from error


def _placed(problem: ConfigError, section: Section) -> ConfigError:
    return ConfigError(problem.what, problem.hint, key=problem.key, where=problem.where or section.where(problem.key))


def _read_table(options: TableOptions, at: int, section: Section) -> Table:
    file = section.file.parent / options.table
    if not file.exists():
        key: Key = (ENTRIES, at, "table")
        what, hint = f"`table`: there is no {options.table} beside this file", "put it there, or correct its name"
        raise ConfigError(what, hint, key=key, where=section.where(key))
    return read_table(file, options.encoding, options.columns)


def _table_routes(options: TableOptions, table: Table, names: Names) -> list[Route]:
    """Return a rule for each row. Raises ConfigErrors with the first problems, each with its line."""
    routes: list[Route] = []
    problems: list[ConfigError] = []
    for row in table.rows:
        where = table.where(row.line)
        if not any(column in row.cells for column in MATCHED):
            what = "this row names no part, drawing or category"
            problems.append(ConfigError(what, "say what it is for; * stands for all", where=where))
            continue
        unknown = [name for name in row.several("machines") if names.ids(name) is None]
        problems += [ConfigError(*unknown_machine(name, names), where=where) for name in unknown]
        try:
            entry = read_options(RouteOptions, options.row(row))
        except ConfigError as error:
            found = error.problems if isinstance(error, ConfigErrors) else (error,)
            problems += [ConfigError(one.what, one.hint, where=where) for one in found]
            continue
        routes.append(_route(entry, names, f"{options.table}:{row.line}:1"))
    if problems:
        left = len(problems) - MOST_PROBLEMS
        more = [ConfigError(f"and {left} more problems in this table", where=f"{table.file}:1:1")] if left > 0 else []
        raise ConfigErrors([*problems[:MOST_PROBLEMS], *more])
    return routes


def machine_problems(section: Section, names: Names) -> Iterator[ConfigError]:
    """Yield a problem for each machine in a route that is none, also where the rest of the file is wrong."""
    entries: Any = section[ENTRIES] or []
    for index, entry in enumerate(entries):
        listed = _one_or_more(entry.get("machines")) if isinstance(entry, Mapping) else None
        for place, name in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(name, str) and names.ids(name) is None:
                key: Key = (ENTRIES, index, "machines", place)
                yield ConfigError(*unknown_machine(name, names), key=key, where=section.where(key))


def share_problems(share: AdapterConfig, names: Names) -> Iterator[ConfigError]:
    """Yield a problem for each machine that a program share names and that is none."""
    assert isinstance(share.options, ShareOptions)
    for name in share.options.machines:
        if name.strip().casefold() not in names.machines:
            key: Key = ("machines",)
            yield ConfigError(*unknown_machine(name, names), key=key, where=share.section.where(key))


def unknown_machine(name: str, names: Names, option: str = "machines") -> tuple[str, str]:
    """Return what is wrong with a name that is no machine's, and what may have been meant."""
    if name in names.sources:
        return (
            f"`{option}`: {name!r} is a folder, not a machine",
            "name a machine's file in adapters/, or its `name:`",
        )
    ids = sorted(set(names.machines.values()))
    called = {**{group: group for group in names.groups}, **names.machines}
    near = get_close_matches(name.strip().casefold(), called, n=1, cutoff=0.5)
    known = (
        f"did you mean {called[near[0]]!r}?" if near else f"known here: {', '.join((*ids, *names.groups)) or 'none'}"
    )
    return f"`{option}`: no machine {name!r}", known


def _route(entry: RouteOptions, names: Names, place: str) -> Route:
    machines = [machine for name in entry.machines for machine in names.ids(name) or (name,)]
    return Route(
        match=entry.match.patterns(),
        machines=tuple(dict.fromkeys(machines)),
        program=entry.program,
        version=entry.version,
        scheme=entry.scheme,
        match_version=entry.match_version,
        limit=entry.limit,
        stop_at_release=entry.stop_at_release,
        place=place,
    )
