"""OPC UA servers made of asyncua in other processes: a HEIDENHAIN look-alike, and official nodesets with instances."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.integration.opcua_servers import OpcUaPeer
from tests.integration.peer_process import ROOT

SCRIPT = ROOT / "tests" / "peers" / "asyncua" / "server.py"


class AsyncuaPeer(OpcUaPeer):
    """A server that is starting; `tests/peers/asyncua/server.py` says what it can be told."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, str(SCRIPT), *arguments]
        super().__init__(command, quiet=True)  # it prints what it thinks of official nodesets


@contextmanager
def starting(peers: Mapping[str, Sequence[str]]) -> Iterator[dict[str, AsyncuaPeer]]:
    """Yield servers by name, with these arguments; all start at once."""
    servers = {name: AsyncuaPeer(*arguments) for name, arguments in peers.items()}
    try:
        yield servers
    finally:
        for server in servers.values():
            server.kill()
