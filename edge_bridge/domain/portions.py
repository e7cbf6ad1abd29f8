"""Work in portions: a generator does it, and pauses now and then so that whoever drives it can let others go first."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")


def finished(work: Generator[None, None, Result]) -> Result:
    """Do all of it at once; return what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
