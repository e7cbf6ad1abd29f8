"""What the forwarder says about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from edge_bridge.domain.instant import Milliseconds


@dataclass(frozen=True, slots=True)
class ForwarderHealth:
    """Plain facts at one moment.

    connected: whether a session is up. since: UTC ms of the last change of that. broker: its address. version: `5` or
    `3.1.1`. session: number of the newest birth. last_error: why there is, or last was, no session. refused: the broker
    says no, a person must act. in_flight: messages without acknowledgement. sent_upto: sequence delivered or parked.
    unsent: events after that. nobody_subscribes: the event topic that nobody listens to. parked: rows set aside since the
    start. retained_waiting: retained topics not yet published. commands_waiting. position_error: why the position cannot
    be stored.
    """

    connected: bool
    since: Milliseconds
    broker: str
    version: str | None
    session: int | None
    last_error: str | None
    refused: bool
    in_flight: int
    sent_upto: int
    unsent: int
    nobody_subscribes: str | None
    parked: int
    retained_waiting: int
    commands_waiting: int
    position_error: str | None

    def as_data(self) -> dict[str, Any]:
        """Return the facts ready for JSON."""
        return asdict(self)
