"""The whole configuration folder: every file read, every problem gathered, one frozen Config."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

from edge_bridge import strict_yaml
from edge_bridge.config import adapters as adapter_files
from edge_bridge.config.adapters import AdapterConfig, Surroundings
from edge_bridge.config.groups import group_problems, groups_of
from edge_bridge.config.route_doubts import doubts
from edge_bridge.config.route_table import Table
from edge_bridge.config.routes import Names, machine_problems, read_routes, share_problems
from edge_bridge.config.settings import MqttOptions, StoreOptions
from edge_bridge.config.site import SiteOptions, party_doubts, site_values
from edge_bridge.domain.plant import Plant, Route
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options import ShareOptions, read_options
from edge_bridge.plugins import Plugins, find
from edge_bridge.ports import Clock, Doubts
from edge_bridge.strict_yaml import Section, load_list

MOST_DOUBTS = 20  # about routes
SITE_FILE, ROUTES_FILE = "edge-bridge.yaml", "routes.yaml"
PKI = "pki"  # the folder of certificates, beside the database
INSTALLED = Path("/etc/edge-bridge")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Config:
    """One valid configuration. digest: of every file in it. warnings: what works, though perhaps not as meant."""

    folder: Path
    plant: Plant
    timezone: str
    language: Literal["en", "zh-CN"]
    root: str
    mqtt: MqttOptions
    store: StoreOptions
    adapters: Mapping[str, AdapterConfig]
    digest: str
    warnings: tuple[ConfigError, ...] = field(default=(), compare=False)

    @property
    def pki(self) -> tuple[Path, ...]:
        """The folders of certificates: the site's own first, then those that single adapters name."""
        named = [getattr(adapter.options, PKI, None) for adapter in self.adapters.values()]
        return tuple(dict.fromkeys([self.store.path.parent / PKI, *(path for path in named if path is not None)]))


def folder_for(given: str | Path | None) -> Path:
    """Return the configuration folder: the one given, else /etc/edge-bridge where it exists, else ./config."""
    if given is not None:
        return Path(given)
    return INSTALLED if INSTALLED.is_dir() else Path("config")


def load(folder: Path, clock: Clock, plugins: Plugins | None = None) -> Config:
    """Return the configuration in `folder`, every adapter built and none connected.

    Raises ConfigError, or ConfigErrors with every problem of every file, each with `file:line:column` and a fix.
    """
    if not folder.is_dir():
        trouble = "is not a folder" if folder.exists() else "there is no such folder"
        raise ConfigError(f"configuration {folder}: {trouble}", "name the folder with --config DIR")
    reading = _Reading(folder, clock, plugins if plugins is not None else find())
    site, built, routes = reading.everything()
    if reading.problems or site is None:
        raise _as_one(reading.problems)
    return reading.config(site, built, routes)


def load_readable(folder: Path, clock: Clock) -> tuple[Config, tuple[ConfigError, ...]]:
    """Return the configuration without what is wrong in adapters and routes, and what that is: to look, never to judge.

    Raises ConfigError, ConfigErrors when not even `edge-bridge.yaml` can be read.
    """
    if not folder.is_dir():
        return load(folder, clock), ()
    reading = _Reading(folder, clock, find())
    site, built, routes = reading.everything()
    if site is None:
        raise _as_one(reading.problems)
    return reading.config(site, built, routes), tuple(reading.problems)


def _as_one(problems: list[ConfigError]) -> ConfigError | ConfigErrors:
    return problems[0] if len(problems) == 1 else ConfigErrors(problems)


