"""How an obligation is told to the outside: the data of its events, written as JSON at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring as quoted

from edge_bridge.domain.event import Told
from edge_bridge.domain.instant import Milliseconds, to_text
from edge_bridge.domain.obligation import Obligation

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
        return (
            f'{{"obligation":{quoted(o.id)},"ecn":{quoted(demand.ecn)},"machine":{quoted(demand.machine)}'
            f',"area":{quoted(o.area)},"part":{_text(demand.part)},"drawing":{_text(demand.drawing)}'
            f',"revision":{_text(demand.revision)},"program":{quoted(demand.program)}'
            f',"required":{_text(demand.version)},"required_sha256":{_text(demand.sha256)}'
            f',"observed":{_text(o.observed)},"verdict":{quoted(o.verdict)},"reason":{quoted(o.reason)}'
            f',"ended":{_text(o.ended or None)},"t0":"{to_text(o.t0)}","due":"{to_text(o.due.utc)}"'
            f',"decided":{_instant(o.decided)},"lateness_s":{_seconds(o.lateness)}'
            f',"exposure_s":{_seconds(o.exposure)},"unmet_since":"{to_text(o.unmet_since)}"'
            f',"transport_delay_s":{_seconds(o.transport_delay)}'
            f',"within_release_limit":{_TRUTH[o.within_release_limit]},"late_arrival":{_TRUTH[o.late_arrival]}'
            f',"time_quality":{quoted(o.time_quality)},"inferred":{_TRUTH[o.inferred]}'
            f',"confirmed_at":{_instant(o.confirmed_at)},"historical":{_TRUTH[o.reason == "gateway_down"]}'
            f',"stages":{_stages(o.stages)},"evidence":{{"ecn":{{"source":{quoted(o.source)}'
            f',"file":{quoted(o.file)},"sha256":{quoted(o.sha256)},"row":{quoted(demand.row)}}}'
            f',"machine":{_compact(o.evidence) if o.evidence else "null"}}}'
            f"{_more('effectivity', demand.effectivity)}{_more('revises', self._revises)}}}"
        )


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
