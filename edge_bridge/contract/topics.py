"""MQTT topics: the only place that knows how they are spelt."""

from __future__ import annotations

import re
from functools import lru_cache

from edge_bridge.errors import ConfigError
from edge_bridge.options import IDENTIFIER

_ROOT = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}")  # AWS IoT refuses more than 7 slashes in a topic
VERSION = "v1"


class Topics:
    """Every topic of one gateway.

    root: 1 to 3 levels, `edge-bridge` unless configured. site, gateway: ids `[a-z0-9-]{1,40}`. Raises ConfigError, with
    the key, for a root, site or gateway that cannot be part of a topic, ValueError for any other id.
    """

    def __init__(self, root: str, site: str, gateway: str) -> None:
        if not _ROOT.fullmatch(root):
            raise ConfigError(
                f"`root` cannot be {root!r}",
                "1 to 3 levels of letters, digits, dot, dash and underscore, such as edge-bridge",
                key=("root",),
            )
        for key, value in (("site", site), ("gateway", gateway)):
            if not IDENTIFIER.fullmatch(value):
                raise ConfigError(f"`{key}` cannot be {value!r}", "1 to 40 of the characters a-z 0-9 -", key=(key,))
        self.prefix = f"{root}/{VERSION}/{site}/{gateway}"
        self.status = f"{self.prefix}/status"
        self.results = f"{self.prefix}/cmdres"
        self.receipt = f"{self.prefix}/receipt"
        self.commands = f"{self.prefix}/cmd/+"
        self.events = f"{self.prefix}/evt/+"
        self.everything = f"{self.prefix}/#"
        self.event = lru_cache(maxsize=4096)(self._event)

    def _event(self, origin: str) -> str:
        """Return where events of this machine, source or `gateway` go. Not retained."""
        return self._below("evt", origin)

    def state(self, machine: str) -> str:
        """Return where the truth about this machine is retained."""
        return self._below("state", machine)

    def card(self, card_id: str) -> str:
        """Return where this open card is retained; emptied when it closes."""
        return self._below("card", card_id)

    def kpi(self, report: str) -> str:
        """Return where the latest report of this kind is retained."""
        return self._below("kpi", report)

    def command(self, verb: str) -> str:
        """Return where the platform sends this command."""
        return self._below("cmd", verb)

    def verb(self, topic: str) -> str | None:
        """Return the verb of a command's topic, None for any other topic."""
        head, _, verb = topic.rpartition("/")
        return verb if head == f"{self.prefix}/cmd" else None

    def _below(self, kind: str, name: str) -> str:
        if not IDENTIFIER.fullmatch(name):
            raise ValueError(f"{name!r} cannot be part of a topic: ids have 1 to 40 of the characters a-z 0-9 -")
        return f"{self.prefix}/{kind}/{name}"
