"""From what an agent has said to a reading, with every value behind it. Pure: tested without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.mtconnect import versions
from adapters.mtconnect.layout import Layout, Wanted
from adapters.mtconnect.model import File, Observation
from adapters.mtconnect.resolve import Found, Plan
from adapters.mtconnect.stamps import apart
from adapters.mtconnect.state import State
from adapters.mtconnect.versions import Said
from edge_bridge.domain import words
from edge_bridge.domain.instant import SECOND, Milliseconds, Stamp
from edge_bridge.domain.reading import Evidence, Execution, Fault, Mode, Reading, without_empty
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import AdapterError
from edge_bridge.ports import Seen

_TEXTS = ("main_program", "active_program", "program_path")
_LIVELY = ("main_program", "active_program", "execution")
ONE_BREATH: Milliseconds = (
    1 * SECOND
)  # what is said within it may be one connection's first words, old values among them


@dataclass(frozen=True, slots=True)
class Files:
    """The agent's File assets; `fault` says why they could not be read."""

    files: tuple[File, ...] = ()
    fault: str = ""


@dataclass(slots=True)
class _Found:
    """A reading in the making."""

    said: dict[str, Observation] = field(default_factory=dict)
    variables: dict[str, Said] = field(default_factory=dict)
    execution: Execution | None = None
    mode: Mode | None = None
    flags: list[bool | None] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def take(self, found: Found, one: Observation | None) -> None:
        """Put one value where it belongs; one that cannot be used is a fault of its field only."""
        wanted = found.wanted
        if found.id is None and not wanted.required:
            return  # the profile knows more than this machine has
        raw, fault = _value(found, one)
        meaning = None if one is None or fault else self._take(wanted, one, raw)
        self.seen.append(Seen(wanted.feeds, one.place if one else wanted.text, raw, meaning, fault))
        if not fault:
            return
        if wanted.required:
            self.faults.append(Fault(wanted.feeds, fault))
        match wanted.feeds:
            case "test":
                self.flags.append(None)
            case "execution":
                self.execution = Execution.UNKNOWN if found.id else None
            case "mode" if found.id:
                self.mode = Mode.UNKNOWN  # None would say that this machine has no modes, and is always in automatic

    def _take(self, wanted: Wanted, one: Observation, raw: str | None) -> str | None:
        """Return what the value means, as text."""
        match wanted.feeds:
            case "execution":
                self.execution = Execution(words.word(wanted.words, raw, tuple(Execution), number=False))
                return self.execution.value
            case "mode":
                self.mode = Mode(words.word(wanted.words, raw, tuple(Mode), number=False))
                return self.mode.value
            case "test":
                flag = words.flag(wanted.words, raw, number=False)
                self.flags.append(flag)
                return None if flag is None else str(flag).lower()
            case "version":
                self.variables[wanted.text] = Said(one, raw)
            case name:
                self.said[name] = one
        return raw


def reading(
    layout: Layout, plan: Plan, state: State, at: Stamp, files: Files | None = None
) -> tuple[Reading, tuple[Seen, ...]]:
    """Return one machine's reading and every value behind it. at: when the last of it had arrived, by our own clock."""
    found = _Found()
    for one in plan.found:
        found.take(one, state.get(one.id) if one.id is not None else None)
    files = files or Files()
    judged = versions.evidence(layout, found.said, found.variables, files.files, plan.device.uuid)
    faults = [*found.faults, *judged.faults]
    if files.fault:
        faults.append(Fault("version", files.fault))
    said: Mapping[str, Observation] = found.said
    texts = {name: said[name].value if name in said else None for name in _TEXTS}
    evidence = without_empty(judged.evidence)
    seen = (*found.seen, *map(_derived, (one for one in evidence if one.extractor is not Extractor.VARIABLE)))
    return (
        Reading(
            machine=layout.machine,
            at=at,
            main_program=texts["main_program"],
            active_program=texts["active_program"],
            program_path=texts["program_path"],
            execution=found.execution,
            mode=found.mode,
            test=_any_set(found.flags),
            evidence=evidence,
            faults=tuple(faults),
        ),
        seen,
    )


def _derived(one: Evidence) -> Seen:
    """Return a version found in a text or a file; variables are values of their own."""
    owner = one.program or "no program"
    return Seen("version", f"{one.extractor} of {owner} ({one.field})", one.raw, one.value)


def require_available(plan: Plan, state: State) -> None:
    """Raise AdapterError when the agent has no word from the machine: what it says then is left over or empty.

    Some machines' adapters never tell their availability: it stays as it was when the agent started, while the machine
    runs. Such a machine is there as long as its program or execution was said after that, and has a value.
    """
    said = state.get(plan.availability) if plan.availability else None
    if said is None or not (said.unavailable or (said.value or "").upper() == "UNAVAILABLE"):
        return
    spoken = (state.get(one.id) for one in plan.found if one.id is not None and one.wanted.feeds in _LIVELY)
    if any(_said_after(one, said) for one in spoken if one is not None):
        return
    raise AdapterError(
        f"the agent says that {plan.device.called} is not available",
        "switch the machine on, or look at the adapter that connects the agent to its control",
    )


def _said_after(one: Observation, availability: Observation) -> bool:
    """Tell whether a value came later than the availability for certain, not with it."""
    distance = apart(one.stamp, availability.stamp)
    later = one.sequence > availability.sequence and distance is not None and distance >= ONE_BREATH
    return later and one.value is not None


def _value(found: Found, one: Observation | None) -> tuple[str | None, str]:
    """Return a data item's text and why it cannot be used."""
    if found.id is None:
        return None, f"the machine has no data item {found.wanted.text}"
    if one is None:
        return None, f"the agent says nothing of {found.id}"
    if one.unavailable:
        return None, f"UNAVAILABLE ({one.id})"
    if found.key is None:
        if one.entries is not None:
            return None, f"{one.id} is a data set: name one entry, such as {one.id}[{next(iter(one.entries), 'key')}]"
        return one.value, ""
    if one.entries is None:
        return None, f"{one.id} is no data set, and has no entry {found.key}"
    value = one.entries.get(found.key)
    return value, "" if value is not None else f"{one.id} has no entry {found.key}"


def _any_set(flags: list[bool | None]) -> bool | None:
    """Tell whether any flag is set; None when none is and one is not known, or when there is none."""
    if True in flags:
        return True
    return None if not flags or None in flags else False
