"""How a setting names a data item: by id, by name, or by TYPE:SUBTYPE; `[key]` names an entry of a data set. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEYED = re.compile(r"(?P<item>[^\[\]]+)\[(?P<key>[^\[\]]+)\]")
_REPRESENTATIONS = ("DATASET", "TABLE", "TIMESERIES", "DISCRETE")


@dataclass(frozen=True, slots=True)
class ItemReference:
    """One way to find a data item. text: as configured, without the key. key: of an entry in a data set."""

    text: str
    key: str | None = None

    def names(self, identifier: str, name: str | None) -> bool:
        """Tell whether this is the item's id or name."""
        return self.text in (identifier, name)

    def types(self, type_: str, sub_type: str | None) -> bool:
        """Tell whether this is the item's type and sub type: `PROGRAM:MAIN`; without a sub type, only an item without one.

        The type may be written as in the device model (PROGRAM_COMMENT) or as in a stream (ProgramComment).
        """
        kind, _, sub = self.text.partition(":")
        return squashed(kind) in _spellings(type_) and (sub or None) == sub_type


def parse(text: str) -> ItemReference:
    """Return what a setting names. Raises ValueError with the way out."""
    found = text.strip()
    if not found:
        raise ValueError("names no data item → write its id, its name, or TYPE:SUBTYPE such as PROGRAM:MAIN")
    if "[" not in found and "]" not in found:
        return ItemReference(found)
    keyed = _KEYED.fullmatch(found)
    if keyed is None:
        raise ValueError("brackets name one entry of a data set → write ID[key], such as cvars[500]")
    return ItemReference(keyed["item"].strip(), keyed["key"].strip())


def squashed(type_: str) -> str:
    """Return a type in one spelling: `ProgramComment` and `PROGRAM_COMMENT` are the same; a prefix `x:` is none of it."""
    return type_.rsplit(":", 1)[-1].replace("_", "").upper()


def _spellings(type_: str) -> set[str]:
    """Return a stream element's type, and the same without what tells only how its value is represented."""
    whole = squashed(type_)
    return {whole} | {whole.removesuffix(end) for end in _REPRESENTATIONS if whole != end}
