"""Whether a machine can be judged as its file says: what judges it must be read."""

from __future__ import annotations

from collections.abc import Collection

_NEEDED = {
    "main": ("main_program",),
    "active": ("active_program",),
    "any_in_stack": ("main_program", "active_program"),
    "called_by_main": ("main_program",),
}


def missing_program(judge: str, configured: Collection[str]) -> tuple[str, ...]:
    """Return the fields of which one must be read for `judge`, none when one is: without it nothing is ever verified."""
    needed = _NEEDED[judge]
    return () if any(field in configured for field in needed) else needed
