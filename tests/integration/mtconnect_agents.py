"""MTConnect agents in other processes: simulated ones, and ones that replay a recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.peer_process import PeerProcess, python


class Agent(PeerProcess):
    """An agent that is starting; `url`, where it listens, waits until it does."""

    @property
    def url(self) -> str:
        """Where it listens, as soon as it does."""
        return self.where[0]

    @property
    def port(self) -> int:
        """Its TCP port."""
        return int(self.url.rsplit(":", 1)[1])

    def connections(self) -> tuple[int, int]:
        """Return how many connections there are, and how many there were at most."""
        now, most = self.tell("connections").split()
        return int(now), int(most)


def simulated(*arguments: str) -> Agent:
    """Return a simulated agent that is starting, and that the caller ends."""
    return Agent(python("adapters.simulated.mtconnect_agent", *arguments))


@contextmanager
def running(*arguments: str) -> Iterator[Agent]:
    """Yield a simulated agent that listens, and end it whatever happened to it."""
    with _listening(simulated(*arguments)) as agent:
        yield agent


@contextmanager
def replaying(recording: str) -> Iterator[Agent]:
    """Yield an agent that replays a folder of `tests/recordings/mtconnect`, and end it whatever happened to it."""
    with _listening(Agent(python("tests.integration.recorded_agent", recording))) as agent:
        yield agent


@contextmanager
def _listening(agent: Agent) -> Iterator[Agent]:
    try:
        assert agent.url
        yield agent
    finally:
        agent.kill()