class _Reading:
    """One folder on its way to a Config: the problems and doubts so far."""

    def __init__(self, folder: Path, clock: Clock, plugins: Plugins) -> None:
        self.folder, self.base, self.clock, self.plugins = folder, folder.absolute(), clock, plugins
        self.problems: list[ConfigError] = []
        self.sections: list[Section] = []
        self.site_section: Section | None = None
        self.tables: tuple[Table, ...] = ()

    def attempt(self, work: Callable[[], Result]) -> Result | None:
        """Return what `work` returns, or keep its problems and return None."""
        try:
            return work()
        except ConfigErrors as errors:
            self.problems += errors.problems
        except ConfigError as error:
            self.problems.append(error)
        return None

    def everything(self) -> tuple[SiteOptions | None, dict[str, AdapterConfig], tuple[Route, ...]]:
        site = self.attempt(self.site)
        built = self.adapters(site)
        return site, built, self.attempt(lambda: self.routes(site, built)) or ()

    def site(self) -> SiteOptions:
        section = strict_yaml.load(self.folder / SITE_FILE, self.base)
        self.sections.append(section)
        self.site_section = section
        return read_options(SiteOptions, section.replacing(site_values(section)))

    def adapters(self, site: SiteOptions | None) -> dict[str, AdapterConfig]:
        store = site.store.path.parent if site else self.base
        timezone, language = (site.timezone, site.language) if site else ("UTC", "en")
        around = Surroundings(timezone, language, store / "quarantine", store / PKI)
        found: dict[str, AdapterConfig] = {}
        for file in adapter_files.files(self.folder):
            if problem := adapter_files.file_problem(file):
                self.problems.append(problem)
            one = self.attempt(lambda: adapter_files.read_adapter(file, self.plugins, around, self.clock, self.base))  # noqa: B023
            if one is not None:
                found[one.id] = one
                self.sections.append(one.section)
        self.problems += _same_names(found)
        names = _names(found, adapter_files.files(self.folder))
        for share in (one for one in found.values() if isinstance(one.options, ShareOptions)):
            self.problems += share_problems(share, names)
        return found

    def routes(self, site: SiteOptions | None, built: Mapping[str, AdapterConfig]) -> tuple[Route, ...]:
        names = _names(built, adapter_files.files(self.folder))
        if site is not None and self.site_section is not None:
            self.problems += group_problems(site.groups, names, self.site_section)
            names = replace(names, groups=groups_of(site.groups, names))
        file = self.folder / ROUTES_FILE
        if not file.exists() and not file.is_symlink():
            return ()
        section = load_list(file, self.base)
        self.sections.append(section)
        self.problems += machine_problems(section, names)
        routes, self.tables = read_routes(section, names)
        return routes

    def config(self, site: SiteOptions, built: Mapping[str, AdapterConfig], routes: tuple[Route, ...]) -> Config:
        machines = {a.id: adapter_files.machine(a) for a in built.values() if a.delivers == "readings"}
        sources = {a.id: adapter_files.source(a) for a in built.values() if a.delivers == "ecns"}
        named = _names(built, ()).machines
        shares = {a.id: adapter_files.share(a, named) for a in built.values() if a.delivers == "programs"}
        plant = Plant(
            site=site.site,
            gateway=site.gateway,
            machines=machines,
            sources=sources,
            shares=shares,
            routes=routes,
            parties=site.plant_parties(),
            limit=site.limit,
            skew_tolerance=site.skew_tolerance,
            unreachable_after=site.unreachable_after,
            escalate_after=site.cards.escalate_after,
            repeat_every=site.cards.repeat_every,
        )
        return Config(
            folder=self.base,
            plant=plant,
            timezone=site.timezone,
            language=site.language,
            root=site.root,
            mqtt=site.mqtt.model_copy(update={"client_id": site.mqtt.client_id or site.gateway}),
            store=site.store,
            adapters=dict(built),
            digest=self._digest(),
            warnings=tuple(self._warnings(site, plant, built)),
        )

    def _digest(self) -> str:
        total = hashlib.sha256()
        for section in sorted(self.sections, key=lambda section: section.file):
            total.update(f"{section.file.relative_to(self.folder)}\0{section.sha256}\0".encode())
        for table in self.tables:
            total.update(f"{table.file.relative_to(self.folder)}\0{table.sha256}\0".encode())
        return total.hexdigest()

    def _warnings(self, site: SiteOptions, plant: Plant, built: Mapping[str, AdapterConfig]) -> Iterator[ConfigError]:
        assert self.site_section is not None
        place = self.site_section.where
        for where, what, hint in (doubt for section in self.sections for doubt in section.doubts):
            yield ConfigError(what, hint, where=where)
        if site.mqtt.open_to_listeners:
            what = f"`mqtt.url`: {site.mqtt.host} is reached without encryption, passwords too"
            yield ConfigError(what, "use mqtts://", where=place(("mqtt", "url")))
        for adapter in built.values():
            more = adapter.adapter.doubts if isinstance(adapter.adapter, Doubts) else ()
            for option, what, hint in (*adapter.options.doubts(), *more):
                yield ConfigError(what, hint, where=adapter.section.where((option,)))
        for key, what, hint in party_doubts(
            plant.parties, {machine.area for machine in plant.machines.values()} - {""}
        ):
            yield ConfigError(what, hint, key=key, where=place(key))
        yield from _route_doubts(plant.routes, self.folder)
        yield from self._unread(plant)

    def _unread(self, plant: Plant) -> Iterator[ConfigError]:
        """Warn of files that look like settings and are not read, and of a plant with nothing to watch."""
        here = {path.name for path in self.folder.iterdir() if path.suffix in (".yaml", ".yml")} - {
            SITE_FILE,
            ROUTES_FILE,
        }
        for name in sorted(here):
            near = get_close_matches(name, (SITE_FILE, ROUTES_FILE), n=1, cutoff=0.7)
            hint = f"rename it to {near[0]}" if near else "machines and ECN sources stand in adapters/"
            yield ConfigError("this file is not read", hint, where=f"{self.folder / name}:1:1")
        for path in sorted((self.folder / "adapters").glob("*.yml")):
            yield ConfigError("this file is not read", f"rename it to {path.stem}.yaml", where=f"{path}:1:1")
        for found, missing in ((plant.machines, "machine"), (plant.sources, "ECN source")):
            if not found:
                hint = f"add a file for it to {self.folder / 'adapters'}"
                yield ConfigError(f"no {missing} is configured", hint, where=f"{self.folder / 'adapters'}:1:1")


