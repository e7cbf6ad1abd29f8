"""A process that starts daemons without a second of imports each: it has imported what they need, forks, and runs them.

What runs in the fork is all of `edge-bridge run`, from its command line on. The process itself has one thread and no event
loop, so a fork of it is as good as a new start. Lines on stdin: `start` (answered with the process id), `kill`.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import redirect_stdout
from pathlib import Path

import adapters.opcua.adapter
import adapters.plm_folder.adapter
import edge_bridge.cli.run  # noqa: F401 - what the command line would import by name
from edge_bridge import cli


def start(config: str, log: Path) -> int:
    """Start a daemon; return its process id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        said = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = cli.main(["run", "--config", config])
    finally:
        os._exit(code)


def warm_up(config: str) -> None:
    """Read the configuration and its machines once: what the libraries then keep, every fork has."""
    with redirect_stdout(sys.stderr):
        assert cli.main(["check", "--probe", "--config", config]) == 0
    assert threading.active_count() == 1, threading.enumerate()
    gc.freeze()


def main(config: str, log: str) -> None:
    """Obey lines, one daemon at a time; none outlives the last line."""
    warm_up(config)
    print("ready daemons", flush=True)
    child = 0
    try:
        for line in sys.stdin:
            child = kill(child)
            if line.strip() == "start":
                child = start(config, Path(log))
            print("ok", child, flush=True)
    finally:
        kill(child)


def kill(child: int) -> int:
    """End a daemon as a power cut would, if there is one."""
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return 0


if __name__ == "__main__":
    assert adapters.opcua.adapter
    assert adapters.plm_folder.adapter
    main(*sys.argv[1:])
