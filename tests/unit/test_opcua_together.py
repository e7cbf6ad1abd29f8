"""Program and version seen together, on a server that takes one node in a request and changes in between."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from asyncua import ua

from adapters.opcua.adapter import OpcUaAdapter, Plan
from adapters.opcua.session import Batches, parameters
from edge_bridge.testing import ManualClock

OPTIONS = {
    "adapter": "opcua",
    "endpoint": "opc.tcp://10.0.0.1",
    "security": "None",
    "allow_insecure": "true",
    "nodes": {"execution": {"node": "i=9", "map": {"1": "running"}}, "main_program": "i=1"},
    "version": [{"variable": "i=2"}],
}


class Changing:
    """A session on a control that loads its next program after `at` requests, or with each one when `at` is None."""

    def __init__(self, size: int, at: int | None) -> None:
        self.size, self.at, self.requests = size, at, 0

    def prepared(self, nodes: Sequence[ua.NodeId]) -> Batches:
        """Return one request for each `size` nodes."""
        return tuple(parameters(nodes[start : start + self.size]) for start in range(0, len(nodes), self.size))

    async def read(self, batches: Batches) -> list[ua.DataValue]:
        """Answer, and go on changing."""
        values = []
        for batch in batches:
            now = self.requests if self.at is None else int(self.requests >= self.at)
            self.requests += 1
            values += [ua.DataValue(ua.Variant(str(now))) for _ in batch.NodesToRead]
        return values

    async def namespaces(self) -> list[str]:
        """Nothing is looked for by URI here."""
        return []

    async def children(self, node: ua.NodeId, most: int) -> list[ua.ReferenceDescription]:
        """Nothing is looked for by its type."""
        return []

    async def translate(self, paths: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """Nor by path."""
        return []


async def look(session: Changing) -> tuple[object, object]:
    """Return what main program and version are read as; a text is the reason why there is none."""
    layout = OpcUaAdapter("m1", OPTIONS, ManualClock()).layout
    assert [wanted.feeds for wanted in layout.wanted] == ["main_program", "version", "execution"]
    plan = Plan(layout, None, session, ManualClock())
    main, version, _ = [one if isinstance(one, str) else one.Value.Value for one in await plan.answers()]  # type: ignore[union-attr]
    return main, version


@pytest.mark.parametrize("at", range(6))
async def test_a_program_never_gets_the_version_of_another(at: int) -> None:
    """A change between the two requests is seen, and both are read anew."""
    assert await look(Changing(1, at)) in (("0", "0"), ("1", "1"))


async def test_one_request_that_holds_both_is_enough() -> None:
    """They stand next to each other, so that a small limit is no cost."""
    session = Changing(2, 99)
    assert await look(session) == ("0", "0")
    assert session.requests == 2


async def test_a_control_that_never_stands_still_has_no_version() -> None:
    """A reason in place of evidence that belongs to nothing."""
    _, version = await look(Changing(1, None))
    assert "again and again" in str(version)
