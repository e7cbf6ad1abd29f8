"""What is read from one machine: its values, its version extractors, and how they are judged. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.mtconnect.notation import ItemReference, parse
from adapters.mtconnect.options import ItemsOptions, MtConnectOptions
from edge_bridge.domain.version import Extractor
from edge_bridge.options import ExtractorOptions, missing_program

_READ_FOR = {"comment": Extractor.COMMENT, "header": Extractor.HEADER}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value. feeds: a field of `items`, or `version` for a version variable. references: in the order of trying.

    text: as configured. required: the site asked for it, or judging needs it, so that its absence is a fault.
    """

    feeds: str
    text: str
    references: tuple[ItemReference, ...]
    words: Mapping[str, object] = field(default_factory=dict)
    entry: ExtractorOptions | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that the pure part must know of one machine's settings."""

    machine: str
    wanted: tuple[Wanted, ...]
    needed: tuple[str, ...]
    judge: str
    extractors: tuple[ExtractorOptions, ...] = ()
    device: str | None = None
    path: str | None = None
    exact_names: bool = False
    accept_states: tuple[str, ...] = ("PRODUCTION",)
    trust_time: bool = False

    @property
    def wants_files(self) -> bool:
        """Whether the agent's File assets are read."""
        return any(entry.extractor in (Extractor.ASSET, Extractor.DIGEST) for entry in self.extractors)


def lay_out(machine: str, options: MtConnectOptions, given: Mapping[str, Any]) -> Layout:
    """Return the layout for a machine's settings. given: the site's own, which name data items that must be there."""
    needed = missing_program(options.judge, ())
    own = {*(given.get("items") or {}), *needed, "execution", "mode"}
    return Layout(
        machine=machine,
        wanted=(*_items(options, own), *_variables(options.version)),
        needed=needed,
        judge=options.judge,
        extractors=options.version,
        device=options.device,
        path=options.path,
        exact_names=options.names == "exact",
        accept_states=options.accept_states,
        trust_time=options.trust_time,
    )


def _items(options: MtConnectOptions, own: Collection[str]) -> Iterator[Wanted]:
    """Yield the data items of the fields; remarks only where a version is looked for in them, or the site names them."""
    used = {entry.extractor for entry in options.version}
    for name in ItemsOptions.model_fields:
        extractor = _READ_FOR.get(name.partition("_")[2])
        if extractor is not None and extractor not in used and name not in own:
            continue
        value = getattr(options.items, name)
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                references = tuple(parse(text) for text in one.item)
                words = getattr(one, "map", {})
                yield Wanted(name, " or ".join(one.item), references, words, required=name in own)


def _variables(version: tuple[ExtractorOptions, ...]) -> Iterator[Wanted]:
    for entry in version:
        if entry.variable is not None:
            yield Wanted("version", entry.variable.strip(), (parse(entry.variable),), entry=entry)
