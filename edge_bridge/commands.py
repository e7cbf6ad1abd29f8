"""Commands from the platform or from the shop PC: an allow-list, each carried out once and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_bridge.contract import VERBS
from edge_bridge.domain.instant import from_datetime
from edge_bridge.domain.signal import Acknowledge, Waive
from edge_bridge.pipeline import Pipeline
from edge_bridge.ports import Answer, Clock, Command


class _Order(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)  # a platform may send more than we read

    id: str = Field(min_length=1, max_length=200)


class _Ack(_Order):
    card_id: str = Field(min_length=1, max_length=100)
    revision: int
    party: str = Field(min_length=1, max_length=100)
    by: str = Field(min_length=1, max_length=200)
    comment: str = Field("", max_length=2000)


class _Waive(_Order):
    obligation: str = Field(min_length=1, max_length=100)
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=2000)
    until: str | None = None


class Commands:
    """Turns commands into signals and waits for their commit. `replay` is carried out by the forwarder."""

    def __init__(self, pipeline: Pipeline, clock: Clock, health: Callable[[], Mapping[str, Any]]) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._health = health

    async def carry_out(self, command: Command) -> Answer:
        """Return the answer to a command, once what it did is committed."""
        identity = str(command.payload.get("id", ""))
        try:
            match command.verb:
                case "ack":
                    return await self._ack(_Ack.model_validate(command.payload))
                case "waive":
                    return await self._waive(_Waive.model_validate(command.payload))
                case "health":
                    trouble = self._health().get("trouble") or "fine"
                    return Answer(identity, True, str(trouble))
        except ValidationError as error:
            return Answer(identity, False, _sentence(error))
        return Answer(
            identity, False, f"{command.verb!r} is not a command: one of {', '.join(sorted(VERBS - {'replay'}))}"
        )

    async def _ack(self, order: _Ack) -> Answer:
        signal = Acknowledge(self._clock.now(), order.card_id, order.revision, order.party, order.by, order.comment)
        return await self._pipeline.ask(order.id, signal)

    async def _waive(self, order: _Waive) -> Answer:
        until = None
        if order.until is not None:
            moment = _instant(order.until)
            if moment is None:
                return Answer(order.id, False, "`until` must be a date with time and zone (ISO 8601)")
            until = moment
        signal = Waive(self._clock.now(), order.obligation, order.by, order.reason, until)
        return await self._pipeline.ask(order.id, signal)


def _instant(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return from_datetime(moment) if moment.tzinfo is not None else None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return f"`{name}`: {first['msg'][:1].lower()}{first['msg'][1:]}"
