"""The envelope's main attributes again as MQTT 5 properties, so that a broker can route without reading JSON."""

from __future__ import annotations

from functools import lru_cache

from edge_bridge.contract.envelope import CONTENT_TYPE, sequence_text
from edge_bridge.mqtt.properties import PublishProperties, content_type, correlation_data, user_property
from edge_bridge.ports import OutboxRow

_LONGEST_SUBJECT = 1000  # a longer one stays in the envelope only
_PREFIX = "edge-bridge."


@lru_cache(maxsize=256)
def _type(name: str) -> bytes:
    return user_property("type", name if name.startswith(_PREFIX) else f"{_PREFIX}{name}.v1")


@lru_cache(maxsize=4096)
def _subject(subject: str) -> bytes:
    return user_property("subject", subject) if 0 < len(subject) <= _LONGEST_SUBJECT else b""


class Mirror:
    """Packs properties. source: the CloudEvents source, the same for every event of a database."""

    def __init__(self, source: str) -> None:
        self._constant = content_type(CONTENT_TYPE) + user_property("source", source)

    def of(self, row: OutboxRow) -> PublishProperties:
        """Return the properties of an event."""
        sequence = user_property("sequence", sequence_text(row.sequence))
        return PublishProperties((self._constant, _type(row.type), _subject(row.subject), sequence))


JSON = PublishProperties([content_type("application/json")])


def of_answer(correlation: bytes | None) -> PublishProperties:
    """Return the properties of a command's answer."""
    if correlation is None:
        return JSON
    return PublishProperties([content_type("application/json"), correlation_data(correlation)])