def _route_doubts(routes: tuple[Route, ...], folder: Path) -> Iterator[ConfigError]:
    """Warn of rules that never decide anything or contradict each other; a table may hold thousands of them."""
    found = list(islice(doubts(routes), MOST_DOUBTS + 1))
    for later, earlier, kind in found[:MOST_DOUBTS]:
        first, where = _shown(routes[earlier], routes[later]), f"{folder / routes[later].place}"
        if kind == "dead":
            yield ConfigError(
                f"this route never decides anything: {first} comes first", "remove one of them", where=where
            )
        elif kind == "empty":
            yield ConfigError("this route leads nowhere", "say machines, program or version, or remove it", where=where)
        elif kind == "unchecked":
            what = "too many patterns to compare each with each: from this route on, overlaps and dead rules are not looked for"
            yield ConfigError(what, "name parts, or what they begin with, such as EL-17*", where=where)
        else:
            what = f"this route and {first} give one program two versions; where both match, the first decides"
            yield ConfigError(what, "put the special case first, or make the patterns narrower", where=where)
    if len(found) > MOST_DOUBTS:
        yield ConfigError("more such routes follow", "mend these first", where=f"{folder / ROUTES_FILE}:1:1")


def _shown(earlier: Route, later: Route) -> str:
    """Say where the earlier rule stands, as seen from the later one."""
    file, line, _ = earlier.place.rsplit(":", 2)
    here = later.place.rsplit(":", 2)[0]
    return f"the one in line {line}" if file == here else f"the one in {file}, line {line},"


def _names(built: Mapping[str, AdapterConfig], files: tuple[Path, ...]) -> Names:
    """Return what routes may call machines; a file that could not be read still gives its id, to spare a second error."""
    machines = {file.stem.casefold(): file.stem for file in files}
    sources = frozenset(adapter.id for adapter in built.values() if adapter.delivers != "readings")
    for adapter in built.values():
        if adapter.delivers == "readings":
            machines |= {name.strip().casefold(): adapter.id for name in (adapter.id, adapter.options.name) if name}
    return Names({name: machine for name, machine in machines.items() if machine not in sources}, sources)


def _same_names(built: Mapping[str, AdapterConfig]) -> Iterator[ConfigError]:
    """Yield a problem for each machine that is called like another one: a route or ECN could mean either."""
    taken = {adapter.id.casefold(): adapter.id for adapter in built.values()}
    for adapter in built.values():
        name = adapter.options.name
        if name is None:
            continue
        other = taken.setdefault(name.strip().casefold(), adapter.id)
        if other != adapter.id:
            what = f"`name`: {name!r} is also {other}"
            yield ConfigError(what, "give each its own", key=("name",), where=adapter.section.where(("name",)))
