"""Birth, death, will and health on the status topic: retained, each with the number of its session."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from edge_bridge.domain.instant import to_text
from edge_bridge.forwarder.courier import Urgent
from edge_bridge.mqtt import Will
from edge_bridge.ports import Clock


class Status:
    """Makes the messages. about: what the daemon says of itself, asked anew for each of them."""

    def __init__(self, topic: str, about: Callable[[], Mapping[str, Any]], clock: Clock) -> None:
        self._topic = topic
        self._about = about
        self._clock = clock
        self._said: dict[str, Any] = {}

    def will(self, number: int) -> Will:
        """Return what the broker says when the connection breaks. Its time would be that of the connect, so it has none."""
        return Will(self._topic, _json({"online": False, "session": number, "reason": "connection lost"}))

    def birth(self, number: int, facts: Mapping[str, Any]) -> Urgent:
        """Return the first message of a session."""
        self._said = {"online": True, "session": number, **self._about(), **facts}
        return self._message(self._said)

    def changed(self, number: int, facts: Mapping[str, Any]) -> Urgent | None:
        """Return a new status when something other than the time changed."""
        before = self._said
        message = self.birth(number, facts)
        return None if self._said == before else message

    def death(self, number: int, done: Callable[[int], None]) -> Urgent:
        """Return the last message of a clean stop."""
        return self._message({"online": False, "session": number, "reason": "stopped"}, done)

    def _message(self, said: Mapping[str, Any], done: Callable[[int], None] | None = None) -> Urgent:
        body = _json({**said, "time": to_text(self._clock.now().utc)})
        return Urgent(self._topic, body, retain=True, done=done)


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
