"""`adapters/*.yaml`: one machine or ECN source a file; each adapter is built, which checks its options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_bridge.domain.plant import Judge, Machine, Share, Source
from edge_bridge.domain.version import VersionRule
from edge_bridge.errors import ConfigError, ConfigErrors
from edge_bridge.options import IDENTIFIER, AdapterOptions, ControllerOptions, ShareOptions
from edge_bridge.plugins import Plugins
from edge_bridge.ports import Adapter, AdapterFactory, Clock, Delivers
from edge_bridge.strict_yaml import Section, load, yaml_files

RESERVED = "gateway"  # the gateway's own events use it in place of an adapter's id


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """One adapter file, checked and built. digest: of the file and of what the site added to it."""

    id: str
    kind: str
    delivers: Delivers
    section: Section = field(repr=False, compare=False)
    options: AdapterOptions
    digest: str
    factory: AdapterFactory = field(repr=False, compare=False)
    adapter: Adapter = field(repr=False, compare=False)

    def build(self, clock: Clock) -> Adapter:
        """Return a fresh adapter with the same options."""
        return self.factory(self.id, self.section, clock)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an adapter file takes from the site where it says nothing itself."""

    timezone: str
    language: str
    quarantine: Path
    pki: Path


def files(folder: Path) -> tuple[Path, ...]:
    """Return the adapter files of a configuration folder."""
    return tuple(yaml_files(folder / "adapters"))


def file_problem(file: Path) -> ConfigError | None:
    """Return what is wrong with a file's name, which is the adapter's id."""
    if file.stem == RESERVED:
        hint = "rename it: this id is the gateway's own"
    elif IDENTIFIER.fullmatch(file.stem):
        return None
    else:
        meant = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in file.stem.lower())
        hint = f"rename it to {meant[:40].strip('-') or 'mill-03'}.yaml: 1 to 40 of the characters a-z 0-9 -"
    return ConfigError(f"the file name {file.stem!r} cannot be an id", hint, where=f"{file}:1:1")


def read_adapter(file: Path, plugins: Plugins, around: Surroundings, clock: Clock, root: Path) -> AdapterConfig:
    """Return one adapter, built and checked. Raises ConfigError(s), each with its place."""
    section = load(file, root)
    kind = section.get("adapter")
    if not isinstance(kind, str):
        hint = f"add `adapter: NAME`; installed: {', '.join(plugins.kinds) or 'none'}"
        raise ConfigError("`adapter` is missing", hint, key=("adapter",), where=section.where(("adapter",)))
    with_place = _placing(section)
    factory = with_place(lambda: plugins.factory(kind))
    added = dict(_added(section, factory, around))
    whole = section.replacing(added)
    adapter = with_place(lambda: factory(file.stem, whole, clock))
    return AdapterConfig(
        id=file.stem,
        kind=kind,
        delivers=factory.delivers,
        section=whole,
        options=adapter.options,
        digest=_digest(section, added),
        factory=factory,
        adapter=adapter,
    )


def _added(section: Section, factory: AdapterFactory, around: Surroundings) -> Iterator[tuple[str, str]]:
    """Yield what the site supplies: an ECN source's zone and language, where unreadable files are copied, and certificates."""
    known = factory.Options.model_fields
    if factory.delivers == "ecns" and "timezone" in known and section.get("timezone") is None:
        yield "timezone", around.timezone
    if "language" in known and section.get("language") is None:
        yield "language", around.language
    if "quarantine" in known and section.get("quarantine") is None:
        yield "quarantine", str(around.quarantine)
    if "pki" in known and section.get("pki") is None:
        yield "pki", str(around.pki)


def _placing(section: Section) -> Callable[..., Any]:
    """Return a caller that gives each problem without a place the place of its key in this file."""

    def placed(error: ConfigError) -> ConfigError:
        where = error.where or section.where(error.key)
        return ConfigError(error.what, error.hint, key=error.key, where=where)

    def call(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except ConfigErrors as errors:
            raise ConfigErrors([placed(problem) for problem in errors.problems]) from errors
        except ConfigError as error:
            raise placed(error) from error

    return call


def _digest(section: Section, added: Mapping[str, str]) -> str:
    return hashlib.sha256((section.sha256 + json.dumps(added, sort_keys=True)).encode()).hexdigest()


def machine(adapter: AdapterConfig) -> Machine:
    """Return what the ledger needs to know of a controller."""
    options = adapter.options
    if not isinstance(
        options, ControllerOptions
    ):  # a third party's adapter that delivers readings with its own settings
        return Machine(adapter.id, options.name or adapter.id)
    rule = VersionRule(options.scheme, options.match, dict(options.aliases), options.skipped_letters)
    return Machine(
        id=adapter.id,
        name=options.name or adapter.id,
        area=options.area,
        every=options.every,
        judge=Judge(options.judge),
        exact_names=options.names == "exact",
        rule=rule,
    )


def share(adapter: AdapterConfig, machines: Mapping[str, str]) -> Share:
    """Return what the ledger needs to know of a program share. machines: id by id or name, case-folded."""
    options = adapter.options
    named = options.machines if isinstance(options, ShareOptions) else ()
    ids = tuple(dict.fromkeys(machines.get(name.strip().casefold(), name) for name in named))
    return Share(adapter.id, options.name or adapter.id, ids)


def source(adapter: AdapterConfig) -> Source:
    """Return what the ledger needs to know of an ECN source."""
    return Source(adapter.id, adapter.options.name or adapter.id)
