"""How people name things at a terminal: the start of a card's id, a machine's name, an ECN's number nearly right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise, takewhile

SHORTEST = 6  # characters of a card's id that are shown at least


def short_ids(ids: Iterable[str]) -> Mapping[str, str]:
    """Return for each id the shortest start that no other of them has, SHORTEST characters at least."""
    ordered = sorted(set(ids))
    needed = dict.fromkeys(ordered, SHORTEST)
    for one, other in pairwise(ordered):
        length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))) + 1
        needed[one] = max(needed[one], length)
        needed[other] = max(needed[other], length)
    return {one: one[:length] for one, length in needed.items()}


def starting_with(given: str, ids: Iterable[str]) -> list[str]:
    """Return the ids that begin with what was typed; the one that is exactly that alone, if there is one."""
    wanted = given.strip().lower()
    if not wanted:
        return []
    found = sorted({one for one in ids if one.lower().startswith(wanted)})
    return [one for one in found if one.lower() == wanted] or found


def nearest(given: str, names: Sequence[str], most: int = 5) -> list[str]:
    """Return the names most like what was typed: those that contain it first."""
    wanted = given.strip().casefold()
    by_folded = {name.casefold(): name for name in names}
    inside = [name for folded, name in by_folded.items() if wanted and wanted in folded]
    alike = [by_folded[folded] for folded in get_close_matches(wanted, list(by_folded), n=most, cutoff=0.5)]
    return list(dict.fromkeys([*sorted(inside, key=len), *alike]))[:most]
