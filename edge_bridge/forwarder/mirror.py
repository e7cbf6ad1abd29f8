"""The envelope's main attributes again as MQTT 5 properties, so that a broker can route without reading JSON."""

from __future__ import annotations

from functools import cache, lru_cache

from edge_bridge.contract.envelope import CONTENT_TYPE, SEQUENCE_DIGITS
from edge_bridge.mqtt.properties import content_type, correlation_data, user_property, with_length
from edge_bridge.ports import OutboxRow

_LONGEST_SUBJECT = 1000  # a longer one stays in the envelope only
_PREFIX = "edge-bridge."
_BEFORE_DIGITS = user_property("sequence", "0" * SEQUENCE_DIGITS)[:-SEQUENCE_DIGITS]


class Mirror:
    """Packs properties. source: the CloudEvents source, the same for every event of a database."""

    def __init__(self, source: str) -> None:
        self._constant = content_type(CONTENT_TYPE) + user_property("source", source)
        self._head = lru_cache(maxsize=4096)(self._pack_head)
        self._before_subject = cache(self._pack_before_subject)  # for each type of event

    def of(self, row: OutboxRow) -> bytes:
        """Return the properties of an event: all but the digits of its sequence come from a cache."""
        return self._head(row.type, row.subject) + b"%020d" % row.sequence

    def _pack_head(self, type: str, subject: str) -> bytes:
        packed = self._before_subject(type)
        if 0 < len(subject) <= _LONGEST_SUBJECT:
            packed += user_property("subject", subject)
        return with_length(packed + _BEFORE_DIGITS, SEQUENCE_DIGITS)

    def _pack_before_subject(self, type: str) -> bytes:
        return self._constant + user_property("type", type if type.startswith(_PREFIX) else f"{_PREFIX}{type}.v1")


JSON = with_length(content_type("application/json"))


def of_answer(correlation: bytes | None) -> bytes:
    """Return the properties of a command's answer."""
    if correlation is None:
        return JSON
    return with_length(content_type("application/json") + correlation_data(correlation))
