"""The way from release to machine in words: which stage was reached when, and which one it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge_bridge.cli.desk import Desk
from edge_bridge.cli.findings import Finding
from edge_bridge.domain.availability import STAGE as AVAILABLE
from edge_bridge.domain.ecn import LOADED, STAGES
from edge_bridge.domain.instant import Milliseconds


def way(steps: Iterable[tuple[str, Milliseconds]], desk: Desk) -> str:
    """Return stages and their times in one line."""
    return " → ".join(f"{desk.stage(stage)} {desk.time(at)}" for stage, at in steps)


def stages_of(one: Finding, desk: Desk) -> Iterator[str]:
    """Yield one line: the stages of an obligation in the order of time, and the next one while it is open."""
    if not (stages := _reached(one)):
        return
    shown = way(sorted(stages.items(), key=lambda step: step[1]), desk)
    waits = waits_for(one, desk)
    yield desk.words("stages.waits", way=shown, stage=desk.stage(waits)) if waits else shown


def waits_for(one: Finding, desk: Desk) -> str:
    """Return the stage that an open obligation waits for, or "".

    Of those that anybody here ever tells: a site without reviews waits for none. An ECN that was sent back stands where
    its last step says, however far it had come before.
    """
    reached = _reached(one)
    if one.obligation is None or one.obligation.closed or LOADED in reached:
        return ""
    steps = [stage for stage, _ in one.ecn.steps if stage in STAGES] if one.ecn is not None else []
    stands = STAGES.index(steps[-1]) if steps else 0
    told = {AVAILABLE} if any(s.serves(one.machine) for s in desk.config.plant.shares.values()) else set()
    source = desk.config.adapters.get(one.ecn.source) if one.ecn is not None else None
    told |= set(getattr(source.options, "stages", ())) if source is not None else set()
    ahead = (stage for stage in STAGES[stands + 1 :] if stage in told)
    return next((stage for stage in ahead if stage != AVAILABLE or stage not in reached), LOADED)


def _reached(one: Finding) -> dict[str, Milliseconds]:
    """Return the stages of an obligation as they are known by now."""
    if one.obligation is None:
        return {}
    return one.obligation.stages | (one.ecn.stages if one.ecn is not None else {})
