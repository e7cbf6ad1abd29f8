"""What `probe` makes of one look: the reading held against the register, and what somebody should do something about."""

from __future__ import annotations

from dataclasses import dataclass

from edge_bridge.cli.desk import Desk
from edge_bridge.cli.findings import Finding, Inquiry, colour_of
from edge_bridge.cli.probe_look import Looked
from edge_bridge.cli.probe_version import Answer, answers
from edge_bridge.domain.evidence import judged_programs
from edge_bridge.domain.plant import Machine
from edge_bridge.domain.reading import Fault, Reading
from edge_bridge.domain.state import Binding
from edge_bridge.domain.version import Extractor
from edge_bridge.errors import StoreError
from edge_bridge.options import ControllerOptions

_FROM_TEXTS = ("version", "called")  # their faults are of a program's text, and say themselves what to do


@dataclass(frozen=True, slots=True)
class Judgement:
    """A reading held against the register. inquiry: None where there is no database that can be read; error: why."""

    reading: Reading | None
    machine: Machine
    scheme: str
    answers: tuple[Answer, ...]
    inquiry: Inquiry | None
    findings: tuple[Finding, ...]
    error: StoreError | None = None

    @property
    def colour(self) -> str | None:
        """The machine's colour, None when there is nothing to compare with."""
        return colour_of(self.findings, blind=False) if self.findings else None

    @property
    def version_known(self) -> bool:
        """Whether the selected program's version is known: by an answer, or by its content, which lies on a share."""
        compared = (
            one.assessment is not None and one.assessment.comparison is not None
            for one in self.findings
            if self.inquiry is not None and self.inquiry.selected(one)
        )
        return any(one.counts for one in self.answers) or any(compared)

    @property
    def only_unbound(self) -> bool:
        """Whether a version was read that does not count yet: it may be left over from another program."""
        return any(one.fits and not one.bound for one in self.answers)

    @property
    def selected(self) -> str | None:
        """The program that is judged, None when none is selected."""
        return next(iter(judged_programs(self.reading, self.machine)), None) if self.reading else None


def judged(looked: Looked, desk: Desk) -> Judgement | None:
    """Hold what was seen against the database; None where there is nothing to judge."""
    if looked.adapter.delivers != "readings" or (looked.reading is None and not looked.asked):
        return None
    try:
        if not desk.has_database():
            return judgement(looked, None, desk)
        with desk.database() as snapshot:
            return judgement(looked, Inquiry(desk.later(), snapshot, looked.reading), desk)
    except StoreError as error:
        return judgement(looked, None, desk, error)


def judgement(looked: Looked, inquiry: Inquiry | None, desk: Desk, error: StoreError | None = None) -> Judgement:
    """Hold what was seen, by us or by the daemon, against what is required."""
    machine = desk.config.plant.machines[looked.id]
    findings = tuple(inquiry.machine(looked.id)) if inquiry is not None else ()
    sight = inquiry.sight(looked.id) if inquiry is not None else None
    reading = looked.reading or (sight.reading if sight is not None else None)
    binding = sight.kept.binding if sight is not None and sight.kept is not None else Binding()
    ruling = [one.demand.rule for one in findings if inquiry is not None and inquiry.selected(one) and one.requirement]
    rule = ruling[0] if ruling else machine.rule
    found: tuple[Answer, ...] = ()
    if reading is not None and isinstance(looked.adapter.options, ControllerOptions):
        found = answers(looked.adapter.options, reading, rule, binding)
    return Judgement(reading, machine, rule.scheme, found, inquiry, findings, error)


def problems(looked: Looked, seen: Judgement | None, desk: Desk) -> list[str]:
    """Return what somebody should do something about, each as a sentence."""
    found: list[str] = []
    if looked.error is not None:
        found.append(desk.reason(str(looked.error)))
        if looked.held is not None:
            found.append(desk.words("probe.held_meanwhile", age=desk.since(looked.held["seen"])))
    if (share := looked.share) is not None:
        if not share.programs and share.whole:
            found.append(desk.words("probe.share.empty"))
        elif share.without:
            found.append(desk.words("probe.share.without", count=share.without))
    if seen is None or seen.reading is None:
        return found
    found += [_fault(fault, looked, desk) for fault in seen.reading.faults]
    if (said := no_version(seen, desk)) is not None:
        found.append(said)
    if seen.colour == "red":
        found.append(desk.words("probe.red"))
    return found


def _fault(fault: Fault, looked: Looked, desk: Desk) -> str:
    """Say what could not be read, and for a place of the file's own how a right one is found."""
    said = desk.words("explain.fault", field=fault.field, error=desk.reason(fault.error))
    if fault.field in _FROM_TEXTS or not hasattr(looked.adapter.adapter, "browse"):
        return said
    return f"{said} {desk.words('probe.fault.fix', adapter=looked.id)}"


def no_version(seen: Judgement, desk: Desk) -> str | None:
    """Say why the selected program has no version that counts, and what to do; None when it has one."""
    unread = seen.reading is not None and any(fault.field == "version" for fault in seen.reading.faults)
    if seen.selected is None or seen.version_known or unread:  # what cannot be read is said as a fault
        return None
    given = [one for one in seen.answers if one.evidence is not None and one.extractor is not Extractor.DIGEST]
    if not given:
        return desk.words("probe.no_version", program=seen.selected)
    if seen.only_unbound:
        return desk.words("probe.unbound")
    value = given[0].evidence.value if given[0].evidence else "–"
    return desk.words("probe.unfit", value=value, scheme=seen.scheme)
