"""Starts simulated OPC UA controls in other processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.integration.peer_process import PeerProcess, python


class OpcUaPeer(PeerProcess):
    """An OPC UA server that is starting; `endpoint`, where it listens, waits until it does."""

    @property
    def endpoint(self) -> str:
        """Where it listens, as soon as it does."""
        return self.where[0]

    @property
    def endpoints(self) -> list[str]:
        """All its ports, with `--count`."""
        return self.where


class OpcUaServer(OpcUaPeer):
    """A simulated control."""

    def __init__(self, *arguments: str) -> None:
        super().__init__(python("adapters.simulated.opcua_server", *arguments))


@contextmanager
def running(*arguments: str) -> Iterator[OpcUaServer]:
    """Yield a simulated control that listens, and end it whatever happened to it."""
    with starting({"only": arguments}) as servers:
        assert servers["only"].endpoint
        yield servers["only"]


@contextmanager
def starting(controls: Mapping[str, Sequence[str]]) -> Iterator[dict[str, OpcUaServer]]:
    """Yield simulated controls by name, with these arguments; each takes seconds to start, so all start at once."""
    servers = {name: OpcUaServer(*arguments) for name, arguments in controls.items()}
    try:
        yield servers
    finally:
        for server in servers.values():
            server.kill()
