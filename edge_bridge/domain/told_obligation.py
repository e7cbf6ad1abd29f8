"""How an obligation is told to the outside: the data of its events, written as JSON at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring as quoted
from operator import attrgetter

from edge_bridge.domain.event import Alike
from edge_bridge.domain.frame import SEPARATOR, mark, remembering
from edge_bridge.domain.instant import Milliseconds, to_text
from edge_bridge.domain.obligation import Obligation
from edge_bridge.domain.opening import Opened

_TRUTH = {True: "true", False: "false", None: "null"}


class ObligationTold(Alike):
    """The data of `obligation.opened`, `.verdict` and `.closed`: both sides of the evidence in each.

    revises: the event whose verdict this one corrects.
    """

    __slots__ = ("_obligation", "_revises")

    def __init__(self, obligation: Obligation | Opened, revises: str | None = None) -> None:
        self._obligation = obligation
        self._revises = revises

    def common(self) -> object:
        """Return all that the frame is made of."""
        o = self._obligation
        if isinstance(o, Opened):
            return o.common
        return (
            *(o.observed, o.verdict, o.reason, o.ended, o.t0, o.due, o.decided, o.lateness, o.exposure),
            *(o.unmet_since, o.release, o.arrived, o.within_release_limit, o.late_arrival, o.time_quality),
            *(o.inferred, o.confirmed_at, o.source, o.file, o.sha256, o.demand.ecn, self._revises),
            # in their order, and by their text: dicts are equal in whatever order, and 1 is True
            *(tuple(o.stages.items()), _compact(o.evidence) if o.evidence else ""),
        )

    def frame(self) -> str:
        """Return the data with marks."""
        o = self._obligation.as_obligation() if isinstance(self._obligation, Opened) else self._obligation
        return (
            f'{{"obligation":{ID},"ecn":{quoted(o.demand.ecn)},"machine":{MACHINE},"area":{AREA},"part":{WANTED}'
            f"{_judged(o)}{_times(o)}"
            f',"inferred":{_TRUTH[o.inferred]},"confirmed_at":{_instant(o.confirmed_at)}'
            f',"historical":{_TRUTH[o.reason == "gateway_down"]},"stages":{_stages(o.stages)},"evidence":{{"ecn":'
            f'{{"source":{quoted(o.source)},"file":{quoted(o.file)},"sha256":{quoted(o.sha256)},"row":{ROW}}}'
            f',"machine":{_compact(o.evidence) if o.evidence else "null"}}}{EFFECTIVITY}{_more("revises", self._revises)}}}'
        )

    def own(self) -> str:
        """Return what is the obligation's own: its id, machine and item."""
        o = self._obligation
        return f"{quoted(o.id)}{SEPARATOR}{quoted(o.machine)}{SEPARATOR}{quoted(o.area)}{SEPARATOR}{_of_the_item(o)}"


ID, MACHINE, AREA, WANTED, ROW, EFFECTIVITY = (mark(Alike.FIRST + place) for place in range(6))


def _item(o: Obligation | Opened) -> str:
    """Return the pieces that are the item's."""
    demand = o.demand
    wanted = (
        f'{_text(demand.part)},"drawing":{_text(demand.drawing)}'
        f',"revision":{_text(demand.revision)},"program":{quoted(demand.program)}'
        f',"required":{_text(demand.version)},"required_sha256":{_text(demand.sha256)}'
    )
    return SEPARATOR.join((wanted, quoted(demand.row), _more("effectivity", demand.effectivity)))


_of_the_item = remembering(_item, of=attrgetter("demand"))  # which may be demanded of many machines


def _judged(o: Obligation) -> str:
    return (
        f',"observed":{_text(o.observed)},"verdict":{quoted(o.verdict)},"reason":{quoted(o.reason)}'
        f',"ended":{_text(o.ended or None)},"t0":"{to_text(o.t0)}","due":"{to_text(o.due.utc)}"'
        f',"decided":{_instant(o.decided)},"lateness_s":{_seconds(o.lateness)},"exposure_s":{_seconds(o.exposure)}'
    )


def _times(o: Obligation) -> str:
    return (
        f',"unmet_since":"{to_text(o.unmet_since)}","transport_delay_s":{_seconds(o.transport_delay)}'
        f',"within_release_limit":{_TRUTH[o.within_release_limit]},"late_arrival":{_TRUTH[o.late_arrival]}'
        f',"time_quality":{quoted(o.time_quality)}'
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
