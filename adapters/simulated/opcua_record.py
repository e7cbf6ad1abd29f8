"""What clients ask a simulated control for, as the server's library itself names it: proof of what a client never asks."""

from __future__ import annotations

import logging
import re


class Record(logging.Handler):
    """The services that clients asked for, from the library's own log: `Read`, `Browse`, `call`, …"""

    def __init__(self) -> None:
        super().__init__()
        self.services: set[str] = set()

    def start(self) -> None:
        """Note from now on."""
        logger = logging.getLogger("asyncua.server.uaprocessor")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Note one line of the log."""
        if found := re.match(r"(?P<service>[\w -]+?) request(?! is)", record.getMessage()):
            self.services.add(found["service"].lower())
