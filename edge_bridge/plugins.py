"""Finds adapters by entry point `edge_bridge.adapters`; what cannot be used is named with the package it came in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, distributions, entry_points
from typing import cast, get_args

from edge_bridge.errors import ConfigError
from edge_bridge.options import AdapterOptions
from edge_bridge.ports import AdapterFactory, Delivers

GROUP = "edge_bridge.adapters"
_SHARED_PACKAGE = "adapters"  # a generic name: a second owner would silently replace our files


class Plugins:
    """The adapters installed beside this program, by the word that `adapter:` uses. Each is imported when first asked for."""

    def __init__(self, points: Mapping[str, EntryPoint]) -> None:
        self._points = dict(points)
        self._factories: dict[str, AdapterFactory] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        """What `adapter:` may say."""
        return tuple(sorted(self._points))

    def factory(self, kind: str) -> AdapterFactory:
        """Return the adapter of this kind. Raises ConfigError when there is none or when its package cannot be used."""
        if kind not in self._points:
            raise ConfigError(f"no adapter `{kind}` is installed", self._near(kind), key=("adapter",))
        if kind not in self._factories:
            self._factories[kind] = _loaded(self._points[kind])
        return self._factories[kind]

    def _near(self, kind: str) -> str:
        near = get_close_matches(kind, self.kinds, n=3, cutoff=0.5)
        installed = f"installed: {', '.join(self.kinds) or 'none'}"
        return f"did you mean {' or '.join(f'`{name}`' for name in near)}? {installed}" if near else installed


def find() -> Plugins:
    """Return what is installed. Raises ConfigError when two packages claim one adapter, or the package `adapters`."""
    owners: dict[str, set[str]] = {}
    points: dict[str, EntryPoint] = {}
    packages = {_same(name): name for name in _owners()}
    for point in entry_points(group=GROUP):
        owners.setdefault(point.name, set()).add(_package(point))
        points[point.name] = point
        if point.module.split(".")[0] == _SHARED_PACKAGE:
            packages.setdefault(_same(_package(point)), _package(point))
    if len(packages) > 1:
        both = " and ".join(sorted(packages.values()))
        raise ConfigError(
            f"two packages bring a top-level package `{_SHARED_PACKAGE}`: {both}",
            "uninstall one of them; an adapter of your own needs a package name of its own",
        )
    for name, claimed in owners.items():
        if len(claimed) > 1:
            both = " and ".join(sorted(claimed))
            raise ConfigError(f"two packages bring an adapter `{name}`: {both}", "uninstall one of them")
    return Plugins(points)


def _owners() -> Iterator[str]:
    """Yield the packages that brought a top-level package `adapters`: by their lists as they stand, unparsed.

    `packages_distributions` would parse every file of every package, at each start, to say the same.
    """
    for package in distributions():
        named = package.read_text("top_level.txt")
        listed = "" if named else package.read_text("RECORD") or ""
        if _SHARED_PACKAGE in (named or "").split() or f"\n{_SHARED_PACKAGE}/" in f"\n{listed}":
            yield str(package.metadata["Name"])


def _loaded(point: EntryPoint) -> AdapterFactory:
    package = _package(point)
    try:
        factory = point.load()
    except (ImportError, AttributeError) as error:
        hint = f"reinstall or remove the package {package}"
        raise ConfigError(
            f"adapter `{point.name}` of the package {package} cannot be loaded: {error}", hint, key=("adapter",)
        ) from error
    options = getattr(factory, "Options", None)
    fits = isinstance(options, type) and issubclass(options, AdapterOptions) and callable(factory)
    if not fits or getattr(factory, "delivers", None) not in get_args(Delivers):
        raise ConfigError(
            f"adapter `{point.name}` of the package {package} is none: it lacks `delivers` or `Options`",
            f"install a version of {package} that fits this edge-bridge",
            key=("adapter",),
        )
    return cast(AdapterFactory, factory)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "(unknown)"


def _same(name: str) -> str:
    """Return a package's name as package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()
