"""How an obligation is told to the outside: the data of its events, written as JSON at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring as quoted

from edge_bridge.domain.event import Told
from edge_bridge.domain.instant import Milliseconds, to_text
from edge_bridge.domain.obligation import Obligation, Verdict

_TRUTH = {True: "true", False: "false", None: "null"}


class ObligationTold(Told):
    """The data of `obligation.opened`, `.verdict` and `.closed`: both sides of the evidence in each.

    revises: the event whose verdict this one corrects.
    """

    __slots__ = ("_obligation", "_revises")

    def __init__(self, obligation: Obligation, revises: str | None = None) -> None:
        self._obligation = obligation
        self._revises = revises

    def json(self) -> str:
        """Return the facts as compact JSON, in the contract's names."""
        o, demand = self._obligation, self._obligation.demand
        wanted = _wanted(demand.part, demand.drawing, demand.revision, demand.program, demand.version, demand.sha256)
        judged = _judged(o.observed, o.verdict, o.reason, o.ended, o.t0, o.due.utc, o.decided, o.lateness, o.exposure)
        times = _times(o.unmet_since, o.transport_delay, o.within_release_limit, o.late_arrival, o.time_quality)
        return (
            f'{{"obligation":{quoted(o.id)},"ecn":{quoted(demand.ecn)},"machine":{quoted(demand.machine)}'
            f',"area":{quoted(o.area)}{wanted}{judged}{times},"inferred":{_TRUTH[o.inferred]}'
            f',"confirmed_at":{_instant(o.confirmed_at)},"historical":{_TRUTH[o.reason == "gateway_down"]}'
            f',"stages":{_stages(o.stages)},"evidence":{{"ecn":{_file(o.source, o.file, o.sha256)}'
            f',"row":{quoted(demand.row)}}},"machine":{_compact(o.evidence) if o.evidence else "null"}}}'
            f"{_more('effectivity', demand.effectivity)}{_more('revises', self._revises)}}}"
        )


# What the obligations of one ECN, or of one of its items on all machines, have in common is written once.


@lru_cache(maxsize=64)
def _wanted(
    part: str | None,
    drawing: str | None,
    revision: str | None,
    program: str,
    version: str | None,
    sha256: str | None,
) -> str:
    return (
        f',"part":{_text(part)},"drawing":{_text(drawing)},"revision":{_text(revision)},"program":{quoted(program)}'
        f',"required":{_text(version)},"required_sha256":{_text(sha256)}'
    )


@lru_cache(maxsize=64)
def _judged(
    observed: str | None,
    verdict: Verdict,
    reason: str,
    ended: str,
    t0: Milliseconds,
    due: Milliseconds,
    decided: Milliseconds | None,
    lateness: Milliseconds | None,
    exposure: Milliseconds,
) -> str:
    return (
        f',"observed":{_text(observed)},"verdict":{quoted(verdict)},"reason":{quoted(reason)}'
        f',"ended":{_text(ended or None)},"t0":"{to_text(t0)}","due":"{to_text(due)}","decided":{_instant(decided)}'
        f',"lateness_s":{_seconds(lateness)},"exposure_s":{_seconds(exposure)}'
    )


@lru_cache(maxsize=64)
def _times(
    unmet_since: Milliseconds,
    transport_delay: Milliseconds | None,
    within_release_limit: bool | None,
    late_arrival: bool,
    time_quality: str,
) -> str:
    return (
        f',"unmet_since":"{to_text(unmet_since)}","transport_delay_s":{_seconds(transport_delay)}'
        f',"within_release_limit":{_TRUTH[within_release_limit]},"late_arrival":{_TRUTH[late_arrival]}'
        f',"time_quality":{quoted(time_quality)}'
    )


@lru_cache(maxsize=64)
def _file(source: str, file: str, sha256: str) -> str:
    return f'{{"source":{quoted(source)},"file":{quoted(file)},"sha256":{quoted(sha256)}'


def _text(value: str | None) -> str:
    return "null" if value is None else quoted(value)


def _instant(utc: Milliseconds | None) -> str:
    return "null" if utc is None else f'"{to_text(utc)}"'


def _seconds(duration: Milliseconds | None) -> str:
    return "null" if duration is None else repr(duration / 1000)


def _stages(stages: Mapping[str, Milliseconds]) -> str:
    return "{" + ",".join([f'{quoted(stage)}:"{to_text(at)}"' for stage, at in stages.items()]) + "}"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _more(name: str, value: str | None) -> str:
    """Return a field that is there only when it says something."""
    return f',"{name}":{quoted(value)}' if value else ""
