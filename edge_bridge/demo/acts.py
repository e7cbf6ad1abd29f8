"""What a scenario is written in: facts that must arrive, and acts that make them happen."""

from __future__ import annotations

from dataclasses import dataclass

# Of each event type, the fields of its data that are compared. A type that is not listed here is a surprise.
COMPARED: dict[str, tuple[str, ...]] = {
    "config.applied": (),
    "baseline.taken": ("ecns", "requirements"),
    "machine.reachable": (),
    "program.changed": ("main_program", "version", "execution"),
    "program.outdated_run": ("ecn", "program", "observed", "required"),
    "ecn.received": ("ecn", "status"),
    "ecn.rejected": ("file",),
    "obligation.opened": ("ecn", "program", "required", "verdict"),
    "obligation.verdict": ("ecn", "program", "observed", "verdict"),
    "obligation.closed": ("ecn", "verdict"),
    "card.raised": ("kind", "severity", "parties"),
    "card.acknowledged": ("kind", "acks"),
    "card.cleared": ("kind",),
    "card.closed": ("kind",),
}
PASSING = frozenset({"clock.step"})  # about the computer that plays the demo, not about the plant


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as the scenario sees it. origin: machine, source or `gateway`. says: the fields of COMPARED, in order."""

    origin: str
    type: str
    says: tuple[object, ...] = ()

    @property
    def chain(self) -> tuple[object, ...]:
        """What this fact is one link of: within a chain the order is determined, between chains it may not be."""
        family = self.type.partition(".")[0]
        about = self.says[0] if family in ("obligation", "card", "ecn") else None
        return self.origin, "floor" if family in ("program", "machine") else family, about


@dataclass(frozen=True, slots=True)
class Drop:
    """Design puts a file into the PLM folder. rows: CSV; `{now}` in it becomes the present time in plant time."""

    name: str
    text: str
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Tell:
    """Somebody at a machine does something; `seen`: wait until the gateway has read the program's version and execution."""

    machine: str
    command: str
    seen: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Expect:
    """Wait until all of these facts have arrived."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A party acknowledges the open card of this kind, by a command over MQTT. comment: its key in the texts."""

    origin: str
    kind: str
    party: str
    comment: str


@dataclass(frozen=True, slots=True)
class Show:
    """Show the reason file in the quarantine folder."""


@dataclass(frozen=True, slots=True)
class BrokerAway:
    """Take the broker away, once all it was given has arrived."""


@dataclass(frozen=True, slots=True)
class BrokerBack:
    """Start the broker again, on the same port."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Wait until so many events wait on the gateway's disk: the way to look while no broker is there."""

    waiting: int


@dataclass(frozen=True, slots=True)
class Say:
    """Say one of the texts of `happenings`."""

    key: str


Act = Say | Drop | Tell | Expect | Acknowledge | Show | BrokerAway | BrokerBack | Recorded


@dataclass(frozen=True, slots=True)
class Step:
    """One chapter. name: its key in the texts."""

    name: str
    acts: tuple[Act, ...]
