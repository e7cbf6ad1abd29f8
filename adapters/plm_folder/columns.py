"""Which header of the file holds which column of an ECN: the site's `columns:`, then the names that are usual."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, get_args

from adapters.plm_folder.unreadable import Unreadable
from edge_bridge import strict_yaml

Column = Literal[
    "number",
    "status",
    "released",
    "effective_from",
    "title",
    "category",
    "designer",
    "part",
    "drawing",
    "revision",
    "program",
    "version",
    "sha256",
    "machines",
    "stage",
    "supersedes",
    "stage_date",
    "serial_from",
    "serial_to",
    "lot",
]
COLUMNS: tuple[str, ...] = get_args(Column)
REQUIRED = ("number", "status")
ITEM_COLUMNS = (
    "part",
    "drawing",
    "revision",
    "program",
    "version",
    "sha256",
    "machines",
    "serial_from",
    "serial_to",
    "lot",
)
HEAD_COLUMNS = tuple(column for column in COLUMNS if column not in ITEM_COLUMNS)
_DECORATION = str.maketrans("", "", " \t\r\n_-./:#*\u3000\u00ad\u200b\u200c\u200d\u2060\ufeff")
_MOST_SHOWN = 20
_MOST_SITES = 32


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a header as it is compared: width, case and punctuation do not matter."""
    return unicodedata.normalize("NFKC", name).casefold().translate(_DECORATION)


@cache
def usual_names() -> Mapping[str, tuple[str, ...]]:
    """Return the names that are understood without configuration, by column."""
    section = strict_yaml.load(Path(__file__).with_name("columns.yaml"))
    return {column: tuple(section[column]) for column in COLUMNS}


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What a site says about its columns: the configured headers, and the columns that its files do without.

    Each is its own equal, so that what follows from one is worked out once and not for each of its files.
    """

    configured: Mapping[str, Sequence[str]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that must be there."""
        return tuple(column for column in REQUIRED if column not in self.without)


def familiar(headers: Iterable[str], wanted: Wanted) -> int:
    """Return how many headers have a name that some column may have: how likely a line is the header."""
    known = _known(wanted)
    return sum(plain(header) in known for header in headers)


def find(headers: Sequence[str], wanted: Wanted) -> dict[str, str]:
    """Return {column: header}. A configured column has no usual names; a configured header serves no other column.

    Raises Unreadable when a header in use is there twice.
    """
    present: dict[str, list[str]] = {}
    for header in headers:
        present.setdefault(plain(header), []).append(header)
    best: dict[str, tuple[int, str]] = {}  # column → (how usual the name is, the name)
    serves = _serves(wanted)
    for name in present:
        for column, rank in serves.get(name, ()):
            best[column] = min(best.get(column, (rank, name)), (rank, name))
    found: dict[str, str] = {}
    for column in COLUMNS:
        if column in best:
            match = present[best[column][1]]
            if len(match) > 1:
                raise Unreadable("column_twice", "header", column=match[0].strip())
            found[column] = match[0]
    return found


def require(found: Iterable[str], headers: Iterable[str], where: str, wanted: Wanted) -> None:
    """Raise Unreadable that names the column an ECN cannot do without, and the headers that are there."""
    for column in wanted.required:
        if column not in found:
            shown = [header.strip()[:60] for header in headers if header.strip()][:_MOST_SHOWN]
            raise Unreadable("column", where, column=column, found=", ".join(shown) or "none")


@lru_cache(maxsize=_MOST_SITES)
def _serves(wanted: Wanted) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Return for each name the columns that it may stand for in a site's files, each with its place among their names."""
    claimed = {plain(name) for names in wanted.configured.values() for name in names}
    serves: dict[str, list[tuple[str, int]]] = {}
    for column in COLUMNS:
        configured = wanted.configured.get(column)
        for rank, name in enumerate(map(plain, configured or usual_names()[column])):
            if configured or name not in claimed:
                serves.setdefault(name, []).append((column, rank))
    return serves


@lru_cache(maxsize=_MOST_SITES)
def _known(wanted: Wanted) -> frozenset[str]:
    return _usual() | {plain(name) for names in wanted.configured.values() for name in names}


@cache
def _usual() -> frozenset[str]:
    return frozenset(plain(name) for names in usual_names().values() for name in names)
