"""Evidence: what a reading says of one program, and whether it may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from edge_bridge.domain import program
from edge_bridge.domain.instant import Stamp, to_text_or_none
from edge_bridge.domain.making import quickly_made
from edge_bridge.domain.plant import Judge, Machine
from edge_bridge.domain.reading import Evidence, Execution, Reading
from edge_bridge.domain.routing import Demand
from edge_bridge.domain.state import Binding
from edge_bridge.domain.version import Comparison, Extractor, VersionRule

NAMING = ("main_program", "active_program", "called")
"""The fields of a reading that name the judged programs: when one cannot be read, nothing is known to be gone."""


NO_MASTERS: Mapping[str, str] = {}


class Blind(StrEnum):
    """Why nothing can be said of a program: the reasons of `unverifiable`."""

    NOT_LOADED = "not_loaded"  # another program is selected: no fault
    NO_EXTRACTOR = "no_extractor"  # the program is selected, and nothing configured gives its version
    UNBOUND = "unbound"  # a variable that may be left over from another program
    UNFIT = "unfit"  # a value that does not fit the scheme
    NO_DIGEST = "no_digest"  # the content is required, and the control does not show it
    UNREADABLE = "unreadable"  # the field that names the program cannot be read
    STALE = "stale"
    UNREACHABLE = "unreachable"
    GATEWAY_DOWN = "gateway_down"  # the gateway was off when it fell due


@quickly_made
@dataclass(frozen=True, slots=True)
class Assessment:
    """What a reading shows of one program: a comparison with its evidence, or the reason why there is none."""

    comparison: Comparison | None
    blind: Blind | None = None
    evidence: Evidence | None = None
    edited: bool = False

    @property
    def matches(self) -> bool:
        """Whether the required program was seen."""
        return self.comparison is Comparison.MATCH

    @property
    def wrong(self) -> bool:
        """Whether another version was seen for certain."""
        return self.comparison in (Comparison.OLDER, Comparison.OTHER, Comparison.AHEAD)

    @property
    def seen(self) -> str | None:
        """The version as read."""
        return self.evidence.value if self.evidence else None


def judged_programs(reading: Reading, machine: Machine) -> tuple[str, ...]:
    """Return the keys of the programs that are judged now, the selected one first."""
    match machine.judge:
        case Judge.MAIN:
            names: tuple[str | None, ...] = (reading.main_program,)
        case Judge.ACTIVE:
            names = (reading.active_program,)
        case Judge.ANY_IN_STACK:
            names = (reading.main_program, *reading.stack, reading.active_program)
        case Judge.CALLED_BY_MAIN:
            names = () if reading.called is None else (*reading.called, reading.main_program)
    return tuple(dict.fromkeys(program.key(name, exact=machine.exact_names) for name in names if name and name.strip()))


def selected_program(reading: Reading, machine: Machine) -> str | None:
    """Return the key of the one program that is selected or run now: what a variable can belong to, and is produced with.

    Of several that a wrapper calls, it is the one being executed, and none while that is not known.
    """
    judged = judged_programs(reading, machine)
    if machine.judge is not Judge.CALLED_BY_MAIN or not reading.called:
        return next(iter(judged), None)
    active = program.key(reading.active_program or "", exact=machine.exact_names)
    if active in judged[:-1]:
        return active
    return judged[0] if len(judged) == 2 else None


def bind(binding: Binding, reading: Reading, machine: Machine, continuous: bool) -> Binding:
    """Return what is remembered after this reading.

    continuous: no gap since the last reading in which another program may have come and gone; across a gap a changed
    variable proves nothing, because nobody saw which program changed it.
    """
    selected = selected_program(reading, machine)
    values = {e.field: e.value for e in reading.evidence if e.program is None and not e.bound}
    running = reading.execution is Execution.RUNNING
    if selected != binding.program:
        return Binding(program=selected, values=values, running=running)
    changed = {name for name, value in values.items() if name in binding.values and binding.values[name] != value}
    if changed and not continuous:
        return Binding(program=selected, values=values, running=running)
    return replace(
        binding,
        values={**binding.values, **values},
        bound=tuple(sorted({*binding.bound, *changed})),
        running=running,
        ran=binding.ran or binding.running,
    )


def settled(binding: Binding) -> bool:
    """Tell whether an identical next reading can show nothing that this one did not."""
    return binding.ran or not binding.running


def assess(
    reading: Reading,
    machine: Machine,
    binding: Binding,
    demand: Demand,
    newest: str | None = None,
    masters: Mapping[str, str] = NO_MASTERS,
) -> Assessment:
    """Say what a fresh reading shows of the demanded program.

    newest: the newest released version, for the top. masters: digest → version of the program as it lies on its shares;
    a digest that is among them is evidence of that version.
    """
    judged = judged_programs(reading, machine)
    if demand.key not in judged:
        unreadable = not judged and any(fault.field in NAMING for fault in reading.faults)
        return Assessment(None, Blind.UNREADABLE if unreadable else Blind.NOT_LOADED)
    selected = selected_program(reading, machine)
    candidates = [e for e in reading.evidence if _belongs(e, demand.key, selected, machine)]
    usable = [e for e in candidates if e.program is not None or e.bound or binding.ran or e.field in binding.bound]
    digests = [e for e in usable if e.extractor is Extractor.DIGEST]
    versions = [said for e in usable if (said := _versioned(e, masters)) is not None]
    version = _version(demand, versions, newest)
    if version.blind is Blind.NO_EXTRACTOR and len(usable) < len(candidates):
        version = replace(version, blind=Blind.UNBOUND)
    if version.wrong:
        return version
    if demand.sha256 is None:
        return replace(version, edited=version.matches and _differs(digests, masters, version.seen, demand))
    return _content(demand, digests, version)


def _versioned(evidence: Evidence, masters: Mapping[str, str]) -> Evidence | None:
    """A digest says a version only where a program with that content lies on a share, under one version alone."""
    if evidence.extractor is not Extractor.DIGEST:
        return evidence
    version = masters.get(evidence.value)
    return None if version is None else replace(evidence, value=version, raw=evidence.value)


def _differs(digests: list[Evidence], masters: Mapping[str, str], seen: str | None, demand: Demand) -> bool:
    """Tell whether the machine's content is none of those that lie on a share under the version it shows.

    A digest of bytes alone (an MTConnect signature) cannot tell: a transfer changes line ends and marks.
    """
    digests = [one for one in digests if one.value != one.raw]
    same = {digest for digest, version in masters.items() if seen and demand.rule.same(version, seen)}
    return bool(same and digests) and digests[0].value not in same


def _belongs(evidence: Evidence, key: str, selected: str | None, machine: Machine) -> bool:
    """A variable belongs to the program that is selected; everything else names its program."""
    if evidence.program is None:
        return key == selected
    return program.key(evidence.program, exact=machine.exact_names) == key


def _version(demand: Demand, usable: list[Evidence], newest: str | None) -> Assessment:
    """The first extractor whose answer fits the scheme counts."""
    if demand.version is None:
        return Assessment(Comparison.MATCH)  # the content alone decides
    unfit: Evidence | None = None
    for evidence in usable:
        comparison = demand.rule.compare(evidence.value, demand.version, newest)
        if comparison is not Comparison.UNFIT:
            return Assessment(comparison, evidence=evidence)
        unfit = unfit or evidence
    return Assessment(None, Blind.UNFIT if unfit else Blind.NO_EXTRACTOR, unfit)


def _content(demand: Demand, digests: list[Evidence], version: Assessment) -> Assessment:
    """A required digest: without one nothing is confirmed; another one is another program, whatever its version says."""
    if not digests:
        return replace(version, comparison=None, blind=version.blind or Blind.NO_DIGEST)
    found = digests[0]
    if demand.sha256 not in (found.value.lower(), found.raw.lower()):  # of the normalised text, or of the bytes
        return Assessment(Comparison.OTHER, evidence=found, edited=demand.version is not None and version.matches)
    return version if version.evidence or version.blind else replace(version, evidence=found)


def counting(
    reading: Reading, machine: Machine, binding: Binding, demand: Demand | None, rule: VersionRule
) -> Evidence | None:
    """Return what says the version of the selected program: what its demand is judged by, else the first that may be believed
    and fits; where nothing does, the first that was read.

    demand: of the selected program, None when nothing demands a version of it. rule: how versions are written there.
    """
    if demand is not None and (judged := assess(reading, machine, binding, demand).evidence) is not None:
        return judged
    selected = selected_program(reading, machine)
    own = [e for e in reading.evidence if selected is not None and _belongs(e, selected, selected, machine)]
    sure = [e for e in own if e.program is not None or e.bound or binding.ran or e.field in binding.bound]
    fitting = [e for e in sure if e.extractor is not Extractor.DIGEST and rule.key(e.value) is not None]
    return next(iter((*fitting, *reading.evidence)), None)


def machine_side(reading: Reading | None, evidence: Evidence | None) -> dict[str, Any]:
    """Return the machine's side of a verdict, as the contract shows it; empty when nothing was seen."""
    if reading is None:
        return {}
    return {
        "adapter": reading.machine,
        "read_at": to_text_or_none(reading.at.utc),
        "main_program": reading.main_program,
        "execution": reading.execution,
        "mode": reading.mode,
        "mode_known": reading.mode is not None,
        "clock_synced": reading.at.synced,
        "field": evidence.field if evidence else None,
        "raw": evidence.raw if evidence else None,
        "extractor": evidence.extractor if evidence else None,
        "source_time": to_text_or_none(evidence.source_time) if evidence else None,
        "quality": evidence.quality if evidence else None,
    }


def is_fresh(reading: Reading | None, machine: Machine, now: Stamp) -> bool:
    """Tell whether a reading is still evidence."""
    return reading is not None and 0 <= now.since(reading.at) <= machine.fresh_for
