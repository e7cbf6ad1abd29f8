"""OPC UA servers made of node-opcua, in other processes: a peer that shares no line with our client's library.

`tests/peers/node-opcua/server.cjs` says which arguments and commands there are. `nodeset` finds the official nodesets.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from adapters.simulated.opcua_dialects import DIALECTS
from tests.integration.opcua_servers import OpcUaPeer
from tests.integration.peer_process import ROOT

SCRIPT = ROOT / "tests" / "peers" / "node-opcua" / "server.cjs"
START = {  # what a dialect's nodes hold at first
    "main_program": "text:EL-100_OP10_B.MPF",
    "active_program": "text:EL-100_OP10_B.MPF",
    "execution": "int:2",
    "mode": "int:2",
    "test": "bool:false",
    "dry_run": "bool:false",
    "version": "text:B",
}


@cache
def packages() -> Path | None:
    """Return the folder `node_modules` of the peer, or None when it could not be installed here."""
    where = subprocess.run([ROOT / "scripts" / "node-peer", "where"], capture_output=True, text=True, check=True)
    folder = Path(where.stdout.strip()) / "node_modules"
    return folder if folder.is_dir() and shutil.which("node") else None


needed = pytest.mark.skipif(packages() is None, reason="node-opcua is not installed: run scripts/node-peer")
"""Marks a test, class or module (`pytestmark = node_opcua.needed`) that cannot run without the peer."""


def nodeset(file: str) -> Path:
    """Return an official nodeset's file, such as `Opc.Ua.MachineTool.NodeSet2.xml` or `Opc.Ua.CNC.NodeSet.xml`."""
    folder = packages()
    assert folder is not None, "mark the test with node_opcua.needed"
    found = folder / "node-opcua-nodesets" / "nodesets" / file
    assert found.is_file(), f"{file} is none of {sorted(path.name for path in found.parent.glob('*.xml'))}"
    return found


def control(dialect: str = "sinumerik", **values: str) -> tuple[str, ...]:
    """Return the arguments that give the server the nodes of a simulated control; values: by field, as KIND:VALUE."""
    made = DIALECTS[dialect]
    start = {**START, **values}
    variables = [f"{node}={start[field]}" for field, node in made.ids.items()]
    return ("--namespace", made.namespace, *(word for text in variables for word in ("--variable", text)))


class NodeOpcUaServer(OpcUaPeer):
    """A node-opcua server that is starting; it is told things as the simulated controls are."""

    def __init__(self, pki: Path, *arguments: str) -> None:
        self.pki = pki
        command = ["node", str(SCRIPT), "--pki", str(pki), *arguments]
        # node-opcua explains at length what a client did wrong
        super().__init__(command, quiet=True, env={**os.environ, "NODE_PATH": str(packages())})


@contextmanager
def running(*arguments: str) -> Iterator[NodeOpcUaServer]:
    """Yield a server that listens, and end it whatever happened to it."""
    with starting({"only": arguments}) as servers:
        assert servers["only"].endpoint
        yield servers["only"]


@contextmanager
def starting(peers: Mapping[str, Sequence[str]]) -> Iterator[dict[str, NodeOpcUaServer]]:
    """Yield servers by name, with these arguments; each takes seconds to start, so all start at once."""
    servers: dict[str, NodeOpcUaServer] = {}
    with tempfile.TemporaryDirectory(prefix="edge-bridge-peer-", ignore_cleanup_errors=True) as folder:
        try:
            for name, arguments in peers.items():
                servers[name] = NodeOpcUaServer(Path(folder) / name, *arguments)
            yield servers
        finally:
            for server in servers.values():
                server.kill()
