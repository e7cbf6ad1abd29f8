"""Garbage is looked for seldom: not in what the start has made, and still in what comes later."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import gc, weakref
from edge_bridge import garbage

class Thing: pass

def circle():
    thing = Thing()
    thing.itself = thing
    return weakref.ref(thing)

before = circle()
made_at_start = [Thing() for _ in range(1000)]
garbage.look_seldom()
assert before() is None, "garbage of the start stays for ever"
assert gc.get_freeze_count() > 1000, "what the start has made is looked through again"
after = circle()
kept = [Thing() for _ in range(garbage.YOUNG // 2)]
assert after() is not None, "looked for garbage early"
kept += [Thing() for _ in range(garbage.YOUNG)]
assert after() is None, "garbage is never looked for"
"""


def test_what_is_looked_through() -> None:
    """In a process of its own: it is for all of a process, and for good."""
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
