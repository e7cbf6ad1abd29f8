"""The stages between release and machine, in the site's own words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from edge_bridge.domain.ecn import LOADED

Stage = Literal["released", "programming", "review", "approved", "available"]
STAGES: tuple[str, ...] = get_args(Stage)


def stage_of(said: str | None, word: str, stages: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the canonical stage of what a file says; a word that is not mapped is kept as it is, never guessed.

    said: in the column `stage`. word: the status word, which may be a stage, too. `loaded` is for the machine to say.
    """
    known = {stage: stage for stage in STAGES}
    known |= {name.strip().casefold(): stage for stage, names in stages.items() for name in names}
    if said is None:
        return known.get(word.casefold()) if stages else None
    stage = known.get(said.casefold(), said)
    return f"PLM: {said}" if stage.casefold() == LOADED else stage
